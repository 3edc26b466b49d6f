//! A lasting change of level, by a generalised likelihood ratio over all recent times of change.
//!
//! Siegmund and Venkatraman (1995), "Using the generalized likelihood ratio statistic for sequential
//! detection of a change-point", with an estimated baseline: for each m, the last m values are tested
//! against the baseline of b values before them,
//!
//! G = max over m of (z_1 + … + z_m)² / (m (1 + m / b)),
//!
//! where z is the distance from the mean of the baseline in its standard deviations. z is cut at 3 (Huber
//! 1981, "Robust statistics"), so that one value far off is no change of level, and m is at least 5. The
//! standard deviation is 1.2533 times the mean absolute deviation. The last 64 values, at first half of all,
//! are not yet of the baseline; the baseline forgets beyond 500 values.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    ring::Ring,
    snapshot::checked_snapshot,
};

/// The most values that are tested.
const RECENT: usize = 64;
/// The fewest.
const FEWEST: usize = 5;
/// The number of values that the baseline remembers.
const MEMORY: f64 = 500.0;
/// The standard deviation of a normal distribution, in mean absolute deviations.
const NORMAL: f64 = 1.2533;
/// Where distances are cut.
const CUT: f64 = 3.0;

/// Tests at each value whether the level has changed; O(64) a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct LevelChange {
    warmup: u32,
    recent: Ring,
    count: f64,
    mean: f64,
    deviation: f64,
    seen: u64,
}

/// The judgement of the level after a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelStep {
    /// √G: about how many standard errors the recent level lies from the baseline.
    pub score: f64,
    /// The mean of the recent values less that of the baseline, in units of the values.
    pub size: f64,
    /// The number of values since the most likely change.
    pub length: usize,
}

impl LevelChange {
    /// Makes one that judges when the baseline has `warmup` values, from 2 to 10,000.
    pub fn new(warmup: usize) -> Result<LevelChange> {
        let warmup = error::size("warmup", warmup, 2, 10_000)?;
        Ok(LevelChange {
            warmup: u32::try_from(warmup).expect("at most 10,000"),
            recent: Ring::new(RECENT)?,
            count: 0.0,
            mean: 0.0,
            deviation: 0.0,
            seen: 0,
        })
    }

    /// Takes `x` in and tests; `None` while the baseline is too short. An error if it is not finite.
    ///
    /// Of a constant series the score is 0; beside a baseline without any deviation each z is 3.
    pub fn push(&mut self, x: f64) -> Result<Option<LevelStep>> {
        error::finite("value", x)?;
        self.seen = self.seen.saturating_add(1);
        let held = self.recent.len() as f64;
        // At most as many recent values as the baseline has, so that both are known from the start.
        let grows = !self.recent.is_full() && held <= self.count;
        if grows {
            self.recent.push(x);
        } else if self.recent.is_full() {
            let oldest = self.recent.push(x);
            oldest.into_iter().for_each(|oldest| self.learn(oldest));
        } else {
            let mut values: Vec<f64> = self.recent.iter().collect();
            values.push(x);
            self.learn(values[0]);
            self.fill(&values[1..]);
        }
        let ready = self.ready() && self.recent.len() >= FEWEST;
        Ok(ready.then(|| self.test()))
    }

    /// Begins a new baseline with the last `length` values: the new level is the usual one now.
    pub fn accept(&mut self, length: usize) {
        let values: Vec<f64> = self.recent.iter().collect();
        let newest = &values[values.len() - length.min(values.len())..];
        let deviation = self.deviation;
        (self.count, self.mean, self.deviation) = (0.0, 0.0, 0.0);
        self.recent.clear();
        newest.iter().for_each(|&x| self.learn(x));
        // A few values tell little about the noise; its previous estimate is better.
        self.deviation = self.deviation.max(deviation);
    }

    /// Moves the baseline: values count alike at first, and are forgotten beyond `MEMORY`.
    fn learn(&mut self, x: f64) {
        self.count = (self.count + 1.0).min(MEMORY);
        let weight = 1.0 / self.count;
        if self.count == 1.0 {
            self.mean = x;
            return;
        }
        let reach = if self.count > 10.0 { CUT * self.scale() } else { f64::MAX };
        let reach = if reach > 0.0 { reach.min(f64::MAX) } else { f64::MAX };
        let step = (x - self.mean).clamp(-reach, reach);
        self.mean += weight * step;
        let weight = 1.0 / (self.count - 1.0).max(1.0);
        self.deviation += weight * (step.abs() - self.deviation);
    }

    fn scale(&self) -> f64 {
        NORMAL * self.deviation
    }

    fn test(&self) -> LevelStep {
        let scale = self.scale();
        let mut best = LevelStep { score: 0.0, size: 0.0, length: 0 };
        let (mut sum, mut total, mut largest) = (0.0, 0.0, 0.0);
        for (i, x) in self.recent.iter().rev().enumerate() {
            let distance = (x - self.mean).clamp(f64::MIN, f64::MAX);
            sum += if distance == 0.0 { 0.0 } else { (distance / scale).clamp(-CUT, CUT) };
            let m = (i + 1) as f64;
            total += distance / RECENT as f64;
            let ratio = sum * sum / (m * (1.0 + m / self.count));
            if i + 1 >= FEWEST && ratio > largest {
                largest = ratio;
                let size = (total / m * RECENT as f64).clamp(f64::MIN, f64::MAX);
                best = LevelStep { score: ratio.sqrt(), size, length: i + 1 };
            }
        }
        best
    }

    fn fill(&mut self, values: &[f64]) {
        self.recent.clear();
        for &x in values {
            self.recent.push(x);
        }
    }

    /// The mean of the baseline; `None` when it is empty.
    pub fn baseline(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean)
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// Whether the baseline has the values that it needs.
    pub fn ready(&self) -> bool {
        self.count >= f64::from(self.warmup)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        *self = LevelChange::new(self.warmup as usize).expect("as it was made");
    }

    fn check(&self) -> Result<()> {
        LevelChange::new(self.warmup as usize)?;
        error::intact("level change", self.recent.size() == RECENT, "its window does not fit")?;
        let count = (0.0..=MEMORY).contains(&self.count) && self.count.fract() == 0.0;
        let finite = self.mean.is_finite() && self.deviation >= 0.0 && self.deviation.is_finite();
        error::intact("level change", count && finite, "its baseline is not a number")
    }
}

checked_snapshot!(LevelChange);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{assert_all_close, continues_the_same, numbers, reference, survives_damage},
    };

    fn steps(values: &[f64]) -> Vec<Option<LevelStep>> {
        let mut change = LevelChange::new(10).unwrap();
        values.iter().map(|&x| change.push(x).unwrap()).collect()
    }

    #[test]
    fn agrees_with_the_test_written_out() {
        let case = reference(include_str!("../../../tests/reference/level_change.json"));
        let steps = steps(&numbers(&case["value"]));
        let of = |pick: fn(&LevelStep) -> f64| {
            let each = steps.iter().map(|step| step.as_ref().map_or(f64::NAN, pick));
            each.collect::<Vec<_>>()
        };
        assert_all_close(&of(|s| s.score), &numbers(&case["score"]), 1e-9);
        assert_all_close(&of(|s| s.size), &numbers(&case["size"]), 1e-9);
    }

    #[test]
    fn works_from_twenty_values_on() {
        let mut rng = Rng::new(4);
        let values: Vec<f64> =
            (0..40).map(|i| rng.uniform() + if i >= 30 { 5.0 } else { 0.0 }).collect();
        let steps = steps(&values);
        assert!(steps[18].is_none() && steps[20].is_some());
        let before = steps[..30].iter().flatten().map(|s| s.score).fold(0.0, f64::max);
        let after = steps[39].unwrap();
        assert!(before < 4.0 && after.score > 6.0, "{before} {after:?}");
        assert!((after.size - 5.0).abs() < 0.5 && after.length == 10, "{after:?}");
    }

    #[test]
    fn a_spike_is_no_change_of_level() {
        let mut rng = Rng::new(5);
        let mut values: Vec<f64> = (0..300).map(|_| rng.uniform()).collect();
        values[200] = 1e6;
        let worst = steps(&values).iter().flatten().map(|s| s.score).fold(0.0, f64::max);
        assert!(worst < 4.5, "{worst}");
    }

    #[test]
    fn accepts_the_new_level() {
        let mut rng = Rng::new(6);
        let mut change = LevelChange::new(10).unwrap();
        (0..200).for_each(|_| drop(change.push(rng.uniform())));
        (0..20).for_each(|_| drop(change.push(5.0 + rng.uniform())));
        let step = change.push(5.0).unwrap().unwrap();
        assert!(step.score > 10.0);
        change.accept(step.length);
        let after: Vec<_> = (0..60).map(|_| change.push(5.0 + rng.uniform()).unwrap()).collect();
        assert!(after.iter().flatten().all(|step| step.score < 4.5));
        assert!((change.baseline().unwrap() - 5.5).abs() < 0.3);
    }

    #[test]
    fn takes_constants_and_the_whole_range_of_doubles() {
        assert!(steps(&[3.0; 100]).iter().flatten().all(|step| step.score == 0.0));
        let mut change = LevelChange::new(2).unwrap();
        for i in 0..1000 {
            change.push([f64::MAX, f64::MIN, 0.0][i * i % 7 % 3]).unwrap();
        }
        assert!(change.push(f64::NAN).is_err() && LevelChange::new(1).is_err());
    }

    #[test]
    fn snapshots() {
        let mut change = LevelChange::new(3).unwrap();
        (0..30).for_each(|i| drop(change.push(f64::from(i * i % 11))));
        continues_the_same(&change, |change| (change.push(50.0), change.push(60.0)));
        let mut small = LevelChange::new(2).unwrap();
        (0..7).for_each(|i| drop(small.push(f64::from(i))));
        survives_damage(&small, |change| {
            drop((change.push(50.0), change.push(60.0)));
            change.accept(9);
        });
    }
}
