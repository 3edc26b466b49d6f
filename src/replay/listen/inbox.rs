//! The points of the requests that were acknowledged.

use super::super::ReplayError;
use super::super::source::{Item, Scratch, Source};
use super::checkpoint::StateFolderError;
use super::dialect::Unit;
use super::queue::{Arrival, Delivery, Queue};
use crate::protocol::line::{Cut, Reader, cut};
use std::sync::Arc;
use std::time::Duration;

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
    /// The number of the next point, counted from the first that was ever acknowledged.
    next: u64,
}

impl Inbox {
    pub(super) fn new(queue: Arc<Queue>, reader: Reader, next: u64) -> Self {
        Self { queue, current: None, piece: Vec::new(), at: 0, reader, next }
    }

    /// Waits for points; false when no more will come.
    pub fn wait(&mut self) -> bool {
        loop {
            match self.wait_at_most(Duration::from_secs(3600)) {
                Arrival::Points => return true,
                Arrival::End => return false,
                Arrival::Nothing => {}
            }
        }
    }

    /// Waits for points, so long at most.
    pub fn wait_at_most(&mut self, most: Duration) -> Arrival {
        if self.current.is_some() { Arrival::Points } else { self.queue.wait(most) }
    }

    /// Returns the number of the next point, counted from the first that was ever acknowledged.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Begins a new part of the journal: so many points are in a checkpoint.
    ///
    /// # Errors
    /// A journal that cannot be written.
    pub fn turn_journal(&self, played: u64) -> Result<(), StateFolderError> {
        Ok(self.queue.turn_journal(played)?)
    }

    /// Returns how many bytes the journal has gathered since the last checkpoint.
    pub fn journal_bytes(&self) -> u64 {
        self.queue.journal_bytes()
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
                    if delivery.by_size {
                        let time = Unit::nanoseconds(scratch.point.time());
                        scratch.point.set_time(time);
                    }
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
                self.next += 1;
                return Ok(Some(Item::Point));
            }
            let Some(delivery) = self.queue.pop() else { return Ok(None) };
            self.reader = Reader::with_now(delivery.precision, delivery.now);
            self.current = Some(delivery);
        }
    }
}
