//! The task of a replay: a plain script with its groups, windows and alerts, or a TICKscript. A task is a value that
//! can be sent to another thread; engines are made of it there.

mod script;
mod tick;

pub use script::{Alerts, ScriptTask, Use, Windows};
pub use tick::{Override, TickTask, TickVariant, database_and_policy, id_by_file};

use super::ReplayError;
use super::engine::Engine;
use super::source::{DataFormat, Item, Scratch};
use crate::protocol::Point;
use crate::protocol::group::{self, Grouping, Shard};
use crate::script::ScriptHandler;
use crate::script::config::Config;
use crate::tick::flow::Edge;
use std::ops::Range;
use std::path::Path;

/// The kind of the data, as far as it matters for a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataKind {
    /// Points.
    #[default]
    Stream,
    /// Batches.
    Batch,
    /// Captured requests.
    Frames,
}

impl DataKind {
    /// Tells from a file's name what it holds.
    pub fn of(path: &Path) -> Self {
        DataFormat::of(path).map(Self::from).unwrap_or_default()
    }
}

impl From<DataFormat> for DataKind {
    fn from(format: DataFormat) -> Self {
        match format {
            DataFormat::BatchRecording => Self::Batch,
            DataFormat::Requests => Self::Frames,
            DataFormat::LineProtocol
            | DataFormat::Csv
            | DataFormat::Parquet
            | DataFormat::StreamRecording => Self::Stream,
        }
    }
}

/// What is run.
#[derive(Clone, Debug)]
pub enum Task {
    /// A plain script.
    Script(ScriptTask),
    /// A TICKscript.
    Tick(TickTask),
}

impl Task {
    /// Returns how many parts could run on threads of their own.
    pub fn parts(&self) -> usize {
        match self {
            Self::Script(task) => task.uses.len(),
            Self::Tick(task) => task.variants.len(),
        }
    }

    /// Returns the file of its script.
    pub fn file(&self) -> &Path {
        match self {
            Self::Script(task) => &task.script,
            Self::Tick(task) => Path::new(&task.name),
        }
    }

    /// Returns the part of the groups that is played.
    pub fn shard(&self) -> Option<Shard> {
        match self {
            Self::Script(task) => task.shard,
            Self::Tick(task) => task.shard,
        }
    }

    /// Returns the configuration of its scripts.
    pub fn config(&self) -> &Config {
        match self {
            Self::Script(task) => &task.config,
            Self::Tick(task) => &task.config,
        }
    }

    /// Makes an engine for some of the parts.
    ///
    /// # Errors
    /// A script that cannot be used, or does not fit what it is given.
    pub fn engine(&self, parts: Range<usize>) -> Result<Engine, ReplayError> {
        match self {
            Self::Script(task) => task.engine(parts),
            Self::Tick(task) => task.engine(parts),
        }
    }
}

/// How groups are assigned to engines, if a task is spread over several of them.
#[derive(Clone, Debug)]
pub enum Lanes {
    /// By the ids of the groups that points are put into.
    Groups(Grouping),
    /// By these tags of points, which are those of several groupings.
    Tags(Grouping),
    /// By the groups that batches have.
    Batches,
}

impl Lanes {
    /// Returns the key group of an item.
    pub fn key_group(&mut self, kind: Item, scratch: &Scratch) -> usize {
        match kind {
            Item::Point => self.key_group_of(&scratch.point),
            Item::Batch => group::key_group(scratch.batch.group.as_bytes()),
            Item::Frame => 0,
        }
    }

    /// Returns the key group of a point, by its measurement and tags.
    pub fn key_group_of(&mut self, point: &Point) -> usize {
        match self {
            Self::Groups(grouping) => grouping.key_group_of_id(point),
            Self::Tags(grouping) => grouping.key_group(point),
            Self::Batches => 0,
        }
    }

    /// Tells whether a group's id says which engine has it, so that states can be spread as the data is.
    pub fn go_by_id(&self) -> bool {
        !matches!(self, Self::Tags(_))
    }
}

impl Task {
    /// Returns how the groups of a task with one part can be spread over several engines.
    ///
    /// # Errors
    /// Why one engine has to take all data.
    pub fn lanes(&self) -> Result<Lanes, String> {
        let config = self.config();
        if config.limits.groups > 0 || !config.state.group_ttl.is_zero() {
            return Err("[limits] groups and [state] group_ttl apply to all groups together".into());
        }
        let show = match self {
            Self::Script(task) => &task.show,
            Self::Tick(task) => &task.show,
        };
        if show.record {
            return Err("the alerts of all groups are judged in their order".into());
        }
        if show.outcome {
            return Err("the outcome that is compared is collected by one worker".into());
        }
        if show.trace.is_some() {
            return Err("the values that are drawn are collected by one worker".into());
        }
        match self {
            Self::Script(task) => task.lanes(),
            Self::Tick(task) => task.lanes(),
        }
    }
}

/// Refuses a script whose groups share a state.
fn check_scope(handler: &ScriptHandler) -> Result<(), String> {
    // A script that cannot be used is reported when its engine is made.
    match handler.program() {
        Ok(_) if !handler.spreads() => Err("all groups share one state (scope: \"task\")".into()),
        _ => Ok(()),
    }
}

impl From<DataKind> for Edge {
    fn from(kind: DataKind) -> Self {
        match kind {
            DataKind::Stream => Self::Stream,
            DataKind::Batch => Self::Batch,
            DataKind::Frames => Self::Stream,
        }
    }
}
