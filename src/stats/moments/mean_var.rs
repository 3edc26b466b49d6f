//! Mean and variance as a small value, to which a number or another such value can be added.
//!
//! Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
//! variances"; the mean is kept in two doubles, so that an offset of 1e9 costs no digits.

use serde::{Deserialize, Serialize};

use crate::stats::{error::Result, wide::Wide};

/// The count, mean and sum of squared deviations of some numbers, right at any scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanVar {
    count: u64,
    mean: f64,
    low: f64,
    m2: Wide,
}

/// The sum of `a` and `b` and what rounding lost (Knuth's two-sum).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// Sums of squares between these are computed as plain doubles.
const PLAIN: std::ops::Range<f64> = 1e-120..1e140;

impl MeanVar {
    /// The moments of a slice, by two passes; more exact than pushing one by one.
    pub fn of(values: &[f64]) -> MeanVar {
        MeanVar::of_parts([values, &[]])
    }

    /// The moments of two slices, one after the other.
    pub(crate) fn of_parts(parts: [&[f64]; 2]) -> MeanVar {
        let values = || parts[0].iter().chain(parts[1]);
        let Some(first) = values().next() else {
            return MeanVar::default();
        };
        let (mean, low, m2) = two_passes(|| values().copied());
        let count = (parts[0].len() + parts[1].len()) as u64;
        if PLAIN.contains(&m2) || m2 == 0.0 && values().all(|x| x == first) {
            return MeanVar { count, mean, low, m2: Wide::from(m2) };
        }
        // A value is NaN or infinite, or squares of the deviations leave the doubles: the values are
        // brought near 1 first.
        let largest = values().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let power = if largest.is_finite() { libm::ilogb(largest) } else { 0 };
        let (mean, low, m2) = two_passes(|| values().map(|&x| libm::scalbn(x, -power)));
        let up = |x: f64| libm::scalbn(x, power);
        MeanVar { count, mean: up(mean), low: up(low), m2: Wide::new(m2, 2 * power) }
    }

    /// Adds one number.
    #[inline]
    pub fn push(&mut self, x: f64) {
        self.count = self.count.saturating_add(1);
        if self.count == 1 {
            self.mean = x + 0.0;
            return;
        }
        let deviation = self.deviation(x);
        if !deviation.is_finite() {
            return self.push_far(x);
        }
        (self.mean, self.low) = two_sum(self.mean, self.low + deviation / self.count as f64);
        self.m2 = self.m2.plus(Wide::product(deviation, self.deviation(x)));
    }

    /// Adds a number so far from the mean that a double has no room for the distance.
    #[cold]
    fn push_far(&mut self, x: f64) {
        let deviation = self.wide_deviation(x);
        let step = deviation.scaled(1.0 / self.count as f64).value();
        (self.mean, self.low) = two_sum(self.mean, self.low + step);
        self.m2 = self.m2.plus(deviation.times(self.wide_deviation(x)));
    }

    /// Adds the numbers that `other` summarises, as if they had been pushed.
    #[inline]
    pub fn merge(&mut self, other: &MeanVar) {
        if self.count == 0 || other.count == 0 {
            if self.count == 0 {
                *self = *other;
            }
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let all = mine + theirs;
        let delta = self.distance(other);
        let step = if delta.is_finite() {
            self.m2 = self.m2.plus(Wide::product(delta, delta).scaled(mine / all * theirs));
            delta * (theirs / all)
        } else {
            let delta = self.wide_distance(other);
            self.m2 = self.m2.plus(delta.times(delta).scaled(mine / all * theirs));
            delta.scaled(theirs / all).value()
        };
        self.count = self.count.saturating_add(other.count);
        self.m2 = self.m2.plus(other.m2);
        (self.mean, self.low) = two_sum(self.mean, self.low + step);
    }

    /// How far `x` is above the mean; infinite where the distance overflows a double.
    #[inline]
    pub(crate) fn deviation(&self, x: f64) -> f64 {
        (x - self.mean) - self.low
    }

    /// How far `x` is above the mean.
    #[inline]
    pub(crate) fn wide_deviation(&self, x: f64) -> Wide {
        match self.deviation(x) {
            deviation if deviation.is_finite() => Wide::from(deviation),
            _ => Wide::difference(x, self.mean).minus(Wide::from(self.low)),
        }
    }

    /// The correction of the mean by its second double.
    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    /// How far the mean of `other` is above this one.
    #[inline]
    pub(crate) fn distance(&self, other: &MeanVar) -> f64 {
        self.deviation(other.mean) + other.low
    }

    /// [`distance`](MeanVar::distance), where a double has no room for it too.
    pub(crate) fn wide_distance(&self, other: &MeanVar) -> Wide {
        self.wide_deviation(other.mean).plus(Wide::from(other.low))
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The sum; 0 without numbers, an error where it is too large for a double.
    pub fn sum(&self) -> Result<f64> {
        let n = self.count as f64;
        let sum = self.mean.mul_add(n, self.low * n);
        if sum.is_finite() { Ok(sum) } else { Wide::from(self.mean).scaled(n).exact("sum") }
    }

    /// The sum of squared deviations from the mean.
    pub(crate) fn m2(&self) -> Wide {
        self.m2
    }

    /// The variance, divided by n - 1; `None` below two numbers, 0 when all are equal.
    ///
    /// An error where it is too large or too small for a double: the standard deviation exists then.
    pub fn variance(&self) -> Result<Option<f64>> {
        self.wide_variance().map(|variance| variance.exact("variance")).transpose()
    }

    /// [`variance`](MeanVar::variance), which always exists here.
    pub(crate) fn wide_variance(&self) -> Option<Wide> {
        let free = self.count.checked_sub(1).filter(|free| *free > 0)? as f64;
        Some(self.m2.over_count(free))
    }

    /// The standard deviation, the root of [`variance`](MeanVar::variance); `None` below two numbers.
    ///
    /// Exact at any scale; the largest double for what is beyond it (two numbers near ±1.8e308).
    pub fn stddev(&self) -> Option<f64> {
        self.wide_variance().map(|variance| variance.root().saturated())
    }

    /// How many standard deviations `x` lies above the mean.
    ///
    /// `None` below two numbers; with no variance 0 at the mean and infinite beside it.
    pub fn z(&self, x: f64) -> Option<f64> {
        let stddev = self.stddev()?;
        match self.deviation(x) {
            deviation if deviation.is_finite() => Some(standardised(deviation, stddev)),
            _ if stddev == 0.0 => Some(f64::INFINITY.copysign(x)),
            _ => Some(self.wide_deviation(x).over(Wide::from(stddev)).saturated()),
        }
    }
}

/// Mean, what its rounding lost, and the sum of squared deviations.
fn two_passes<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> (f64, f64, f64) {
    let first = values().next().unwrap_or(0.0);
    let (n, sum) = values().fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + (x - first)));
    let guess = first + sum / n;
    let guess = if guess.is_finite() { guess } else { values().map(|x| x / n).sum() };
    let (lost, squares) = values().fold((0.0, 0.0), |(lost, squares), x| {
        let deviation = x - guess;
        (lost + deviation, squares + deviation * deviation)
    });
    let (mean, low) = two_sum(guess, lost / n);
    (mean, low, (squares - lost * lost / n).max(0.0))
}

/// `deviation / stddev`, where 0 / 0 is 0; the largest double for what is beyond it.
pub(crate) fn standardised(deviation: f64, stddev: f64) -> f64 {
    if deviation == 0.0 {
        return 0.0;
    }
    let z = deviation / stddev;
    if z.is_infinite() && stddev > 0.0 { f64::MAX.copysign(z) } else { z }
}
