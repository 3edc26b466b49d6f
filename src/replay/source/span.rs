//! A part of the time that data covers.

use super::{Blocks, Item, Scratch, Source};
use crate::replay::ReplayError;

/// The time from one moment up to another, which is no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first moment, in nanoseconds since the epoch; `None` for any.
    pub from: Option<i64>,
    /// The moment after the last; `None` for any.
    pub to: Option<i64>,
}

impl Span {
    /// Tells whether it leaves nothing out.
    pub fn is_all(self) -> bool {
        self == Self::default()
    }

    /// Tells whether a time is in it.
    pub fn has(self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && !self.is_over(time)
    }

    /// Tells whether it has ended at a time.
    pub fn is_over(self, time: i64) -> bool {
        self.to.is_some_and(|to| time >= to)
    }
}

/// Only those points and batches of a source that are in a span.
pub(super) struct Within {
    pub(super) source: Box<dyn Source>,
    pub(super) span: Span,
    /// Whether the source is in the order of time, so that its end need not be read.
    pub(super) ordered: bool,
}

impl Source for Within {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        while let Some(item) = self.source.next(scratch)? {
            let Some(time) = scratch.time(item) else { return Ok(Some(item)) };
            if self.span.has(time) {
                return Ok(Some(item));
            }
            if self.ordered && self.span.is_over(time) {
                break;
            }
        }
        Ok(None)
    }

    fn queries(&self) -> Option<usize> {
        self.source.queries()
    }

    fn blocks(&mut self) -> Option<&mut dyn Blocks> {
        // The source is left at its end.
        let blocks = self.source.blocks().filter(|_| !self.ordered)?;
        blocks.only(self.span);
        Some(blocks)
    }
}
