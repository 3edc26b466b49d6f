//! Recorded data through a script, with no daemon.
//!
//! Data is read by a [`source`], goes through what stands before the UDF ([`Pipeline`]: measurement,
//! grouping, windows), through the same agent that serves the daemon ([`transport`]), and comes
//! out as lines ([`sink`]) and alerts ([`alert`]). Everything is streamed; nothing is held but the
//! open windows. Data may also come from a database ([`influxdb`]) or arrive live ([`listen`]), and
//! be kept ([`save`]).

pub mod alert;
pub mod files;
pub mod influxdb;
pub mod listen;
pub mod output_file;
pub mod pipeline;
pub mod player;
pub mod quality;
#[cfg(test)]
mod recorded_tests;
pub mod save;
pub mod sink;
pub mod source;
pub mod timestamp;
pub mod transport;
pub mod udfs;
pub mod window;

pub use pipeline::{Pipeline, Summary};

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
    /// An alert's expression cannot be used.
    #[error(transparent)]
    Expression(#[from] crate::script::ScriptError),
    /// A TICKscript is wrong, or cannot take the data.
    #[error(transparent)]
    Tick(#[from] crate::tick::TickError),
    /// A database does not do what it is asked.
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
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Write(std::io::Error),
}

fn place(line: &Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}
