//! The stream of all output: one of the workers copies what came out from every journal into it. It has a single
//! writer at a time, fenced as a journal is, and says itself how far each journal is copied, so that
//! nothing is missing in it and nothing is there twice.
//!
//! JetStream's own copying (`sources`) refuses records that were written with a fence.

use crate::error::{FleetError, Result, believed};
use crate::journal::{Kind, Mark, output_kind, room};
use crate::message::Record;
use crate::names::{Names, Partition};
use crate::transport::{Reading, Ticket, Transport};
use crate::worker::status::now;
use async_nats::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The header that names the record which says how far all journals were copied.
const SINCE: &str = "Since";
/// Bytes after which the progress of all journals is noted.
const NOTED: usize = 4 << 20;
/// What a record counts besides its bytes: at most a thousand lie between two notes.
const RECORD: usize = 4 << 10;
/// How long to wait when nothing has come.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a journal is read again before what is missing is believed to be.
const READ_AGAIN: u32 = 8;
/// How long to wait before it is read again the first time.
const MISREAD: Duration = Duration::from_millis(100);

/// How far journals are copied: the last record of output of each.
pub(crate) type Copied = BTreeMap<Partition, u64>;

/// The progress as it is noted.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress(Vec<(u64, u32, u64)>);

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

/// Writes the first record: nothing is copied.
///
/// # Errors
/// Servers that do not answer.
pub(crate) fn begin(transport: &dyn Transport, names: &Names) -> Result<()> {
    let stream = names.output();
    if transport.ends(&stream)?.is_some_and(|ends| ends.last > 0) {
        return Ok(());
    }
    note(transport, names, &Copied::new(), 0)?().map(drop)
}

/// Sends a record that says how far all journals are copied.
fn note(transport: &dyn Transport, names: &Names, copied: &Copied, last: u64) -> Result<Ticket> {
    let progress = copied.iter().map(|(of, own)| (of.generation, of.number, *own));
    let payload = serde_json::to_vec(&Progress(progress.collect())).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(SINCE, (last + 1).to_string());
    let subject = names.output_subject("progress");
    transport.append(&names.output(), subject, headers, Bytes::from(payload), Some(last))
}

/// Reads how far journals are copied; returns the number of the last record with it.
///
/// # Errors
/// A stream of which something is missing.
pub(crate) fn progress(transport: &dyn Transport, names: &Names) -> Result<(u64, Copied)> {
    believed(|| look(transport, names))
}

fn look(transport: &dyn Transport, names: &Names) -> Result<(u64, Copied)> {
    let stream = names.output();
    let lost = |what: String| {
        FleetError::Stop {
        what: format!("the output {stream} is truncated: {what}"),
        choice: "Give up what was not copied with `resume --output --accept-gap`: lines may be missing or twice"
            .into(),
    }
    };
    let Some(ends) = transport.ends(&stream)? else {
        return Err(lost("the stream does not exist".into()));
    };
    let read = |sequence: u64| {
        let record = transport.get(&stream, sequence)?;
        record.ok_or_else(|| lost(format!("record {sequence} is gone")))
    };
    let since = since(&read(ends.last.max(1))?)?;
    let noted: Progress = serde_json::from_slice(&read(since)?.payload)
        .map_err(|error| lost(format!("record {since} does not say the progress: {error}")))?;
    let mut copied: Copied = noted
        .0
        .into_iter()
        .map(|(generation, number, own)| (Partition { generation, number }, own))
        .collect();
    for sequence in since + 1..=ends.last {
        let record = read(sequence)?;
        copied.insert(partition(names, &record)?, Mark::of(&record)?.own);
    }
    Ok((ends.last, copied))
}

/// What the last record of a partition's output says, as far as the stream still holds one.
///
/// # Errors
/// Servers that do not answer.
pub(crate) fn last_mark(
    transport: &dyn Transport,
    names: &Names,
    of: Partition,
) -> Result<Option<Mark>> {
    let mut last: Option<Mark> = None;
    for kind in Kind::ALL {
        let subject = line_subject(names, kind, of);
        if let Some(record) = transport.last_of(&names.output(), &subject)? {
            let mark = Mark::of(&record)?;
            last = Some(last.filter(|known| known.own > mark.own).unwrap_or(mark));
        }
    }
    Ok(last)
}

/// The subject of a partition's lines in the output.
fn line_subject(names: &Names, kind: Kind, of: Partition) -> String {
    format!("{}.{}.{}", names.output_subject(kind.name()), of.generation, of.number)
}

/// Writes a record that says that all journals are copied as far as they hold nothing older: what is missing is
/// given up. Returns the number of the last record of a journal that counts as copied.
///
/// # Errors
/// Servers that do not answer.
pub(crate) fn give_up(
    transport: &dyn Transport,
    names: &Names,
    partitions: &[Partition],
) -> Result<u64> {
    let mut copied = match progress(transport, names) {
        Ok((_, copied)) => copied,
        Err(FleetError::Stop { what, .. }) => {
            log::warn!("{what}");
            Copied::new()
        }
        Err(error) => return Err(error),
    };
    for of in partitions {
        let known = last_mark(transport, names, *of)?.map_or(0, |mark| mark.own);
        let entry = copied.entry(*of).or_default();
        *entry = known.max(*entry);
        // The first record that is still there says which one was before it.
        let ends = transport.ends(&names.journal(*of))?.unwrap_or_default();
        if ends.messages > 0 && ends.first > *entry {
            let first = transport.get(&names.journal(*of), ends.first)?;
            let previous =
                first.as_ref().map(Mark::of).transpose()?.map_or(0, |mark| mark.previous);
            *entry = previous.max(*entry);
        }
    }
    let last = transport.ends(&names.output())?.unwrap_or_default().last;
    note(transport, names, &copied, last)?()?;
    Ok(copied.values().copied().max().unwrap_or_default())
}

fn since(record: &Record) -> Result<u64> {
    let since = record.headers.get(SINCE).and_then(|value| value.as_str().parse().ok());
    since.ok_or_else(|| FleetError::Foreign {
        what: format!("record {} of the output", record.sequence),
        why: "no worker has written it".into(),
    })
}

/// The partition whose output a record is.
fn partition(names: &Names, record: &Record) -> Result<Partition> {
    let parse = || {
        let rest = record.subject.strip_prefix(&names.output_subject(""))?;
        let mut parts = rest.split('.').skip(1);
        let generation = parts.next()?.parse().ok()?;
        Some(Partition { generation, number: parts.next()?.parse().ok()? })
    };
    parse().ok_or_else(|| FleetError::Foreign {
        what: record.subject.clone(),
        why: "it is no subject of output".into(),
    })
}

impl Outlet {
    /// Takes the stream over.
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
        // Checkpoints are read too, and passed over, so that the numbers of the messages leave no gap.
        let reading = self.transport.read(&self.names.journal(of), from);
        JournalSource { of, reading, misread: 0, not_before: Instant::now() }
    }

    /// Copies what has come.
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

    /// A record was not the next one: the journal is read again. A server that has just begun may give a
    /// consumer less than there is, so a record is believed to be missing only if it is not there when asked for.
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
                choice: "Give them up with `resume --output --accept-gap`: lines will be missing"
                    .into(),
            });
        }
        if misread.is_power_of_two() {
            log::warn!("{journal}: a record after {previous} came after {known}: read again");
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

    /// Waits until what was sent is stored.
    fn settle(&mut self) -> Result<()> {
        let Some((of, own, ticket)) = self.under_way.take() else { return Ok(()) };
        let (stored, expected) = (ticket()?, self.last);
        if stored != expected {
            return Err(FleetError::Stop {
                what: format!("record {expected} of the output was stored as {stored}"),
                choice: "Somebody has changed the stream: look at it before it goes on".into(),
            });
        }
        self.copied.insert(of, own);
        Ok(())
    }
}
