//! Line protocol, `.lp`.

use super::text::NumberedLines;
use super::{Item, Reading, Scratch, Source};
use crate::protocol::line::{LineError, Reader};
use crate::replay::ReplayError;
use std::cell::Cell;
use std::io::BufRead;
use std::path::Path;
use std::rc::Rc;

/// Times before this are in the first day of 1970: `--precision` is probably wrong.
const FIRST_DAY: i64 = 86_400_000_000_000;

pub(super) struct Lines {
    lines: NumberedLines,
    reader: Reader,
    skip: bool,
    skipped: Rc<Cell<u64>>,
    warned: bool,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead>, path: &Path, reading: &Reading) -> Self {
        Self {
            lines: NumberedLines::new(reader, path),
            reader: Reader::new(reading.precision),
            skip: reading.skip_bad_lines,
            skipped: reading.skipped.clone(),
            warned: false,
        }
    }

    /// Stops at a bad line, or counts it.
    #[cold]
    fn bad(&mut self, error: &LineError) -> Result<(), ReplayError> {
        let down = match error {
            LineError::Syntax { down, .. } => *down,
            _ => 0,
        };
        let line = self.lines.number + down;
        let path = self.lines.path();
        if self.skip {
            log::warn!("{}:{line}: skipped: {error}", path.display());
            self.skipped.set(self.skipped.get() + 1);
            return Ok(());
        }
        let message = format!("{error} (--skip-bad-lines goes on and counts them)");
        Err(ReplayError::Data { path: path.into(), line: Some(line), message })
    }

    fn warn_of_precision(&mut self, time: i64) {
        if !self.warned && (0..FIRST_DAY).contains(&time) {
            log::warn!(
                "{}: the first time is in January 1970; is --precision right?",
                self.lines.path().display()
            );
        }
        self.warned = true;
    }
}

impl Source for Lines {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while self.lines.advance_point()? {
            match self.reader.read(self.lines.bytes(), &mut scratch.point) {
                Ok(true) => {
                    self.warn_of_precision(scratch.point.time());
                    return Ok(Some(Item::Point));
                }
                Ok(false) => {}
                Err(error) => self.bad(&error)?,
            }
        }
        Ok(None)
    }
}
