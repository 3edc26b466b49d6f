//! Points that have arrived and wait for `points(chunk, opt)`: a chunk for each group, so that one
//! call serves many points. Where each point of the chunks gives one point, the output is in the order
//! in which they came; otherwise order is kept within a group.

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
    /// For each point, in the order of arrival, the chunk that it is in.
    order: Vec<u32>,
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
        self.order.push(place as u32);
        self.bytes += point.message_len();
        self.order.len() >= POINTS || self.bytes >= BYTES
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

    /// Takes everything that waits, with the chunk of each point in the order of arrival.
    pub(crate) fn take(&mut self) -> (Vec<Chunk>, Vec<u32>) {
        self.places.clear();
        self.bytes = 0;
        (std::mem::take(&mut self.chunks), std::mem::take(&mut self.order))
    }

    /// Gives the memory of an order back.
    pub(crate) fn give_back(&mut self, mut order: Vec<u32>) {
        order.clear();
        self.order = order;
    }
}
