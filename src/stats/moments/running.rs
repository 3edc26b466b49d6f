//! The moments of everything seen so far.
//!
//! Pébay (2008), "Formulas for robust, one-pass parallel computation of covariances and
//! arbitrary-order statistical moments", SAND2008-6212.

use serde::{Deserialize, Serialize};

use super::MeanVar;
use crate::stats::{
    error::{self, Result},
    wide::Wide,
};

/// Mean, variance, extremes and shape of an unbounded stream, in constant memory; two can be merged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningStats {
    moments: MeanVar,
    m3: Wide,
    m4: Wide,
    min: f64,
    max: f64,
}

impl RunningStats {
    /// Makes one that has seen nothing.
    pub fn new() -> RunningStats {
        RunningStats::default()
    }

    /// Takes in `x`, O(1); an error if it is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.merge_one(error::finite("value", x)?);
        Ok(())
    }

    /// Takes in all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.merge_one(x));
        Ok(())
    }

    fn merge_one(&mut self, x: f64) {
        let mut moments = MeanVar::default();
        moments.push(x);
        self.merge(&RunningStats { moments, m3: Wide::ZERO, m4: Wide::ZERO, min: x, max: x });
    }

    /// Takes in what `other` has seen.
    pub fn merge(&mut self, other: &RunningStats) {
        if other.count() == 0 {
            return;
        }
        if self.count() == 0 {
            *self = other.clone();
            return;
        }
        let (m3, m4) = self.joined(other).unwrap_or_else(|| self.joined_wide(other));
        (self.m3, self.m4) = (self.m3.plus(m3), self.m4.plus(m4));
        self.moments.merge(&other.moments);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The terms that a merge adds to the third and fourth moments, in plain doubles; `None` where these
    /// are not precise enough.
    fn joined(&self, other: &RunningStats) -> Option<(Wide, Wide)> {
        let (a, b) = (self.count() as f64, other.count() as f64);
        let n = a + b;
        let delta = self.moments.distance(&other.moments);
        let size = delta.abs();
        if !(1e-30..1e30).contains(&size) && size != 0.0 {
            return None;
        }
        let (a2, b2) = (self.moments.m2().plain()?, other.moments.m2().plain()?);
        let (a3, b3) = (self.m3.plain()?, other.m3.plain()?);
        let step = delta / n;
        let pair = delta * step * a * b;
        let m4 = pair * step * step * (a * a - a * b + b * b)
            + 6.0 * step * step * (a * a * b2 + b * b * a2)
            + 4.0 * step * (a * b3 - b * a3);
        let m3 = pair * step * (a - b) + 3.0 * step * (a * b2 - b * a2);
        Some((Wide::from(m3).plus(other.m3), Wide::from(m4).plus(other.m4)))
    }

    /// The same for values whose powers leave the doubles.
    fn joined_wide(&self, other: &RunningStats) -> (Wide, Wide) {
        let (a, b) = (self.count() as f64, other.count() as f64);
        let n = a + b;
        let step = self.moments.wide_distance(&other.moments).over_count(n);
        let (a2, b2) = (self.moments.m2(), other.moments.m2());
        let square = step.times(step);
        let fourth = square.scaled(n * a * b * (a * a - a * b + b * b));
        let second = b2.scaled(6.0 * a * a).plus(a2.scaled(6.0 * b * b));
        let third = other.m3.scaled(4.0 * a).minus(self.m3.scaled(4.0 * b));
        let m4 = square.times(fourth.plus(second)).plus(step.times(third));
        let cube = square.scaled(n * a * b * (a - b));
        let first = b2.scaled(3.0 * a).minus(a2.scaled(3.0 * b));
        let m3 = step.times(cube.plus(first));
        (m3.plus(other.m3), m4.plus(other.m4))
    }

    /// Count, mean and variance together.
    pub fn moments(&self) -> MeanVar {
        self.moments
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.moments.count()
    }

    /// Whether there is a variance: two values or more.
    pub fn ready(&self) -> bool {
        self.count() > 1
    }

    /// The mean; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// The sum; 0 when empty, an error where a double has no room for it.
    pub fn sum(&self) -> Result<f64> {
        self.moments.sum()
    }

    /// The variance, divided by n - 1; `None` below two values, 0 when all are equal, an error where a
    /// double has no room for it.
    pub fn variance(&self) -> Result<Option<f64>> {
        self.moments.variance()
    }

    /// The standard deviation; `None` below two values, 0 when all are equal.
    pub fn stddev(&self) -> Option<f64> {
        self.moments.stddev()
    }

    /// How many standard deviations `x` lies above the mean, as [`MeanVar::z`].
    pub fn z(&self, x: f64) -> Option<f64> {
        self.moments.z(x)
    }

    /// The smallest value; `None` when empty.
    pub fn min(&self) -> Option<f64> {
        (self.count() > 0).then_some(self.min)
    }

    /// The largest value; `None` when empty.
    pub fn max(&self) -> Option<f64> {
        (self.count() > 0).then_some(self.max)
    }

    /// The skewness g1; `None` when empty or when all values are equal.
    pub fn skewness(&self) -> Option<f64> {
        let m2 = self.moments.m2();
        let n = self.count() as f64;
        (!m2.is_zero()).then(|| self.m3.over(m2).over(m2.over_count(n).root()).value())
    }

    /// The excess kurtosis g2; `None` when empty or when all values are equal.
    pub fn kurtosis(&self) -> Option<f64> {
        let m2 = self.moments.m2();
        let n = self.count() as f64;
        (!m2.is_zero()).then(|| self.m4.over(m2).over(m2.over_count(n)).value() - 3.0)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = RunningStats::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{
        moments::{kurtosis, skewness},
        testing::assert_close,
    };

    fn of(values: &[f64]) -> RunningStats {
        let mut stats = RunningStats::new();
        stats.extend(values).unwrap();
        stats
    }

    proptest! {
        #[test]
        fn merging_equals_concatenating(
            offset in prop_oneof![Just(0.0), Just(1e9)],
            a in prop::collection::vec(-1e3..1e3f64, 0..60),
            b in prop::collection::vec(-1e3..1e3f64, 2..60),
        ) {
            let a: Vec<f64> = a.into_iter().map(|x| x + offset).collect();
            let b: Vec<f64> = b.into_iter().map(|x| x + offset).collect();
            let all = [a.clone(), b.clone()].concat();
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged.count(), all.len() as u64);
            let exact = MeanVar::of(&all);
            for stats in [&merged, &of(&all)] {
                let error = (stats.mean().unwrap() - exact.mean().unwrap()).abs();
                prop_assert!(error <= 1e-14 * (offset + 1e3));
                assert_close(stats.variance().unwrap().unwrap(), exact.variance().unwrap().unwrap(), 1e-11);
                assert_close(1.0 + stats.skewness().unwrap(), 1.0 + skewness(&all).unwrap(), 1e-8);
                assert_close(3.0 + stats.kurtosis().unwrap(), 3.0 + kurtosis(&all).unwrap(), 1e-8);
            }
            let bytes = postcard::to_stdvec(&merged).unwrap();
            prop_assert_eq!(postcard::from_bytes::<RunningStats>(&bytes).unwrap(), merged);
        }
    }

    #[test]
    fn stays_exact_over_many_values() {
        let mut stats = RunningStats::new();
        (0..210_000u32).for_each(|i| stats.push(1e9 + f64::from(i % 7)).unwrap());
        assert_eq!(stats.mean(), Some(1e9 + 3.0));
        assert_close(stats.variance().unwrap().unwrap(), 4.0 * 210_000.0 / 209_999.0, 1e-13);
        assert_close(stats.kurtosis().unwrap(), -1.25, 1e-12);
    }

    #[test]
    fn a_constant_has_no_shape() {
        let stats = of(&[2.5; 9]);
        assert_eq!(
            (stats.variance(), stats.skewness(), stats.kurtosis()),
            (Ok(Some(0.0)), None, None)
        );
        assert_eq!((stats.z(2.5), stats.z(3.0)), (Some(0.0), Some(f64::INFINITY)));
    }
}
