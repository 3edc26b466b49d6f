//! Line protocol, `.lp`.

use super::{Item, NumberedLines, Reading, Scratch, Source};
use crate::replay::ReplayError;
use crate::replay::line_protocol::{LineError, Precision, read};
use std::cell::Cell;
use std::io::BufRead;
use std::path::Path;
use std::rc::Rc;

/// Lines that a text field may span.
const CONTINUED: usize = 100;

/// Times before this are in the first day of 1970: `--precision` is probably wrong.
const FIRST_DAY: i64 = 86_400_000_000_000;

pub(super) struct Lines {
    lines: NumberedLines,
    precision: Precision,
    skip: bool,
    skipped: Rc<Cell<u64>>,
    warned: bool,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead>, path: &Path, reading: &Reading) -> Self {
        Self {
            lines: NumberedLines::new(reader, path),
            precision: reading.precision,
            skip: reading.skip_bad_lines,
            skipped: reading.skipped.clone(),
            warned: false,
        }
    }

    /// Reads the point of the current line, with the lines that its text fields go on in.
    fn point(&mut self, scratch: &mut Scratch) -> Result<bool, ReplayError> {
        let start = self.lines.number;
        for _ in 0..CONTINUED {
            let error = match read(self.lines.text()?, self.precision, &mut scratch.point) {
                Ok(found) => return Ok(found),
                Err(error @ LineError::Syntax(_)) => error,
                Err(error) => return Err(self.lines.error(error.to_string())),
            };
            if !open_quote(&self.lines.bytes) {
                return Err(self.lines.error(error.to_string()));
            }
            self.lines.bytes.push(b'\n');
            if !self.lines.append()? {
                self.lines.number = start;
                return Err(self.lines.error(error.to_string()));
            }
        }
        self.lines.number = start;
        Err(self.lines.error("a text field that begins here never ends".into()))
    }

    fn warn_of_precision(&mut self, time: i64) {
        if !self.warned && (0..FIRST_DAY).contains(&time) {
            log::warn!(
                "{}: the first time is in January 1970; is --precision right?",
                self.lines.path.display()
            );
        }
        self.warned = true;
    }
}

/// True if a quote is open at the end.
fn open_quote(line: &[u8]) -> bool {
    let mut open = false;
    let mut escaped = false;
    for byte in line {
        match byte {
            b'\\' if !escaped => {
                escaped = true;
                continue;
            }
            b'"' if !escaped => open = !open,
            _ => {}
        }
        escaped = false;
    }
    open
}

impl Source for Lines {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while self.lines.advance()? {
            match self.point(scratch) {
                Ok(true) => {
                    self.warn_of_precision(scratch.point.time());
                    return Ok(Some(Item::Point));
                }
                Ok(false) => {}
                Err(ReplayError::Data { path, line, message }) if self.skip => {
                    let line = line.unwrap_or(self.lines.number);
                    log::warn!("{}:{line}: skipped: {message}", path.display());
                    self.skipped.set(self.skipped.get() + 1);
                }
                Err(ReplayError::Data { path, line, message }) => {
                    let message = format!("{message} (--skip-bad-lines goes on and counts them)");
                    return Err(ReplayError::Data { path, line, message });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
