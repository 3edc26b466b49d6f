//! Mean and variance as a small value that grows by one number or by another of its kind.
//!
//! Chan, Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
//! variances"; the mean is kept in two doubles, so that an offset of 1e9 costs no digits.

use serde::{Deserialize, Serialize};

/// The count, mean and sum of squared deviations of some numbers.
///
/// Numbers beyond 1e150 overflow the squares: the variance is then infinite or NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanVar {
    count: u64,
    mean: f64,
    low: f64,
    m2: f64,
}

/// The sum of `a` and `b` and what rounding lost (Knuth's two-sum).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl MeanVar {
    /// The moments of a slice, by two passes; more exact than pushing one by one.
    pub fn of(values: &[f64]) -> MeanVar {
        MeanVar::of_parts([values, &[]])
    }

    /// The moments of two slices, one after the other.
    pub(crate) fn of_parts(parts: [&[f64]; 2]) -> MeanVar {
        let values = || parts[0].iter().chain(parts[1]);
        let count = parts[0].len() + parts[1].len();
        let n = count as f64;
        let Some(&first) = values().next() else {
            return MeanVar::default();
        };
        let guess = first + values().map(|x| x - first).sum::<f64>() / n;
        let guess = if guess.is_finite() { guess } else { values().map(|x| x / n).sum() };
        let (lost, squares) = values().fold((0.0, 0.0), |(lost, squares), x| {
            let deviation = x - guess;
            (lost + deviation, squares + deviation * deviation)
        });
        let (mean, low) = two_sum(guess, lost / n);
        let m2 = (squares - lost * lost / n).max(0.0);
        MeanVar { count: count as u64, mean, low, m2 }
    }

    /// Adds one number.
    pub fn push(&mut self, x: f64) {
        self.count = self.count.saturating_add(1);
        let deviation = self.deviation(x);
        (self.mean, self.low) = two_sum(self.mean, self.low + deviation / self.count as f64);
        self.m2 += deviation * self.deviation(x);
    }

    /// Adds the numbers behind `other`, as if they had been pushed.
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
        self.count = self.count.saturating_add(other.count);
        self.m2 += other.m2 + delta * delta * (mine / all) * theirs;
        (self.mean, self.low) = two_sum(self.mean, self.low + delta * (theirs / all));
    }

    /// How far `x` is above the mean.
    pub(crate) fn deviation(&self, x: f64) -> f64 {
        (x - self.mean) - self.low
    }

    /// What the mean's second double adds.
    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    /// How far the mean of `other` is above this one.
    pub(crate) fn distance(&self, other: &MeanVar) -> f64 {
        self.deviation(other.mean) + other.low
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The sum; 0 without numbers.
    pub fn sum(&self) -> f64 {
        let n = self.count as f64;
        self.mean.mul_add(n, self.low * n)
    }

    /// The sum of squared deviations from the mean.
    pub fn m2(&self) -> f64 {
        self.m2
    }

    /// The variance, divided by n - 1; `None` below two numbers, 0 when all are equal.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.m2 / (self.count - 1) as f64)
    }

    /// The standard deviation, the root of [`variance`](MeanVar::variance).
    pub fn stddev(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// How many standard deviations `x` lies above the mean.
    ///
    /// `None` below two numbers; with no variance 0 at the mean and infinite beside it.
    pub fn z(&self, x: f64) -> Option<f64> {
        self.stddev().map(|stddev| standardised(self.deviation(x), stddev))
    }
}

/// `deviation / stddev`, where 0 / 0 is 0.
pub(crate) fn standardised(deviation: f64, stddev: f64) -> f64 {
    if deviation == 0.0 { 0.0 } else { deviation / stddev }
}
