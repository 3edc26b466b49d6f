//! `tally()`: how often each value came, as Python's `collections.Counter` counts.

use super::{Holder, Key, Parts, int};
use crate::stats::error::Result as Stats;
use rhai::{Array, Dynamic};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The count of one value, and its place in the order in which values came first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    first: u64,
}

/// Counts by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<Key, Counted>,
    total: u64,
    next: u64,
}

impl Tally {
    /// Counts a value `n` times.
    pub(crate) fn push(&mut self, key: Key, n: u64) {
        if n == 0 {
            return;
        }
        self.total = self.total.saturating_add(n);
        let next = self.next;
        let counted = self.counts.entry(key).or_insert(Counted { count: 0, first: next });
        if counted.count == 0 {
            self.next += 1;
        }
        counted.count = counted.count.saturating_add(n);
    }

    /// Subtracts `n` from the count of a value, which must be as large; a value whose count is 0 is removed.
    ///
    /// # Errors
    /// How often it was counted, if that is less.
    pub(crate) fn subtract(&mut self, key: &Key, n: u64) -> Result<(), u64> {
        let count = self.count(key);
        let left = count.checked_sub(n).ok_or(count)?;
        match self.counts.get_mut(key) {
            Some(counted) if left > 0 => counted.count = left,
            _ => drop(self.counts.remove(key)),
        }
        self.total = self.total.saturating_sub(n);
        Ok(())
    }

    /// Adds the counts of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, counted) in other.in_order() {
            self.push(key.clone(), counted.count);
        }
    }

    pub(crate) fn count(&self, key: &Key) -> u64 {
        self.counts.get(key).map_or(0, |counted| counted.count)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// All values in the order in which they came first.
    pub(crate) fn in_order(&self) -> Vec<(&Key, Counted)> {
        let mut all: Vec<_> = self.counts.iter().map(|(key, counted)| (key, *counted)).collect();
        all.sort_by_key(|(_, counted)| counted.first);
        all
    }

    /// The `k` values with the largest counts; of equal counts, the value that came first is first.
    pub(crate) fn most_common(&self, k: usize) -> Vec<(&Key, Counted)> {
        let mut all: Vec<_> = self.counts.iter().map(|(key, counted)| (key, *counted)).collect();
        all.sort_by_key(|(_, counted)| (Reverse(counted.count), counted.first));
        all.truncate(k);
        all
    }
}

impl Holder for Tally {
    const NAME: &'static str = "tally";

    fn parts(&self) -> Array {
        let all = self.in_order();
        let keys: Array = all.iter().map(|(key, _)| key.value()).collect();
        let counts: Array = all.iter().map(|(_, counted)| int(counted.count)).collect();
        vec![keys.into(), counts.into()]
    }

    fn join(parts: Array) -> Stats<Self> {
        let mut parts = Parts::new("tally", parts);
        let (keys, counts) = (parts.keys()?, parts.times()?);
        let n = keys.len();
        let fits = n == counts.len() && counts.iter().all(|count| *count > 0);
        parts.check(fits, "its counts do not fit")?;
        let mut tally = Self::default();
        for (key, count) in keys.into_iter().zip(counts) {
            tally.push(key, count.unsigned_abs());
        }
        parts.check(tally.distinct() == n, "a value has two counts")?;
        Ok(tally)
    }

    fn len(&self) -> usize {
        self.counts.len()
    }

    /// Keys hold no nested values that the limits must count.
    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_> {
        Box::new(std::iter::empty())
    }
}
