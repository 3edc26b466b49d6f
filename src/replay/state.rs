//! The state of a replay in a file, from which another replay continues: the snapshots of the task's functions, and
//! what its nodes remember.
//!
//! A file is `RUDT`, a version byte, a CRC-32 of the rest, and a [`TaskState`] in postcard's form. A
//! snapshot of one function, as the daemon and `--state-dir` keep it, can be read too.

use crate::replay::output_file::{OutputFile, OutputFileError};
use crate::tick::{NodeState, Resumed};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"RUDT";
const VERSION: u8 = 1;
/// How the snapshot of a function begins.
const SNAPSHOT: &[u8] = b"RUDF";

/// The state of a task between two points of its data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// The version of rhai-udf that wrote it.
    pub program: String,
    /// The file of the script or TICKscript.
    pub task: String,
    /// The part of the groups, as `--shard` names it.
    pub shard: Option<String>,
    /// The time of the latest item of the data, in nanoseconds since the epoch.
    pub time: Option<i64>,
    /// How many points have been read, those of the replays before included.
    pub points: u64,
    /// The state of each variant; of a plain script, one for all.
    pub runs: Vec<RunState>,
}

/// The state of a variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Tells it from others; may be empty.
    pub label: String,
    /// The nodes that remember something.
    pub nodes: Vec<NodeState>,
}

/// A file of states.
#[derive(Debug, Clone, PartialEq)]
pub enum StateFile {
    /// Of a task.
    Task(TaskState),
    /// The snapshot of a function.
    Snapshot(Vec<u8>),
}

/// Why a state cannot be kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no state.
    #[error(
        "{path}: it is not a state of rhai-udf ({bytes} bytes); --save-state and --state-dir write them"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// The file was written by another version.
    #[error("{path}: it has version {version}; this rhai-udf reads version {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        version: u8,
    },
    /// The file has changed since it was written.
    #[error(
        "{path}: it is damaged: {why}; replay the data again to learn the state, or use an earlier copy"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// The state is that of another task.
    #[error("{path}: it is the state of another task ({task}): {why}")]
    OtherTask {
        /// The file.
        path: PathBuf,
        /// That task.
        task: String,
        /// What differs.
        why: String,
    },
    /// A snapshot of one function, and a task that does not have just one.
    #[error(
        "{path}: it is the snapshot of one function, and the task has none or several; save the state of a whole task with --save-state"
    )]
    OneFunction {
        /// The file.
        path: PathBuf,
    },
    /// Nodes that have changed, and a configuration that refuses them.
    #[error("{path}: {why} ([state] on_snapshot = \"refuse\")")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What has changed.
        why: String,
    },
    /// Engines on several threads, whose states are apart.
    #[error("the state of a replay on several threads cannot be saved or loaded")]
    Threads,
    /// The state cannot be put into bytes.
    #[error("the state cannot be saved: {0}")]
    Encode(postcard::Error),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] OutputFileError),
}

impl StateFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, holds no state, or is damaged.
    pub fn read(path: &Path) -> Result<Self, StateError> {
        let bytes =
            std::fs::read(path).map_err(|source| StateError::Read { path: path.into(), source })?;
        if bytes.starts_with(SNAPSHOT) {
            return Ok(Self::Snapshot(bytes));
        }
        let foreign = || StateError::Foreign { path: path.into(), bytes: bytes.len() };
        let damaged = |why: String| StateError::Damaged { path: path.into(), why };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(foreign)?;
        let (version, rest) = rest.split_first().ok_or_else(foreign)?;
        if *version != VERSION {
            return Err(StateError::Version { path: path.into(), version: *version });
        }
        let whole = rest
            .split_first_chunk()
            .filter(|(crc, body)| u32::from_le_bytes(**crc) == crc32fast::hash(body));
        let Some((_, body)) = whole else {
            return Err(damaged("its checksum is wrong".into()));
        };
        postcard::from_bytes(body).map(Self::Task).map_err(|error| damaged(error.to_string()))
    }
}

impl TaskState {
    /// Writes the state into a file, whole or not at all; `inputs` are files that are read and must stay.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write<'p>(
        &self,
        path: &Path,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> Result<(), StateError> {
        let body = postcard::to_allocvec(self).map_err(StateError::Encode)?;
        let mut file = OutputFile::create(path, inputs)?;
        let head = [&MAGIC[..], &[VERSION], &crc32fast::hash(&body).to_le_bytes()].concat();
        let written = file.write_all(&head).and_then(|()| file.write_all(&body));
        written.map_err(|error| file.failed(error))?;
        Ok(file.keep()?)
    }

    /// Refuses the state of other groups.
    ///
    /// # Errors
    /// A state of another shard.
    pub(super) fn check_shard(&self, shard: Option<String>, path: &Path) -> Result<(), StateError> {
        if self.shard == shard {
            return Ok(());
        }
        let name = |shard: &Option<String>| shard.clone().unwrap_or_else(|| "all groups".into());
        let (task, path) = (self.task.clone(), path.to_owned());
        let why = format!(
            "it was saved by shard {}, and this is shard {}",
            name(&self.shard),
            name(&shard)
        );
        Err(StateError::OtherTask { path, task, why })
    }

    /// Checks how much of the state could be used: refuses that of another task, and changed nodes if the
    /// configuration refuses them.
    ///
    /// # Errors
    /// See above.
    pub(super) fn judge(
        &self,
        resumed: &Resumed,
        path: &Path,
        refuses: bool,
        whose: Whose,
    ) -> Result<(), StateError> {
        let why = || resumed.fresh.join("; ");
        let (path, task) = (path.to_owned(), self.task.clone());
        if whose == Whose::Unknown && resumed.nodes == 0 && !resumed.fresh.is_empty() {
            return Err(StateError::OtherTask { path, task, why: why() });
        }
        if refuses && !resumed.fresh.is_empty() {
            return Err(StateError::Changed { path, why: why() });
        }
        for why in &resumed.fresh {
            match whose {
                Whose::Its { trial: true } => {}
                _ => log::warn!("state: {why}; it starts fresh"),
            }
        }
        Ok(())
    }
}

/// Whose state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The state of the same task, however much has changed; nodes that start fresh are reported unless this is a
    /// trial.
    Its {
        /// The task is only tried.
        trial: bool,
    },
    /// A state of which nothing fits is that of another task.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let state = TaskState { task: "t.rhai".into(), points: 7, ..TaskState::default() };
        state.write(&path, []).unwrap();
        assert_eq!(StateFile::read(&path).unwrap(), StateFile::Task(state));
        let bytes = std::fs::read(&path).unwrap();
        for i in 0..bytes.len() {
            std::fs::write(&path, &bytes[..i]).unwrap();
            assert!(StateFile::read(&path).is_err(), "cut at {i}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << bit;
                std::fs::write(&path, &flipped).unwrap();
                let read = StateFile::read(&path);
                assert!(read.is_err() || matches!(read, Ok(StateFile::Snapshot(_))), "{i}, {bit}");
            }
        }
    }
}
