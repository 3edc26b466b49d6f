//! The two-sided cumulative sum chart.
//!
//! Page (1954), "Continuous inspection schemes"; Montgomery, "Introduction to Statistical Quality
//! Control", the tabular form: S⁺ = max(0, S⁺ + z - k), S⁻ = max(0, S⁻ - z - k), alarm above h.

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    moments::{MeanVar, RunningStats},
    snapshot::checked_snapshot,
    wide::Wide,
};

/// A CUSUM of standardised values, with a baseline that is given or learned.
///
/// A learned baseline is the mean and standard deviation of the first `warmup` values, and is learned again after
/// each alarm. O(1) a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Cusum {
    drift: f64,
    threshold: f64,
    warmup: u32,
    baseline: MeanVar,
    given: Option<(f64, f64)>,
    upper: f64,
    lower: f64,
    count: u64,
}

/// The result of a CUSUM after a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CusumStep {
    /// The sum for a rise, in standard deviations, before any reset by an alarm.
    pub upper: f64,
    /// The sum for a fall.
    pub lower: f64,
    /// The direction of the change, when a sum has passed the threshold.
    pub alarm: Option<Direction>,
}

impl Cusum {
    /// Makes one with a known `mean` and positive `stddev`.
    ///
    /// `drift` k (usually 0.5) and `threshold` h (usually 4 to 5) are in standard deviations.
    pub fn new(mean: f64, stddev: f64, drift: f64, threshold: f64) -> Result<Cusum> {
        error::finite("mean", mean)?;
        error::positive("stddev", stddev)?;
        Ok(Cusum { given: Some((mean, stddev)), ..Cusum::learning(2, drift, threshold)? })
    }

    /// Makes one that learns its baseline from `warmup` values, from 2 to `MAX_WINDOW`.
    pub fn learning(warmup: usize, drift: f64, threshold: f64) -> Result<Cusum> {
        let warmup = error::size("warmup", warmup, 2, MAX_WINDOW)?;
        Ok(Cusum {
            drift: error::not_negative("drift", drift)?,
            threshold: error::positive("threshold", threshold)?,
            warmup: u32::try_from(warmup).expect("MAX_WINDOW fits u32"),
            baseline: MeanVar::default(),
            given: None,
            upper: 0.0,
            lower: 0.0,
            count: 0,
        })
    }

    /// Takes in `x`; `None` while the baseline is learned. An error if `x` is not finite.
    ///
    /// A baseline without variance makes any other value an alarm. After an alarm both sums start
    /// at 0.
    pub fn push(&mut self, x: f64) -> Result<Option<CusumStep>> {
        error::finite("value", x)?;
        self.count = self.count.saturating_add(1);
        let Some(z) = self.z(x) else {
            self.baseline.push(x);
            return Ok(None);
        };
        self.upper = (self.upper + z - self.drift).max(0.0);
        self.lower = (self.lower - z - self.drift).max(0.0);
        let alarm = if self.upper > self.threshold {
            Some(Direction::Up)
        } else if self.lower > self.threshold {
            Some(Direction::Down)
        } else {
            None
        };
        let step = CusumStep { upper: self.upper, lower: self.lower, alarm };
        if alarm.is_some() {
            self.rebase();
        }
        Ok(Some(step))
    }

    fn z(&self, x: f64) -> Option<f64> {
        match self.given {
            Some((mean, stddev)) => {
                Some(Wide::difference(x, mean).over(Wide::from(stddev)).saturated())
            }
            None => self.ready().then(|| self.baseline.z(x)).flatten(),
        }
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there is a baseline.
    pub fn ready(&self) -> bool {
        self.given.is_some() || self.baseline.count() >= u64::from(self.warmup)
    }

    /// The baseline's mean; `None` before the first value.
    pub fn mean(&self) -> Option<f64> {
        self.given.map(|given| given.0).or(self.baseline.mean())
    }

    /// Sets both sums to 0 and removes a learnt baseline.
    pub fn rebase(&mut self) {
        (self.upper, self.lower) = (0.0, 0.0);
        self.baseline = MeanVar::default();
    }

    /// Sets the baseline; an error below two values or without variance.
    pub fn set_baseline(&mut self, stats: &RunningStats) -> Result<()> {
        let stddev = stats.stddev().unwrap_or(f64::NAN);
        let mean = stats.mean().unwrap_or(f64::NAN);
        self.given = Some((error::finite("mean", mean)?, error::positive("stddev", stddev)?));
        Ok(())
    }

    /// Removes all that was learnt; the parameters stay.
    pub fn reset(&mut self) {
        self.rebase();
        self.count = 0;
    }

    fn check(&self) -> Result<()> {
        Cusum::learning(self.warmup as usize, self.drift, self.threshold).map(drop)
    }
}

checked_snapshot!(Cusum);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    // Montgomery, "Introduction to Statistical Quality Control", 6th edition, table 9.2: target 10,
    // sigma 1, k = 0.5, h = 5; the chart signals at period 29.
    #[rustfmt::skip]
    const TABLE: [f64; 30] = [
        9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40,
        10.08, 9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38,
        11.62, 11.31, 10.52,
    ];

    #[test]
    fn repeats_the_textbook() {
        let mut cusum = Cusum::new(10.0, 1.0, 0.5, 5.0).unwrap();
        let steps: Vec<_> = TABLE.iter().map(|&x| cusum.push(x).unwrap().unwrap()).collect();
        assert_close(steps[27].upper, 4.47, 1e-9);
        assert_close(steps[28].upper, 5.28, 1e-9);
        assert_close(steps[1].lower, 1.56, 1e-9);
        let first = steps.iter().position(|step| step.alarm.is_some());
        assert_eq!((first, steps[28].alarm), (Some(28), Some(Direction::Up)));
    }

    #[test]
    fn learns_anew_after_an_alarm() {
        let mut cusum = Cusum::learning(10, 0.5, 5.0).unwrap();
        let level = |i: usize, level: f64| level + (i % 3) as f64;
        let mut alarms = Vec::new();
        for i in 0..60 {
            let x = level(i, if i < 30 { 0.0 } else { -50.0 });
            alarms
                .extend(cusum.push(x).unwrap().and_then(|step| step.alarm).map(|alarm| (i, alarm)));
        }
        assert_eq!(alarms, [(30, Direction::Down)]);
        assert!(cusum.mean().unwrap() < -40.0);
        continues_the_same(&cusum, |cusum| cusum.push(7.0));
        survives_damage(&cusum, |cusum| drop(cusum.push(7.0)));
    }
}
