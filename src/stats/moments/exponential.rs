//! Exponentially weighted mean and variance: recent values count more, nothing is stored.
//!
//! West (1979) and Finch (2009), "Incremental calculation of weighted mean and variance"; the first
//! value starts the mean (pandas' `ewm(adjust=False)`, with `var(bias=True)`). For uneven sampling,
//! Eckner (2012), "Algorithms for unevenly spaced time series", the next-point scheme.

use serde::{Deserialize, Serialize};

use super::mean_var::standardised;
use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
    wide::Wide,
};

/// Mean, variance and z-score with weights that fall by 1 - alpha at each value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EwStats {
    alpha: f64,
    warmup: u64,
    count: u64,
    mean: f64,
    variance: Wide,
}

/// [`EwStats`] over time: weights fall by e every `time_constant`, however unevenly values come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct UnevenEwStats {
    time_constant: u64,
    last: i64,
    stats: EwStats,
}

impl EwStats {
    /// Makes one; `alpha` is the weight of a new value, above 0 and up to 1.
    pub fn new(alpha: f64) -> Result<EwStats> {
        error::range("alpha", alpha, alpha > 0.0 && alpha <= 1.0, "above 0 and up to 1")?;
        // The mean weight of the past is 1 / alpha values; NaN cannot reach the cast.
        let warmup = (1.0 / alpha).ceil().min(1e15) as u64;
        Ok(EwStats { alpha, warmup, count: 0, mean: 0.0, variance: Wide::ZERO })
    }

    /// Makes one by span: alpha = 2 / (span + 1), span at least 1.
    pub fn with_span(span: f64) -> Result<EwStats> {
        error::range("span", span, span >= 1.0 && span.is_finite(), "at least 1 and finite")?;
        EwStats::new(2.0 / (span + 1.0))
    }

    /// Makes one by half-life in values: alpha = 1 - 2^(-1 / half_life).
    pub fn with_half_life(half_life: f64) -> Result<EwStats> {
        error::positive("half_life", half_life)?;
        EwStats::new(-(-std::f64::consts::LN_2 / half_life).exp_m1())
    }

    /// Scores `x` as [`z`](EwStats::z) does, then takes it in; an error if it is not finite.
    pub fn push(&mut self, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let score = self.z(x);
        self.update(x, self.alpha);
        Ok(score)
    }

    /// Takes in all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.update(x, self.alpha));
        Ok(())
    }

    fn update(&mut self, x: f64, alpha: f64) {
        self.count = self.count.saturating_add(1);
        if self.count == 1 {
            (self.mean, self.variance) = (x, Wide::ZERO);
            return;
        }
        let deviation = Wide::difference(x, self.mean);
        let step = deviation.scaled(alpha);
        self.mean += step.value();
        self.variance = self.variance.plus(deviation.times(step)).scaled(1.0 - alpha);
    }

    /// How many standard deviations `x` lies above the mean.
    ///
    /// `None` below two values; with no variance 0 at the mean and infinite beside it.
    pub fn z(&self, x: f64) -> Option<f64> {
        let stddev = self.stddev()?;
        match x - self.mean {
            deviation if deviation.is_finite() => Some(standardised(deviation, stddev)),
            _ if stddev == 0.0 => Some(f64::INFINITY.copysign(x)),
            _ => Some(Wide::difference(x, self.mean).over(Wide::from(stddev)).saturated()),
        }
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether 1 / alpha values were seen.
    pub fn ready(&self) -> bool {
        self.count >= self.warmup
    }

    /// The weighted mean; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The weighted variance, not corrected for bias; `None` below two values, an error where a double
    /// has no room for it.
    pub fn variance(&self) -> Result<Option<f64>> {
        (self.count > 1).then(|| self.variance.exact("variance")).transpose()
    }

    /// The root of the variance; `None` below two values.
    pub fn stddev(&self) -> Option<f64> {
        (self.count > 1).then(|| self.variance.root().saturated())
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        (self.count, self.mean, self.variance) = (0, 0.0, Wide::ZERO);
    }

    fn check(&self) -> Result<()> {
        error::intact("ew_stats", self.variance.is_sound(), "its variance is no number")?;
        EwStats::new(self.alpha).map(drop)
    }
}

impl UnevenEwStats {
    /// Makes one; `time_constant` in nanoseconds, at least 1.
    pub fn new(time_constant: u64) -> Result<UnevenEwStats> {
        error::range("time_constant", time_constant as f64, time_constant > 0, "above 0")?;
        Ok(UnevenEwStats { time_constant, last: 0, stats: EwStats::new(1.0)? })
    }

    /// Scores `x` as [`EwStats::z`] does, then takes it in.
    ///
    /// Its weight is 1 - e^(-elapsed / time constant): a second value at one instant has none. An
    /// error if `x` is not finite or `time` (in nanoseconds) lies before the last.
    pub fn push(&mut self, time: i64, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let first = self.stats.count == 0;
        let elapsed = if first { 0 } else { error::elapsed(self.last, time)? };
        let score = self.stats.z(x);
        let alpha = -(-(elapsed as f64) / self.time_constant as f64).exp_m1();
        self.stats.update(x, alpha);
        self.last = time;
        Ok(score)
    }

    /// The mean, variance and count.
    pub fn stats(&self) -> &EwStats {
        &self.stats
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.stats.reset();
    }

    fn check(&self) -> Result<()> {
        UnevenEwStats::new(self.time_constant).map(drop)
    }
}

checked_snapshot!(EwStats);
checked_snapshot!(UnevenEwStats);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_close, continues_the_same, number, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_pandas() {
        let case = reference(include_str!("../../../tests/reference/ewm.json"));
        let mut even = EwStats::new(number(&case["alpha"])).unwrap();
        let (means, variances) = (numbers(&case["mean"]), numbers(&case["variance"]));
        let values = numbers(&case["values"]);
        for (i, &x) in values.iter().enumerate() {
            even.push(x).unwrap();
            assert_close(even.mean().unwrap(), means[i], 1e-13);
            assert_close(even.variance().unwrap().unwrap_or(0.0), variances[i], 1e-11);
        }
        let mut uneven = UnevenEwStats::new(10_000_000_000).unwrap();
        let times = numbers(&case["times"]);
        for (i, (&x, mean)) in values.iter().zip(numbers(&case["uneven_mean"])).enumerate() {
            uneven.push((times[i] * 1e9) as i64, x).unwrap();
            assert_close(uneven.stats().mean().unwrap(), mean, 1e-9);
        }
    }

    #[test]
    fn scores_before_it_learns() {
        let mut stats = EwStats::new(0.5).unwrap();
        assert_eq!(stats.push(1.0).unwrap(), None);
        assert_eq!(stats.push(3.0).unwrap(), None);
        assert_eq!((stats.mean(), stats.variance()), (Some(2.0), Ok(Some(1.0))));
        assert_eq!(stats.push(5.0).unwrap(), Some(3.0));
        assert!(stats.ready());
        assert!(stats.push(f64::NAN).is_err() && EwStats::new(0.0).is_err());
        let mut uneven = UnevenEwStats::new(1).unwrap();
        uneven.push(5, 1.0).unwrap();
        let error = uneven.push(4, 1.0).unwrap_err().to_string();
        assert_eq!(error, "time 4 lies before 5, the last one; times must not go back");
    }

    #[test]
    fn snapshots() {
        let mut uneven = UnevenEwStats::new(7).unwrap();
        uneven.push(5, 1.0).unwrap();
        continues_the_same(&uneven, |stats| stats.push(9, 4.0));
        survives_damage(&uneven, |stats| drop(stats.push(9, 4.0)));
    }
}
