//! The period of a series, by its autocorrelation.

use crate::stats::{
    error::{self, Result, StatsError},
    progress::Progress,
    series::{MAX_TRANSFORM, autocorrelation},
    trend::linear_fit,
    wide::{power_of, scaled_down},
};

/// The share of the highest peak that an earlier one must reach to be the period.
const NEARLY: f64 = 0.9;
/// The lowest autocorrelation of a period.
const LEAST: f64 = 0.25;

/// The length of the period in values, up to a half of the series; O(n log n).
///
/// After a linear trend is removed, it is the first peak of the autocorrelation, behind its first
/// fall below 0, that is nearly as high as the highest. `None` if none is above 0.25 and above what
/// noise would give (1.96 / √n), below four values, or when all are equal. An error if a value is
/// not finite.
pub fn period(values: &[f64], progress: &Progress<'_>) -> Result<Option<usize>> {
    error::all_finite("values", values)?;
    error::size("number of values", values.len(), 0, MAX_TRANSFORM)?;
    let values = &*scaled_down(values, power_of(values));
    let n = values.len();
    if n < 4 {
        return Ok(None);
    }
    let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let line = linear_fit(&x, values)?;
    let level: Vec<f64> = x.iter().zip(values).map(|(&x, y)| y - line.at(x)).collect();
    let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    if largest(&level) <= 1e-12 * largest(values) {
        return Ok(None);
    }
    let correlation = match autocorrelation(&level, n / 2, progress) {
        Err(StatsError::Undefined { .. }) => return Ok(None),
        other => other?,
    };
    let Some(fall) = correlation.iter().position(|r| *r < 0.0) else {
        return Ok(None);
    };
    let is_peak = |&lag: &usize| {
        correlation[lag] > correlation[lag - 1]
            && correlation.get(lag + 1).is_none_or(|next| correlation[lag] >= *next)
    };
    let peaks: Vec<usize> = (fall.max(1)..correlation.len()).filter(is_peak).collect();
    let highest = peaks.iter().map(|&lag| correlation[lag]).fold(0.0, f64::max);
    if highest < LEAST.max(1.96 / (n as f64).sqrt()) {
        return Ok(None);
    }
    Ok(peaks.into_iter().find(|&lag| correlation[lag] >= NEARLY * highest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Rng, testing::free};

    #[test]
    fn finds_the_period() {
        let mut rng = Rng::new(5);
        for wanted in [7, 24, 100] {
            let wave = |i: usize| (i as f64 * std::f64::consts::TAU / wanted as f64).sin();
            let values: Vec<f64> =
                (0..500).map(|i| 1e6 + i as f64 * 0.3 + 5.0 * wave(i) + rng.uniform()).collect();
            assert_eq!(period(&values, &free()).unwrap(), Some(wanted));
        }
    }

    #[test]
    fn finds_none_where_there_is_none() {
        let mut rng = Rng::new(6);
        let noise: Vec<f64> = (0..500).map(|_| rng.uniform()).collect();
        assert_eq!(period(&noise, &free()).unwrap(), None);
        assert_eq!(period(&[3.0; 50], &free()).unwrap(), None);
        let line: Vec<f64> = (0..50).map(f64::from).collect();
        assert_eq!(period(&line, &free()).unwrap(), None);
        assert_eq!(period(&[1.0, 2.0], &free()).unwrap(), None);
        assert!(period(&[1.0, f64::NAN], &free()).is_err());
    }
}
