//! Where recorded data comes from: one file a format, told apart by the file's name.

mod batches;
mod block;
mod capture;
mod csv;
mod data_format;
mod lines;
mod made;
mod merged;
mod packed;
pub(super) mod plausible;
pub mod recipe;
mod span;
mod stream;
mod text;

pub use block::{Block, Blocks, Known, Labels, Made, PointMaker};
pub use csv::CsvReading;
pub use data_format::DataFormat;
pub use made::MadeUp;
pub use merged::open_merged;
pub use packed::plain_name;
pub use recipe::Recipe;
pub use span::Span;

use super::{ReplayError, parquet};
use crate::protocol::line::Precision;
use crate::protocol::{Batch, Point};
use span::Within;
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

/// What a source gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A point of a stream, in [`Scratch::point`].
    Point,
    /// A batch, in [`Scratch::batch`].
    Batch,
    /// A request of the daemon, in [`Scratch::frame`].
    Frame,
}

/// What a source fills, again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The latest point.
    pub point: Point,
    /// The latest batch.
    pub batch: Batch,
    /// The number of the query that gave the latest batch, from 0, in the order of the script.
    pub query: usize,
    /// The latest request.
    pub frame: Vec<u8>,
}

impl Scratch {
    /// Returns the time of an item; a captured request has none.
    fn time(&self, item: Item) -> Option<i64> {
        match item {
            Item::Point => Some(self.point.time()),
            Item::Batch => Some(self.batch.tmax),
            Item::Frame => None,
        }
    }
}

/// Recorded data, one item at a time.
pub trait Source {
    /// The next item, put into `scratch`; `None` at the end.
    ///
    /// # Errors
    /// Data that cannot be read, with the place.
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError>;

    /// How many queries the batches come from; `None` for data that is not in batches.
    fn queries(&self) -> Option<usize> {
        None
    }

    /// Hands on from here what is not a point yet, if it can: so that others make points of it.
    fn blocks(&mut self) -> Option<&mut dyn Blocks> {
        None
    }
}

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What the files hold, where their names do not say it.
    pub format: Option<DataFormat>,
    /// The unit of times in line protocol.
    pub precision: Precision,
    /// Go on after a bad line.
    pub skip_bad_lines: bool,
    /// Only data of this time.
    pub span: Span,
    /// The beginning of the files has been read before: nothing is said of it again.
    pub again: bool,
    /// How CSV is read.
    pub csv: CsvReading,
    /// Counts the bytes that were read, for a progress bar.
    pub bytes: Rc<Cell<u64>>,
    /// Counts the lines that were skipped.
    pub skipped: Rc<Cell<u64>>,
}

/// Reads line protocol from a text; errors call it by `name`.
pub fn of_text(text: String, name: &Path, reading: &Reading) -> Box<dyn Source> {
    let reader = Box::new(std::io::Cursor::new(text.into_bytes()));
    Box::new(lines::Lines::new(reader, name, reading))
}

/// Reads line protocol with times in nanoseconds; errors call it by `name`.
#[cfg(feature = "parquet")]
pub(super) fn of_lines<'r>(
    reader: impl std::io::BufRead + 'r,
    name: &Path,
    reading: &Reading,
) -> impl Source + 'r {
    lines::Lines::new(Box::new(reader), name, reading)
}

/// Opens a file by its name: `.lp`, `.csv`, `.srpl`, `.brpl`, `.bin`, with `.gz` or `.zst` after it or not.
///
/// # Errors
/// A file that cannot be read, or whose name says nothing.
pub fn open(path: &Path, reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    let source = open_whole(path, reading)?;
    if reading.span.is_all() {
        return Ok(source);
    }
    Ok(Box::new(Within { source, span: reading.span, ordered: false }))
}

/// Tells whether a file's name says what it holds.
pub fn is_known(path: &Path) -> bool {
    DataFormat::of(path).is_some()
}

/// Opens a file whatever time is asked for.
///
/// # Errors
/// A file that cannot be read, or whose name says nothing.
fn open_whole(path: &Path, reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    let Some(format) = reading.format.or_else(|| DataFormat::of(path)) else {
        return Err(unknown(path));
    };
    Ok(match format {
        DataFormat::LineProtocol => {
            Box::new(lines::Lines::new(packed::open(path, reading)?, path, reading))
        }
        DataFormat::Csv => Box::new(csv::Csv::open(packed::open(path, reading)?, path, reading)?),
        DataFormat::StreamRecording => {
            Box::new(stream::Recording::new(packed::open(path, reading)?, path, reading))
        }
        DataFormat::BatchRecording => Box::new(batches::Recording::open(path, reading)?),
        DataFormat::Parquet => parquet::open(path, reading)?,
        DataFormat::Requests => Box::new(capture::Capture::new(packed::open(path, reading)?, path)),
    })
}

/// The error for a name that does not say what the file holds, with the names that do.
fn unknown(path: &Path) -> ReplayError {
    let is_script = path.extension().is_some_and(|e| e == "rhai" || e == "tick");
    let message = if is_script {
        "this is a script, and data is wanted here: the script comes first, the data after --data"
    } else {
        "its name does not end as that of a file of data does: .lp (line protocol), .csv, .parquet, .srpl or .brpl (recordings of Kapacitor), .bin (captured requests), each also with .gz or .zst; give --data-format if the name is another"
    };
    ReplayError::Data { path: path.into(), line: None, message: message.into() }
}
