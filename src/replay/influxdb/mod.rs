//! InfluxDB 1.x over HTTP: [`Client`] asks and writes; [`statement`] puts times and groups into a
//! query as the daemon does, [`batches`] runs the queries of a batch script, [`stream`] reads
//! measurements in the order of time, [`writer`] writes points.

pub mod batches;
mod client;
pub mod statement;
pub mod stream;
pub mod writer;

pub use batches::{Database, Pace, Queries};
pub use client::{Client, QueryAnswer, Series};
pub use stream::Measurements;
pub use writer::PointWriter;

/// A time that is covered, in nanoseconds: its start is in it, its stop is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Where it starts.
    pub start: i64,
    /// Where it stops.
    pub stop: i64,
}

/// Why a database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfluxError {
    /// The URL cannot be used.
    #[error(
        "--influxdb {0}: write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; there is no TLS here"
    )]
    Url(String),
    /// Nobody answers.
    #[error("InfluxDB at {url}: {message}; is it running, and is the address right?")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        message: String,
    },
    /// It refuses.
    #[error("InfluxDB at {url} answers {status}: {message}")]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its reason.
        message: String,
    },
    /// A query fails.
    #[error("query {query}: {message}")]
    Query {
        /// The query.
        query: String,
        /// The database's reason.
        message: String,
    },
    /// The answer is not what such a database says.
    #[error("InfluxDB at {url}: not understood: {message}")]
    Answer {
        /// The address.
        url: String,
        /// What is odd.
        message: String,
    },
}

impl InfluxError {
    /// True if the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }
}
