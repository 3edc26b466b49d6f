//! Line protocol: one point a line, as `name,tag=value field=1.5,count=2i 1451606400000000000`.
//!
//! [`Reader`] reads a line straight into a [`Point`](super::Point), [`cut`] finds where a line ends
//! (a text in quotes may hold newlines), and [`Writer`] writes a point as a line.
//!
//! What is accepted, and with which values, is what InfluxData's own parser for Rust
//! (`influxdb-line-protocol` 2) accepts: the tests compare the two. Two things differ on purpose. A
//! carriage return before the newline belongs to the end of the line. A comment ends with its own
//! line, even if it holds a quote.

mod cursor;
mod cut;
mod error;
mod number;
mod reader;
mod series;
mod shape;
mod writer;

pub use cut::{Cut, cut};
pub use error::{LineError, Problem};
pub use reader::{Reader, SeriesReader, read_all};
pub use writer::{Line, Writer};

/// The unit of the times in line protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Precision {
    /// Finds a unit by the name that InfluxDB's `precision` parameter has for it.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "n" | "ns" => Self::Nanoseconds,
            "u" | "us" | "µ" | "µs" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => return None,
        })
    }

    /// Returns the nanoseconds of one unit.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
