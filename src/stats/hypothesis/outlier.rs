//! Tests for outliers: Grubbs, and the generalised ESD.
//!
//! Grubbs (1969), "Procedures for detecting outlying observations in samples"; Rosner (1983),
//! "Percentage points for a generalized ESD many-outlier procedure".

use crate::stats::{
    distribution::Student,
    error::{self, Result, StatsError},
    moments::MeanVar,
    order::{self, MAD_TO_SIGMA, mad_sorted},
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// Which side an outlier may lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tails {
    /// Either.
    Both,
    /// Above.
    Upper,
    /// Below.
    Lower,
}

/// An outlier found by an ESD test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EsdOutlier {
    /// Its position in the values, from 0.
    pub index: usize,
    /// Its distance from the centre in units of spread, when it was the farthest.
    pub score: f64,
}

/// The outcome of Grubbs' test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grubbs {
    /// The position of the value farthest from the mean.
    pub index: usize,
    /// G: its distance in standard deviations.
    pub statistic: f64,
    /// The two-sided p-value, by Bonferroni's bound (exact where G is large).
    pub pvalue: f64,
}

/// Grubbs' two-sided test for one outlier among normal values.
///
/// Without variance G is 0 and p is 1. An error below three values or if one is not finite.
pub fn grubbs(values: &[f64]) -> Result<Grubbs> {
    error::sample("values", values, 3)?;
    // The statistic does not depend on the unit; in this one all distances are doubles.
    let values = scaled_down(values, power_of(values));
    let moments = MeanVar::of(&values);
    let distance = |x: f64| moments.deviation(x).abs();
    let farthest = |best: usize, i: usize| {
        if distance(values[i]) > distance(values[best]) { i } else { best }
    };
    let index = (1..values.len()).fold(0, farthest);
    let stddev = moments.stddev().unwrap_or(0.0);
    if stddev == 0.0 {
        return Ok(Grubbs { index, statistic: 0.0, pvalue: 1.0 });
    }
    let n = values.len() as f64;
    let g = distance(values[index]) / stddev;
    let rest = ((n - 1.0) * (n - 1.0) - n * g * g).max(0.0);
    let t = g * (n * (n - 2.0) / rest).sqrt();
    let pvalue = (n * Student::new(n - 2.0)?.two_sided(t)).min(1.0);
    Ok(Grubbs { index, statistic: g, pvalue })
}

/// The generalised ESD test for up to `most` outliers among normal values, the strongest first.
///
/// `alpha` is the significance. `most` is from 1 to n - 2. An error below three values or if one is
/// not finite; O(n log n + n · most).
pub fn generalized_esd(
    values: &[f64],
    most: usize,
    alpha: f64,
    tails: Tails,
    progress: &Progress<'_>,
) -> Result<Vec<EsdOutlier>> {
    let measure = |sorted: &[f64]| {
        let moments = MeanVar::of(sorted);
        (moments.mean().unwrap_or(0.0), moments.stddev().unwrap_or(0.0))
    };
    esd(values, most, alpha, tails, measure, progress)
}

/// Centre and spread that outliers do not move: the median and the scaled MAD.
pub(crate) fn middle_and_mad(sorted: &[f64]) -> (f64, f64) {
    let median = order::QuantileMethod::Linear.pick(0.5, sorted.len(), |i| sorted[i]);
    (median, mad_sorted(sorted.len(), |i| sorted[i]).scaled(MAD_TO_SIGMA).saturated())
}

/// The ESD test with any measure of centre and spread of sorted values.
///
/// The farthest value is always at an end of what remains.
pub(crate) fn esd(
    values: &[f64],
    most: usize,
    alpha: f64,
    tails: Tails,
    measure: impl Fn(&[f64]) -> (f64, f64),
    progress: &Progress<'_>,
) -> Result<Vec<EsdOutlier>> {
    error::sample("values", values, 3)?;
    error::size("most", most, 1, values.len() - 2)?;
    error::fraction("alpha", alpha)?;
    let values = scaled_down(values, power_of(values));
    let positions = crate::stats::series::argsort(&values, progress)?;
    progress.room_for("esd", 2 * values.len())?;
    let sorted: Vec<f64> = positions.iter().map(|&i| values[i]).collect();
    let (mut low, mut high) = (0, sorted.len());
    let mut removed = Vec::new();
    let mut outliers = 0;
    for i in 1..=most {
        progress.steps(16 + high - low)?;
        let (centre, spread) = measure(&sorted[low..high]);
        if spread == 0.0 {
            break;
        }
        let (below, above) =
            ((centre - sorted[low]) / spread, (sorted[high - 1] - centre) / spread);
        let upper = match tails {
            Tails::Both => above >= below,
            Tails::Upper => true,
            Tails::Lower => false,
        };
        let (at, score) = if upper { (high - 1, above) } else { (low, below) };
        removed.push(EsdOutlier { index: positions[at], score });
        if upper {
            high -= 1;
        } else {
            low += 1;
        }
        if score > critical_value(values.len(), i, alpha, tails)? {
            outliers = i;
        }
    }
    removed.truncate(outliers);
    Ok(removed)
}

/// Rosner's approximate critical value of the `i`th of `n` values.
fn critical_value(n: usize, i: usize, alpha: f64, tails: Tails) -> Result<f64, StatsError> {
    let rest = (n - i) as f64;
    let sides = if tails == Tails::Both { 2.0 } else { 1.0 };
    let t = Student::new((rest - 1.0).max(1.0))?.isf(alpha / (sides * (rest + 1.0)));
    Ok(rest * t / ((rest - 1.0 + t * t) * (rest + 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free};

    // Rosner's data, as in the NIST/SEMATECH e-Handbook, 1.3.5.17.3: three outliers of ten at most.
    #[rustfmt::skip]
    const ROSNER: [f64; 54] = [
        -0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56, 1.58,
        1.65, 1.69, 1.70, 1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10, 2.14, 2.15,
        2.23, 2.24, 2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92, 2.92, 2.93, 3.21,
        3.26, 3.30, 3.59, 3.68, 4.30, 4.64, 5.34, 5.42, 6.01,
    ];

    #[test]
    fn repeats_the_handbook() {
        let found = generalized_esd(&ROSNER, 10, 0.05, Tails::Both, &free()).unwrap();
        let indices: Vec<usize> = found.iter().map(|outlier| outlier.index).collect();
        assert_eq!(indices, [53, 52, 51]);
        assert_close(found[0].score, 3.118_906, 1e-6);
        assert_close(found[2].score, 3.179_424, 1e-6);
        assert_close(critical_value(54, 1, 0.05, Tails::Both).unwrap(), 3.158_794, 1e-6);
        // The same handbook, 1.3.5.17.1: G = 2.4687 against a critical value of 2.032.
        let masses = [199.31, 199.53, 200.19, 200.82, 201.92, 201.95, 202.18, 245.57];
        let test = grubbs(&masses).unwrap();
        assert_eq!(test.index, 7);
        assert_close(test.statistic, 2.468_7, 1e-4);
        assert!(test.pvalue < 1e-5);
    }

    #[test]
    fn finds_nothing_without_spread() {
        assert_eq!(grubbs(&[1.0; 4]).unwrap().pvalue, 1.0);
        assert!(generalized_esd(&[1.0; 9], 3, 0.05, Tails::Both, &free()).unwrap().is_empty());
        assert!(
            grubbs(&[1.0, 2.0]).is_err()
                && esd(&[1.0; 3], 2, 0.1, Tails::Both, middle_and_mad, &free()).is_err()
        );
    }
}
