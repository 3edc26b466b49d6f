//! The stream of all output: one of the workers copies the output of every journal into it. It has a single writer at
//! a time, fenced like that of a journal, and its records say how far each journal is copied, so that no output is
//! missing or copied twice.
//!
//! JetStream's own copying (`sources`) refuses records that were written with a fence.

mod progress;
#[cfg(test)]
mod tests;

pub(crate) use progress::{Copied, begin, give_up, last_mark, progress};
use progress::{SINCE, line_subject, note};

use crate::error::{FleetError, Result};
use crate::journal::{Kind, Mark, output_kind, room};
use crate::message::Record;
use crate::names::{Names, Partition};
use crate::transport::{Reading, Ticket, Transport};
use crate::worker::status::now;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes after which the progress of all journals is noted.
const NOTED: usize = 4 << 20;
/// What a record counts in addition to its bytes: at most a thousand records lie between two notes.
const RECORD: usize = 4 << 10;
/// How long to wait when nothing has come.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a journal is read again before missing records are considered lost.
const READ_AGAIN: u32 = 8;
/// How long to wait before it is read again the first time.
const MISREAD: Duration = Duration::from_millis(100);

/// The stream of all output, as its writer sees it.
pub(crate) struct Outlet {
    transport: Arc<dyn Transport>,
    names: Names,
    /// The last record that was sent.
    last: u64,
    /// The record that notes the progress.
    since: u64,
    bytes_since: usize,
    /// How far journals are sent.
    sent: Copied,
    /// How far they are stored.
    pub(crate) copied: Copied,
    /// The record that is under way; one at a time, as in a journal.
    under_way: Option<(Partition, u64, Ticket)>,
    sources: Vec<JournalSource>,
    /// How long the latest record had waited, in seconds; 0 where nothing waits.
    pub(crate) lag_seconds: f64,
}

/// A journal that is being copied.
struct JournalSource {
    of: Partition,
    reading: Box<dyn Reading>,
    misread: u32,
    /// Not to be read before.
    not_before: Instant,
}

/// Lines of records that follow each other, which are copied as one record.
struct Run {
    kind: Kind,
    lines: Vec<u8>,
    /// The mark of the last of them.
    mark: Mark,
}

impl Outlet {
    /// Takes over the stream.
    ///
    /// # Errors
    /// A stream that belongs to somebody else since, or of which something is missing.
    pub(crate) fn take_over(
        transport: Arc<dyn Transport>,
        names: &Names,
        partitions: impl Iterator<Item = Partition>,
    ) -> Result<Self> {
        let (last, copied) = progress(&*transport, names)?;
        note(&*transport, names, &copied, last)?()?;
        let mut outlet = Self {
            transport,
            names: names.clone(),
            last: last + 1,
            since: last + 1,
            bytes_since: 0,
            sent: copied.clone(),
            copied,
            under_way: None,
            sources: Vec::new(),
            lag_seconds: 0.0,
        };
        for of in partitions {
            let source = outlet.source(of);
            outlet.sources.push(source);
        }
        Ok(outlet)
    }

    fn source(&self, of: Partition) -> JournalSource {
        let from = self.sent.get(&of).copied().unwrap_or_default() + 1;
        // Checkpoints are also read, and skipped, so that the numbers of the messages have no gap.
        let reading = self.transport.read(&self.names.journal(of), from);
        JournalSource { of, reading, misread: 0, not_before: Instant::now() }
    }

    /// Copies new output.
    ///
    /// # Errors
    /// A stream that belongs to somebody else, or a journal of which something is missing.
    pub(crate) fn copy(&mut self) -> Result<()> {
        let mut any = false;
        for i in 0..self.sources.len() {
            if Instant::now() < self.sources[i].not_before {
                continue;
            }
            let records = self.sources[i].reading.next(Duration::ZERO)?;
            any |= !records.is_empty();
            if let Some(record) = records.last() {
                self.lag_seconds = (now() - record.stored as f64 / 1e9).max(0.0);
            }
            self.copy_records(i, &records)?;
        }
        if !any {
            self.settle()?;
            self.lag_seconds = 0.0;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn copy_records(&mut self, source: usize, records: &[Record]) -> Result<()> {
        let of = self.sources[source].of;
        let room = room(&*self.transport);
        let mut run: Option<Run> = None;
        for record in records {
            let Some(kind) = self.kind(of, record) else { continue };
            let mark = Mark::of(record)?;
            let sent = || self.sent.get(&of).copied().unwrap_or_default();
            let known = run.as_ref().map_or_else(sent, |run| run.mark.own);
            if mark.own <= known {
                continue;
            }
            if mark.previous != known {
                self.send(of, run)?;
                return self.misread(source, known, mark.previous);
            }
            self.sources[source].misread = 0;
            match &mut run {
                Some(run) if run.kind == kind && run.lines.len() + record.payload.len() <= room => {
                    run.lines.extend_from_slice(&record.payload);
                    run.mark = mark;
                }
                _ => {
                    let next = Run { kind, lines: record.payload.to_vec(), mark };
                    let before = run.replace(next);
                    self.send(of, before)?;
                }
            }
        }
        self.send(of, run)
    }

    /// What lines a record of a journal holds, if it holds any.
    fn kind(&self, of: Partition, record: &Record) -> Option<Kind> {
        let is =
            |kind: &Kind| record.subject == self.names.journal_subject(of, &output_kind(*kind));
        Kind::ALL.into_iter().find(is)
    }

    /// Handles a record that is not the next one: the journal is read again. A server that has just started may give
    /// a consumer fewer records than there are, so a record is considered missing only if a request by its number
    /// does not find it.
    fn misread(&mut self, source: usize, known: u64, previous: u64) -> Result<()> {
        let of = self.sources[source].of;
        let journal = self.names.journal(of);
        let misread = self.sources[source].misread + 1;
        if misread > READ_AGAIN && self.transport.get(&journal, previous)?.is_none() {
            return Err(FleetError::Stop {
                what: format!(
                    "records {} to {previous} of the journal {journal} are missing: their output was not copied",
                    known + 1
                ),
                choice: "To continue without them: `resume --output --accept-gap`; lines will then be missing"
                    .into(),
            });
        }
        if misread.is_power_of_two() {
            log::warn!(
                "{journal}: a record that follows {previous} came after {known}; the journal is read again from there"
            );
        }
        let not_before = Instant::now() + MISREAD * misread.min(READ_AGAIN);
        self.sources[source] = JournalSource { misread, not_before, ..self.source(of) };
        Ok(())
    }

    fn send(&mut self, of: Partition, run: Option<Run>) -> Result<()> {
        let Some(Run { kind, lines, mark }) = run else { return Ok(()) };
        self.settle()?;
        if self.bytes_since >= NOTED {
            note(&*self.transport, &self.names, &self.copied, self.last)?()?;
            self.last += 1;
            self.since = self.last;
            self.bytes_since = 0;
        }
        let mut headers = mark.headers();
        headers.insert(SINCE, self.since.to_string());
        self.bytes_since += lines.len() + RECORD;
        let (stream, subject) = (self.names.output(), line_subject(&self.names, kind, of));
        let ticket = self.transport.append(
            &stream,
            subject,
            headers,
            Bytes::from(lines),
            Some(self.last),
        )?;
        self.last += 1;
        self.sent.insert(of, mark.own);
        self.under_way = Some((of, mark.own, ticket));
        Ok(())
    }

    /// Waits until the record that was sent is stored.
    fn settle(&mut self) -> Result<()> {
        let Some((of, own, ticket)) = self.under_way.take() else { return Ok(()) };
        let (stored, expected) = (ticket()?, self.last);
        if stored != expected {
            return Err(FleetError::Stop {
                what: format!("record {expected} of the output was stored as {stored}"),
                choice: "Something else has written to the stream: examine it before the copying continues".into(),
            });
        }
        self.copied.insert(of, own);
        Ok(())
    }
}
