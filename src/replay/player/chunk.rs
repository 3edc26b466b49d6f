//! The work that is handed to threads: items in order, as points or before they are points.

use crate::protocol::Batch;
use crate::replay::source::{Block, Item, Scratch};
use std::sync::Arc;

/// An item of a chunk.
#[derive(Debug)]
pub(super) enum Owned {
    /// The next point of the chunk.
    Point,
    Batch(usize, Batch),
    Frame(Vec<u8>),
}

/// Items in order. Points lie behind each other as messages and each thread makes an index of its own:
/// that is faster than to fetch many small pieces from the memory of another core.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) items: Vec<(u64, Owned)>,
    pub(super) points: Batch,
}

impl Chunk {
    pub(super) fn push(&mut self, item: u64, kind: Item, scratch: &mut Scratch) {
        let owned = match kind {
            Item::Point => {
                self.points.push(&scratch.point);
                Owned::Point
            }
            Item::Batch => Owned::Batch(scratch.query, std::mem::take(&mut scratch.batch)),
            Item::Frame => Owned::Frame(scratch.frame.clone()),
        };
        self.items.push((item, owned));
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.points.clear_points();
    }
}

/// A block that all threads read, each making points of its own items.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) block: Block,
    /// The number of its first item.
    pub(super) first: u64,
    /// The items of each thread, counted from 0.
    pub(super) picks: Vec<Vec<u32>>,
    /// Only points of this measurement.
    pub(super) measurement: Option<Arc<str>>,
}

/// The work of a thread.
#[derive(Debug)]
pub(super) enum Handed {
    Chunks(Vec<Arc<Chunk>>),
    Block(Arc<Shared>),
}

/// The results for the items of blocks.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) points: u64,
    /// Points of other measurements.
    pub(super) passed_by: u64,
    /// The latest point: the number of its item, and its time.
    pub(super) latest: Option<(u64, i64)>,
    /// Items that were no points, with the line for the log.
    pub(super) skipped: Vec<(u64, String)>,
}

impl Taken {
    pub(super) fn add(&mut self, more: Self) {
        self.points += more.points;
        self.passed_by += more.passed_by;
        self.latest = self.latest.max(more.latest);
        self.skipped.extend(more.skipped);
    }
}
