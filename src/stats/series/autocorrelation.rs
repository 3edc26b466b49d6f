//! The correlation of a series with itself some steps later.

use realfft::RealFftPlanner;

use super::spectrum::{MAX_TRANSFORM, transform_bytes};
use crate::stats::{
    error::{self, Result, StatsError},
    moments::MeanVar,
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// The autocorrelation at the lags 0 to `max_lag`, by the fast Fourier transform; O(n log n), up to
/// 4,000,000 values.
///
/// Σ d(i) d(i + lag) / Σ d(i)², d being the distance from the mean (statsmodels' `acf`). An error
/// below two values, if one is not finite, if all are equal, or for a lag not below n.
pub fn autocorrelation(
    values: &[f64],
    max_lag: usize,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    error::sample("values", values, 2)?;
    error::size("number of values", values.len(), 2, MAX_TRANSFORM)?;
    error::size("max_lag", max_lag, 0, values.len() - 1)?;
    let padded = (2 * values.len()).next_power_of_two();
    progress.room("autocorrelation", padded * size_of::<f64>() + transform_bytes(padded))?;
    let values = scaled_down(values, power_of(values));
    let moments = MeanVar::of(&values);
    let spread = moments.m2().over_count(values.len() as f64).root().value();
    if spread == 0.0 {
        let reason = "all values are equal";
        return Err(StatsError::Undefined { name: "autocorrelation", reason });
    }
    // Zeros up to twice the length keep the circular transform from wrapping around.
    let mut input = Vec::with_capacity(padded);
    input.extend(values.iter().map(|&x| moments.deviation(x) / spread));
    input.resize(padded, 0.0);
    progress.check()?;
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(input.len());
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut input, &mut spectrum).expect("buffers are made by and for the plan");
    progress.check()?;
    for x in &mut spectrum {
        (x.re, x.im) = (x.norm_sqr(), 0.0);
    }
    let backward = planner.plan_fft_inverse(input.len());
    backward.process(&mut spectrum, &mut input).expect("a power spectrum is real");
    progress.check()?;
    let whole = input[0];
    Ok(input[..=max_lag].iter().map(|x| x / whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, free, numbers, reference};

    #[test]
    fn agrees_with_statsmodels() {
        let cases = reference(include_str!("../../../tests/reference/spectrum.json"));
        for case in cases.as_array().unwrap() {
            let (values, expected) = (numbers(&case["values"]), numbers(&case["acf"]));
            let found = autocorrelation(&values, expected.len() - 1, &free()).unwrap();
            assert_all_close(&found, &expected, 1e-9);
        }
        assert!(autocorrelation(&[1.0, 1.0], 1, &free()).is_err());
        assert!(autocorrelation(&[1.0, 2.0], 2, &free()).is_err());
    }
}
