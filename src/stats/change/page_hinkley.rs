//! The Page-Hinkley test of a drifting mean, two-sided.
//!
//! Page (1954) and Hinkley (1971), "Inference about the change-point from cumulative sum tests"; the
//! running mean and tolerance delta as in Gama et al. (2013).

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
    snapshot::checked_snapshot,
};

/// Sums of deviations from the running mean, compared with their extremes; O(1) a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PageHinkley {
    delta: f64,
    threshold: f64,
    warmup: u64,
    moments: MeanVar,
    rising: f64,
    lowest: f64,
    falling: f64,
    highest: f64,
}

/// The result of the test after a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PageHinkleyStep {
    /// How far the sum for a rise is above its minimum, in units of the values.
    pub up: f64,
    /// How far the sum for a fall is below its maximum.
    pub down: f64,
    /// The direction of the change, when one has passed the threshold.
    pub alarm: Option<Direction>,
}

impl PageHinkley {
    /// Makes one; `delta` (the change tolerated) and `threshold` are in units of the values.
    ///
    /// No alarm is raised before `warmup` values.
    pub fn new(delta: f64, threshold: f64, warmup: u64) -> Result<PageHinkley> {
        Ok(PageHinkley {
            delta: error::not_negative("delta", delta)?,
            threshold: error::positive("threshold", threshold)?,
            warmup,
            moments: MeanVar::default(),
            rising: 0.0,
            lowest: 0.0,
            falling: 0.0,
            highest: 0.0,
        })
    }

    /// Takes in `x`; an error if it is not within ±1e150. After an alarm the test starts again.
    pub fn push(&mut self, x: f64) -> Result<PageHinkleyStep> {
        self.moments.push(error::moderate("value", x)?);
        let deviation = self.moments.deviation(x);
        self.rising += deviation - self.delta;
        self.falling += deviation + self.delta;
        self.lowest = self.lowest.min(self.rising);
        self.highest = self.highest.max(self.falling);
        let (up, down) = (self.rising - self.lowest, self.highest - self.falling);
        let alarm = match () {
            () if !self.ready() => None,
            () if up > self.threshold => Some(Direction::Up),
            () if down > self.threshold => Some(Direction::Down),
            () => None,
        };
        if alarm.is_some() {
            self.reset();
        }
        Ok(PageHinkleyStep { up, down, alarm })
    }

    /// How many values were seen since the start or the last alarm.
    pub fn count(&self) -> u64 {
        self.moments.count()
    }

    /// Whether `warmup` values were seen since then.
    pub fn ready(&self) -> bool {
        self.count() >= self.warmup
    }

    /// The mean since then; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.moments = MeanVar::default();
        (self.rising, self.lowest, self.falling, self.highest) = (0.0, 0.0, 0.0, 0.0);
    }

    fn check(&self) -> Result<()> {
        PageHinkley::new(self.delta, self.threshold, self.warmup).map(drop)
    }
}

checked_snapshot!(PageHinkley);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{continues_the_same, numbers, reference, survives_damage};

    #[test]
    fn detects_where_river_does() {
        let case = reference(include_str!("../../../tests/reference/drift.json"));
        let mut test = PageHinkley::new(0.005, 50.0, 30).unwrap();
        let mut found = Vec::new();
        for (i, &x) in numbers(&case["values"]).iter().enumerate() {
            if test.push(x).unwrap().alarm.is_some() {
                found.push(i as f64);
            }
        }
        assert_eq!(found, numbers(&case["page_hinkley"]));
        continues_the_same(&test, |test| test.push(3.0));
        survives_damage(&test, |test| drop(test.push(3.0)));
    }

    #[test]
    fn tells_the_direction() {
        let mut test = PageHinkley::new(0.1, 5.0, 10).unwrap();
        let run = |test: &mut PageHinkley, level: f64| {
            (0..30).find_map(|_| test.push(level).unwrap().alarm)
        };
        assert_eq!(run(&mut test, 1.0), None);
        assert_eq!(run(&mut test, 4.0), Some(Direction::Up));
        assert_eq!(run(&mut test, 4.0), None);
        assert_eq!(run(&mut test, 1.0), Some(Direction::Down));
        assert!(test.push(f64::NAN).is_err());
    }
}
