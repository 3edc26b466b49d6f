//! Items that a source has read and not made into points: the threads that take them do that, each its own.
//! What is left for the reading thread is to find where an item ends and which thread takes it.

use super::Span;
use super::lines::{LineBlock, LineReader};
use crate::protocol::Point;
use crate::protocol::line::SeriesReader;
use crate::replay::ReplayError;
#[cfg(feature = "parquet")]
use crate::replay::parquet::RowBlock;

/// Some items of a source, in order.
#[derive(Debug)]
pub enum Block {
    /// Lines of line protocol.
    Lines(LineBlock),
    /// Rows of Parquet.
    #[cfg(feature = "parquet")]
    Rows(RowBlock),
}

/// A source that can hand on its items before they are points.
pub trait Blocks {
    /// Reads the next items, into the memory of a block that is no longer used; `None` at the end.
    ///
    /// # Errors
    /// Data that cannot be read, with the place.
    fn next_block(&mut self, spare: Option<Block>) -> Result<Option<Block>, ReplayError>;

    /// Takes only points of this time from now on.
    fn only(&mut self, span: Span);

    /// Notes that items were skipped because they were not points.
    fn add_skipped(&mut self, count: u64);
}

/// The result for an item.
#[derive(Debug)]
pub enum Made {
    /// A point.
    Point,
    /// Nothing: an empty line, a comment, a point of another time.
    Nothing,
    /// Nothing, because it is not a point; with the line for the log.
    Skipped(String),
}

/// Makes points of items; what was allocated for one is used for the next.
#[derive(Debug, Default)]
pub struct PointMaker {
    lines: LineReader,
}

/// Reads measurement and tags of items that have not been made into points.
#[derive(Debug, Default)]
pub struct Labels {
    pub(super) lines: SeriesReader,
    /// A point that has a measurement and tags only.
    pub(super) point: Point,
}

#[cfg(feature = "parquet")]
impl Labels {
    /// Returns a point with nothing.
    pub(in crate::replay) fn empty_point(&mut self) -> &mut Point {
        self.point.clear();
        &mut self.point
    }
}

impl Block {
    /// How many items there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Lines(block) => block.len(),
            #[cfg(feature = "parquet")]
            Self::Rows(block) => block.len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `take` with each item's number and with what `place` says of its measurement and tags, or with 0 where
    /// these cannot be read. `place` is asked once for items that follow each other with the same ones, as far as
    /// `known` holds them.
    pub fn label(
        &self,
        labels: &mut Labels,
        known: &mut Known,
        place: &mut dyn FnMut(&Point) -> usize,
        take: &mut dyn FnMut(usize, usize),
    ) {
        match self {
            Self::Lines(block) => block.label(labels, known, place, take),
            #[cfg(feature = "parquet")]
            Self::Rows(block) => block.label(labels, place, take),
        }
    }

    /// Makes an item into a point.
    ///
    /// # Errors
    /// An item that is no point, unless those are skipped.
    pub fn make(
        &self,
        item: usize,
        maker: &mut PointMaker,
        point: &mut Point,
    ) -> Result<Made, ReplayError> {
        match self {
            Self::Lines(block) => block.make(item, &mut maker.lines, point),
            #[cfg(feature = "parquet")]
            Self::Rows(block) => block.make(item, point),
        }
    }
}

/// Places of measurements and tags, by the bytes that they are written with. Where two of them want the same
/// memory, the later is kept.
#[derive(Debug)]
pub struct Known {
    entries: Vec<(Vec<u8>, usize)>,
    hasher: ahash::RandomState,
}

/// A power of two.
const KNOWN: usize = 4096;

impl Default for Known {
    fn default() -> Self {
        let entries = (0..KNOWN).map(|_| (Vec::new(), 0)).collect();
        Self { entries, hasher: ahash::RandomState::with_seeds(1, 2, 3, 4) }
    }
}

impl Known {
    /// Returns the place of some bytes, which are not empty; `find` is asked where they are not known.
    #[inline]
    pub(super) fn place(&mut self, text: &[u8], find: impl FnOnce() -> usize) -> usize {
        let hash = self.hasher.hash_one(text);
        let (known, place) = &mut self.entries[hash as usize % KNOWN];
        if known != text {
            *place = find();
            known.clear();
            known.extend_from_slice(text);
        }
        *place
    }
}
