//! Kapacitor's stream recordings, `.srpl`: three lines a point: database, retention policy, and one
//! of line protocol with a time in nanoseconds.

use super::plausible::{self, Times};
use super::text::NumberedLines;
use super::{Item, Reading, Scratch, Source};
use crate::protocol::line::Reader;
use crate::replay::ReplayError;
use std::io::BufRead;
use std::path::Path;

pub(super) struct Recording {
    lines: NumberedLines<'static>,
    reader: Reader,
    database: String,
    retention_policy: String,
    /// A point was read.
    any: bool,
}

impl Recording {
    pub(super) fn new(reader: Box<dyn BufRead>, path: &Path, reading: &Reading) -> Self {
        Self {
            lines: NumberedLines::new(reader, path),
            reader: Reader::default(),
            database: String::new(),
            retention_policy: String::new(),
            any: reading.again,
        }
    }

    fn rest(&mut self) -> Result<(), ReplayError> {
        if self.lines.advance()? {
            return Ok(());
        }
        Err(self.lines.error(
            "the recording ends inside a point: a point is three lines (database, retention \
             policy, line protocol)"
                .into(),
        ))
    }
}

impl Source for Recording {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        if !self.lines.advance()? {
            if !self.any {
                plausible::say_empty(self.lines.path(), "the recording is empty");
            }
            return Ok(None);
        }
        self.database.clear();
        self.database.push_str(self.lines.text()?);
        self.rest()?;
        self.retention_policy.clear();
        self.retention_policy.push_str(self.lines.text()?);
        self.rest()?;
        match self.reader.read(self.lines.bytes(), &mut scratch.point) {
            Ok(true) => {}
            Ok(false) => return Err(self.lines.error("an empty line instead of a point".into())),
            Err(error) => {
                let message = format!("not a stream recording: {error}");
                return Err(self.lines.error(message));
            }
        }
        scratch.point.set_database(&self.database);
        scratch.point.set_retention_policy(&self.retention_policy);
        if !std::mem::replace(&mut self.any, true) {
            plausible::look_at(self.lines.path(), scratch.point.time(), Times::Fixed);
        }
        Ok(Some(Item::Point))
    }
}
