//! InfluxDB over HTTP and TLS, 1.x, 2.x and 3: [`Access`] says where a database is and who asks, [`Client`] asks and
//! writes; [`statement`] puts times and groups into a query as the daemon does, [`batches`] runs the queries of a batch
//! script, [`sql`] asks an InfluxDB 3 in SQL, [`stream`] reads measurements in the order of time, [`writer`] writes
//! points.

mod access;
mod answer;
pub mod batches;
mod bucket;
mod client;
mod hide;
mod rejected;
pub mod sql;
pub mod statement;
pub mod stream;
mod trust;
mod version;
pub mod writer;

pub use access::{Access, Api, Hidden, Login, Trust};
pub use answer::{QueryAnswer, Series};
pub use batches::{Database, Missed, Pace, Queries};
pub use client::Client;
pub use rejected::{Rejected, RejectedLine};
pub use stream::Measurements;
pub use writer::PointWriter;

use std::path::PathBuf;

/// A time that is covered, in nanoseconds: its start is in it, its stop is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Where it starts.
    pub start: i64,
    /// Where it stops.
    pub stop: i64,
}

/// Why a request to a database has failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfluxError {
    /// The URL cannot be used.
    #[error(
        "--influxdb {0}: write http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host if need be"
    )]
    Url(String),
    /// The file of authorities cannot be used.
    #[error("--ca {path}: {message}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The system has no trusted certificates.
    #[error(
        "the certificates of the system cannot be found{0}; install ca-certificates, or give --ca FILE"
    )]
    NoAuthorities(String),
    /// No server answers.
    #[error("InfluxDB at {url}: {message}; is it running, and is the address right?")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        message: String,
    },
    /// The certificate of the server is not accepted.
    #[error(
        "InfluxDB at {url}: its certificate is not accepted: {message}; give the certificate of its authority by \
         --ca FILE"
    )]
    Certificate {
        /// The address.
        url: String,
        /// Why.
        message: String,
    },
    /// The server does not encrypt.
    #[error(
        "InfluxDB at {url}: this port does not use TLS: write http://, or give the port with TLS"
    )]
    NoTls {
        /// The address.
        url: String,
    },
    /// It refuses the request.
    #[error("InfluxDB at {url} answers {status}: {message}")]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its reason.
        message: String,
        /// Which lines it has refused, if it was given some.
        rejected: Rejected,
        /// After how many seconds it wants to be asked again.
        retry_after: Option<u64>,
    },
    /// An InfluxDB 2 is written to, and no organization is named.
    #[error(
        "InfluxDB at {url}: version 2 needs an organization: give --influxdb-org NAME, or set INFLUX_ORG"
    )]
    NoOrganization {
        /// The address.
        url: String,
    },
    /// SQL for another version than 3.
    #[error(
        "InfluxDB at {url}: --sql is for InfluxDB 3, and this is version {api}: give --query in InfluxQL"
    )]
    NoSql {
        /// The address.
        url: String,
        /// Its version.
        api: Api,
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
    #[error("InfluxDB at {url}: its answer cannot be read: {message}")]
    Answer {
        /// The address.
        url: String,
        /// The error.
        message: String,
    },
}

impl InfluxError {
    /// True if the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    /// Adds which of the lines that were sent were refused.
    pub(super) fn with_lines(mut self, sent: &str) -> Self {
        if let Self::Refused { message, rejected, .. } = &mut self {
            rejected.complete(message, sent);
        }
        self
    }
}
