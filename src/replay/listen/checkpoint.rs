//! The folder of `listen --state-dir`: a checkpoint of all tasks, the journal of points that were acknowledged since,
//! and the number of points whose output was written.
//!
//! | file | what it is |
//! | --- | --- |
//! | `checkpoint` | `RUDC`, a version byte, a CRC-32 of the rest, a [`Checkpoint`] in postcard's form |
//! | `batch-TASK.state` | `RUDB`, the same of a [`BatchCheckpoint`], which a batch task writes after each tick |
//! | `journal-N` | requests from the point N on (`journal`) |
//! | `told` | the number of points whose output was written, with a CRC-32 |
//! | `lock` | held by the listener that uses the folder |

use crate::replay::output_file::{OutputFile, OutputFileError};
use crate::replay::state::TaskState;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a file of the folder begins with.
trait Marked: Serialize + for<'de> Deserialize<'de> {
    const MAGIC: &'static [u8; 5];
}

impl Marked for Checkpoint {
    const MAGIC: &'static [u8; 5] = b"RUDC\x01";
}

impl Marked for BatchCheckpoint {
    const MAGIC: &'static [u8; 5] = b"RUDB\x01";
}

/// The states of all tasks after the same point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many points were played.
    pub points: u64,
    /// The states, by the names of the tasks.
    pub tasks: Vec<(String, TaskState)>,
}

/// The state of a batch task after a tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchCheckpoint {
    /// Each query with its pace, and when it is asked next, in nanoseconds.
    pub ticks: Vec<(String, i64)>,
    /// What the task remembers.
    pub state: TaskState,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFolderError {
    /// A file of it cannot be read or written.
    #[error("--state-dir: {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another listener uses it.
    #[error("--state-dir {0}: another rhai-udf listen uses it")]
    Used(PathBuf),
    /// A file is damaged, or of another version.
    #[error(
        "--state-dir: {0}: it is damaged, or was written by another version of rhai-udf; move it away to start without a state"
    )]
    Damaged(PathBuf),
    /// The journal cannot be used.
    #[error("--state-dir: {0}")]
    Journal(#[from] super::journal::JournalError),
    /// The checkpoint cannot be written.
    #[error("--state-dir: {0}")]
    Write(#[from] OutputFileError),
    /// The states cannot be put into bytes.
    #[error("--state-dir: the state cannot be saved: {0}")]
    Encode(postcard::Error),
}

/// The folder, in use.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// What the last checkpoint was.
    pub checkpoint: Option<Checkpoint>,
    told: File,
    /// How many points' output was written.
    pub told_points: u64,
    _lock: File,
}

impl StateFolder {
    /// Takes a folder, which is made if need be.
    ///
    /// # Errors
    /// A folder that cannot be used.
    pub fn open(path: &Path) -> Result<Self, StateFolderError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| StateFolderError::File { path, source }
        };
        fs::create_dir_all(path).map_err(at(path))?;
        let open = |name: &str| {
            let path = path.join(name);
            let opened =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            opened.map_err(at(&path))
        };
        let lock = open("lock")?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StateFolderError::Used(path.into())),
            Err(error) => return Err(at(&path.join("lock"))(error.into())),
        }
        let checkpoint = Checkpoint::read(&path.join("checkpoint"))?;
        let told = open("told")?;
        let told_points = read_told(&told);
        Ok(Self { path: path.into(), checkpoint, told, told_points, _lock: lock })
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Saves the number of points whose output was written.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn tell(&mut self, points: u64) -> Result<(), StateFolderError> {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&points.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..8]);
        bytes[8..].copy_from_slice(&crc.to_le_bytes());
        let written = self.told.write_all_at(&bytes, 0);
        written
            .map_err(|source| StateFolderError::File { path: self.path.join("told"), source })?;
        self.told_points = points;
        Ok(())
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<(), StateFolderError> {
        checkpoint.write(&self.path.join("checkpoint"))
    }
}

impl Checkpoint {
    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StateFolderError> {
        write(self, path)
    }

    /// Reads a file, if it is there.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>, StateFolderError> {
        read(path)
    }
}

impl BatchCheckpoint {
    /// As [`Checkpoint::write`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StateFolderError> {
        write(self, path)
    }

    /// As [`Checkpoint::read`].
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>, StateFolderError> {
        read(path)
    }
}

fn write<T: Marked>(value: &T, path: &Path) -> Result<(), StateFolderError> {
    let body = postcard::to_allocvec(value).map_err(StateFolderError::Encode)?;
    let mut file = OutputFile::create(path, [])?;
    let head = [&T::MAGIC[..], &crc32fast::hash(&body).to_le_bytes()].concat();
    let written = file.write_all(&head).and_then(|()| file.write_all(&body));
    written.map_err(|error| file.failed(error))?;
    Ok(file.keep()?)
}

fn read<T: Marked>(path: &Path) -> Result<Option<T>, StateFolderError> {
    match fs::read(path) {
        Ok(bytes) => match decode(&bytes) {
            Some(value) => Ok(Some(value)),
            None => Err(StateFolderError::Damaged(path.into())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateFolderError::File { path: path.into(), source }),
    }
}

fn decode<T: Marked>(bytes: &[u8]) -> Option<T> {
    let (crc, body) = bytes.strip_prefix(T::MAGIC)?.split_first_chunk()?;
    if u32::from_le_bytes(*crc) != crc32fast::hash(body) {
        return None;
    }
    postcard::from_bytes(body).ok()
}

/// Reads the number of points whose output was written; 0 if it is not known.
fn read_told(file: &File) -> u64 {
    let mut bytes = [0; 12];
    if file.read_exact_at(&mut bytes, 0).is_err() {
        return 0;
    }
    let (points, crc) = bytes.split_at(8);
    let whole = crc == crc32fast::hash(points).to_le_bytes();
    if whole { points.try_into().map_or(0, u64::from_le_bytes) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_and_remembers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut first = StateFolder::open(&path).unwrap();
        assert_eq!((&first.checkpoint, first.told_points), (&None, 0));
        assert!(matches!(StateFolder::open(&path), Err(StateFolderError::Used(_))));
        let checkpoint = Checkpoint { points: 7, tasks: vec![("t".into(), TaskState::default())] };
        first.write(&checkpoint).unwrap();
        first.tell(9).unwrap();
        drop(first);
        let second = StateFolder::open(&path).unwrap();
        assert_eq!((second.checkpoint.as_ref(), second.told_points), (Some(&checkpoint), 9));
        drop(second);
        let file = path.join("checkpoint");
        let bytes = fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(matches!(StateFolder::open(&path), Err(StateFolderError::Damaged(_))), "{at}");
        }
    }
}
