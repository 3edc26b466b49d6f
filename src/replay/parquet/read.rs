//! A file of Parquet as a source: a thread decodes the columns that are wanted, of the row groups whose
//! times are wanted, in blocks of rows, of which the source makes points or which it hands on.

use super::columns::{Column, Kind, choose};
use super::decode::read;
use super::influx::Marks;
use super::rows::{About, RowBlock};
use super::series::SeriesTable;
use crate::piped::Seekable;
use crate::replay::ReplayError;
use crate::replay::source::{Block, Blocks, Item, Made, Reading, Scratch, Source, Span, plausible};
use crate::replay::timestamp::Unit;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use std::cell::Cell as StdCell;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Rows that are decoded at once.
const ROWS: usize = 4096;

/// Blocks that may wait to be read.
const AHEAD: usize = 3;

/// What the thread sends: blocks, and none at the end of the file.
type Decoded = Result<Option<RowBlock>, ParquetError>;

/// A file of Parquet.
pub(super) struct Parquet {
    about: Arc<About>,
    /// None after the end.
    blocks: Option<Receiver<Decoded>>,
    block: Option<RowBlock>,
    /// The next row of the block.
    row: usize,
    span: Span,
    bytes: Rc<StdCell<u64>>,
    skipped: Rc<StdCell<u64>>,
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
            .map_err(|error| data(format!("it is not a Parquet file: {}", told(&error))))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let marks = Marks::of(reader.metadata().file_metadata());
        let (columns, others) = choose(&schema, &reading.csv, &marks).map_err(data)?;
        if !others.is_empty() && !reading.again {
            let others = others.join(", ");
            log::warn!("{}: these columns are skipped: {others}", path.display());
        }
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let measurement = reading.csv.measurement.clone().or(marks.measurement);
        let table = SeriesTable::new(measurement.unwrap_or_else(stem));
        let about = Arc::new(About::new(path.into(), columns, reading.skip_bad_lines));
        let (sender, blocks) = sync_channel(AHEAD);
        let (of, span, unit) = (about.clone(), reading.span, reading.csv.unit);
        let thread = std::thread::Builder::new().name("parquet".into());
        let decoding = move || {
            let end = decode(&reader, &of, span, (table, unit), &sender).map(|()| None);
            let _ = sender.send(end);
        };
        thread.spawn(decoding).map_err(|source| ReplayError::Read { path: path.into(), source })?;
        Ok(Self {
            about,
            blocks: Some(blocks),
            block: None,
            row: 0,
            span: Span::default(),
            bytes: reading.bytes.clone(),
            skipped: reading.skipped.clone(),
            any: reading.again,
        })
    }

    /// Fetches the next block; `None` at the end.
    fn fetch(&mut self) -> Result<Option<RowBlock>, ReplayError> {
        let Some(blocks) = &self.blocks else { return Ok(None) };
        // A thread that hangs up before the end has panicked, as the library does on some files.
        let Ok(decoded) = blocks.recv() else {
            return Err(self.error("it is damaged; the decoder does not tell where".into()));
        };
        let decoded =
            decoded.map_err(|error| self.error(format!("it is damaged: {}", told(&error))))?;
        match &decoded {
            Some(block) => self.bytes.set(self.bytes.get() + block.bytes),
            None => self.blocks = None,
        }
        Ok(decoded)
    }

    fn error(&self, message: String) -> ReplayError {
        ReplayError::Data { path: self.about.path.clone(), line: None, message }
    }
}

impl Source for Parquet {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            let Some(block) = self.block.as_ref().filter(|block| self.row < block.len()) else {
                (self.block, self.row) = (self.fetch()?, 0);
                if self.block.is_some() {
                    continue;
                }
                if !self.any && self.skipped.get() == 0 {
                    let what = "it has no rows in the given range of time";
                    plausible::say_empty(&self.about.path, what);
                }
                return Ok(None);
            };
            let made = block.make(self.row, &mut scratch.point)?;
            self.row += 1;
            match made {
                Made::Point => {
                    if !std::mem::replace(&mut self.any, true) {
                        let times =
                            block.unit.map_or(plausible::Times::Fixed, plausible::Times::Asked);
                        plausible::look_at(&self.about.path, scratch.point.time(), times);
                    }
                    return Ok(Some(Item::Point));
                }
                Made::Nothing => {}
                Made::Skipped(told) => {
                    log::warn!("{told}");
                    self.add_skipped(1);
                }
            }
        }
    }

    fn blocks(&mut self) -> Option<&mut dyn Blocks> {
        // The rows of a block that has been begun are taken one by one.
        let begun = self.block.as_ref().is_some_and(|block| self.row < block.len());
        (self.any && !begun).then_some(self)
    }
}

impl Blocks for Parquet {
    fn next_block(&mut self, _spare: Option<Block>) -> Result<Option<Block>, ReplayError> {
        let span = self.span;
        Ok(self.fetch()?.map(|mut block| {
            block.span = span;
            Block::Rows(block)
        }))
    }

    fn only(&mut self, span: Span) {
        self.span = span;
    }

    fn add_skipped(&mut self, count: u64) {
        self.skipped.set(self.skipped.get() + count);
    }
}

/// Decodes the row groups of a span and sends their rows, until the reader is gone.
fn decode(
    file: &SerializedFileReader<File>,
    about: &Arc<About>,
    span: Span,
    (mut table, mut unit): (SeriesTable, Option<Unit>),
    sender: &SyncSender<Decoded>,
) -> Result<(), ParquetError> {
    let columns = &about.columns;
    let mut first = 1;
    for number in 0..file.num_row_groups() {
        let of_group = file.metadata().row_group(number);
        if !columns.first().is_none_or(|time| may_be_in(of_group, time, span)) {
            continue;
        }
        let group = file.get_row_group(number)?;
        let readers = columns.iter().map(|column| group.get_column_reader(column.place));
        let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
        let mut left = usize::try_from(of_group.num_rows()).unwrap_or(0);
        let mut bytes = u64::try_from(of_group.compressed_size()).unwrap_or(0);
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
            let bytes = std::mem::take(&mut bytes);
            let block = RowBlock::new(about, first, parts, &mut table, &mut unit, bytes);
            first += rows as u64;
            if sender.send(Ok(Some(block))).is_err() {
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
