//! The points that were acknowledged since the last checkpoint, in files: they are played whatever happens to the
//! process.
//!
//! Points are counted from the first that was ever acknowledged. A part (`journal-N`) begins with the point N and is
//! `RUDJ`, a version byte, and entries: the length and a CRC-32 of the rest, a [`Head`] in postcard's form with its
//! length before it, and the lines as they came. An entry that is not whole was not acknowledged. A new part begins
//! at each checkpoint, and parts that were played before one are deleted.

use super::queue::{ByteBudget, Delivery};
use crate::protocol::line::Precision;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 5] = b"RUDJ\x01";

/// Why the journal cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub message: String,
}

impl JournalError {
    fn new(path: &Path, what: &str, error: &io::Error) -> Self {
        Self { path: path.into(), message: format!("{what}: {error}") }
    }
}

/// The head of an entry, before its lines.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    database: String,
    policy: String,
    /// Nanoseconds of a unit; 0 if the size tells it.
    unit: i64,
    now: i64,
    points: u64,
}

/// The journal, being written.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    path: PathBuf,
    /// Bytes of the part that is written.
    length: u64,
    /// The number of the next point.
    next: u64,
    /// Earlier parts, with the number after their last point.
    earlier: VecDeque<(PathBuf, u64)>,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The number of the first point.
    pub(super) first: u64,
    /// The number after the last one.
    pub(super) next: u64,
    pub(super) deliveries: Vec<Delivery>,
    parts: VecDeque<(PathBuf, u64)>,
}

impl Journal {
    /// Goes on after what the journal held.
    pub(super) fn start(folder: &Path, held: &mut Held) -> Result<Self, JournalError> {
        let (path, file) = begin(folder, held.next)?;
        let mut earlier = std::mem::take(&mut held.parts);
        // A part without points, which is begun again.
        earlier.retain(|(part, _)| *part != path);
        let length = MAGIC.len() as u64;
        Ok(Self { folder: folder.into(), file, path, length, next: held.next, earlier })
    }

    /// Adds a request.
    pub(super) fn append(&mut self, delivery: &Delivery) -> Result<(), JournalError> {
        let head = Head {
            database: delivery.database.clone(),
            policy: delivery.policy.to_string(),
            unit: if delivery.by_size { 0 } else { delivery.precision.nanoseconds() },
            now: delivery.now,
            points: delivery.points,
        };
        let head = postcard::to_allocvec(&head).map_err(|error| JournalError {
            path: self.path.clone(),
            message: error.to_string(),
        })?;
        let mut entry = vec![0; 8];
        entry.extend(u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
        entry.extend(head);
        delivery.pieces.iter().for_each(|piece| entry.extend(piece));
        let (length, crc) = (entry.len() - 8, crc32fast::hash(&entry[8..]));
        entry[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        entry[4..8].copy_from_slice(&crc.to_le_bytes());
        if let Err(error) = self.file.write_all(&entry) {
            // A part of an entry must not stand before the next one.
            let _ = self.file.set_len(self.length);
            return Err(JournalError::new(&self.path, "the journal cannot be written", &error));
        }
        self.length += entry.len() as u64;
        self.next += delivery.points;
        Ok(())
    }

    /// Begins a new part, and deletes those whose points were all played.
    pub(super) fn turn(&mut self, played: u64) -> Result<(), JournalError> {
        // A part without points has the name that the new one would have.
        if self.length > MAGIC.len() as u64 {
            let (path, file) = begin(&self.folder, self.next)?;
            self.earlier.push_back((std::mem::replace(&mut self.path, path), self.next));
            (self.file, self.length) = (file, MAGIC.len() as u64);
        }
        while self.earlier.front().is_some_and(|(_, end)| *end <= played) {
            let Some((path, _)) = self.earlier.pop_front() else { break };
            fs::remove_file(&path)
                .map_err(|error| JournalError::new(&path, "cannot be deleted", &error))?;
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.length
    }
}

fn begin(folder: &Path, next: u64) -> Result<(PathBuf, File), JournalError> {
    let path = folder.join(format!("journal-{next:020}"));
    let opened = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut file| {
        file.set_len(0)?;
        file.write_all(MAGIC)?;
        Ok(file)
    });
    opened
        .map(|file| (path.clone(), file))
        .map_err(|error| JournalError::new(&path, "cannot be written", &error))
}

impl Held {
    /// Reads the points that were acknowledged after the point `played`; the points before it are in a checkpoint.
    pub(super) fn read(
        folder: &Path,
        played: u64,
        budget: &Arc<ByteBudget>,
    ) -> Result<Self, JournalError> {
        let list = fs::read_dir(folder)
            .map_err(|error| JournalError::new(folder, "cannot be read", &error))?;
        let mut parts: Vec<(u64, PathBuf)> = Vec::new();
        for entry in list {
            let path =
                entry.map_err(|error| JournalError::new(folder, "cannot be read", &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(number) = name.strip_prefix("journal-").and_then(|text| text.parse().ok()) {
                parts.push((number, path));
            }
        }
        parts.sort();
        let mut held = Self { first: played, next: played, ..Self::default() };
        let mut any = false;
        for (first, path) in parts {
            let before = held.deliveries.len();
            if any && first != held.next {
                let message = format!(
                    "the points from {} to {first}, which come before it, are missing",
                    held.next
                );
                return Err(JournalError { path, message });
            }
            let end = held.part(&path, first, budget)?;
            if end <= played {
                held.deliveries.truncate(before);
            } else if !any {
                (held.first, any) = (first, true);
            }
            held.next = end.max(played);
            held.parts.push_back((path, end));
        }
        if any && held.first > played {
            let path = folder.to_owned();
            let message = format!(
                "the journal begins with point {}, and the checkpoint ends with {played}",
                held.first
            );
            return Err(JournalError { path, message });
        }
        Ok(held)
    }

    /// Reads a part; returns the number after its last point.
    fn part(
        &mut self,
        path: &Path,
        first: u64,
        budget: &Arc<ByteBudget>,
    ) -> Result<u64, JournalError> {
        let bytes =
            fs::read(path).map_err(|error| JournalError::new(path, "cannot be read", &error))?;
        let mut next = first;
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
            // It was being begun.
            return if MAGIC.starts_with(&bytes) {
                Ok(next)
            } else {
                Err(JournalError {
                    path: path.into(),
                    message: "it is not a journal of this version of rhai-udf".into(),
                })
            };
        };
        while !rest.is_empty() {
            let Some((entry, after)) = entry(rest) else {
                log::warn!(
                    "{}: the last {} bytes are not a whole request; they were cut off before the request was acknowledged, or are damaged",
                    path.display(),
                    rest.len()
                );
                break;
            };
            let damaged = || JournalError {
                path: path.into(),
                message: format!("it is damaged after point {next}"),
            };
            let delivery = delivery(entry, budget).ok_or_else(damaged)?;
            next += delivery.points;
            self.deliveries.push(delivery);
            rest = after;
        }
        Ok(next)
    }
}

/// Takes the next entry apart; `None` if it is not whole.
fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (body, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (u32::from_le_bytes(*crc) == crc32fast::hash(body)).then_some((body, after))
}

fn delivery(entry: &[u8], budget: &Arc<ByteBudget>) -> Option<Delivery> {
    let (length, rest) = entry.split_first_chunk()?;
    let (head, lines) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let head: Head = postcard::from_bytes(head).ok()?;
    let units = [
        Precision::Nanoseconds,
        Precision::Microseconds,
        Precision::Milliseconds,
        Precision::Seconds,
        Precision::Minutes,
        Precision::Hours,
    ];
    let by_size = head.unit == 0;
    let precision = match by_size {
        true => Precision::Nanoseconds,
        false => units.into_iter().find(|precision| precision.nanoseconds() == head.unit)?,
    };
    Some(Delivery {
        database: head.database,
        policy: head.policy.into(),
        precision,
        by_size,
        now: head.now,
        points: head.points,
        pieces: VecDeque::from([lines.to_vec()]),
        share: budget.share(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &str, points: u64) -> Delivery {
        Delivery {
            database: "d".into(),
            policy: "p".into(),
            precision: Precision::Seconds,
            by_size: false,
            now: 7,
            points,
            pieces: VecDeque::from([lines.as_bytes().to_vec()]),
            share: ByteBudget::new(0).share(),
        }
    }

    fn read(folder: &Path, played: u64) -> Result<Held, JournalError> {
        Held::read(folder, played, &ByteBudget::new(0))
    }

    fn lines(held: &Held) -> Vec<String> {
        let text = |delivery: &Delivery| String::from_utf8(delivery.pieces[0].clone()).unwrap();
        held.deliveries.iter().map(text).collect()
    }

    #[test]
    fn what_was_acknowledged_is_there_after_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut journal = Journal::start(folder, &mut read(folder, 0).unwrap()).unwrap();
        journal.append(&request("a x=1 1\na x=2 2\n", 2)).unwrap();
        journal.append(&request("b x=1 1\n", 1)).unwrap();
        let held = read(folder, 0).unwrap();
        assert_eq!((held.first, held.next, lines(&held).len()), (0, 3, 2));
        assert_eq!(held.deliveries[0].precision, Precision::Seconds);
        // A checkpoint in the middle of a request keeps the part that holds the rest of it.
        journal.turn(1).unwrap();
        journal.append(&request("c x=1 1\n", 1)).unwrap();
        let mut held = read(folder, 1).unwrap();
        assert_eq!((held.first, held.next, lines(&held).len()), (0, 4, 3));
        let mut journal = Journal::start(folder, &mut held).unwrap();
        journal.turn(4).unwrap();
        let mut held = read(folder, 4).unwrap();
        assert_eq!((held.first, held.next, lines(&held).len()), (4, 4, 0));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        // A part without points is begun again, and not deleted as one that was played.
        let mut journal = Journal::start(folder, &mut held).unwrap();
        journal.append(&request("d x=1 1\n", 1)).unwrap();
        journal.turn(4).unwrap();
        assert_eq!(lines(&read(folder, 4).unwrap()), ["d x=1 1\n"]);
    }

    #[test]
    fn whatever_is_cut_off_or_changed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut journal = Journal::start(folder, &mut Held::default()).unwrap();
        journal.append(&request("a x=1 1\n", 1)).unwrap();
        let one = journal.bytes();
        journal.append(&request("b x=1 1\n", 1)).unwrap();
        let path = journal.path.clone();
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let expected = if (cut as u64) < one { 0 } else { 1 };
            assert_eq!(lines(&read(folder, 0).unwrap()).len(), expected, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            fs::write(&path, &changed).unwrap();
            let count = read(folder, 0).map_or(0, |held| held.deliveries.len());
            assert!(count < 2, "changed at {at}");
        }
        // A journal that does not continue after the checkpoint does not belong to it.
        fs::write(&path, &bytes).unwrap();
        fs::rename(&path, folder.join("journal-00000000000000000009")).unwrap();
        assert!(read(folder, 5).unwrap_err().to_string().contains("begins with point 9"));
    }
}
