//! A folder of scripts behind one function of the daemon: which scripts are in it ([`ScriptFolder`]), and
//! what the daemon is told of them and a task's options mean ([`Entry`]).
//!
//! The daemon asks a function for its edges and options once, when it starts, and compares the edges of
//! each task with them. So an entry is for one pair of edges, and a folder has up to four entries.

mod entry;

pub use entry::{Clash, Entry, Known, RESERVED};

use super::error::ScriptError;
use crate::agent::Info;
use crate::protocol::message::EdgeType;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The edges of a function: what it reads and what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edges {
    /// The edge it reads.
    pub wants: EdgeType,
    /// The edge it writes.
    pub provides: EdgeType,
}

impl Edges {
    /// All pairs.
    pub const ALL: [Self; 4] = {
        use EdgeType::{Batch, Stream};
        [
            Self { wants: Stream, provides: Stream },
            Self { wants: Batch, provides: Stream },
            Self { wants: Batch, provides: Batch },
            Self { wants: Stream, provides: Batch },
        ]
    };

    /// Those of a declaration.
    pub fn of(info: &Info) -> Self {
        Self { wants: info.wants, provides: info.provides }
    }

    /// The name, as in `batch-to-stream`.
    pub fn name(self) -> &'static str {
        match (self.wants, self.provides) {
            (EdgeType::Stream, EdgeType::Stream) => "stream-to-stream",
            (EdgeType::Batch, EdgeType::Stream) => "batch-to-stream",
            (EdgeType::Batch, EdgeType::Batch) => "batch-to-batch",
            (EdgeType::Stream, EdgeType::Batch) => "stream-to-batch",
        }
    }
}

impl fmt::Display for Edges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no pair of edges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write stream-to-stream, batch-to-stream, batch-to-batch or stream-to-batch")]
pub struct EdgesError;

impl FromStr for Edges {
    type Err = EdgesError;

    fn from_str(text: &str) -> Result<Self, EdgesError> {
        Self::ALL.into_iter().find(|edges| edges.name() == text).ok_or(EdgesError)
    }
}

/// A folder with scripts in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptFolder(PathBuf);

impl ScriptFolder {
    /// The folder at a path.
    pub fn new(dir: &Path) -> Self {
        Self(dir.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The files `NAME.rhai` that are in the folder now, by NAME; modules are among them.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, PathBuf>, ScriptError> {
        let cannot = |error: std::io::Error| {
            ScriptError::Config(format!("folder {}: cannot be read: {error}", self.0.display()))
        };
        let mut files = BTreeMap::new();
        for entry in self.0.read_dir().map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let named = path.extension().is_some_and(|extension| extension == "rhai");
            if let (true, true, Some(stem)) = (named, path.is_file(), path.file_stem()) {
                files.insert(stem.to_string_lossy().into_owned(), path);
            }
        }
        Ok(files)
    }

    /// The scripts that are in the folder now, by name, whether or not they are broken.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn scripts(&self) -> Result<BTreeMap<String, PathBuf>, ScriptError> {
        let mut scripts = self.files()?;
        scripts.retain(|_, path| declares(path));
        Ok(scripts)
    }
}

/// Tells whether a file declares a function of the daemon: modules lie in the same folder and do not.
pub fn declares(script: &Path) -> bool {
    std::fs::read(script).is_ok_and(|text| text.windows(7).any(|part| part == b"fn info"))
}
