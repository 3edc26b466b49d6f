//! A window that shrinks when its halves differ.
//!
//! Bifet & Gavaldà (2007), "Learning from time-changing data with adaptive windowing": ADWIN2, with
//! the exponential histogram of buckets and the bound with variance (their equation 3.1).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
    snapshot::checked_snapshot,
};

/// Buckets of one size before two of them become one of the next.
const MAX_BUCKETS: usize = 5;
/// Sizes of buckets: 2^40 values will not be seen.
const MAX_ROWS: usize = 40;
/// Values between two looks at the window, and the least on each side of a cut.
const CLOCK: u64 = 32;
const MIN_SIDE: u64 = 5;

/// An adaptive window: it grows while the mean stands still, and drops its old part on a change.
///
/// `push` is O(log n) amortised, memory O(log n).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Adwin {
    delta: f64,
    ticks: u64,
    rows: Vec<VecDeque<MeanVar>>,
}

impl Adwin {
    /// Makes one; `delta`, the false alarm rate of a look, between 0 and 1 (usually 0.002).
    pub fn new(delta: f64) -> Result<Adwin> {
        Ok(Adwin { delta: error::fraction("delta", delta)?, ticks: 0, rows: Vec::new() })
    }

    /// Takes in `x` and says whether the window was cut; an error if `x` is not within ±1e150.
    ///
    /// The bound supposes values of about unit range; scale them, or expect it to be cautious or
    /// quick.
    pub fn push(&mut self, x: f64) -> Result<bool> {
        let mut bucket = MeanVar::default();
        bucket.push(error::moderate("value", x)?);
        self.ticks = self.ticks.saturating_add(1);
        self.insert(bucket);
        let mut changed = false;
        if self.ticks.is_multiple_of(CLOCK) {
            while self.count() > 2 * MIN_SIDE && self.must_shrink() {
                self.drop_oldest();
                changed = true;
            }
        }
        Ok(changed)
    }

    fn insert(&mut self, bucket: MeanVar) {
        let mut bucket = bucket;
        for row in 0..MAX_ROWS {
            if row == self.rows.len() {
                self.rows.push(VecDeque::new());
            }
            self.rows[row].push_back(bucket);
            if self.rows[row].len() <= MAX_BUCKETS {
                return;
            }
            let (Some(mut older), Some(newer)) =
                (self.rows[row].pop_front(), self.rows[row].pop_front())
            else {
                return;
            };
            older.merge(&newer);
            bucket = older;
        }
    }

    /// Whether some cut leaves two means farther apart than chance allows.
    fn must_shrink(&self) -> bool {
        let total = self.moments();
        let n = total.count() as f64;
        let variance = total.m2().value() / n;
        let confidence = (2.0 * n.ln() / self.delta).ln();
        let mut newer = MeanVar::default();
        let cuts: Vec<MeanVar> = self
            .newest_first()
            .map(|bucket| {
                newer.merge(bucket);
                newer
            })
            .collect();
        let mut older = MeanVar::default();
        // Oldest bucket first: the cut behind it has everything newer on its other side.
        let buckets: Vec<&MeanVar> = self.newest_first().collect();
        (1..buckets.len()).rev().any(|i| {
            older.merge(buckets[i]);
            let newer = &cuts[i - 1];
            if older.count() < MIN_SIDE || newer.count() < MIN_SIDE {
                return false;
            }
            let side = |part: &MeanVar| 1.0 / (part.count() - MIN_SIDE + 1) as f64;
            let m = side(&older) + side(newer);
            let bound = (2.0 * m * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * m;
            older.distance(newer).abs() > bound
        })
    }

    fn newest_first(&self) -> impl Iterator<Item = &MeanVar> {
        self.rows.iter().flat_map(|row| row.iter().rev())
    }

    fn drop_oldest(&mut self) {
        while let Some(row) = self.rows.last_mut() {
            let dropped = row.pop_front().is_some();
            if row.is_empty() {
                self.rows.pop();
            }
            if dropped {
                return;
            }
        }
    }

    /// Count, mean and variance of the window.
    pub fn moments(&self) -> MeanVar {
        let mut total = MeanVar::default();
        self.newest_first().for_each(|bucket| total.merge(bucket));
        total
    }

    /// The mean of the window; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        self.moments().mean()
    }

    /// The variance of the window, divided by n - 1; `None` below two values.
    pub fn variance(&self) -> Result<Option<f64>> {
        self.moments().variance()
    }

    /// The number of values in the window.
    pub fn count(&self) -> u64 {
        self.newest_first().fold(0, |sum, bucket| sum.saturating_add(bucket.count()))
    }

    /// Whether the window is looked at yet.
    pub fn ready(&self) -> bool {
        self.ticks >= CLOCK
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.ticks = 0;
        self.rows.clear();
    }

    fn check(&self) -> Result<()> {
        error::fraction("delta", self.delta)?;
        let rows = self.rows.len() <= MAX_ROWS;
        let buckets = self.rows.iter().all(|row| row.len() <= MAX_BUCKETS);
        error::intact("adwin", rows && buckets, "too many buckets")
    }
}

checked_snapshot!(Adwin);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_close, continues_the_same, number, numbers, reference, survives_damage,
    };

    #[test]
    fn cuts_where_the_paper_does() {
        let case = reference(include_str!("../../../tests/reference/drift.json"));
        let mut adwin = Adwin::new(0.002).unwrap();
        let mut found = Vec::new();
        for (i, &x) in numbers(&case["values"]).iter().enumerate() {
            if adwin.push(x).unwrap() {
                found.push(i as f64);
            }
        }
        assert_eq!(found, numbers(&case["adwin"]));
        assert_eq!(adwin.count() as f64, number(&case["adwin_width"]));
        assert_close(adwin.mean().unwrap(), number(&case["adwin_mean"]), 1e-9);
        continues_the_same(&adwin, |adwin| (0..99).map(|_| adwin.push(9.0)).collect::<Vec<_>>());
    }

    #[test]
    fn stands_still_on_a_constant() {
        let mut adwin = Adwin::new(0.002).unwrap();
        assert!((0..1000).all(|_| !adwin.push(3.0).unwrap()));
        assert_eq!((adwin.count(), adwin.variance()), (1000, Ok(Some(0.0))));
        adwin.reset();
        (0..40).for_each(|i| drop(adwin.push(i as f64)));
        survives_damage(&adwin, |adwin| (0..70).for_each(|_| drop(adwin.push(1.0))));
    }
}
