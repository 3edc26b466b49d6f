//! A statistic of each value and the `size - 1` before it.
//!
//! The first `size - 1` results are NaN: their windows are not full. Values must be finite; fill or
//! drop gaps first.

use std::collections::VecDeque;

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    moments::{MeanVar, MovingStats},
    order::{MovingOrder, QuantileMethod},
};

/// The mean of each full window; O(n · min(size, 64)).
pub fn rolling_mean(values: &[f64], size: usize) -> Result<Vec<f64>> {
    moments(values, size, |moments| moments.mean())
}

/// The sum of each full window; O(n · min(size, 64)).
pub fn rolling_sum(values: &[f64], size: usize) -> Result<Vec<f64>> {
    moments(values, size, |moments| Some(moments.sum()))
}

/// The standard deviation (n - 1) of each full window; O(n · min(size, 64)); NaN for a size of 1.
pub fn rolling_stddev(values: &[f64], size: usize) -> Result<Vec<f64>> {
    moments(values, size, |moments| moments.stddev())
}

/// The median of each full window; O(n · (log size + moved bytes)).
pub fn rolling_median(values: &[f64], size: usize) -> Result<Vec<f64>> {
    rolling_quantile(values, size, 0.5, QuantileMethod::Linear)
}

/// The quantile `q` from 0 to 1 of each full window; O(n · (log size + moved bytes)).
pub fn rolling_quantile(
    values: &[f64],
    size: usize,
    q: f64,
    method: QuantileMethod,
) -> Result<Vec<f64>> {
    error::all_finite("values", values)?;
    error::probability("q", q)?;
    let mut order = MovingOrder::new(size)?;
    let mut result = Vec::with_capacity(values.len());
    for &x in values {
        order.push(x)?;
        let quantile = if order.ready() { order.quantile(q, method)? } else { None };
        result.push(quantile.unwrap_or(f64::NAN));
    }
    Ok(result)
}

/// The smallest value of each full window; O(n).
pub fn rolling_min(values: &[f64], size: usize) -> Result<Vec<f64>> {
    extremes(values, size, |new, old| new <= old)
}

/// The largest value of each full window; O(n).
pub fn rolling_max(values: &[f64], size: usize) -> Result<Vec<f64>> {
    extremes(values, size, |new, old| new >= old)
}

fn moments(
    values: &[f64],
    size: usize,
    statistic: impl Fn(MeanVar) -> Option<f64>,
) -> Result<Vec<f64>> {
    error::all_finite("values", values)?;
    let mut stats = MovingStats::new(size)?;
    let mut result = Vec::with_capacity(values.len());
    for &x in values {
        stats.push(x)?;
        let value = if stats.is_full() { statistic(stats.moments()) } else { None };
        result.push(value.unwrap_or(f64::NAN));
    }
    Ok(result)
}

/// Keeps the positions that may still become the extreme, best first (Lemire 2006).
fn extremes(values: &[f64], size: usize, beats: impl Fn(f64, f64) -> bool) -> Result<Vec<f64>> {
    error::all_finite("values", values)?;
    error::size("size", size, 1, MAX_WINDOW)?;
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut result = Vec::with_capacity(values.len());
    for (i, &x) in values.iter().enumerate() {
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
    use crate::stats::testing::{assert_all_close, numbers, reference};

    #[test]
    fn agrees_with_pandas() {
        let case = reference(include_str!("../../../tests/reference/rolling.json"));
        let values = numbers(&case["values"]);
        let check = |name: &str, actual: Vec<f64>| {
            assert_all_close(&actual, &numbers(&case[name]), 1e-12);
        };
        check("mean", rolling_mean(&values, 7).unwrap());
        check("sum", rolling_sum(&values, 7).unwrap());
        check("std", rolling_stddev(&values, 7).unwrap());
        check("median", rolling_median(&values, 7).unwrap());
        check("min", rolling_min(&values, 7).unwrap());
        check("max", rolling_max(&values, 7).unwrap());
        check("quantile", rolling_quantile(&values, 7, 0.9, QuantileMethod::Linear).unwrap());
        check("mean100", rolling_mean(&values, 100).unwrap());
        check("std100", rolling_stddev(&values, 100).unwrap());
    }

    #[test]
    fn refuses_gaps_and_empty_windows() {
        assert!(rolling_mean(&[1.0, f64::NAN], 1).is_err());
        assert!(rolling_max(&[1.0], 0).is_err());
        assert!(rolling_min(&[], 3).unwrap().is_empty());
        assert!(rolling_stddev(&[1.0], 1).unwrap()[0].is_nan());
    }
}
