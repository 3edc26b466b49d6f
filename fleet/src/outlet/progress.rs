//! How far the journals are copied, according to the stream of all output.

use crate::error::{FleetError, Result, believed};
use crate::journal::{Kind, Mark};
use crate::message::Record;
use crate::names::{Names, Partition};
use crate::transport::{Ticket, Transport};
use async_nats::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The header that names the record which says how far all journals were copied.
pub(super) const SINCE: &str = "Since";

/// How far journals are copied: the last record of output of each.
pub(crate) type Copied = BTreeMap<Partition, u64>;

/// The progress as it is noted.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress(Vec<(u64, u32, u64)>);

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
pub(super) fn note(
    transport: &dyn Transport,
    names: &Names,
    copied: &Copied,
    last: u64,
) -> Result<Ticket> {
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
        choice: "To continue without what was not copied: `resume --output --accept-gap`; lines may then be missing or appear twice"
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
pub(super) fn line_subject(names: &Names, kind: Kind, of: Partition) -> String {
    format!("{}.{}.{}", names.output_subject(kind.name()), of.generation, of.number)
}

/// Writes a record that says that all journals are copied up to their first record that still exists: missing records
/// are given up. Returns the number of the last record of a journal that counts as copied.
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
        why: "it was not written by a worker".into(),
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
        why: "its subject is not one of the output's subjects".into(),
    })
}
