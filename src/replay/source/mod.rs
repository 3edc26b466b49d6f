//! Where recorded data comes from: one file a format, told apart by the file's name.

mod batches;
mod capture;
mod csv;
mod lines;
mod stream;

pub use csv::CsvReading;

use super::ReplayError;
use super::line_protocol::Precision;
use crate::protocol::{Batch, Point};
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
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
}

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The unit of times in line protocol.
    pub precision: Precision,
    /// Go on after a bad line.
    pub skip_bad_lines: bool,
    /// How CSV is read.
    pub csv: CsvReading,
    /// Counts the bytes that were read, for a progress bar.
    pub bytes: Rc<Cell<u64>>,
    /// Counts the lines that were skipped.
    pub skipped: Rc<Cell<u64>>,
}

/// Opens a file by its name: `.lp`, `.csv`, `.srpl`, `.brpl`, `.bin`, with `.gz` after it or not.
///
/// # Errors
/// A file that cannot be read, or whose name says nothing.
pub fn open(path: &Path, reading: &Reading) -> Result<Box<dyn Source>, ReplayError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = plain.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "lp" | "txt" | "line" | "influx" => {
            Box::new(lines::Lines::new(text(path, reading)?, path, reading))
        }
        "csv" | "tsv" => Box::new(csv::Csv::open(text(path, reading)?, path, reading)?),
        "srpl" => Box::new(stream::Recording::new(text(path, reading)?, path)),
        "brpl" => Box::new(batches::Recording::open(path, reading)?),
        "bin" => Box::new(capture::Capture::new(text(path, reading)?, path)),
        _ => {
            return Err(ReplayError::Data {
                path: path.into(),
                line: None,
                message: "what it holds is told by its name: .lp (line protocol), .csv, .srpl or \
                          .brpl (recordings of Kapacitor), .bin (captured requests), each also \
                          with .gz"
                    .into(),
            });
        }
    })
}

/// A file, unpacked if its first bytes say gzip, whatever its name.
fn text(path: &Path, reading: &Reading) -> Result<Box<dyn BufRead>, ReplayError> {
    let error = |source| ReplayError::Read { path: path.into(), source };
    let file = File::open(path).map_err(error)?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(error(std::io::ErrorKind::IsADirectory.into()));
    }
    let counted = Counted { inner: file, bytes: reading.bytes.clone() };
    let mut buffered = BufReader::with_capacity(1 << 16, counted);
    let packed = buffered.fill_buf().map_err(error)?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(buffered)))
    } else {
        Box::new(buffered)
    })
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + n as u64);
        Ok(n)
    }
}

/// The lines of a text file, with their numbers.
struct NumberedLines {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    number: u64,
    bytes: Vec<u8>,
}

impl NumberedLines {
    fn new(reader: Box<dyn BufRead>, path: &Path) -> Self {
        Self { reader, path: path.into(), number: 0, bytes: Vec::new() }
    }

    /// Reads the next line into `bytes`, without its end; false at the end of the file.
    fn advance(&mut self) -> Result<bool, ReplayError> {
        self.bytes.clear();
        self.append()
    }

    fn append(&mut self) -> Result<bool, ReplayError> {
        let read = self.reader.read_until(b'\n', &mut self.bytes);
        let read = read.map_err(|source| ReplayError::Read { path: self.path.clone(), source })?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.bytes.ends_with(b"\n") {
            self.bytes.pop();
            if self.bytes.ends_with(b"\r") {
                self.bytes.pop();
            }
        }
        Ok(true)
    }

    fn text(&self) -> Result<&str, ReplayError> {
        std::str::from_utf8(&self.bytes).map_err(|_| self.error("the line is not UTF-8".into()))
    }

    fn error(&self, message: String) -> ReplayError {
        ReplayError::Data { path: self.path.clone(), line: Some(self.number), message }
    }
}
