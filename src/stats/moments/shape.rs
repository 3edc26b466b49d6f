//! Moments of a slice at hand.

use super::MeanVar;
use crate::stats::{
    error::Result,
    wide::{power_of, scaled_up},
};

/// The arithmetic mean; `None` when empty. NaN in, NaN out.
pub fn mean(values: &[f64]) -> Option<f64> {
    MeanVar::of(values).mean()
}

/// The sum, compensated (Neumaier 1974); 0 when empty. NaN in, NaN out.
///
/// An error where finite values have a sum that is too large for a double.
pub fn sum(values: &[f64]) -> Result<f64> {
    let plain = compensated(values.iter().copied());
    if plain.is_finite() || !values.iter().all(|x| x.is_finite()) {
        return Ok(plain);
    }
    // A partial sum was too large; the whole one need not be.
    let power = power_of(values) + 64;
    scaled_up("sum", compensated(values.iter().map(|&x| libm::scalbn(x, -power))), power)
}

fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for x in values {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    if sum.is_finite() { sum + lost } else { sum }
}

/// The variance, divided by n - 1; `None` below two values, 0 when all are equal. NaN in, NaN out.
///
/// An error where a double has no room for it; the standard deviation exists then.
pub fn variance(values: &[f64]) -> Result<Option<f64>> {
    MeanVar::of(values).variance()
}

/// The standard deviation; `None` below two values, 0 when all are equal. NaN in, NaN out.
pub fn stddev(values: &[f64]) -> Option<f64> {
    MeanVar::of(values).stddev()
}

/// The skewness g1 = m3 / m2^1.5; `None` when empty or when all values are equal. NaN in, NaN out.
pub fn skewness(values: &[f64]) -> Option<f64> {
    standardised_power([values, &[]], 3)
}

/// The excess kurtosis g2 = m4 / m2² - 3; `None` when empty or when all values are equal.
/// NaN in, NaN out.
pub fn kurtosis(values: &[f64]) -> Option<f64> {
    standardised_power([values, &[]], 4).map(|kurtosis| kurtosis - 3.0)
}

/// The mean of ((x - mean) / population deviation) to a power, of two slices in a row.
pub(super) fn standardised_power(parts: [&[f64]; 2], power: i32) -> Option<f64> {
    let moments = MeanVar::of_parts(parts);
    let n = moments.count() as f64;
    // Neither an empty slice nor a constant one has a shape.
    if moments.count() == 0 || moments.m2().is_zero() {
        return None;
    }
    let scale = moments.m2().over_count(n).root();
    let plain = scale.value();
    let standardised = |x: f64| match moments.deviation(x) {
        deviation if deviation.is_finite() && plain.is_normal() => deviation / plain,
        _ => moments.wide_deviation(x).over(scale).value(),
    };
    let values = parts[0].iter().chain(parts[1]);
    Some(values.map(|&x| standardised(x).powi(power)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        moments::{MovingStats, RunningStats, Window},
        testing::{assert_close, number, numbers, reference},
    };

    #[test]
    fn agrees_with_mpmath() {
        let cases = reference(include_str!("../../../tests/reference/moments.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            let mut running = RunningStats::new();
            running.extend(&values).unwrap();
            let mut moving = MovingStats::new(values.len()).unwrap();
            moving.extend(&values).unwrap();
            for moments in [MeanVar::of(&values), running.moments(), moving.moments()] {
                assert_close(moments.mean().unwrap(), number(&case["mean"]), 1e-13);
                let variance = number(&case["variance"]);
                match moments.variance() {
                    Ok(found) => assert_close(found.unwrap(), variance, 1e-12),
                    // Squares of these values are less than the smallest double.
                    Err(error) => {
                        assert!(error.to_string().contains("less than") && variance == 0.0)
                    }
                }
            }
            assert_close(sum(&values).unwrap(), number(&case["sum"]), 1e-15);
            if number(&case["variance"]) == 0.0 {
                // The reference is made of doubles and has no shape here; `extremes.json` has.
                continue;
            }
            for found in [skewness(&values), running.skewness(), moving.skewness()] {
                assert_close(found.unwrap_or(f64::NAN), number(&case["skewness"]), 1e-9);
            }
            for found in [kurtosis(&values), running.kurtosis(), moving.kurtosis()] {
                assert_close(found.unwrap_or(f64::NAN), number(&case["kurtosis"]), 1e-9);
            }
        }
    }
}
