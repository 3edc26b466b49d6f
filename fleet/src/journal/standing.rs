//! The standing of a partition: the last record of its journal, and its last checkpoint.

use super::{Checkpoint, Kind, Mark, output_kind};
use crate::error::{FleetError, Result, believed};
use crate::names::{Names, Partition};
use crate::transport::Transport;
use serde::{Deserialize, Serialize};

/// What the record of a checkpoint holds: the bytes, or the records before it which do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) position: u64,
    pub(super) version: String,
    /// Records just before this one that hold the bytes; 0 if `bytes` does.
    pub(super) pieces: u64,
    pub(super) length: u64,
    pub(super) crc: u32,
    #[serde(with = "serde_bytes_as_vec")]
    pub(super) bytes: Vec<u8>,
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

/// The standing that a takeover finds.
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

/// Reads the standing of a partition.
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
            "Restore the stream from a backup; or discard its state with `resume --partition {} --accept-gap`: the partition then starts fresh after the last known output",
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
        return Err(foreign("its checksum is wrong".into()));
    }
    let checkpoint = postcard::from_bytes(&bytes).map_err(|e| foreign(e.to_string()))?;
    Ok(Some((checkpoint, record.stored, manifest.length)))
}
