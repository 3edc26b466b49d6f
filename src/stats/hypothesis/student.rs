//! Student's t-tests: Welch, pooled, paired, one sample.
//!
//! Welch (1947), "The generalization of Student's problem when several different population
//! variances are involved"; the degrees of freedom by Satterthwaite (1946). Without any variance,
//! where the quotient does not exist: equal means give t = 0, p = 1, and different ones t = ±∞, p = 0.

use crate::stats::{
    distribution::Student,
    error::{self, Result, StatsError},
    moments::{MeanVar, MovingStats, RunningStats, Window},
    wide::{Wide, power_of, scaled_down},
};

/// The properties of a sample that a t-test uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The arithmetic mean.
    pub mean: f64,
    /// The variance, divided by n - 1.
    pub(crate) variance: Wide,
    /// The number of values.
    pub n: u64,
    /// The rounding error of the mean, where it is known.
    low: f64,
}

/// The outcome of a t-test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TTest {
    /// The statistic: the difference of the means over its standard error.
    pub t: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// The two-sided p-value.
    pub pvalue: f64,
}

impl Sample {
    /// Summarises a slice; an error below two values or if one is not finite.
    pub fn of(name: &'static str, values: &[f64]) -> Result<Sample> {
        error::sample(name, values, 2)?;
        Sample::from_moments(name, &MeanVar::of(values))
    }

    /// Takes over moments; an error below two values.
    pub fn from_moments(name: &'static str, moments: &MeanVar) -> Result<Sample> {
        let n = moments.count();
        let (Some(mean), Some(variance)) = (moments.mean(), moments.wide_variance()) else {
            return Err(StatsError::TooFew { name, needed: 2, got: n as usize });
        };
        Ok(Sample { mean, variance, n, low: moments.low() })
    }

    /// Takes over a mean and a standard deviation; an error below two values or for a negative
    /// deviation.
    pub fn from_stddev(mean: f64, stddev: f64, n: u64) -> Result<Sample> {
        error::finite("mean", mean)?;
        error::not_negative("stddev", stddev)?;
        if n < 2 {
            return Err(StatsError::TooFew { name: "sample", needed: 2, got: n as usize });
        }
        Ok(Sample { mean, variance: Wide::product(stddev, stddev), n, low: 0.0 })
    }

    fn above(&self, other: &Sample) -> Wide {
        Wide::difference(self.mean, other.mean).plus(Wide::from(self.low - other.low))
    }

    fn squared_error(&self) -> Wide {
        self.variance.over_count(self.n as f64)
    }
}

impl TryFrom<&MovingStats> for Sample {
    type Error = StatsError;

    fn try_from(stats: &MovingStats) -> Result<Sample> {
        Sample::from_moments("moving_stats", &stats.moments())
    }
}

impl TryFrom<&RunningStats> for Sample {
    type Error = StatsError;

    fn try_from(stats: &RunningStats) -> Result<Sample> {
        Sample::from_moments("running_stats", &stats.moments())
    }
}

/// Welch's t-test of equal means, without assuming equal variances.
///
/// t = (mean_a - mean_b) / √(s²a/na + s²b/nb); without any variance df is na + nb - 2.
pub fn welch_ttest(a: &Sample, b: &Sample) -> TTest {
    let (error_a, error_b) = (a.squared_error(), b.squared_error());
    let (free_a, free_b) = ((a.n - 1) as f64, (b.n - 1) as f64);
    let total = error_a.plus(error_b);
    if total.is_zero() {
        return outcome(a.above(b), total, free_a + free_b);
    }
    let (part_a, part_b) = (error_a.over(total).value(), error_b.over(total).value());
    let df = 1.0 / (part_a * part_a / free_a + part_b * part_b / free_b);
    outcome(a.above(b), total.root(), df)
}

/// Student's t-test of equal means, with the variances pooled.
pub fn pooled_ttest(a: &Sample, b: &Sample) -> TTest {
    let (free_a, free_b) = ((a.n - 1) as f64, (b.n - 1) as f64);
    let df = free_a + free_b;
    let pooled = a.variance.scaled(free_a).plus(b.variance.scaled(free_b)).over_count(df);
    let error = pooled.scaled(1.0 / a.n as f64 + 1.0 / b.n as f64).root();
    outcome(a.above(b), error, df)
}

/// The t-test of a mean of `expected`.
pub fn one_sample_ttest(sample: &Sample, expected: f64) -> TTest {
    outcome(
        Wide::difference(sample.mean, expected).plus(Wide::from(sample.low)),
        sample.squared_error().root(),
        (sample.n - 1) as f64,
    )
}

/// Compares the means of two slices: [`pooled_ttest`] with `equal_variances`, else [`welch_ttest`].
///
/// An error below two values on a side or if one is not finite.
pub fn ttest_ind(a: &[f64], b: &[f64], equal_variances: bool) -> Result<TTest> {
    let (a, b) = (Sample::of("a", a)?, Sample::of("b", b)?);
    Ok(if equal_variances { pooled_ttest(&a, &b) } else { welch_ttest(&a, &b) })
}

/// [`one_sample_ttest`] of a slice; an error below two values or if one is not finite.
pub fn ttest_1samp(values: &[f64], expected: f64) -> Result<TTest> {
    error::finite("expected", expected)?;
    Ok(one_sample_ttest(&Sample::of("values", values)?, expected))
}

/// The t-test of the differences of pairs; an error unless both sides have the same length, two or
/// more.
pub fn paired_ttest(a: &[f64], b: &[f64]) -> Result<TTest> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    error::sample("a", a, 2)?;
    error::sample("b", b, 2)?;
    // The statistic does not depend on the unit; in this one all differences are doubles.
    let power = power_of(a.iter().chain(b));
    let (a, b) = (scaled_down(a, power), scaled_down(b, power));
    let mut moments = MeanVar::default();
    a.iter().zip(&*b).for_each(|(a, b)| moments.push(a - b));
    Ok(one_sample_ttest(&Sample::from_moments("pairs", &moments)?, 0.0))
}

/// A statistic beyond the doubles is the largest of them: its p-value is 0 all the same.
fn outcome(difference: Wide, error: Wide, df: f64) -> TTest {
    let t = match (difference.is_zero(), error.is_zero()) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY.copysign(difference.value()),
        (false, false) => difference.over(error).saturated(),
    };
    let pvalue = Student::new(df).map_or(f64::NAN, |student| student.two_sided(t));
    TTest { t, df, pvalue }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, number, numbers, reference};

    fn check(actual: TTest, expected: &serde_json::Value) {
        assert_close(actual.t, number(&expected["t"]), 1e-11);
        assert_close(actual.df, number(&expected["df"]), 1e-11);
        let pvalue = number(&expected["pvalue"]);
        assert_close(actual.pvalue.max(1e-300), pvalue.max(1e-300), 1e-10);
    }

    #[test]
    fn agrees_with_scipy_and_mpmath() {
        let cases = reference(include_str!("../../../tests/reference/ttest.json"));
        for case in cases.as_array().unwrap() {
            let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
            check(ttest_ind(&a, &b, false).unwrap(), &case["welch"]);
            check(ttest_ind(&a, &b, true).unwrap(), &case["pooled"]);
            check(ttest_1samp(&a, b[0]).unwrap(), &case["one_sample"]);
            if a.len() == b.len() {
                check(paired_ttest(&a, &b).unwrap(), &case["paired"]);
            }
        }
    }

    #[test]
    fn is_defined_without_variance() {
        let (a, b) = ([3.0, 3.0, 3.0], [4.0, 4.0]);
        assert_eq!(ttest_ind(&a, &a, false).unwrap(), TTest { t: 0.0, df: 4.0, pvalue: 1.0 });
        let different = TTest { t: f64::NEG_INFINITY, df: 3.0, pvalue: 0.0 };
        assert_eq!(ttest_ind(&a, &b, false).unwrap(), different);
        assert_eq!(ttest_ind(&a, &b, true).unwrap(), different);
        let one_sided = ttest_ind(&a, &[4.0, 5.0, 9.0], false).unwrap();
        assert_close(one_sided.df, 2.0, 1e-15);
    }

    #[test]
    fn refuses_samples_of_one() {
        let error = ttest_ind(&[1.0], &[1.0, 2.0], false).unwrap_err();
        assert_eq!(error.to_string(), "a needs at least 2 values, got 1");
        assert!(ttest_ind(&[1.0, f64::NAN], &[1.0, 2.0], false).is_err());
        assert!(paired_ttest(&[1.0, 2.0], &[1.0, 2.0, 3.0]).is_err());
    }
}
