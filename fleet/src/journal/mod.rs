//! A partition's journal: who owns it (`epoch`), what came out (`out`), and its state (`checkpoint`), in one
//! sequence in which only the owner can write: each record is stored only if the last one is
//! the one that the writer knows. The servers compare numbers and not records, so a writer sends one record at a
//! time: the second of two could be stored after another writer's record that took the number of the first.

mod mark;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use mark::{Kind, Lines, Mark};
use standing::Manifest;
pub(crate) use standing::{Standing, standing};

use crate::error::{FleetError, Result};
use crate::names::{Names, Partition};
use crate::transport::{Ticket, Transport};
use bytes::Bytes;
use rhai_udf::replay::state::RunState;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes that a record keeps free for its headers.
const HEAD: usize = 1024;
/// Bytes of a record at most, where servers would take more.
const LARGEST: usize = 900 << 10;

/// The state of a partition between two messages of its input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The last message of the input that is in it.
    pub(crate) position: u64,
    /// The version that runs from here on.
    pub(crate) version: String,
    /// Lines that came out up to here.
    pub(crate) points: Lines,
    /// Alerts that came out up to here.
    pub(crate) alerts: Lines,
    /// What the engine remembers; `None` before its first point.
    pub(crate) state: Option<Vec<RunState>>,
}

/// A partition's journal, as its owner writes it.
pub(crate) struct Journal {
    transport: Arc<dyn Transport>,
    names: Names,
    of: Partition,
    stream: String,
    /// What the last record says that was sent.
    pub(crate) mark: Mark,
    under_way: Option<Ticket>,
    /// The first record of the last checkpoint.
    latest_checkpoint: u64,
    /// The first record of the checkpoint before it. So the record that is needed is never the first message of the
    /// stream, which servers are most likely to lose when they are killed after a purge.
    keep_from: u64,
    /// The last record of output.
    pub(crate) latest_output: u64,
}

impl Journal {
    /// Takes a journal over. The number of the last record is read first: if any other worker writes
    /// meanwhile, the epoch is refused, since it is fenced by that number. Everything else is read by number, so that
    /// a server that is behind cannot answer with an older record.
    ///
    /// # Errors
    /// A journal that another worker has taken over, or of which records are missing.
    pub(crate) fn take_over(
        transport: Arc<dyn Transport>,
        names: &Names,
        of: Partition,
        worker: &str,
    ) -> Result<(Self, Standing)> {
        let standing = standing(&*transport, names, of)?;
        let mark = Mark { worker: worker.into(), ..standing.mark.clone() };
        let mut journal = Self::new(transport, names, of, mark, standing.latest_output);
        journal.append("epoch", Bytes::new())?;
        journal.settle()?;
        Ok((journal, standing))
    }

    /// Writes the first record of a new journal: a state to begin with.
    ///
    /// # Errors
    /// A journal that has begun.
    pub(crate) fn begin(
        transport: Arc<dyn Transport>,
        names: &Names,
        of: Partition,
        checkpoint: &Checkpoint,
    ) -> Result<()> {
        Self::restart(transport, names, of, Mark::default(), 0, checkpoint)
    }

    /// Lets a journal go on from a checkpoint that a person has decided on, behind what `mark` says, whose number is
    /// that of the last record.
    ///
    /// # Errors
    /// A journal in which somebody writes.
    pub(crate) fn restart(
        transport: Arc<dyn Transport>,
        names: &Names,
        of: Partition,
        mark: Mark,
        latest_output: u64,
        checkpoint: &Checkpoint,
    ) -> Result<()> {
        let mark = Mark { worker: "-".into(), ..mark };
        Self::new(transport, names, of, mark, latest_output).checkpoint(checkpoint).map(drop)
    }

    fn new(
        transport: Arc<dyn Transport>,
        names: &Names,
        of: Partition,
        mark: Mark,
        latest_output: u64,
    ) -> Self {
        Self {
            stream: names.journal(of),
            transport,
            names: names.clone(),
            of,
            mark,
            under_way: None,
            keep_from: 0,
            latest_checkpoint: 0,
            latest_output,
        }
    }

    /// Sends lines that came out, cut into records where they are too many; `through` is the last message
    /// of the input that is complete with them.
    ///
    /// # Errors
    /// A journal that belongs to somebody else.
    pub(crate) fn write(&mut self, points: &[u8], alerts: &[u8], through: u64) -> Result<()> {
        let room = room(&*self.transport);
        let of =
            |kind, lines| pieces(kind, lines, room).into_iter().map(move |piece| (kind, piece));
        let all: Vec<_> = of(Kind::Points, points).chain(of(Kind::Alerts, alerts)).collect();
        let last = all.len();
        for (i, (kind, piece)) in all.into_iter().enumerate() {
            match kind {
                Kind::Points => self.mark.points.add(kind, piece),
                Kind::Alerts => self.mark.alerts.add(kind, piece),
            }
            if i + 1 == last {
                self.mark.through = through;
            }
            self.append(&output_kind(kind), Bytes::copy_from_slice(piece))?;
            self.latest_output = self.mark.own;
        }
        Ok(())
    }

    /// Stores a checkpoint; returns its size.
    ///
    /// # Errors
    /// A journal that belongs to somebody else.
    pub(crate) fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<u64> {
        let first = self.mark.own + 1;
        let bytes = encode(checkpoint)?;
        let (length, crc) = (bytes.len() as u64, crc32fast::hash(&bytes));
        let room = room(&*self.transport);
        let mut manifest = Manifest {
            position: checkpoint.position,
            version: checkpoint.version.clone(),
            pieces: 0,
            length,
            crc,
            bytes: Vec::new(),
        };
        self.mark.through = self.mark.through.max(checkpoint.position);
        if bytes.len() <= room {
            manifest.bytes = bytes;
        } else {
            let bytes = Bytes::from(bytes);
            for at in (0..bytes.len()).step_by(room) {
                let end = bytes.len().min(at + room);
                self.append("piece", bytes.slice(at..end))?;
                manifest.pieces += 1;
            }
        }
        self.mark.checkpoint = self.mark.own + 1;
        self.append("checkpoint", Bytes::from(encode(&manifest)?))?;
        self.settle()?;
        self.keep_from = self.latest_checkpoint;
        self.latest_checkpoint = first;
        Ok(length)
    }

    /// Removes records that are no longer needed: those that are before the last checkpoint and, up to record
    /// `copied`, in the stream of all output.
    ///
    /// # Errors
    /// A server that does not answer.
    pub(crate) fn forget(&self, copied: u64) -> Result<()> {
        let all_copied = copied >= self.latest_output;
        let below = if all_copied { self.keep_from } else { self.keep_from.min(copied + 1) };
        self.transport.forget(&self.stream, below)
    }

    /// Waits until everything that was sent is stored.
    ///
    /// # Errors
    /// A record that was refused, or whose fate is unknown: the journal must be taken over again.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let Some(ticket) = self.under_way.take() else { return Ok(()) };
        let (stored, expected) = (ticket()?, self.mark.own);
        if stored == expected {
            return Ok(());
        }
        Err(FleetError::Stop {
            what: format!(
                "record {expected} of the journal {} was stored as {stored}",
                self.stream
            ),
            choice: "Something else has written to the stream: examine it before the partition continues".into(),
        })
    }

    fn append(&mut self, kind: &str, payload: Bytes) -> Result<()> {
        self.settle()?;
        let after = self.mark.own;
        self.mark.previous = self.latest_output;
        self.mark.own += 1;
        let subject = self.names.journal_subject(self.of, kind);
        let headers = self.mark.headers();
        let ticket = self.transport.append(&self.stream, subject, headers, payload, Some(after))?;
        self.under_way = Some(ticket);
        Ok(())
    }
}

/// Bytes of lines that have room in a record.
pub(crate) fn room(transport: &dyn Transport) -> usize {
    transport.largest().saturating_sub(HEAD).clamp(1024, LARGEST)
}

/// The end of the subject of lines that came out.
pub(crate) fn output_kind(kind: Kind) -> String {
    format!("out.{}", kind.name())
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value)
        .map_err(|error| FleetError::Foreign { what: "the state".into(), why: error.to_string() })
}

/// Cuts lines into pieces of whole lines that have room in a record; a longer line is a piece of its own.
fn pieces(kind: Kind, lines: &[u8], room: usize) -> Vec<&[u8]> {
    if lines.is_empty() {
        return Vec::new();
    }
    if lines.len() <= room {
        return vec![lines];
    }
    let (mut all, mut start, mut at) = (Vec::new(), 0, 0);
    for line in kind.each(lines) {
        if at > start && at + line.len() - start > room {
            all.push(&lines[start..at]);
            start = at;
        }
        at += line.len();
    }
    all.push(&lines[start..]);
    all
}
