//! Moments of a slice at hand.

use super::MeanVar;

/// The arithmetic mean; `None` when empty. NaN in, NaN out.
pub fn mean(values: &[f64]) -> Option<f64> {
    MeanVar::of(values).mean()
}

/// The sum, compensated (Neumaier 1974); 0 when empty. NaN in, NaN out.
pub fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for &x in values {
        let next = sum + x;
        lost += if f64::abs(sum) >= f64::abs(x) { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    if f64::is_finite(sum) { sum + lost } else { sum }
}

/// The variance, divided by n - 1; `None` below two values, 0 when all are equal. NaN in, NaN out.
pub fn variance(values: &[f64]) -> Option<f64> {
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
    let scale = (moments.m2() / n).sqrt();
    // An empty slice gives NaN, a constant one 0: neither has a shape.
    if moments.count() == 0 || scale == 0.0 {
        return None;
    }
    let values = parts[0].iter().chain(parts[1]);
    Some(values.map(|&x| (moments.deviation(x) / scale).powi(power)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        moments::{MovingStats, RunningStats},
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
                assert_close(moments.variance().unwrap(), number(&case["variance"]), 1e-12);
            }
            assert_close(sum(&values), number(&case["sum"]), 1e-15);
            if number(&case["variance"]) == 0.0 {
                // Squares of these values leave the doubles: there is no shape to compare.
                assert_eq!((skewness(&values), running.kurtosis()), (None, None));
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
