//! Kapacitor's batch recordings, `.brpl`: a zip with an entry for each query of the task, each a
//! sequence of JSON objects, one a batch.

use super::{Item, Reading, Scratch, Source};
use crate::protocol::message::{BeginBatch, EndBatch};
use crate::protocol::{Batch, Point};
use crate::replay::ReplayError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use zip::ZipArchive;

/// The entry at hand is unpacked by a thread of its own, since its reader borrows the archive.
pub(super) struct Recording {
    path: PathBuf,
    records: Receiver<Result<(usize, BatchRecord), String>>,
    batches: u64,
}

/// Batches that may be waiting to be replayed.
const AHEAD: usize = 4;

#[derive(Deserialize)]
struct BatchRecord {
    name: String,
    tmax: jiff::Timestamp,
    #[serde(default)]
    group: String,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "byname", alias = "byName")]
    by_name: bool,
    #[serde(default)]
    points: Option<Vec<PointRecord>>,
}

#[derive(Deserialize)]
struct PointRecord {
    time: jiff::Timestamp,
    fields: serde_json::Map<String, Value>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
}

impl Recording {
    pub(super) fn open(path: &Path, reading: &Reading) -> Result<Self, ReplayError> {
        let read_error = |source| ReplayError::Read { path: path.into(), source };
        let file = File::open(path).map_err(read_error)?;
        let size = file.metadata().map_or(0, |m| m.len());
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| ReplayError::Data {
            path: path.into(),
            line: None,
            message: format!("not a batch recording (a zip with the batches of each query): {e}"),
        })?;
        let (sender, records) = sync_channel(AHEAD);
        std::thread::Builder::new()
            .name("brpl".into())
            .spawn(move || unpack(archive, &sender))
            .map_err(read_error)?;
        reading.bytes.set(reading.bytes.get() + size);
        Ok(Self { path: path.into(), records, batches: 0 })
    }
}

/// Sends every batch of every entry, in the order of the queries, until nobody listens.
fn unpack(
    mut archive: ZipArchive<BufReader<File>>,
    sender: &SyncSender<Result<(usize, BatchRecord), String>>,
) {
    let mut entries: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    entries.sort_by_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone()));
    for name in entries {
        let entry = match archive.by_name(&name) {
            Ok(entry) => entry,
            Err(error) => {
                let _ = sender.send(Err(format!("entry '{name}': {error}")));
                return;
            }
        };
        let records = serde_json::Deserializer::from_reader(BufReader::new(entry));
        for record in records.into_iter::<BatchRecord>() {
            let record = record
                .map(|record| (name.parse().unwrap_or(0), record))
                .map_err(|e| format!("entry '{name}': not a batch: {e}"));
            let failed = record.is_err();
            if sender.send(record).is_err() || failed {
                return;
            }
        }
    }
}

impl Source for Recording {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let Ok(record) = self.records.recv() else { return Ok(None) };
        self.batches += 1;
        let filled = record.and_then(|(query, record)| {
            scratch.query = query;
            fill(&mut scratch.batch, record)
        });
        filled.map_err(|message| {
            let message = format!("batch {}: {message}", self.batches);
            ReplayError::Data { path: self.path.clone(), line: None, message }
        })?;
        Ok(Some(Item::Batch))
    }
}

fn fill(batch: &mut Batch, record: BatchRecord) -> Result<(), String> {
    let BatchRecord { name, tmax, group, tags, by_name, points } = record;
    let tags = tags.unwrap_or_default();
    let points = points.unwrap_or_default();
    batch.begin(BeginBatch {
        name: name.clone(),
        group: group.clone(),
        tags: tags.clone(),
        size: points.len() as i64,
        by_name,
    });
    let tmax = nanoseconds(tmax)?;
    let mut point = Point::default();
    for (i, record) in points.into_iter().enumerate() {
        let in_point = |message: String| format!("point {}: {message}", i + 1);
        point.reset(nanoseconds(record.time).map_err(in_point)?);
        point.set_group(&group);
        for (name, value) in record.tags.unwrap_or_default() {
            point.set_tag(&name, &value);
        }
        for (name, value) in record.fields {
            match value {
                // The recorder writes whole doubles without a point: every number is a double.
                Value::Number(number) => {
                    point.set_field(&name, number.as_f64().unwrap_or(f64::NAN));
                }
                Value::Bool(flag) => point.set_field(&name, flag),
                Value::String(text) => point.set_field(&name, text.as_str()),
                Value::Null => {}
                other => return Err(in_point(format!("field '{name}' holds {other}"))),
            }
        }
        batch.push(&point);
    }
    batch.end(EndBatch { name, group, tmax, tags, by_name });
    Ok(())
}

fn nanoseconds(time: jiff::Timestamp) -> Result<i64, String> {
    i64::try_from(time.as_nanosecond()).map_err(|_| format!("time {time} is out of range"))
}
