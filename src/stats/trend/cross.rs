//! The correlation of two series when one of them is shifted.

use crate::stats::{
    error::{self, Result},
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// The correlation of two series at each shift of one against the other.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossCorrelation {
    /// At the lags from `-max_lag` to `max_lag`; empty when a side has no variance.
    pub values: Vec<f64>,
    /// The lag with the largest absolute value; of equal ones the smallest, the positive one first.
    pub lag: Option<i64>,
    /// The value at that lag.
    pub value: Option<f64>,
}

/// The cross-correlation: `Σ (a[t] - ā) (b[t + lag] - b̄) / (n s_a s_b)` with the means and population standard
/// deviations of the whole series (Box & Jenkins), so a positive lag says that `b` follows `a`. O(n · `max_lag`).
///
/// An error unless both have the same length of two or more, are finite, and `max_lag` is below that length.
pub fn cross_correlation(
    a: &[f64],
    b: &[f64],
    max_lag: usize,
    progress: &Progress<'_>,
) -> Result<CrossCorrelation> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    error::sample("a", a, 2)?;
    error::sample("b", b, 2)?;
    error::size("max_lag", max_lag, 0, a.len() - 1)?;
    progress.room_for("cross_correlation", 2 * a.len() + 2 * max_lag + 1)?;
    let (Some(a), Some(b)) = (standardised(a), standardised(b)) else {
        return Ok(CrossCorrelation { values: Vec::new(), lag: None, value: None });
    };
    let n = a.len();
    let mut values = vec![0.0; 2 * max_lag + 1];
    for lag in 0..=max_lag {
        progress.steps(2 * (n - lag))?;
        values[max_lag + lag] = product(&a[..n - lag], &b[lag..]);
        values[max_lag - lag] = product(&a[lag..], &b[..n - lag]);
    }
    let mut best = 0;
    let at = |lag: i64| values[(max_lag as i64 + lag) as usize].abs();
    for lag in (1..=max_lag as i64).flat_map(|lag| [lag, -lag]) {
        if at(lag) > at(best) {
            best = lag;
        }
    }
    let value = values[(max_lag as i64 + best) as usize];
    Ok(CrossCorrelation { values, lag: Some(best), value: Some(value) })
}

/// The deviations from the mean, divided by the root of the sum of their squares; `None` without variance.
fn standardised(values: &[f64]) -> Option<Vec<f64>> {
    let power = power_of(values);
    let mut values = if power == 0 { values.to_vec() } else { scaled_down(values, power).to_vec() };
    let first = values[0];
    if values.iter().all(|x| *x == first) {
        return None;
    }
    // The mean is corrected by the mean of what is left, so that a large offset loses no digits.
    for _ in 0..2 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter_mut().for_each(|x| *x -= mean);
    }
    let largest = values.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
    if largest == 0.0 {
        return None;
    }
    values.iter_mut().for_each(|x| *x /= largest);
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    values.iter_mut().for_each(|x| *x /= norm);
    Some(values)
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    sum.clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/cross.json"));
        for case in cases.as_array().unwrap() {
            let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
            let max_lag = number(&case["max_lag"]) as usize;
            let found = cross_correlation(&a, &b, max_lag, &free()).unwrap();
            assert_all_close(&found.values, &numbers(&case["values"]), 1e-11);
            assert_eq!(found.lag, Some(number(&case["lag"]) as i64));
        }
    }

    #[test]
    fn the_edges() {
        let find = |a: &[f64], b: &[f64], lag| cross_correlation(a, b, lag, &free());
        let none = find(&[1.0, 1.0], &[1.0, 2.0], 1).unwrap();
        assert_eq!((none.values.len(), none.lag, none.value), (0, None, None));
        for (a, b, lag) in [
            (&[1.0][..], &[1.0][..], 0),
            (&[1.0, 2.0], &[1.0], 0),
            (&[1.0, 2.0], &[1.0, f64::NAN], 0),
            (&[1.0, 2.0], &[1.0, 3.0], 2),
        ] {
            assert!(find(a, b, lag).is_err());
        }
        let scaled = find(&[1e308, -1e308, 1e307], &[1e-308, -1e-308, 1e-309], 1).unwrap();
        let plain = find(&[10.0, -10.0, 1.0], &[10.0, -10.0, 1.0], 1).unwrap();
        assert_all_close(&scaled.values, &plain.values, 1e-12);
        assert_eq!(scaled.lag, Some(0));
    }
}
