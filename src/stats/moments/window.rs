//! The statistics that all windows offer, whether they are bounded by count or by time.

use super::{MeanVar, shape};
use crate::stats::error::Result;

/// A window of values with their moments.
///
/// `mean`, `sum`, `variance`, `stddev` and `z` cost what [`moments`](Window::moments) costs; `min`, `max`,
/// `skewness` and `kurtosis` are O(n).
pub trait Window {
    /// Count, mean and variance together, in one pass instead of three.
    fn moments(&self) -> MeanVar;

    /// The values oldest first, as two slices to be read one after the other.
    fn parts(&self) -> [&[f64]; 2];

    /// The mean; `None` when empty.
    fn mean(&self) -> Option<f64> {
        self.moments().mean()
    }

    /// The sum; 0 when empty, an error where a double has no room for it.
    fn sum(&self) -> Result<f64> {
        self.moments().sum()
    }

    /// The variance, divided by n - 1; `None` below two values, 0 when all are equal, an error where a
    /// double has no room for it.
    fn variance(&self) -> Result<Option<f64>> {
        self.moments().variance()
    }

    /// The standard deviation; `None` below two values, 0 when all are equal.
    fn stddev(&self) -> Option<f64> {
        self.moments().stddev()
    }

    /// How many standard deviations `x` lies above the window's mean.
    ///
    /// `None` below two values; with no variance 0 at the mean and infinite beside it.
    fn z(&self, x: f64) -> Option<f64> {
        self.moments().z(x)
    }

    /// The smallest value; `None` when empty.
    fn min(&self) -> Option<f64> {
        self.parts().into_iter().flatten().copied().reduce(f64::min)
    }

    /// The largest value; `None` when empty.
    fn max(&self) -> Option<f64> {
        self.parts().into_iter().flatten().copied().reduce(f64::max)
    }

    /// The skewness g1; `None` when empty or when all values are equal.
    fn skewness(&self) -> Option<f64> {
        shape::standardised_power(self.parts(), 3)
    }

    /// The excess kurtosis g2; `None` when empty or when all values are equal.
    fn kurtosis(&self) -> Option<f64> {
        shape::standardised_power(self.parts(), 4).map(|power| power - 3.0)
    }
}
