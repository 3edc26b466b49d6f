//! Line protocol, `.lp`.

use super::plausible::{self, Times};
use super::text::NumberedLines;
use super::{Item, Reading, Scratch, Source};
use crate::protocol::line::{LineError, Precision, Reader};
use crate::protocol::time::rfc3339;
use crate::replay::ReplayError;
use std::cell::Cell;
use std::io::BufRead;
use std::path::Path;
use std::rc::Rc;

pub(super) struct Lines<'r> {
    lines: NumberedLines<'r>,
    reader: Reader,
    precision: Precision,
    skip: bool,
    skipped: Rc<Cell<u64>>,
    /// A point was read.
    any: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(reader: Box<dyn BufRead + 'r>, path: &Path, reading: &Reading) -> Self {
        Self {
            lines: NumberedLines::new(reader, path),
            reader: Reader::new(reading.precision),
            precision: reading.precision,
            skip: reading.skip_bad_lines,
            skipped: reading.skipped.clone(),
            any: reading.again,
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
        let unit = match error {
            LineError::Time(number) => plausible::likely_unit(*number),
            _ => None,
        };
        let unit = unit.map_or(String::new(), |(unit, time)| {
            format!(" With --precision {unit} it is {}", rfc3339(time))
        });
        let utf16 = [&b"\xff\xfe"[..], b"\xfe\xff"];
        let start = self.lines.bytes();
        let wide =
            matches!(error, LineError::NotUtf8) && utf16.iter().any(|m| start.starts_with(m));
        let hint =
            if wide { "; the file begins as UTF-16 does: write it again as UTF-8" } else { "" };
        let message = format!("{error}{hint}{unit} (--skip-bad-lines goes on and counts them)");
        Err(ReplayError::Data { path: path.into(), line: Some(line), message })
    }
}

impl Source for Lines<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while self.lines.advance_point()? {
            match self.reader.read(self.lines.bytes(), &mut scratch.point) {
                Ok(true) => {
                    if !self.any {
                        self.any = true;
                        let times = Times::Asked(self.precision);
                        plausible::look_at(self.lines.path(), scratch.point.time(), times);
                    }
                    return Ok(Some(Item::Point));
                }
                Ok(false) => {}
                Err(error) => self.bad(&error)?,
            }
        }
        if !self.any && self.skipped.get() == 0 {
            plausible::say_empty(self.lines.path(), "it is empty, or holds comments only");
        }
        Ok(None)
    }
}
