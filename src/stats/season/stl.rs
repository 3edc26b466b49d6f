//! Seasonal-trend decomposition by loess.
//!
//! Cleveland et al. (1990), "STL: a seasonal-trend decomposition procedure based on loess"; the
//! computation by the crate `stlrs`, with R's choice of a constant fit for the season (degree 0).

use stlrs::Stl;

use crate::stats::{
    error::{self, Result, StatsError},
    progress::Progress,
    wide::{power_of, scaled_down, scaled_up},
};

/// The longest series, plain and robust: a decomposition cannot be stopped, and takes about a second for so many
/// values.
const MAX_PLAIN: usize = 2_000_000;
const MAX_ROBUST: usize = 250_000;

/// The parts of a series, whose sum is the series.
#[derive(Clone, Debug, PartialEq)]
pub struct Decomposition {
    /// The part that repeats with the period.
    pub seasonal: Vec<f64>,
    /// The trend, which changes slowly.
    pub trend: Vec<f64>,
    /// The remainder.
    pub remainder: Vec<f64>,
}

/// Takes a series of at least two periods (each of 2 values or more) apart.
///
/// `seasonal_window` is the number of periods over which the season may change (odd, at least 7), or
/// `None` for a season that stays the same (R's "periodic"). `robust` keeps outliers in the remainder,
/// at some eight times the cost. O(n · period / 10) a loop: as in R, the loess is computed at every
/// tenth of its window and interpolated. An error if a value is not finite.
pub fn stl(
    values: &[f64],
    period: usize,
    seasonal_window: Option<usize>,
    robust: bool,
    progress: &Progress<'_>,
) -> Result<Decomposition> {
    error::size("period", period, 2, error::MAX_WINDOW)?;
    error::sample("values", values, 2 * period)?;
    let most = if robust { MAX_ROBUST } else { MAX_PLAIN };
    error::size("number of values", values.len(), 2 * period, most)?;
    progress.room_for("stl", 12 * values.len())?;
    progress.check()?;
    let power = power_of(values);
    let values = &*scaled_down(values, power);
    let window = match seasonal_window {
        None => 10 * values.len() + 1,
        Some(window) => error::size("seasonal_window", window, 7, error::MAX_WINDOW)? | 1,
    };
    let undefined = |_| StatsError::Undefined { name: "stl", reason: "the decomposition failed" };
    let fit = Stl::params().robust(robust).seasonal_length(window).fit(values, period);
    let (mut seasonal, mut trend, mut remainder, _) = fit.map_err(undefined)?.into_parts();
    if seasonal_window.is_none() {
        repeat_mean(&mut seasonal, period);
        for (i, rest) in remainder.iter_mut().enumerate() {
            *rest = values[i] - seasonal[i] - trend[i];
        }
    }
    progress.check()?;
    if power != 0 {
        for part in [&mut seasonal, &mut trend, &mut remainder] {
            for x in part {
                *x = scaled_up("stl", *x, power)?;
            }
        }
    }
    Ok(Decomposition { seasonal, trend, remainder })
}

/// Replaces each value by the mean of all at its place in the period.
fn repeat_mean(seasonal: &mut [f64], period: usize) {
    for phase in 0..period {
        let cycle = || (phase..seasonal.len()).step_by(period);
        let mean = cycle().map(|i| seasonal[i]).sum::<f64>() / cycle().count() as f64;
        for i in (phase..seasonal.len()).step_by(period) {
            seasonal[i] = mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, free, numbers, reference};

    #[test]
    fn agrees_with_statsmodels() {
        let cases = reference(include_str!("../../../tests/reference/stl.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            let robust = case["robust"].as_bool().unwrap();
            let found = stl(&values, 12, Some(7), robust, &free()).unwrap();
            assert_all_close(&found.seasonal, &numbers(&case["seasonal"]), 1e-9);
            assert_all_close(&found.trend, &numbers(&case["trend"]), 1e-9);
        }
    }

    #[test]
    fn a_season_that_stays_repeats() {
        let values: Vec<f64> = (0..60).map(|i| f64::from(i) * 0.1 + f64::from(i % 5)).collect();
        let found = stl(&values, 5, None, true, &free()).unwrap();
        assert_eq!(found.seasonal[3], found.seasonal[53]);
        let sum = |i: usize| found.seasonal[i] + found.trend[i] + found.remainder[i];
        assert!((0..60).all(|i| (sum(i) - values[i]).abs() < 1e-12));
        assert!(
            stl(&values, 40, None, false, &free()).is_err()
                && stl(&values, 1, None, false, &free()).is_err()
        );
    }
}
