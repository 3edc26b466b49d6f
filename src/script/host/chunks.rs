//! Points that have arrived and wait for `points(chunk, opt)`: a chunk for each group, so that one
//! call serves many points. Where each point of the chunks gives one point, the output is in the order
//! in which they came; otherwise order is kept within a group.

use crate::protocol::{Batch, Point};
use std::rc::Rc;
use std::time::Duration;

/// Points that wait at most, in all groups.
const POINTS: usize = 4096;

/// Bytes that wait at most, in all groups.
const BYTES: usize = 4 << 20;

/// Results are not delayed for longer than this, estimated from the last round.
const PATIENCE: Duration = Duration::from_millis(20);

/// Rounds of points that are not gathered after one in which hardly any group had two points.
const LONELY_ROUNDS: usize = 15;

/// The chunks of all groups, in the order of their first point.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// Those of this round, then memory of earlier rounds.
    chunks: Vec<Chunk>,
    used: usize,
    /// For each point, in the order of arrival, the chunk that it is in.
    order: Vec<u32>,
    bytes: usize,
    /// Points that are gathered in a round.
    limit: usize,
    /// Points that are to be handled one by one before the next round.
    lonely: usize,
}

/// The points of one group.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The place of the group's state.
    pub(crate) place: usize,
    pub(crate) len: usize,
    /// The only point of a chunk of one.
    pub(crate) point: Point,
    /// The points of any other; the latest time is the batch's.
    pub(crate) batch: Rc<Batch>,
}

impl Default for Chunks {
    fn default() -> Self {
        let (chunks, order) = (Vec::new(), Vec::new());
        Self { chunks, used: 0, order, bytes: 0, limit: POINTS, lonely: 0 }
    }
}

impl Chunks {
    /// True if no point waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// True if the next point should wait for others; false if earlier rounds show that no point of its group will
    /// come soon.
    #[inline]
    pub(crate) fn gathers(&mut self) -> bool {
        if self.lonely > 0 {
            self.lonely -= 1;
            return false;
        }
        true
    }

    /// True if enough points wait.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.order.len() >= self.limit || self.bytes >= BYTES
    }

    /// Begins a chunk with a point, whose place takes memory for the next one. Gives its number.
    #[inline]
    pub(crate) fn begin(&mut self, place: usize, point: &mut Point) -> u32 {
        if self.used == self.chunks.len() {
            self.chunks.push(Chunk::default());
        }
        self.bytes += point.message_len();
        let chunk = &mut self.chunks[self.used];
        (chunk.place, chunk.len) = (place, 1);
        std::mem::swap(&mut chunk.point, point);
        self.order.push(self.used as u32);
        self.used += 1;
        self.used as u32 - 1
    }

    /// Appends a point to a chunk of this round.
    #[inline]
    pub(crate) fn append(&mut self, number: u32, point: &Point) {
        let chunk = &mut self.chunks[number as usize];
        if chunk.len == 1 {
            if Rc::get_mut(&mut chunk.batch).is_none() {
                // The script kept it.
                chunk.batch = Rc::default();
            }
            let batch = Rc::get_mut(&mut chunk.batch).expect("it has one owner");
            batch.hold(&chunk.point);
        }
        let batch = Rc::get_mut(&mut chunk.batch).expect("a waiting chunk has one owner");
        batch.tmax = batch.tmax.max(point.time());
        batch.push(point);
        chunk.len += 1;
        self.order.push(number);
        self.bytes += point.message_len();
    }

    /// Takes all waiting points.
    pub(crate) fn take(&mut self) -> Round {
        let chunks = std::mem::take(&mut self.chunks);
        let order = std::mem::take(&mut self.order);
        let used = std::mem::take(&mut self.used);
        self.bytes = 0;
        Round { chunks, used, order }
    }

    /// Gives back the memory of a round, and learns from it: its duration determines how many points are gathered in
    /// the next one.
    pub(crate) fn give_back(&mut self, mut round: Round, took: Duration) {
        let points = round.order.len();
        if took > PATIENCE {
            self.limit = (points / 2).max(1);
        } else if took < PATIENCE / 4 && points >= self.limit {
            self.limit = (self.limit * 2).min(POINTS);
        }
        if points >= POINTS / 4 && round.used * 3 > points * 2 {
            self.lonely = points * LONELY_ROUNDS;
        }
        round.order.clear();
        (self.chunks, self.order) = (round.chunks, round.order);
    }
}

/// Points that are handled together.
#[derive(Debug)]
pub(crate) struct Round {
    chunks: Vec<Chunk>,
    used: usize,
    /// For each point, in the order of arrival, the chunk that it is in.
    pub(crate) order: Vec<u32>,
}

impl Round {
    /// The number of chunks.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// A chunk.
    pub(crate) fn chunk(&mut self, number: usize) -> &mut Chunk {
        &mut self.chunks[number]
    }

    /// True if each chunk has one point, so that they are in the order of arrival.
    pub(crate) fn is_lonely(&self) -> bool {
        self.used == self.order.len()
    }
}

impl Chunk {
    /// Reads a point of the chunk.
    pub(crate) fn read(&self, i: usize, point: &mut Point) {
        if self.len == 1 {
            point.clone_from(&self.point);
        } else {
            let read = self.batch.read(i, point);
            debug_assert!(read.is_ok_and(|read| read), "a chunk holds valid points");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(time: i64) -> Point {
        Point::new(time)
    }

    #[test]
    fn points_are_kept_by_their_group() {
        let mut chunks = Chunks::default();
        let a = chunks.begin(7, &mut point(1));
        let b = chunks.begin(3, &mut point(2));
        chunks.append(a, &point(5));
        chunks.append(a, &point(4));
        assert_eq!((a, b), (0, 1));
        let mut round = chunks.take();
        assert!(chunks.is_empty());
        assert_eq!((round.len(), &round.order[..]), (2, &[0, 1, 0, 0][..]));
        let chunk = round.chunk(0);
        assert_eq!((chunk.place, chunk.len, chunk.batch.tmax), (7, 3, 5));
        assert_eq!(chunk.batch.times(), [1, 5, 4]);
        assert_eq!((round.chunk(1).len, round.chunk(1).point.time()), (1, 2));
    }

    #[test]
    fn slow_rounds_gather_less_and_lonely_points_are_not_gathered() {
        let mut chunks = Chunks::default();
        let first = chunks.begin(0, &mut point(0));
        (1..100).for_each(|i| chunks.append(first, &point(i)));
        let round = chunks.take();
        chunks.give_back(round, PATIENCE * 2);
        assert_eq!(chunks.limit, 50);
        chunks.limit = POINTS;
        for place in 0..POINTS {
            chunks.begin(place, &mut point(0));
        }
        assert!(chunks.is_full());
        let round = chunks.take();
        chunks.give_back(round, Duration::ZERO);
        assert!(!chunks.gathers());
    }
}
