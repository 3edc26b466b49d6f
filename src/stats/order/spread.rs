//! Spread by order: the median absolute deviation and the interquartile range.

use super::quantile::{QuantileMethod, quantile_sorted, sorted};
use crate::stats::error::Result;

/// What the median absolute deviation is multiplied with to estimate a normal standard deviation:
/// 1 / Φ⁻¹(3/4).
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The median of the distances from the median, unscaled; O(n log n).
///
/// 0 when more than half of the values are equal; an error when empty or if a value is not finite.
pub fn mad(values: &[f64]) -> Result<f64> {
    let sorted = sorted("values", values)?;
    Ok(mad_sorted(sorted.len(), |i| sorted[i]))
}

/// The third quartile less the first, by type 7; O(n log n).
///
/// An error when empty or if a value is not finite.
pub fn iqr(values: &[f64]) -> Result<f64> {
    let sorted = sorted("values", values)?;
    let quartile = |q| quantile_sorted(&sorted, q, QuantileMethod::Linear);
    Ok(quartile(0.75)? - quartile(0.25)?)
}

/// The median absolute deviation of `n` sorted values, n > 0, in O(n) without memory: the distances
/// to the left and to the right of the median are sorted, so they are merged up to the middle.
pub(crate) fn mad_sorted(n: usize, value: impl Fn(usize) -> f64) -> f64 {
    let median = QuantileMethod::Linear.pick(0.5, n, &value);
    let (mut left, mut right) = (n / 2, n / 2);
    let mut next = || {
        let below = left.checked_sub(1).map_or(f64::INFINITY, |i| median - value(i));
        let above = if right < n { value(right) - median } else { f64::INFINITY };
        if below <= above {
            left -= 1;
            below
        } else {
            right += 1;
            above
        }
    };
    let middle = (0..n.div_ceil(2)).fold(0.0, |_, _| next());
    if n.is_multiple_of(2) { middle + (next() - middle) / 2.0 } else { middle }
}
