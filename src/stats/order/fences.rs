//! Tukey's fences: values beyond them lie far outside the quartiles.
//!
//! Tukey (1977), "Exploratory Data Analysis", section 2. "The quartiles" are a matter of
//! convention, so the rule is an argument.

use std::str::FromStr;

use super::quantile::{QuantileMethod, quantile_sorted, sorted};
use crate::stats::{
    error::{self, Result, StatsError},
    progress::Progress,
    wide::Wide,
};

/// How the quartiles are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuartileRule {
    /// The quantiles 0.25 and 0.75 by a method.
    Quantile(QuantileMethod),
    /// The medians of the two halves, the median itself in neither (Moore & McCabe).
    HalvesExclusive,
    /// The medians of the two halves, an odd count's median in both: Tukey's hinges.
    HalvesInclusive,
    /// The medians of the two halves as Kapacitor's Go example `outliers` takes them: the median of
    /// an even count is the mean of the values at n/2 and n/2 + 1 counted from 0, one too high, and
    /// the lower half ends at, and the upper begins after, that pair. Positions beyond a half's end
    /// (where the example panics) are its last value.
    KapacitorExample,
}

/// Quartiles and the fences around them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fences {
    /// q1 - scale · (q3 - q1).
    pub lower: f64,
    /// q3 + scale · (q3 - q1).
    pub upper: f64,
    /// The first quartile.
    pub q1: f64,
    /// The third quartile.
    pub q3: f64,
}

impl Fences {
    /// Whether `x` lies outside.
    pub fn exclude(&self, x: f64) -> bool {
        x < self.lower || x > self.upper
    }
}

impl FromStr for QuartileRule {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<QuartileRule> {
        match name {
            "halves_exclusive" => Ok(QuartileRule::HalvesExclusive),
            "halves_inclusive" | "tukey_hinges" => Ok(QuartileRule::HalvesInclusive),
            "kapacitor_example" => Ok(QuartileRule::KapacitorExample),
            name => name.parse().map(QuartileRule::Quantile).map_err(|_| StatsError::Unknown {
                name: "method",
                got: name.to_owned(),
                known: "tukey_hinges, halves_exclusive, halves_inclusive, kapacitor_example or a \
                        method of quantile (linear, hazen, weibull, ...)",
            }),
        }
    }
}

/// The fences `scale` interquartile ranges outside the quartiles; O(n log n).
///
/// 1.5 is usual. A single value is its own quartiles; no spread puts the fences on the quartiles. An
/// error when empty, if a value is not finite, for a negative `scale`, or where a fence is too large for a
/// double.
pub fn tukey_fences(
    values: &[f64],
    scale: f64,
    rule: QuartileRule,
    progress: &Progress<'_>,
) -> Result<Fences> {
    error::not_negative("scale", scale)?;
    let sorted = sorted("values", values, progress)?;
    let (q1, q3) = quartiles(&sorted, rule)?;
    let reach = scale * (q3 - q1);
    let (lower, upper) = (q1 - reach, q3 + reach);
    if lower.is_finite() && upper.is_finite() {
        return Ok(Fences { lower, upper, q1, q3 });
    }
    let reach = Wide::difference(q3, q1).scaled(scale);
    let lower = Wide::from(q1).minus(reach).exact("the lower fence")?;
    let upper = Wide::from(q3).plus(reach).exact("the upper fence")?;
    Ok(Fences { lower, upper, q1, q3 })
}

fn quartiles(sorted: &[f64], rule: QuartileRule) -> Result<(f64, f64)> {
    let n = sorted.len();
    let half = |values: &[f64]| {
        // A single value has no other half.
        let values = if values.is_empty() { sorted } else { values };
        quantile_sorted(values, 0.5, QuantileMethod::Linear)
    };
    match rule {
        QuartileRule::Quantile(method) => {
            Ok((quantile_sorted(sorted, 0.25, method)?, quantile_sorted(sorted, 0.75, method)?))
        }
        QuartileRule::HalvesExclusive => Ok((half(&sorted[..n / 2])?, half(&sorted[n - n / 2..])?)),
        QuartileRule::HalvesInclusive => {
            Ok((half(&sorted[..n.div_ceil(2)])?, half(&sorted[n / 2..])?))
        }
        QuartileRule::KapacitorExample => Ok(kapacitor_quartiles(sorted)),
    }
}

/// As `bounds` in Kapacitor's `udf/agent/examples/outliers/outliers.go`.
fn kapacitor_quartiles(sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len();
    let end_of_lower = if n.is_multiple_of(2) { n / 2 + 1 } else { n / 2 };
    let start_of_upper = n / 2 + 1;
    let q1 = kapacitor_median(sorted, 0, end_of_lower);
    (q1, kapacitor_median(sorted, start_of_upper.min(n - 1), n))
}

fn kapacitor_median(sorted: &[f64], from: usize, to: usize) -> f64 {
    let len = to - from;
    let at = |i: usize| sorted[(from + i).min(sorted.len() - 1)];
    if len.is_multiple_of(2) { f64::midpoint(at(len / 2), at(len / 2 + 1)) } else { at(len / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::free;

    fn check(rule: &str, n: u32, q1: f64, q3: f64) {
        let values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
        let fences = tukey_fences(&values, 1.5, rule.parse().unwrap(), &free()).unwrap();
        assert_eq!((fences.q1, fences.q3), (q1, q3), "{rule} of {n}");
        assert_eq!(fences.upper, q3 + 1.5 * (q3 - q1));
        assert!(fences.exclude(1e3) && !fences.exclude(q1));
    }

    #[test]
    fn takes_the_halves_with_or_without_the_median() {
        check("halves_exclusive", 9, 2.5, 7.5);
        check("tukey_hinges", 9, 3.0, 7.0);
        check("halves_exclusive", 8, 2.5, 6.5);
        check("halves_inclusive", 8, 2.5, 6.5);
        check("linear", 9, 3.0, 7.0);
        check("tukey_hinges", 1, 1.0, 1.0);
        check("halves_exclusive", 1, 1.0, 1.0);
    }

    // Worked by hand from the Go source: its medians of even counts are one position too high.
    #[test]
    fn repeats_the_example_of_kapacitor() {
        check("kapacitor_example", 9, 3.5, 8.5);
        check("kapacitor_example", 11, 3.0, 9.0);
        check("kapacitor_example", 8, 3.0, 7.0);
        check("kapacitor_example", 10, 4.5, 9.5);
        check("kapacitor_example", 1, 1.0, 1.0);
        check("kapacitor_example", 2, 2.0, 2.0);
        for n in 1..20 {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            assert!(tukey_fences(&values, 1.5, QuartileRule::KapacitorExample, &free()).is_ok());
        }
    }
}
