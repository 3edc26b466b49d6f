//! A file of Parquet as a source: a thread decodes the columns that are wanted, of the row groups whose
//! times are wanted, in chunks of rows, and the source makes points of them.

use super::columns::{Column, Kind, Role, choose};
use super::decode::{Cell, Part, read};
use super::influx::Marks;
use crate::piped::Seekable;
use crate::protocol::point::{EntryHead, PointHead};
use crate::protocol::{FieldValue, Point};
use crate::replay::ReplayError;
use crate::replay::source::{Item, Reading, Scratch, Source, Span, plausible};
use crate::replay::timestamp::{self, Unit};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use std::cell::Cell as StdCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Rows that are decoded at once.
const ROWS: usize = 8192;

/// Chunks that may wait to be read.
const AHEAD: usize = 3;

/// Some rows of all columns that are wanted.
struct Chunk {
    rows: usize,
    parts: Vec<Part>,
    /// Bytes of the file that they take, for a progress bar.
    bytes: u64,
}

/// What the thread sends: chunks, and none at the end of the file.
type Decoded = Result<Option<Chunk>, ParquetError>;

/// A file of Parquet.
pub(super) struct Parquet {
    path: PathBuf,
    columns: Vec<Column>,
    /// The heads of fields, by column.
    heads: Vec<EntryHead>,
    /// None after the end.
    chunks: Option<Receiver<Decoded>>,
    chunk: Chunk,
    /// The next row of the chunk, and its number in the file, from 1.
    row: usize,
    number: u64,
    /// The unit of times that are numbers, once it is known.
    unit: Option<Unit>,
    measurement: String,
    /// The tags of the row before, and the beginning of a point with them.
    tags: Vec<Option<Vec<u8>>>,
    head: PointHead,
    /// Whether there was such a row.
    begun: bool,
    bytes: Rc<StdCell<u64>>,
    skipped: Rc<StdCell<u64>>,
    skip: bool,
    any: bool,
}

impl Parquet {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that is not Parquet, or that lacks a requested column.
    pub(super) fn open(path: &Path, reading: &Reading) -> Result<Self, ReplayError> {
        let data = |message: String| ReplayError::Data { path: path.into(), line: None, message };
        let file = Seekable::of(path).and_then(|whole| whole.open());
        let file = file.map_err(|source| ReplayError::Read { path: path.into(), source })?;
        let reader = SerializedFileReader::new(file)
            .map_err(|error| data(format!("not a file of Parquet: {}", told(&error))))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let marks = Marks::of(reader.metadata().file_metadata());
        let (columns, others) = choose(&schema, &reading.csv, &marks).map_err(data)?;
        if !others.is_empty() && !reading.again {
            let others = others.join(", ");
            log::warn!("{}: these columns are passed by: {others}", path.display());
        }
        let (sender, chunks) = sync_channel(AHEAD);
        let (wanted, span) = (columns.clone(), reading.span);
        let thread = std::thread::Builder::new().name("parquet".into());
        let decoding = move || {
            let end = decode(&reader, &wanted, span, &sender).map(|()| None);
            let _ = sender.send(end);
        };
        thread.spawn(decoding).map_err(|source| ReplayError::Read { path: path.into(), source })?;
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let measurement = reading.csv.measurement.clone().or(marks.measurement);
        let heads = columns.iter().map(|column| {
            let mut head = EntryHead::default();
            head.set(column.name.as_bytes());
            head
        });
        Ok(Self {
            path: path.into(),
            heads: heads.collect(),
            tags: vec![None; columns.len()],
            columns,
            chunks: Some(chunks),
            chunk: Chunk { rows: 0, parts: Vec::new(), bytes: 0 },
            row: 0,
            number: 0,
            unit: reading.csv.unit,
            measurement: measurement.unwrap_or_else(stem),
            head: PointHead::default(),
            begun: false,
            bytes: reading.bytes.clone(),
            skipped: reading.skipped.clone(),
            skip: reading.skip_bad_lines,
            any: reading.again,
        })
    }

    /// Fetches the next chunk; false at the end.
    fn fetch(&mut self) -> Result<bool, ReplayError> {
        let Some(chunks) = &self.chunks else { return Ok(false) };
        // A thread that hangs up before the end has panicked, as the library does on some files.
        let Ok(decoded) = chunks.recv() else {
            return Err(self.error("it is damaged, and the decoder cannot say where".into()));
        };
        let decoded =
            decoded.map_err(|error| self.error(format!("it is damaged: {}", told(&error))))?;
        let Some(chunk) = decoded else {
            self.chunks = None;
            return Ok(false);
        };
        self.bytes.set(self.bytes.get() + chunk.bytes);
        (self.chunk, self.row) = (chunk, 0);
        Ok(true)
    }

    fn error(&self, message: String) -> ReplayError {
        ReplayError::Data { path: self.path.clone(), line: None, message }
    }

    /// Begins a point with its measurement and tags, and returns its time.
    ///
    /// # Errors
    /// What is wrong with the time or a tag.
    fn begin(&mut self, point: &mut Point) -> Result<i64, String> {
        let Self { columns, chunk, unit, tags, head, measurement, row, .. } = self;
        let mut time = Err("the row has no time".to_owned());
        let mut same = true;
        point.clear();
        for ((column, part), tag) in columns.iter().zip(&mut chunk.parts).zip(tags.iter_mut()) {
            match column.role {
                Role::Time => {
                    if let Some(cell) = part.take(*row) {
                        let odd = || format!("'{}' is not a time", column.name);
                        time = time_of(&cell, column.kind, unit).ok_or_else(odd);
                    }
                }
                Role::Tag => same &= keep_tag(part.take(*row), tag),
                Role::Field => {}
            }
        }
        if same && self.begun {
            point.begin_with(head);
            return time;
        }
        point.put_name(measurement.as_bytes());
        for (column, tag) in columns.iter().zip(tags) {
            match tag.as_deref() {
                None | Some([]) => {}
                Some(value) if std::str::from_utf8(value).is_ok() => {
                    point.put_tag(column.name.as_bytes(), value);
                }
                Some(_) => time = Err(format!("'{}' is not UTF-8", column.name)),
            }
        }
        point.head(head);
        self.begun = true;
        time
    }

    /// Makes the point of a row; `false` if it has no field.
    ///
    /// # Errors
    /// What is wrong with the row.
    fn point(&mut self, point: &mut Point) -> Result<bool, String> {
        let mut time = self.begin(point);
        let Self { columns, chunk, heads, row, .. } = self;
        // Each column is asked in each row, so that none falls behind.
        for ((column, part), head) in columns.iter().zip(&mut chunk.parts).zip(heads) {
            if column.role != Role::Field {
                continue;
            }
            let name = column.name.as_bytes();
            match part.take(*row) {
                None => {}
                Some(Cell::Double(value)) => point.push_double(head, value),
                Some(Cell::Int(value)) if value < 0 && column.kind == Kind::Unsigned64 => {
                    let value = value as u64;
                    time = Err(format!("'{}' is {value}, more than an int can be", column.name));
                }
                Some(Cell::Int(value)) => point.push_value(name, &FieldValue::Int(value)),
                Some(Cell::Bool(value)) => point.push_value(name, &FieldValue::Bool(value)),
                Some(Cell::Text(value)) => match std::str::from_utf8(value.data()) {
                    Ok(_) => point.push_text(name, value.data()),
                    Err(_) => time = Err(format!("'{}' is not UTF-8", column.name)),
                },
            }
        }
        self.row += 1;
        self.number += 1;
        point.set_time(time?);
        Ok(point.entry_count() > 0)
    }
}

/// Keeps the tag of a row; returns whether the row before had the same.
fn keep_tag(cell: Option<Cell<'_>>, tag: &mut Option<Vec<u8>>) -> bool {
    let other: String;
    let value = match &cell {
        None => None,
        Some(Cell::Text(text)) => Some(text.data()),
        Some(Cell::Bool(value)) => {
            other = value.to_string();
            Some(other.as_bytes())
        }
        Some(Cell::Int(value)) => {
            other = value.to_string();
            Some(other.as_bytes())
        }
        Some(Cell::Double(value)) => {
            other = value.to_string();
            Some(other.as_bytes())
        }
    };
    if tag.as_deref() == value {
        return true;
    }
    *tag = value.map(<[u8]>::to_vec);
    false
}

/// Returns a time in nanoseconds since the epoch.
fn time_of(cell: &Cell<'_>, kind: Kind, unit: &mut Option<Unit>) -> Option<i64> {
    match (cell, kind) {
        (Cell::Int(time), Kind::Times(_) | Kind::Int96) => Some(*time),
        (Cell::Int(number), _) => {
            let unit = *unit.get_or_insert_with(|| timestamp::by_size(*number as f64));
            number.checked_mul(unit.nanoseconds())
        }
        (Cell::Double(number), _) => timestamp::read(&number.to_string(), unit),
        (Cell::Text(text), _) => timestamp::read(std::str::from_utf8(text.data()).ok()?, unit),
        (Cell::Bool(_), _) => None,
    }
}

impl Source for Parquet {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            if self.row == self.chunk.rows && !self.fetch()? {
                if !self.any && self.skipped.get() == 0 {
                    plausible::say_empty(
                        &self.path,
                        "it has no rows of the time that is asked for",
                    );
                }
                return Ok(None);
            }
            match self.point(&mut scratch.point) {
                Ok(true) => {
                    if !std::mem::replace(&mut self.any, true) {
                        let times =
                            self.unit.map_or(plausible::Times::Fixed, plausible::Times::Asked);
                        plausible::look_at(&self.path, scratch.point.time(), times);
                    }
                    return Ok(Some(Item::Point));
                }
                Ok(false) => {}
                Err(why) if self.skip => {
                    log::warn!("{}: row {}: skipped: {why}", self.path.display(), self.number);
                    self.skipped.set(self.skipped.get() + 1);
                }
                Err(why) => {
                    let more = "(--skip-bad-lines goes on and counts them)";
                    return Err(
                        self.error(format!("row {} of those read: {why} {more}", self.number))
                    );
                }
            }
        }
    }
}

/// Decodes the row groups of a span and sends their rows, until the reader is gone.
fn decode(
    file: &SerializedFileReader<File>,
    columns: &[Column],
    span: Span,
    sender: &SyncSender<Decoded>,
) -> Result<(), ParquetError> {
    for number in 0..file.num_row_groups() {
        let about = file.metadata().row_group(number);
        if !columns.first().is_none_or(|time| may_be_in(about, time, span)) {
            continue;
        }
        let group = file.get_row_group(number)?;
        let readers = columns.iter().map(|column| group.get_column_reader(column.place));
        let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
        let mut left = usize::try_from(about.num_rows()).unwrap_or(0);
        let mut bytes = u64::try_from(about.compressed_size()).unwrap_or(0);
        while left > 0 {
            let rows = left.min(ROWS);
            let mut parts = Vec::with_capacity(columns.len());
            for (reader, column) in readers.iter_mut().zip(columns) {
                let (count, part) = read(reader, column, rows)?;
                if count != rows {
                    let name = &column.name;
                    let message = format!("column '{name}' has fewer rows than the others");
                    return Err(ParquetError::General(message));
                }
                parts.push(part);
            }
            left -= rows;
            let chunk = Chunk { rows, parts, bytes: std::mem::take(&mut bytes) };
            if sender.send(Ok(Some(chunk))).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Tells whether a row group may hold times of a span, by the least and the largest that it says it has.
fn may_be_in(group: &RowGroupMetaData, time: &Column, span: Span) -> bool {
    let Kind::Times(unit) = time.kind else { return true };
    let Some(Statistics::Int64(times)) = group.column(time.place).statistics() else { return true };
    let scaled = |time: &i64| time.saturating_mul(unit);
    let ends_before = |from| times.max_opt().is_some_and(|max| scaled(max) < from);
    let begins_after = |to| times.min_opt().is_some_and(|min| scaled(min) >= to);
    !span.from.is_some_and(ends_before) && !span.to.is_some_and(begins_after)
}

/// An error in the words of the library, without the name of the library.
fn told(error: &ParquetError) -> String {
    let text = error.to_string();
    text.strip_prefix("Parquet error: ").map_or(text.clone(), str::to_owned)
}
