//! Any quantile of an unbounded stream, to a relative accuracy, in bounded memory; mergeable.
//!
//! Masson, Rim & Lee (2019), "DDSketch: a fast and fully-mergeable quantile sketch with
//! relative-error guarantees".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result, StatsError},
    snapshot::checked_snapshot,
};

/// The most buckets on each side of zero; those nearest to zero are merged beyond it.
const MAX_BUCKETS: usize = 2048;

/// A sketch whose quantiles are off by at most `accuracy` times their value.
///
/// `push` is O(log buckets). With an accuracy of 0.01, 2048 buckets span 17 orders of magnitude.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct DdSketch {
    accuracy: f64,
    positive: BTreeMap<i32, u64>,
    negative: BTreeMap<i32, u64>,
    zeros: u64,
    min: f64,
    max: f64,
}

impl DdSketch {
    /// Makes an empty sketch; `accuracy` from 1e-4 to 0.5.
    pub fn new(accuracy: f64) -> Result<DdSketch> {
        error::range("accuracy", accuracy, (1e-4..=0.5).contains(&accuracy), "from 0.0001 to 0.5")?;
        let empty = BTreeMap::new;
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Ok(DdSketch { accuracy, positive: empty(), negative: empty(), zeros: 0, min, max })
    }

    fn ln_gamma(&self) -> f64 {
        (2.0 * self.accuracy / (1.0 - self.accuracy)).ln_1p()
    }

    /// Takes in `x`; an error if it is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.insert(error::finite("value", x)?);
        Ok(())
    }

    /// Takes in all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.insert(x));
        Ok(())
    }

    fn insert(&mut self, x: f64) {
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        let bucket = (x.abs().ln() / self.ln_gamma()).ceil() as i32;
        match x {
            x if x > 0.0 => add(&mut self.positive, bucket, 1),
            x if x < 0.0 => add(&mut self.negative, bucket, 1),
            _ => self.zeros = self.zeros.saturating_add(1),
        }
    }

    /// Adds the values of `other`; an error if its accuracy differs.
    pub fn merge(&mut self, other: &DdSketch) -> Result<()> {
        let wanted = "the same on both sides of a merge";
        error::range("accuracy", other.accuracy, other.accuracy == self.accuracy, wanted)?;
        other.positive.iter().for_each(|(&bucket, &n)| add(&mut self.positive, bucket, n));
        other.negative.iter().for_each(|(&bucket, &n)| add(&mut self.negative, bucket, n));
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        Ok(())
    }

    /// The quantile `q` from 0 to 1; `None` when empty, an error for another `q`.
    pub fn quantile(&self, q: f64) -> Result<Option<f64>> {
        error::probability("q", q)?;
        let count = self.count();
        if count == 0 {
            return Ok(None);
        }
        let rank = (q * (count - 1) as f64) as u64;
        let ln_gamma = self.ln_gamma();
        let centre = |bucket: i32| (f64::from(bucket) * ln_gamma).exp() * (1.0 - self.accuracy);
        let below = self.negative.iter().rev().map(|(&bucket, &n)| (-centre(bucket), n));
        let above = self.positive.iter().map(|(&bucket, &n)| (centre(bucket), n));
        let mut seen = 0u64;
        let found = below.chain([(0.0, self.zeros)]).chain(above).find(|(_, n)| {
            seen = seen.saturating_add(*n);
            seen > rank
        });
        let value = found.map_or(self.max, |(value, _)| value);
        Ok(Some(value.max(self.min).min(self.max)))
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        let all = self.positive.values().chain(self.negative.values());
        all.fold(self.zeros, |sum, n| sum.saturating_add(*n))
    }

    /// Whether any value was seen.
    pub fn ready(&self) -> bool {
        self.count() > 0
    }

    /// The smallest value, exactly; `None` when empty.
    pub fn min(&self) -> Option<f64> {
        self.min.is_finite().then_some(self.min)
    }

    /// The largest value, exactly; `None` when empty.
    pub fn max(&self) -> Option<f64> {
        self.max.is_finite().then_some(self.max)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.positive.clear();
        self.negative.clear();
        (self.zeros, self.min, self.max) = (0, f64::INFINITY, f64::NEG_INFINITY);
    }

    fn check(&self) -> Result<(), StatsError> {
        DdSketch::new(self.accuracy)?;
        let fits = self.positive.len() <= MAX_BUCKETS && self.negative.len() <= MAX_BUCKETS;
        error::intact("ddsketch", fits, "too many buckets")?;
        error::intact("ddsketch", !self.min.is_nan() && !self.max.is_nan(), "an end is NaN")
    }
}

fn add(buckets: &mut BTreeMap<i32, u64>, bucket: i32, n: u64) {
    let count = buckets.entry(bucket).or_default();
    *count = count.saturating_add(n);
    if buckets.len() > MAX_BUCKETS
        && let Some((_, lost)) = buckets.pop_first()
        && let Some(mut lowest) = buckets.first_entry()
    {
        *lowest.get_mut() = lowest.get().saturating_add(lost);
    }
}

checked_snapshot!(DdSketch);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{
        order::{QuantileMethod, quantile},
        testing::{continues_the_same, free, survives_damage},
    };

    proptest! {
        #[test]
        fn is_as_accurate_as_promised(
            a in prop::collection::vec((-20.0..20.0f64, any::<bool>()), 1..200),
            b in prop::collection::vec((-20.0..20.0f64, any::<bool>()), 1..200),
            q in 0.0..1.0f64,
        ) {
            let spread = |v: Vec<(f64, bool)>| -> Vec<f64> {
                v.into_iter().map(|(x, minus)| if minus { -x.exp() } else { x.exp() }).collect()
            };
            let (a, b) = (spread(a), spread(b));
            let mut sketch = DdSketch::new(0.02).unwrap();
            sketch.extend(&a).unwrap();
            let mut other = DdSketch::new(0.02).unwrap();
            other.extend(&b).unwrap();
            sketch.merge(&other).unwrap();
            let all = [a, b].concat();
            let exact = quantile(&all, q, QuantileMethod::Lower, &free()).unwrap();
            let found = sketch.quantile(q).unwrap().unwrap();
            prop_assert!((found - exact).abs() <= 0.0201 * exact.abs(), "{} {}", found, exact);
            prop_assert_eq!(sketch.count(), all.len() as u64);
            continues_the_same(&sketch, |sketch| (sketch.extend(&all), sketch.quantile(q)));
        }
    }

    #[test]
    fn knows_the_ends() {
        let mut sketch = DdSketch::new(0.01).unwrap();
        assert_eq!(sketch.quantile(0.5).unwrap(), None);
        sketch.extend(&[0.0, f64::MAX, 5e-324, -f64::MAX, 1.0]).unwrap();
        assert_eq!(sketch.quantile(0.0).unwrap(), Some(-f64::MAX));
        assert_eq!((sketch.min(), sketch.max()), (Some(-f64::MAX), Some(f64::MAX)));
        assert!(DdSketch::new(0.0).is_err());
        survives_damage(&sketch, |sketch| {
            let _ = (sketch.push(3.0), sketch.quantile(0.9));
        });
    }
}
