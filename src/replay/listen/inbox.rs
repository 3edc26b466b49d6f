//! The points of the requests that were acknowledged.

use super::super::ReplayError;
use super::super::source::{Item, Scratch, Source};
use super::queue::{Delivery, Queue};
use crate::protocol::line::{Cut, Reader, cut};
use std::sync::Arc;

/// The points that arrived. As a [`Source`] it ends whenever nothing waits; [`Inbox::wait`] then
/// tells when to go on.
#[derive(Debug)]
pub struct Inbox {
    queue: Arc<Queue>,
    /// The request that is being played.
    current: Option<Delivery>,
    /// The lines of it that are being played, and where the next begins.
    piece: Vec<u8>,
    at: usize,
    reader: Reader,
}

impl Inbox {
    pub(super) fn new(queue: Arc<Queue>, reader: Reader) -> Self {
        Self { queue, current: None, piece: Vec::new(), at: 0, reader }
    }

    /// Waits for points; false when no more will come.
    pub fn wait(&mut self) -> bool {
        self.current.is_some() || self.queue.wait()
    }

    /// Reads the next point of the request that is being played; false at its end.
    fn advance(&mut self, scratch: &mut Scratch) -> Result<bool, ReplayError> {
        let Some(delivery) = &mut self.current else { return Ok(false) };
        loop {
            while self.at < self.piece.len() {
                let rest = &self.piece[self.at..];
                let (line, end) = match cut(rest, u64::MAX) {
                    Cut::Line { len, end, .. } => (&rest[..len], end),
                    Cut::Partial { .. } => (rest, rest.len()),
                };
                self.at += end;
                let read = self.reader.read(line, &mut scratch.point);
                // It was read once already, when the request was checked.
                if read.map_err(|error| ReplayError::Unfit(error.to_string()))? {
                    scratch.point.set_database(&delivery.database);
                    scratch.point.set_retention_policy(&delivery.policy);
                    return Ok(true);
                }
            }
            delivery.share.shrink(self.piece.len() as u64);
            self.at = 0;
            match delivery.pieces.pop_front() {
                Some(piece) => self.piece = piece,
                None => {
                    self.piece = Vec::new();
                    self.current = None;
                    return Ok(false);
                }
            }
        }
    }
}

impl Source for Inbox {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            if self.advance(scratch)? {
                return Ok(Some(Item::Point));
            }
            let Some(delivery) = self.queue.pop() else { return Ok(None) };
            self.reader = Reader::with_now(delivery.precision, delivery.now);
            self.current = Some(delivery);
        }
    }
}
