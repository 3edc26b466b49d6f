//! Spread by order: the median absolute deviation and the interquartile range.

use super::quantile::{QuantileMethod, quantile_sorted, sorted};
use crate::stats::{error::Result, progress::Progress, wide::Wide};

/// What the median absolute deviation is multiplied with to estimate a normal standard deviation:
/// 1 / Φ⁻¹(3/4).
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The median of the distances from the median, unscaled; O(n log n).
///
/// 0 when more than half of the values are equal; an error when empty, if a value is not finite, or
/// where it is too large for a double.
pub fn mad(values: &[f64], progress: &Progress<'_>) -> Result<f64> {
    let sorted = sorted("values", values, progress)?;
    mad_sorted(sorted.len(), |i| sorted[i]).exact("mad")
}

/// The third quartile less the first, by type 7; O(n log n).
///
/// An error when empty, if a value is not finite, or where it is too large for a double.
pub fn iqr(values: &[f64], progress: &Progress<'_>) -> Result<f64> {
    let sorted = sorted("values", values, progress)?;
    let quartile = |q| quantile_sorted(&sorted, q, QuantileMethod::Linear);
    Wide::difference(quartile(0.75)?, quartile(0.25)?).exact("iqr")
}

/// The median absolute deviation of `n` sorted values, n > 0, in O(log n).
pub(crate) fn mad_sorted(n: usize, value: impl Fn(usize) -> f64) -> Wide {
    let range = value(n - 1) - value(0);
    if range.is_finite() {
        return Wide::from(mad_by_bisection(n, value));
    }
    // Distances of quarters always are doubles.
    Wide::new(mad_by_bisection(n, |i| value(i) / 4.0), 2)
}

/// The distances to the left and to the right of the median are sorted, so that their middle is found
/// by bisection.
fn mad_by_bisection(n: usize, value: impl Fn(usize) -> f64) -> f64 {
    let median = QuantileMethod::Linear.pick(0.5, n, &value);
    let half = n / 2;
    let left = |i: usize| median - value(half - 1 - i);
    let right = |j: usize| value(half + j) - median;
    // The distance of rank k: `taken` of the k + 1 smallest lie on the left.
    let ranked = |k: usize| {
        let (mut low, mut high) = ((k + 1).saturating_sub(n - half), half.min(k + 1));
        while low < high {
            let taken = usize::midpoint(low, high);
            if left(taken) < right(k - taken) {
                low = taken + 1;
            } else {
                high = taken;
            }
        }
        let from_left = if low > 0 { left(low - 1) } else { 0.0 };
        let from_right = if low <= k { right(k - low) } else { 0.0 };
        from_left.max(from_right)
    };
    let middle = ranked(n.div_ceil(2) - 1);
    if n.is_multiple_of(2) { middle + (ranked(half) - middle) / 2.0 } else { middle }
}
