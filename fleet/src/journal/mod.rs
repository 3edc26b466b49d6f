//! A partition's journal: who owns it (`epoch`), what came out (`out`), and its state (`checkpoint`), in one
//! sequence in which only the owner can write: each record is stored only if the last one is
//! the one that the writer knows. The servers compare numbers and not records, so a writer has one record under way:
//! the second of two would be stored behind a stranger's record that took the number of the first.

mod mark;

pub(crate) use mark::{Kind, Lines, Mark};

use crate::error::{FleetError, Result, believed};
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

/// What the record of a checkpoint holds: the bytes, or the records before it which do.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    position: u64,
    version: String,
    /// Records just before this one that hold the bytes; 0 if `bytes` does.
    pieces: u64,
    length: u64,
    crc: u32,
    #[serde(with = "serde_bytes_as_vec")]
    bytes: Vec<u8>,
}

mod serde_bytes_as_vec {
    use rhai_udf::protocol::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        Bytes(bytes.to_vec()).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        Ok(Bytes::deserialize(d)?.0)
    }
}

/// What a takeover finds.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What the last record says.
    pub(crate) mark: Mark,
    /// The last record of output; 0 if there was none.
    pub(crate) latest_output: u64,
    /// The last checkpoint.
    pub(crate) checkpoint: Checkpoint,
    /// When it was stored, in nanoseconds since the epoch.
    pub(crate) stored: i64,
    /// Its bytes.
    pub(crate) size: u64,
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
    /// The first record of the checkpoint before it. What is needed never is the first message of the stream, the
    /// one that servers are most likely to lose when they are killed after a purge.
    keep_from: u64,
    /// The last record of output.
    pub(crate) latest_output: u64,
}

impl Journal {
    /// Takes a journal over. The number of the last record is read first: if any other worker writes
    /// meanwhile, the epoch is refused, since it is fenced by that number. All else is read
    /// by number, so that a server which is behind cannot answer with something older.
    ///
    /// # Errors
    /// A journal that belongs to somebody else since, or of which something is missing.
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

    /// Removes what nobody needs any more: what is before the last checkpoint and, through record
    /// `copied`, in the stream of all output.
    ///
    /// # Errors
    /// A server that does not answer.
    pub(crate) fn forget(&self, copied: u64) -> Result<()> {
        let all_copied = copied >= self.latest_output;
        let below = if all_copied { self.keep_from } else { self.keep_from.min(copied + 1) };
        self.transport.forget(&self.stream, below)
    }

    /// Waits until all that was sent is stored.
    ///
    /// # Errors
    /// A record that was refused, or of which nobody knows: the journal must be taken over again.
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
            choice: "Somebody has changed the stream: look at it before it goes on".into(),
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

/// Reads how a partition stands.
///
/// # Errors
/// A journal of which something is missing.
pub(crate) fn standing(
    transport: &dyn Transport,
    names: &Names,
    of: Partition,
) -> Result<Standing> {
    believed(|| look(transport, names, of))
}

fn look(transport: &dyn Transport, names: &Names, of: Partition) -> Result<Standing> {
    let stream = names.journal(of);
    let truncated = |what: String| FleetError::Stop {
        what: format!("the journal {stream} is truncated: {what}"),
        choice: format!(
            "Restore the stream from a backup; or give its state up with `resume --partition {} --accept-gap`: \
             the partition then starts fresh behind the output that is known",
            of.number
        ),
    };
    let Some(ends) = transport.ends(&stream)? else {
        return Err(truncated("the stream does not exist".into()));
    };
    if ends.last == 0 {
        return Err(truncated("it is empty".into()));
    }
    let last = transport.get(&stream, ends.last)?;
    let last = last.ok_or_else(|| truncated(format!("record {} is gone", ends.last)))?;
    let mark = Mark::of(&last)?;
    if mark.own != ends.last {
        return Err(truncated(format!("record {} was written as {}", ends.last, mark.own)));
    }
    let (checkpoint, stored, size) = read_checkpoint(transport, &stream, mark.checkpoint)?
        .ok_or_else(|| truncated(format!("the checkpoint at {} is gone", mark.checkpoint)))?;
    let is_output = [Kind::Points, Kind::Alerts]
        .iter()
        .any(|kind| last.subject == names.journal_subject(of, &output_kind(*kind)));
    let latest_output = if is_output { mark.own } else { mark.previous };
    Ok(Standing { mark, latest_output, checkpoint, stored, size })
}

/// Reads the checkpoint at a number; `None` if it, or a piece of it, is gone.
fn read_checkpoint(
    transport: &dyn Transport,
    stream: &str,
    sequence: u64,
) -> Result<Option<(Checkpoint, i64, u64)>> {
    let Some(record) = transport.get(stream, sequence)? else { return Ok(None) };
    let foreign = |why: String| FleetError::Foreign {
        what: format!("the checkpoint at {sequence} of {stream}"),
        why,
    };
    let manifest: Manifest =
        postcard::from_bytes(&record.payload).map_err(|e| foreign(e.to_string()))?;
    let mut bytes = manifest.bytes;
    for piece in sequence - manifest.pieces.min(sequence)..sequence {
        let Some(piece) = transport.get(stream, piece)? else { return Ok(None) };
        bytes.extend_from_slice(&piece.payload);
    }
    if bytes.len() as u64 != manifest.length || crc32fast::hash(&bytes) != manifest.crc {
        return Err(foreign("its checksum does not fit".into()));
    }
    let checkpoint = postcard::from_bytes(&bytes).map_err(|e| foreign(e.to_string()))?;
    Ok(Some((checkpoint, record.stored, manifest.length)))
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
