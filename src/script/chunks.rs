//! Points that have arrived and wait for `points(chunk, opt)`: a chunk for each group, so that one
//! call serves many points. Order is kept within a group.

use crate::protocol::{Batch, Point};
use std::collections::HashMap;
use std::rc::Rc;

/// Points that wait at most, in all groups.
const POINTS: usize = 4096;

/// Bytes that wait at most, in all groups.
const BYTES: usize = 4 << 20;

/// The chunks of all groups, in the order of their first point.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    chunks: Vec<Chunk>,
    places: HashMap<Box<[u8]>, usize, ahash::RandomState>,
    points: usize,
    bytes: usize,
}

/// The points of one group.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The group, as the daemon names it.
    pub(crate) group: Box<[u8]>,
    /// The points; the latest time is the chunk's.
    pub(crate) batch: Rc<Batch>,
}

impl Chunks {
    /// True if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Appends a point to the chunk of `key`; true if enough wait.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8], point: &Point) -> bool {
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => self.begin(key, point),
        };
        let chunk = &mut self.chunks[place];
        let batch = Rc::get_mut(&mut chunk.batch).expect("a waiting chunk has one owner");
        batch.tmax = batch.tmax.max(point.time());
        batch.push(point);
        self.points += 1;
        self.bytes += point.message_len();
        self.points >= POINTS || self.bytes >= BYTES
    }

    fn begin(&mut self, key: &[u8], point: &Point) -> usize {
        let place = self.chunks.len();
        let mut batch = Batch::default();
        batch.describe(point);
        batch.tmax = i64::MIN;
        self.chunks.push(Chunk { group: point.group_bytes().into(), batch: Rc::new(batch) });
        self.places.insert(key.into(), place);
        place
    }

    /// Takes everything that waits.
    pub(crate) fn take(&mut self) -> Vec<Chunk> {
        self.places.clear();
        self.points = 0;
        self.bytes = 0;
        std::mem::take(&mut self.chunks)
    }
}
