//! Line protocol, `.lp`.

use super::block::{Block, Blocks, Known, Labels, Made};
use super::plausible::{self, Times};
use super::text::{NumberedLine, NumberedLines};
use super::{Item, Reading, Scratch, Source, Span};
use crate::protocol::Point;
use crate::protocol::line::{LineError, Precision, Reader, SeriesReader};
use crate::protocol::time::rfc3339;
use crate::replay::ReplayError;
use std::cell::Cell;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// What is to be known of a file to make points of its lines.
#[derive(Clone, Debug, Default)]
struct About {
    path: PathBuf,
    precision: Precision,
    /// Bad lines are skipped.
    skip: bool,
    /// Only points of this time, where lines are handed on by the block.
    span: Span,
}

impl About {
    /// Says what is wrong with a line: as an error, or, where bad lines are skipped, for the log.
    #[cold]
    fn judge(&self, error: &LineError, number: u64, bytes: &[u8]) -> Result<String, ReplayError> {
        let down = match error {
            LineError::Syntax { down, .. } => *down,
            _ => 0,
        };
        let line = number + down;
        if self.skip {
            return Ok(format!("{}:{line}: skipped: {error}", self.path.display()));
        }
        let unit = match error {
            LineError::Time(number) => plausible::likely_unit(*number),
            _ => None,
        };
        let unit = unit.map_or(String::new(), |(unit, time)| {
            format!(" With --precision {unit} it is {}", rfc3339(time))
        });
        let utf16 = [&b"\xff\xfe"[..], b"\xfe\xff"];
        let wide =
            matches!(error, LineError::NotUtf8) && utf16.iter().any(|m| bytes.starts_with(m));
        let hint = if wide { "; the file seems to be UTF-16: save it as UTF-8" } else { "" };
        let message = format!("{error}{hint}{unit} (--skip-bad-lines skips and counts such lines)");
        Err(ReplayError::Data { path: self.path.clone(), line: Some(line), message })
    }
}

/// Lines that have been found and not been read.
#[derive(Debug, Default)]
pub struct LineBlock {
    about: Arc<About>,
    text: Vec<u8>,
    lines: Vec<NumberedLine>,
}

/// What reads the lines of blocks.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    reader: Reader,
    precision: Precision,
}

impl LineBlock {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    #[inline]
    fn bytes(&self, line: usize) -> &[u8] {
        let NumberedLine { start, end, .. } = self.lines[line];
        &self.text[start..end]
    }

    /// As [`Block::label`].
    pub(super) fn label(
        &self,
        labels: &mut Labels,
        known: &mut Known,
        place: &mut dyn FnMut(&Point) -> usize,
        take: &mut dyn FnMut(usize, usize),
    ) {
        let Labels { lines, point } = labels;
        for item in 0..self.lines.len() {
            let line = self.bytes(item);
            let mut find = || if lines.read(line, point) { place(point) } else { 0 };
            let of_line = match SeriesReader::written(line) {
                [] => find(),
                written => known.place(written, find),
            };
            take(item, of_line);
        }
    }

    /// As [`Block::make`].
    #[inline]
    pub(super) fn make(
        &self,
        item: usize,
        with: &mut LineReader,
        point: &mut Point,
    ) -> Result<Made, ReplayError> {
        let About { precision, span, .. } = *self.about;
        if with.precision != precision {
            *with = LineReader { reader: Reader::new(precision), precision };
        }
        match with.reader.read(self.bytes(item), point) {
            Ok(true) if span.has(point.time()) => Ok(Made::Point),
            Ok(_) => Ok(Made::Nothing),
            Err(error) => {
                let number = self.lines[item].number;
                self.about.judge(&error, number, self.bytes(item)).map(Made::Skipped)
            }
        }
    }
}

pub(super) struct Lines<'r> {
    lines: NumberedLines<'r>,
    reader: Reader,
    about: Arc<About>,
    skipped: Rc<Cell<u64>>,
    /// A point was read.
    any: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(reader: Box<dyn BufRead + 'r>, path: &Path, reading: &Reading) -> Self {
        let about = About {
            path: path.into(),
            precision: reading.precision,
            skip: reading.skip_bad_lines,
            span: Span::default(),
        };
        Self {
            lines: NumberedLines::new(reader, path),
            reader: Reader::new(reading.precision),
            about: Arc::new(about),
            skipped: reading.skipped.clone(),
            any: reading.again,
        }
    }
}

impl Source for Lines<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while self.lines.advance_point()? {
            match self.reader.read(self.lines.bytes(), &mut scratch.point) {
                Ok(true) => {
                    if !self.any {
                        self.any = true;
                        let times = Times::Asked(self.about.precision);
                        plausible::look_at(self.lines.path(), scratch.point.time(), times);
                    }
                    return Ok(Some(Item::Point));
                }
                Ok(false) => {}
                Err(error) => {
                    let told = self.about.judge(&error, self.lines.number, self.lines.bytes())?;
                    log::warn!("{told}");
                    self.add_skipped(1);
                }
            }
        }
        if !self.any && self.skipped.get() == 0 {
            plausible::say_empty(self.lines.path(), "it is empty, or has comments only");
        }
        Ok(None)
    }

    fn blocks(&mut self) -> Option<&mut dyn Blocks> {
        // The first point is looked at by itself.
        self.any.then_some(self)
    }
}

impl Blocks for Lines<'_> {
    fn next_block(&mut self, spare: Option<Block>) -> Result<Option<Block>, ReplayError> {
        let mut block = match spare {
            Some(Block::Lines(block)) => block,
            _ => LineBlock::default(),
        };
        block.about = self.about.clone();
        let any = self.lines.advance_block(&mut block.text, &mut block.lines)?;
        Ok(any.then_some(Block::Lines(block)))
    }

    fn only(&mut self, span: Span) {
        self.about = Arc::new(About { span, ..(*self.about).clone() });
    }

    fn add_skipped(&mut self, count: u64) {
        self.skipped.set(self.skipped.get() + count);
    }
}
