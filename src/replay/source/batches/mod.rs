//! Kapacitor's batch recordings, `.brpl`: a zip with an entry for each query of the task, each a
//! sequence of JSON objects, one a batch.
//!
//! The daemon writes the entries in the order in which its sorted pipeline has the queries, which is
//! that of the script backwards: the first entry belongs to the last `|query()`.

mod record;

use super::plausible::{self, Times};
use super::{Item, Reading, Scratch, Source};
use crate::piped::Seekable;
use crate::protocol::Batch;
use crate::replay::ReplayError;
use record::Record;
use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use zip::ZipArchive;

/// Entries of a recording at most: each is read by a thread of its own.
const ENTRIES: usize = 256;

/// A recording, its entries merged by the times of their batches.
pub(super) struct Recording {
    path: PathBuf,
    /// The entries, that of the script's first query first.
    entries: Vec<Entry>,
    /// A batch was read.
    any: bool,
}

/// An entry is unpacked by a thread, since its reader borrows the archive.
struct Entry {
    name: String,
    batches: Receiver<Result<Batch, EntryError>>,
    /// The next batch, once it has been asked for.
    next: Option<Batch>,
    ended: bool,
    taken: u64,
}

/// What ended the reading of an entry.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("{0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("not a batch: {0}")]
    Json(#[from] serde_json::Error),
}

impl Recording {
    pub(super) fn open(path: &Path, reading: &Reading) -> Result<Self, ReplayError> {
        let read_error = |source| ReplayError::Read { path: path.into(), source };
        let data_error =
            |message: String| ReplayError::Data { path: path.into(), line: None, message };
        let not_a_recording = |e: zip::result::ZipError| {
            data_error(format!("not a batch recording (a zip with the batches of each query): {e}"))
        };
        let whole = Seekable::of(path).map_err(read_error)?;
        let open = || {
            let file = whole.open().map_err(read_error)?;
            ZipArchive::new(BufReader::new(file)).map_err(not_a_recording)
        };
        let archive = open()?;
        let count = archive.len();
        if count > ENTRIES {
            return Err(data_error(format!(
                "it has {count} entries; the most that is supported is {ENTRIES}, one for each query of a task"
            )));
        }
        let mut entries = Vec::with_capacity(count);
        for i in (0..count).rev() {
            let (sender, batches) = sync_channel(1);
            let archive = open()?;
            let name = archive.name_for_index(i).and_then(Result::ok);
            let name = name.map_or_else(|| i.to_string(), Cow::into_owned);
            std::thread::Builder::new()
                .name("brpl".into())
                .spawn(move || unpack(archive, i, &sender))
                .map_err(read_error)?;
            entries.push(Entry { name, batches, next: None, ended: false, taken: 0 });
        }
        let size = std::fs::metadata(path).map_or(0, |m| m.len());
        reading.bytes.set(reading.bytes.get() + size);
        Ok(Self { path: path.into(), entries, any: reading.again })
    }
}

/// Sends every batch of an entry, until the receiver is gone. Batches without points are left out, as the
/// daemon leaves them out.
fn unpack(
    mut archive: ZipArchive<BufReader<File>>,
    index: usize,
    sender: &SyncSender<Result<Batch, EntryError>>,
) {
    let entry = match archive.by_index(index) {
        Ok(entry) => entry,
        Err(error) => {
            let _ = sender.send(Err(error.into()));
            return;
        }
    };
    let records = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, entry));
    for record in records.into_iter::<Record>() {
        let batch = record.map(Record::finish).map_err(EntryError::from);
        if batch.as_ref().is_ok_and(Batch::is_empty) {
            continue;
        }
        let failed = batch.is_err();
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

impl Entry {
    /// The time of the next batch; `None` at the end.
    fn time(&mut self) -> Result<Option<i64>, EntryError> {
        if self.next.is_none() && !self.ended {
            match self.batches.recv() {
                Ok(batch) => self.next = Some(batch?),
                Err(_) => self.ended = true,
            }
        }
        Ok(self.next.as_ref().map(|batch| batch.tmax))
    }
}

impl Source for Recording {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let mut first: Option<(i64, usize)> = None;
        for (query, entry) in self.entries.iter_mut().enumerate() {
            let time = entry.time().map_err(|error| ReplayError::Data {
                path: self.path.clone(),
                line: None,
                message: format!("entry '{}', batch {}: {error}", entry.name, entry.taken + 1),
            })?;
            if let Some(time) = time
                && first.is_none_or(|(earliest, _)| time < earliest)
            {
                first = Some((time, query));
            }
        }
        let Some((time, query)) = first else {
            if !self.any {
                plausible::say_empty(&self.path, "all of its batches are empty, or it has none");
            }
            return Ok(None);
        };
        if !std::mem::replace(&mut self.any, true) {
            plausible::look_at(&self.path, time, Times::Fixed);
        }
        let entry = &mut self.entries[query];
        entry.taken += 1;
        scratch.query = query;
        scratch.batch = entry.next.take().unwrap_or_default();
        Ok(Some(Item::Batch))
    }

    fn queries(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}
