//! Kapacitor's stream recordings, `.srpl`: three lines a point: database, retention policy, and one
//! of line protocol with a time in nanoseconds.

use super::{Item, NumberedLines, Scratch, Source};
use crate::replay::ReplayError;
use crate::replay::line_protocol::{Precision, read};
use std::io::BufRead;
use std::path::Path;

pub(super) struct Recording {
    lines: NumberedLines,
    database: String,
    retention_policy: String,
}

impl Recording {
    pub(super) fn new(reader: Box<dyn BufRead>, path: &Path) -> Self {
        Self {
            lines: NumberedLines::new(reader, path),
            database: String::new(),
            retention_policy: String::new(),
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
            return Ok(None);
        }
        self.database.clear();
        self.database.push_str(self.lines.text()?);
        self.rest()?;
        self.retention_policy.clear();
        self.retention_policy.push_str(self.lines.text()?);
        self.rest()?;
        match read(self.lines.text()?, Precision::Nanoseconds, &mut scratch.point) {
            Ok(true) => {}
            Ok(false) => return Err(self.lines.error("an empty line instead of a point".into())),
            Err(error) => {
                let message = format!("not a stream recording: {error}");
                return Err(self.lines.error(message));
            }
        }
        scratch.point.set_database(&self.database);
        scratch.point.set_retention_policy(&self.retention_policy);
        Ok(Some(Item::Point))
    }
}
