//! Plays recorded data through a script or a TICKscript, without a daemon.
//!
//! A [`source`] reads data. A [`task`] is what is run: a TICKscript, or a plain script with its groups, windows and
//! alerts; both become a graph of `crate::tick`. An [`engine`] is made of it; the [`player`] hands the data to
//! engines, on several threads if there are several variants. The functions of a graph are run by [`udfs`], and its
//! [`effects`] become lines ([`format`], [`lines`]), [`files`], points of a database and a record that [`quality`]
//! judges. Everything is streamed; only open windows are held in memory. Data may also come from a database
//! ([`influxdb`]) or arrive live ([`listen`], [`execd`]), and be kept ([`save`]).

pub mod effects;
pub mod engine;
pub mod execd;
pub mod files;
pub mod format;
pub mod influxdb;
pub mod influxql;
pub mod lines;
pub mod listen;
pub mod outcome;
pub mod output_file;
pub mod parquet;
pub mod player;
pub mod quality;
#[cfg(test)]
mod recorded_tests;
pub mod save;
pub mod source;
pub mod state;
pub mod summary;
pub mod task;
pub mod timestamp;
pub mod trace;
pub mod udfs;
pub mod unseen;

pub use player::Player;
pub use summary::Summary;

use crate::agent::AgentError;
use std::path::PathBuf;

/// Why a replay stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path}{}: {message}", place(.line))]
    Data {
        /// The file.
        path: PathBuf,
        /// The line from 1, if it has lines.
        line: Option<u64>,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The data do not fit the script.
    #[error("{0}")]
    Unfit(String),
    /// The session failed.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The UDF reported an error.
    #[error("{0}")]
    Udf(String),
    /// Wrong usage; the command line answers with exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A script or an expression fails.
    #[error(transparent)]
    Script(#[from] crate::script::ScriptError),
    /// The condition of an alert is not a valid expression.
    #[error("--{level}: {source}")]
    Condition {
        /// The level.
        level: String,
        /// What is wrong.
        source: Box<crate::script::ScriptError>,
    },
    /// A thread of a replay ended without an answer.
    #[error("a thread of the replay ended unexpectedly")]
    Thread,
    /// A TICKscript is wrong, or cannot take the data.
    #[error(transparent)]
    Tick(crate::tick::TickError),
    /// A request to a database has failed.
    #[error(transparent)]
    Influx(#[from] influxdb::InfluxError),
    /// The port cannot be listened on.
    #[error("{address}: cannot be listened on: {message}; choose another with --port or --bind")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        message: String,
    },
    /// The file for the output cannot be written, or is read.
    #[error(transparent)]
    OutputFile(#[from] output_file::OutputFileError),
    /// A state cannot be used.
    #[error(transparent)]
    State(#[from] state::StateError),
    /// The folder of a listener's state cannot be used.
    #[error(transparent)]
    StateFolder(#[from] listen::StateFolderError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Write(std::io::Error),
}

fn place(line: &Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}

impl From<crate::tick::TickError> for ReplayError {
    /// An error that an adapter of this module reported through a graph is passed on unchanged.
    fn from(error: crate::tick::TickError) -> Self {
        match error {
            crate::tick::TickError::Outside(error) => match error.downcast::<Self>() {
                Ok(error) => *error,
                Err(error) => Self::Tick(crate::tick::TickError::Outside(error)),
            },
            error => Self::Tick(error),
        }
    }
}
