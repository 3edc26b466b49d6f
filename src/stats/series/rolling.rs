//! A statistic of each value and the `size - 1` before it.
//!
//! The first `size - 1` results are NaN: their windows are not full. Values must be finite; fill or
//! drop gaps first.

use std::collections::VecDeque;

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    moments::{MeanVar, MovingStats, Window},
    order::{MovingOrder, QuantileMethod},
    progress::Progress,
};

/// The mean of each full window; O(n · min(size, 64)).
pub fn rolling_mean(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    moments(values, size, |moments| Ok(moments.mean()), progress)
}

/// The sum of each full window; O(n · min(size, 64)). An error where one is too large for a double.
pub fn rolling_sum(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    moments(values, size, |moments| moments.sum().map(Some), progress)
}

/// The standard deviation (n - 1) of each full window; O(n · min(size, 64)); NaN for a size of 1.
pub fn rolling_stddev(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    moments(values, size, |moments| Ok(moments.stddev()), progress)
}

/// The median of each full window; O(n · (log size + moved bytes)).
pub fn rolling_median(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    rolling_quantile(values, size, 0.5, QuantileMethod::Linear, progress)
}

/// The quantile `q` from 0 to 1 of each full window; O(n · (log size + moved bytes)).
pub fn rolling_quantile(
    values: &[f64],
    size: usize,
    q: f64,
    method: QuantileMethod,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    error::probability("q", q)?;
    let mut order = MovingOrder::new(size)?;
    let mut result = prepared("rolling_quantile", values, size, progress)?;
    // A push moves up to `size` numbers.
    let steps = 1 + size / 16;
    for &x in values {
        progress.steps(steps)?;
        order.push(x)?;
        let quantile = if order.ready() { order.quantile(q, method)? } else { None };
        result.push(quantile.unwrap_or(f64::NAN));
    }
    Ok(result)
}

/// The smallest value of each full window; O(n).
pub fn rolling_min(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    extremes(values, size, |new, old| new <= old, progress)
}

/// The largest value of each full window; O(n).
pub fn rolling_max(values: &[f64], size: usize, progress: &Progress<'_>) -> Result<Vec<f64>> {
    extremes(values, size, |new, old| new >= old, progress)
}

/// Room for the results of `values`, which must be finite.
fn prepared(
    name: &'static str,
    values: &[f64],
    size: usize,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    error::all_finite("values", values)?;
    progress.room_for(name, values.len() + 2 * size.min(values.len()))?;
    Ok(Vec::with_capacity(values.len()))
}

fn moments(
    values: &[f64],
    size: usize,
    statistic: impl Fn(MeanVar) -> Result<Option<f64>>,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    let mut stats = MovingStats::new(size)?;
    let mut result = prepared("the rolling window", values, size, progress)?;
    for &x in values {
        progress.steps(16)?;
        stats.push(x)?;
        let value = if stats.is_full() { statistic(stats.moments())? } else { None };
        result.push(value.unwrap_or(f64::NAN));
    }
    Ok(result)
}

/// Keeps the positions that may still become the extreme, best first (Lemire 2006).
fn extremes(
    values: &[f64],
    size: usize,
    beats: impl Fn(f64, f64) -> bool,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    error::size("size", size, 1, MAX_WINDOW)?;
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut result = prepared("the rolling window", values, size, progress)?;
    for (i, &x) in values.iter().enumerate() {
        progress.steps(4)?;
        while candidates.back().is_some_and(|&j| beats(x, values[j])) {
            candidates.pop_back();
        }
        candidates.push_back(i);
        if candidates.front().is_some_and(|&j| j + size <= i) {
            candidates.pop_front();
        }
        let best = candidates.front().map_or(f64::NAN, |&j| values[j]);
        result.push(if i + 1 >= size { best } else { f64::NAN });
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, free, numbers, reference};

    #[test]
    fn agrees_with_pandas() {
        let case = reference(include_str!("../../../tests/reference/rolling.json"));
        let values = numbers(&case["values"]);
        let check = |name: &str, actual: Vec<f64>| {
            assert_all_close(&actual, &numbers(&case[name]), 1e-12);
        };
        check("mean", rolling_mean(&values, 7, &free()).unwrap());
        check("sum", rolling_sum(&values, 7, &free()).unwrap());
        check("std", rolling_stddev(&values, 7, &free()).unwrap());
        check("median", rolling_median(&values, 7, &free()).unwrap());
        check("min", rolling_min(&values, 7, &free()).unwrap());
        check("max", rolling_max(&values, 7, &free()).unwrap());
        check(
            "quantile",
            rolling_quantile(&values, 7, 0.9, QuantileMethod::Linear, &free()).unwrap(),
        );
        check("mean100", rolling_mean(&values, 100, &free()).unwrap());
        check("std100", rolling_stddev(&values, 100, &free()).unwrap());
    }

    #[test]
    fn refuses_gaps_and_empty_windows() {
        assert!(rolling_mean(&[1.0, f64::NAN], 1, &free()).is_err());
        assert!(rolling_max(&[1.0], 0, &free()).is_err());
        assert!(rolling_min(&[], 3, &free()).unwrap().is_empty());
        assert!(rolling_stddev(&[1.0], 1, &free()).unwrap()[0].is_nan());
    }
}
