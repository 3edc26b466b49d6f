//! Exact quantiles by every named method.
//!
//! Hyndman & Fan (1996), "Sample quantiles in statistical packages", types 1 to 9, and the simple
//! ones, under the names NumPy gives them; results equal NumPy's.

use std::str::FromStr;

use crate::stats::{
    error::{self, Result, StatsError},
    progress::Progress,
    sorting,
};

/// How a quantile between two values is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuantileMethod {
    /// Type 1: the inverse of the empirical distribution.
    InvertedCdf,
    /// Type 2: type 1, averaged at its steps.
    AveragedInvertedCdf,
    /// Type 3: the closest value, even ranks first.
    ClosestObservation,
    /// Type 4: linear interpolation of the empirical distribution.
    InterpolatedInvertedCdf,
    /// Type 5: piecewise linear, knots at mid-steps.
    Hazen,
    /// Type 6: i / (n + 1).
    Weibull,
    /// Type 7, the default of NumPy and R: (i - 1) / (n - 1).
    #[default]
    Linear,
    /// Type 8: approximately unbiased for the median, whatever the distribution.
    MedianUnbiased,
    /// Type 9: approximately unbiased for normal values.
    NormalUnbiased,
    /// The lower neighbour of type 7.
    Lower,
    /// The upper neighbour of type 7.
    Higher,
    /// The nearest neighbour of type 7, even ranks first.
    Nearest,
    /// The mean of both neighbours of type 7.
    Midpoint,
}

impl FromStr for QuantileMethod {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<QuantileMethod> {
        Ok(match name {
            "inverted_cdf" => QuantileMethod::InvertedCdf,
            "averaged_inverted_cdf" => QuantileMethod::AveragedInvertedCdf,
            "closest_observation" => QuantileMethod::ClosestObservation,
            "interpolated_inverted_cdf" => QuantileMethod::InterpolatedInvertedCdf,
            "hazen" => QuantileMethod::Hazen,
            "weibull" => QuantileMethod::Weibull,
            "linear" => QuantileMethod::Linear,
            "median_unbiased" => QuantileMethod::MedianUnbiased,
            "normal_unbiased" => QuantileMethod::NormalUnbiased,
            "lower" => QuantileMethod::Lower,
            "higher" => QuantileMethod::Higher,
            "nearest" => QuantileMethod::Nearest,
            "midpoint" => QuantileMethod::Midpoint,
            got => {
                return Err(StatsError::Unknown {
                    name: "method",
                    got: got.to_owned(),
                    known: "inverted_cdf, averaged_inverted_cdf, closest_observation, \
                            interpolated_inverted_cdf, hazen, weibull, linear, median_unbiased, \
                            normal_unbiased, lower, higher, nearest, midpoint",
                });
            }
        })
    }
}

impl QuantileMethod {
    /// The position of quantile `q` among `n` sorted values, counted from 0.
    fn position(self, q: f64, n: f64) -> f64 {
        let between = |alpha: f64, beta: f64| n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
        let step = |position: f64, round: fn(f64) -> f64| {
            let below = position.floor();
            below + round(position - below)
        };
        match self {
            QuantileMethod::InvertedCdf => step(n * q - 1.0, f64::ceil),
            QuantileMethod::AveragedInvertedCdf => {
                step(n * q - 1.0, |rest| if rest > 0.0 { 1.0 } else { 0.5 })
            }
            QuantileMethod::ClosestObservation => {
                let position = n * q - 1.0 - 0.5;
                let stays = position == position.floor() && position.rem_euclid(2.0) == 1.0;
                if stays { position } else { position.floor() + 1.0 }
            }
            QuantileMethod::InterpolatedInvertedCdf => between(0.0, 1.0),
            QuantileMethod::Hazen => between(0.5, 0.5),
            QuantileMethod::Weibull => between(0.0, 0.0),
            QuantileMethod::Linear => (n - 1.0) * q,
            QuantileMethod::MedianUnbiased => between(1.0 / 3.0, 1.0 / 3.0),
            QuantileMethod::NormalUnbiased => between(3.0 / 8.0, 3.0 / 8.0),
            QuantileMethod::Lower => ((n - 1.0) * q).floor(),
            QuantileMethod::Higher => ((n - 1.0) * q).ceil(),
            QuantileMethod::Nearest => ((n - 1.0) * q).round_ties_even(),
            QuantileMethod::Midpoint => {
                let position = (n - 1.0) * q;
                0.5 * (position.floor() + position.ceil())
            }
        }
    }

    /// The quantile `q` of `n` sorted values of which `value` gives each by its rank from 0.
    pub(crate) fn pick(self, q: f64, n: usize, value: impl Fn(usize) -> f64) -> f64 {
        let position = self.position(q, n as f64).clamp(0.0, (n - 1) as f64);
        let below = position.floor();
        let rest = position - below;
        let low = value(below as usize);
        if rest == 0.0 {
            return low;
        }
        let high = value(below as usize + 1);
        // As NumPy, from the nearer end, so that equal neighbours give themselves.
        let gap = high - low;
        if gap.is_infinite() {
            return low * (1.0 - rest) + high * rest;
        }
        if rest < 0.5 { low + gap * rest } else { high - gap * (1.0 - rest) }
    }
}

/// The quantile `q` from 0 to 1; O(n log n).
///
/// An error when empty, if a value is not finite, or for another `q`.
pub fn quantile(
    values: &[f64],
    q: f64,
    method: QuantileMethod,
    progress: &Progress<'_>,
) -> Result<f64> {
    error::probability("q", q)?;
    quantile_sorted(&sorted("values", values, progress)?, q, method)
}

/// The quantile `q` from 0 to 1 of values that are sorted and finite; O(1).
pub fn quantile_sorted(values: &[f64], q: f64, method: QuantileMethod) -> Result<f64> {
    error::probability("q", q)?;
    if values.is_empty() {
        return Err(StatsError::TooFew { name: "values", needed: 1, got: 0 });
    }
    Ok(method.pick(q, values.len(), |i| values[i]))
}

/// The median; an error when empty or if a value is not finite.
pub fn median(values: &[f64], progress: &Progress<'_>) -> Result<f64> {
    quantile(values, 0.5, QuantileMethod::Linear, progress)
}

/// A sorted copy; an error when empty or if a value is not finite.
pub fn sorted(name: &'static str, values: &[f64], progress: &Progress<'_>) -> Result<Vec<f64>> {
    error::sample(name, values, 1)?;
    progress.room_for(name, values.len())?;
    let mut sorted = values.to_vec();
    sorting::sort(name, &mut sorted, progress)?;
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_numpy() {
        let cases = reference(include_str!("../../../tests/reference/quantile.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            let q = number(&case["q"]);
            for (method, expected) in case["quantiles"].as_object().unwrap() {
                let actual = quantile(&values, q, method.parse().unwrap(), &free()).unwrap();
                assert_close(actual, number(expected), 1e-15);
            }
        }
    }

    #[test]
    fn refuses_what_has_no_quantile() {
        assert!(median(&[], &free()).is_err());
        assert!(median(&[1.0, f64::NAN], &free()).is_err());
        let error = quantile(&[1.0], 1.5, QuantileMethod::Linear, &free()).unwrap_err();
        assert_eq!(error.to_string(), "q must be from 0 to 1, got 1.5");
        let error = "cubic".parse::<QuantileMethod>().unwrap_err().to_string();
        assert!(error.starts_with("method 'cubic' is not known; use one of inverted_cdf"));
    }
}
