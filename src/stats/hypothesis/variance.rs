//! Tests of equal variances: F, and Levene's, which does not need normal values.
//!
//! Levene (1960), "Robust tests for equality of variances"; Brown & Forsythe (1974) for the median and
//! the trimmed mean.

use std::str::FromStr;

use super::Sample;
use crate::stats::{
    distribution::Fisher,
    error::{Result, StatsError},
    moments::MeanVar,
    order,
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// The outcome of a test whose statistic follows an F distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FTest {
    /// The statistic.
    pub f: f64,
    /// The degrees of freedom of the numerator.
    pub df1: f64,
    /// The degrees of freedom of the denominator.
    pub df2: f64,
    /// The p-value: two-sided for [`f_test`], the upper tail for [`levene`].
    pub pvalue: f64,
}

/// The centre from which Levene's test measures distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centre {
    /// The median (Brown-Forsythe): for skewed values, and the best default.
    Median,
    /// The mean (Levene): for symmetric values.
    Mean,
    /// The mean without one in twenty values at each end: for heavy tails.
    Trimmed,
}

impl FromStr for Centre {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<Centre> {
        match name {
            "median" => Ok(Centre::Median),
            "mean" => Ok(Centre::Mean),
            "trimmed" => Ok(Centre::Trimmed),
            got => {
                let known = "median, mean, trimmed";
                Err(StatsError::Unknown { name: "center", got: got.to_owned(), known })
            }
        }
    }
}

/// The F test of equal variances of two normal samples: F = s²a / s²b, two-sided.
///
/// Without variance on both sides F is 1 and p is 1; on one side F is 0 or infinite and p is 0. An error
/// where F does not fit into a double.
pub fn f_test(a: &Sample, b: &Sample) -> Result<FTest> {
    let (df1, df2) = ((a.n - 1) as f64, (b.n - 1) as f64);
    let f = match (a.variance.is_zero(), b.variance.is_zero()) {
        (true, true) => return Ok(FTest { f: 1.0, df1, df2, pvalue: 1.0 }),
        (false, true) => f64::INFINITY,
        _ => a.variance.over(b.variance).exact("f")?,
    };
    let distribution = Fisher::new(df1, df2)?;
    let pvalue = (2.0 * distribution.cdf(f).min(distribution.sf(f))).min(1.0);
    Ok(FTest { f, df1, df2, pvalue })
}

/// Levene's test of equal variances of two or more samples.
///
/// Where all distances within samples are equal: p is 1 if they are equal between them, else 0. An
/// error below two samples, for an empty one, for less than three values, or if one is not finite.
pub fn levene(samples: &[&[f64]], centre: Centre, progress: &Progress<'_>) -> Result<FTest> {
    if samples.len() < 2 {
        return Err(StatsError::TooFew { name: "samples", needed: 2, got: samples.len() });
    }
    // The statistic does not depend on the unit; in this one all squares are doubles.
    let power = power_of(samples.iter().copied().flatten());
    let mut groups = Vec::with_capacity(samples.len());
    for sample in samples {
        groups.push(MeanVar::of(&distances(&scaled_down(sample, power), centre, progress)?));
    }
    let mut total = MeanVar::default();
    groups.iter().for_each(|group| total.merge(group));
    let (n, k) = (total.count() as f64, groups.len() as f64);
    if n <= k {
        let (needed, got) = (samples.len() + 1, total.count() as usize);
        return Err(StatsError::TooFew { name: "samples", needed, got });
    }
    let between: f64 =
        groups.iter().map(|group| group.count() as f64 * total.distance(group).powi(2)).sum();
    let within: f64 = groups.iter().map(|group| group.m2().value()).sum();
    let (df1, df2) = (k - 1.0, n - k);
    if between == 0.0 {
        return Ok(FTest { f: 0.0, df1, df2, pvalue: 1.0 });
    }
    let f = between / df1 / (within / df2);
    Ok(FTest { f, df1, df2, pvalue: Fisher::new(df1, df2)?.sf(f) })
}

fn distances(sample: &[f64], centre: Centre, progress: &Progress<'_>) -> Result<Vec<f64>> {
    let sorted = order::sorted("sample", sample, progress)?;
    let cut = (sorted.len() as f64 * 0.05) as usize;
    let mean = |values: &[f64]| MeanVar::of(values).mean().unwrap_or(0.0);
    let middle = match centre {
        Centre::Median => order::QuantileMethod::Linear.pick(0.5, sorted.len(), |i| sorted[i]),
        Centre::Mean => mean(&sorted),
        Centre::Trimmed => mean(&sorted[cut..sorted.len() - cut]),
    };
    Ok(sorted.iter().map(|x| (x - middle).abs()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/variance.json"));
        for case in cases.as_array().unwrap() {
            let samples: Vec<Vec<f64>> =
                case["samples"].as_array().unwrap().iter().map(numbers).collect();
            let slices: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
            for centre in ["median", "mean", "trimmed"] {
                let test = levene(&slices, centre.parse().unwrap(), &free()).unwrap();
                assert_close(test.f, number(&case[centre]["f"]), 1e-11);
                assert_close(test.pvalue, number(&case[centre]["pvalue"]), 1e-10);
            }
            let [a, b] = [0, 1].map(|i| Sample::of("sample", slices[i]).unwrap());
            let test = f_test(&a, &b).unwrap();
            assert_close(test.f, number(&case["f"]), 1e-12);
            assert_close(test.pvalue, number(&case["f_pvalue"]), 1e-10);
        }
    }

    #[test]
    fn is_defined_without_variance() {
        let constant = Sample::of("a", &[1.0, 1.0]).unwrap();
        let other = Sample::of("b", &[1.0, 2.0]).unwrap();
        assert_eq!(f_test(&constant, &constant).unwrap().pvalue, 1.0);
        assert_eq!(f_test(&constant, &other).unwrap().pvalue, 0.0);
        assert_eq!(f_test(&other, &constant).unwrap().pvalue, 0.0);
        assert_eq!(
            levene(&[&[1.0, 1.0], &[2.0, 2.0]], Centre::Median, &free()).unwrap().pvalue,
            1.0
        );
        assert_eq!(levene(&[&[1.0, 3.0], &[2.0, 2.0]], Centre::Mean, &free()).unwrap().pvalue, 0.0);
        assert!(levene(&[&[1.0, 2.0]], Centre::Mean, &free()).is_err());
        assert!(levene(&[&[1.0], &[2.0]], Centre::Mean, &free()).is_err());
    }
}
