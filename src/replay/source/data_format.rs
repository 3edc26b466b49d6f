//! What a file holds, told by its name or by the user.

use super::packed::plain_name;
use crate::piped::is_piped;
use std::path::Path;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// Line protocol.
    LineProtocol,
    /// Columns of text, with commas, semicolons or tabs between.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A stream recording of Kapacitor.
    StreamRecording,
    /// A batch recording of Kapacitor.
    BatchRecording,
    /// Requests of the daemon to a UDF.
    Requests,
}

impl DataFormat {
    /// Tells from a file's name what it holds; `None` if the name does not say it. What comes through a pipe
    /// has no name, and is line protocol.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        Some(match plain_name(&name).rsplit_once('.').map_or("", |(_, extension)| extension) {
            "lp" | "txt" | "line" | "influx" => Self::LineProtocol,
            "csv" | "tsv" => Self::Csv,
            "parquet" => Self::Parquet,
            "srpl" => Self::StreamRecording,
            "brpl" => Self::BatchRecording,
            "bin" => Self::Requests,
            _ if is_piped(path) => Self::LineProtocol,
            _ => return None,
        })
    }
}
