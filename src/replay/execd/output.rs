//! The output of the script, as lines.

use super::Desk;
use super::state::StateKeeper;
use crate::agent::AgentError;
use crate::protocol::Point;
use crate::protocol::frame::split_first;
use crate::protocol::line::Writer;
use crate::protocol::message::{decode_response, response};
use std::io::{self, Write};
use std::sync::atomic::Ordering;

/// Takes the answers of a session, and writes lines.
pub struct Output<W> {
    writer: W,
    desk: Desk,
    /// Bytes that are not a whole answer yet.
    rest: Vec<u8>,
    text: String,
    lines: Writer,
    point: Point,
    /// The measurement of the batch that has begun.
    batch: String,
    keeper: Option<StateKeeper>,
}

impl<W: Write> Output<W> {
    /// Makes an output that writes to `writer`.
    pub fn new(writer: W, desk: Desk, keeper: Option<StateKeeper>) -> Self {
        Self {
            writer,
            desk,
            rest: Vec::new(),
            text: String::new(),
            lines: Writer::default(),
            point: Point::default(),
            batch: String::new(),
            keeper,
        }
    }

    fn answer(&mut self, frame: &[u8]) -> Result<(), AgentError> {
        if let Some(message) = Point::message_of_frame(frame) {
            self.point.parse(message)?;
            let written = self.lines.write(&self.point, &self.batch, &mut self.text);
            let counter = if written { &self.desk.0.written } else { &self.desk.0.empty };
            counter.fetch_add(1, Ordering::Relaxed);
            if written {
                self.text.push('\n');
            }
            return Ok(());
        }
        match decode_response(frame)? {
            response::Message::Begin(begin) => self.batch = begin.name,
            response::Message::End(_) => self.batch.clear(),
            response::Message::Init(init) if !init.success => {
                self.desk.refuse(format!("the script refuses its options: {}", init.error));
            }
            response::Message::Restore(restore) if !restore.success => {
                self.desk.refuse(format!("the script refuses the state: {}", restore.error));
            }
            response::Message::Snapshot(answer) => {
                if let Some(keeper) = &self.keeper {
                    keeper.keep(answer.snapshot);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answers(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        let mut frames = &rest[..];
        while let Some((frame, more)) = split_first(frames) {
            self.answer(frame).map_err(io::Error::other)?;
            frames = more;
        }
        self.rest = frames.to_vec();
        if !self.text.is_empty() {
            self.writer.write_all(self.text.as_bytes())?;
            self.text.clear();
        }
        Ok(())
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        self.answers()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
