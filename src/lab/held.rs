//! The data, read once and held in memory: each replay plays it again from here.

use crate::protocol::Batch;
use crate::replay::ReplayError;
use crate::replay::source::{Item, Scratch, Source};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Points that a block holds.
const BLOCK: usize = 4096;

/// An item; points lie in blocks.
#[derive(Clone, Debug)]
enum Kept {
    /// So many points, one behind the other.
    Points(Arc<Batch>),
    Batch(usize, Arc<Batch>),
    Frame(Arc<Vec<u8>>),
}

/// Data in memory. A copy shares the data.
#[derive(Clone, Debug, Default)]
pub struct Held {
    kept: Vec<Kept>,
    /// Points that came after the last block.
    open: Batch,
    points: u64,
    bytes: u64,
    /// The first and the last time.
    span: Option<(i64, i64)>,
    queries: Option<usize>,
}

impl Held {
    /// Appends everything that a source gives.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn read(&mut self, source: &mut dyn Source) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        self.queries = source.queries();
        while let Some(item) = source.next(&mut scratch)? {
            self.push(item, &mut scratch);
        }
        Ok(())
    }

    /// Appends an item; a batch is taken out of its place.
    pub fn push(&mut self, item: Item, scratch: &mut Scratch) {
        let time = match item {
            Item::Point => Some(scratch.point.time()),
            Item::Batch => Some(scratch.batch.tmax),
            Item::Frame => None,
        };
        if let Some(time) = time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
        match item {
            Item::Point => {
                self.bytes += scratch.point.message_len() as u64;
                self.points += 1;
                self.open.push(&scratch.point);
                if self.open.len() >= BLOCK {
                    self.close();
                }
            }
            Item::Batch => {
                self.close();
                let batch = std::mem::take(&mut scratch.batch);
                self.bytes += batch.size_in_memory() as u64;
                self.points += batch.len() as u64;
                self.kept.push(Kept::Batch(scratch.query, Arc::new(batch)));
            }
            Item::Frame => {
                self.close();
                self.bytes += scratch.frame.len() as u64;
                self.points += 1;
                self.kept.push(Kept::Frame(Arc::new(scratch.frame.clone())));
            }
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.kept.push(Kept::Points(Arc::new(std::mem::take(&mut self.open))));
        }
    }

    /// Drops the oldest items until about so many points are left.
    pub fn keep(&mut self, points: u64) {
        while self.points > points {
            let Some(first) = self.kept.first() else { return };
            let (dropped, bytes) = match first {
                Kept::Points(batch) => (batch.len() as u64, batch.byte_len() as u64),
                Kept::Batch(_, batch) => (batch.len() as u64, batch.size_in_memory() as u64),
                Kept::Frame(frame) => (1, frame.len() as u64),
            };
            // A block goes as a whole, so that what is left is never less than what was asked for.
            if self.points - dropped < points {
                return;
            }
            self.points -= dropped;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.kept.remove(0);
        }
    }

    /// Returns whether all items are points.
    pub fn is_points(&self) -> bool {
        self.kept.iter().all(|kept| matches!(kept, Kept::Points(_)))
    }

    /// Returns how many points there are.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Returns whether a time is not later than the last item.
    pub fn reaches(&self, time: i64) -> bool {
        self.span.is_some_and(|(_, last)| time <= last)
    }

    /// Returns how many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Plays the data; it ends early once `overtaken` is set.
    pub fn play(&self, overtaken: Arc<AtomicBool>) -> Playing<'_> {
        Playing { held: self, at: (0, 0), overtaken, until: i64::MAX }
    }
}

/// Held data as a source.
#[derive(Debug)]
pub struct Playing<'h> {
    held: &'h Held,
    /// The item that comes next, and within it the point.
    at: (usize, usize),
    overtaken: Arc<AtomicBool>,
    until: i64,
}

impl Playing<'_> {
    /// Ends before the first item that is later than this.
    #[must_use]
    pub fn until(mut self, time: i64) -> Self {
        self.until = time;
        self
    }
}

impl Source for Playing<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        if self.overtaken.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (item, point) = self.at;
        let open = Some(&self.held.open).filter(|open| !open.is_empty());
        let points = match self.held.kept.get(item) {
            Some(Kept::Batch(query, batch)) => {
                if batch.tmax > self.until {
                    return Ok(None);
                }
                (scratch.query, self.at) = (*query, (item + 1, 0));
                scratch.batch.clone_from(batch);
                return Ok(Some(Item::Batch));
            }
            Some(Kept::Frame(frame)) => {
                self.at = (item + 1, 0);
                scratch.frame.clone_from(frame);
                return Ok(Some(Item::Frame));
            }
            Some(Kept::Points(points)) => &**points,
            None if item == self.held.kept.len() && open.is_some() => &self.held.open,
            None => return Ok(None),
        };
        points
            .read(point, &mut scratch.point)
            .map_err(|error| ReplayError::Unfit(error.to_string()))?;
        if scratch.point.time() > self.until {
            return Ok(None);
        }
        self.at = if point + 1 < points.len() { (item, point + 1) } else { (item + 1, 0) };
        Ok(Some(Item::Point))
    }

    fn queries(&self) -> Option<usize> {
        self.held.queries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Point;

    fn held(times: std::ops::Range<i64>) -> Held {
        let mut held = Held::default();
        let mut scratch = Scratch::default();
        for time in times {
            scratch.point = Point::new(time);
            held.push(Item::Point, &mut scratch);
        }
        held
    }

    fn times(mut playing: Playing<'_>) -> Vec<i64> {
        let mut scratch = Scratch::default();
        let mut times = Vec::new();
        while playing.next(&mut scratch).unwrap().is_some() {
            times.push(scratch.point.time());
        }
        times
    }

    #[test]
    fn what_is_held_comes_in_order_and_ends_where_it_is_told() {
        let held = held(0..10_000);
        assert_eq!(held.points(), 10_000);
        assert_eq!(times(held.play(Arc::default())), (0..10_000).collect::<Vec<_>>());
        assert_eq!(times(held.play(Arc::default()).until(4500)).len(), 4501);
        assert!(times(held.play(Arc::new(AtomicBool::new(true)))).is_empty());
    }

    #[test]
    fn the_oldest_go_by_the_block() {
        let mut held = held(0..10_000);
        held.keep(3_000);
        let left = times(held.play(Arc::default()));
        assert_eq!((left.len() as u64, left.last()), (held.points(), Some(&9_999)));
        assert!((3_000..3_000 + BLOCK).contains(&left.len()), "{}", left.len());
    }
}
