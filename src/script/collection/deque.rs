//! `queue()` and `ring(n)`: values in a row, which can be added and removed at both ends.

use super::{Holder, Parts, int, optional};
use crate::stats::error::{MAX_WINDOW, Result as Stats, size};
use rhai::{Array, Dynamic};
use std::collections::VecDeque;

/// A queue, or a ring: a queue of at most `size` values that drops the oldest for a new one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deque {
    size: Option<usize>,
    pub(crate) items: VecDeque<Dynamic>,
}

impl Deque {
    /// A ring of `size` values, from 1 to `MAX_WINDOW`.
    pub(crate) fn ring(n: usize) -> Stats<Self> {
        Ok(Self { size: Some(size("n", n, 1, MAX_WINDOW)?), items: VecDeque::new() })
    }

    /// The most values it holds; `None` for a queue.
    pub(crate) fn size(&self) -> Option<usize> {
        self.size
    }

    pub(crate) fn is_full(&self) -> bool {
        Some(self.items.len()) == self.size
    }

    /// Appends a value; a full ring drops its first one.
    pub(crate) fn push_back(&mut self, value: Dynamic) {
        if self.is_full() {
            self.items.pop_front();
        }
        self.items.push_back(value);
    }

    /// Puts a value before the first; a full ring drops its last one.
    pub(crate) fn push_front(&mut self, value: Dynamic) {
        if self.is_full() {
            self.items.pop_back();
        }
        self.items.push_front(value);
    }

    /// Changes the size of a ring, and drops the oldest values if there are more.
    pub(crate) fn resize(&mut self, n: usize) -> Stats<()> {
        let n = size("n", n, 1, MAX_WINDOW)?;
        self.items.drain(..self.items.len().saturating_sub(n));
        self.size = Some(n);
        Ok(())
    }
}

impl Holder for Deque {
    const NAME: &'static str = "queue";

    fn parts(&self) -> Array {
        let items: Array = self.items.iter().cloned().collect();
        vec![optional(self.size.map(|n| int(n as u64))), items.into()]
    }

    fn join(parts: Array) -> Stats<Self> {
        let mut parts = Parts::new("queue", parts);
        let size: Option<i64> = parts.optional()?;
        let items: Array = parts.next()?;
        let size = size.map(|n| usize::try_from(n).unwrap_or(0));
        let fits = size.is_none_or(|n| (1..=MAX_WINDOW).contains(&n) && items.len() <= n);
        parts.check(fits, "it holds more than its size")?;
        Ok(Self { size, items: items.into() })
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_> {
        Box::new(self.items.iter())
    }
}
