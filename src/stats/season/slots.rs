//! A baseline for each part of a day, a week or any period.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
    wide::Wide,
};

const HOUR: u64 = 3_600_000_000_000;
/// 1970-01-05, the first Monday.
const MONDAY: i64 = 4 * 24 * HOUR as i64;
/// The most slots.
const MAX_SLOTS: usize = 100_000;

/// Mean and standard deviation of the values that fall into each slot of a period, by UTC time.
///
/// Each slot remembers about its last `memory` values, with weights that fall exponentially; up to
/// then all count alike. `push` is O(1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct SeasonalSlots {
    period: u64,
    origin: i64,
    memory: u32,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    count: u32,
    mean: f64,
    variance: Wide,
}

impl SeasonalSlots {
    /// Divides a `period` (nanoseconds, counted from `origin`, a time) into 1 to 100,000 `slots`.
    ///
    /// `memory` is at least 2. An error if a slot would be shorter than a nanosecond.
    pub fn new(period: u64, origin: i64, slots: usize, memory: u32) -> Result<SeasonalSlots> {
        error::size("slots", slots, 1, MAX_SLOTS)?;
        let wanted = "at least one nanosecond a slot";
        error::range("period", period as f64, period >= slots as u64, wanted)?;
        error::size("memory", memory as usize, 2, u32::MAX as usize)?;
        Ok(SeasonalSlots { period, origin, memory, slots: vec![Slot::default(); slots] })
    }

    /// 24 slots of a day, from midnight UTC.
    pub fn hour_of_day(memory: u32) -> Result<SeasonalSlots> {
        SeasonalSlots::new(24 * HOUR, 0, 24, memory)
    }

    /// 168 slots of a week, from Monday, midnight UTC.
    pub fn hour_of_week(memory: u32) -> Result<SeasonalSlots> {
        SeasonalSlots::new(7 * 24 * HOUR, MONDAY, 168, memory)
    }

    /// The slot of a time (nanoseconds), from 0.
    pub fn slot(&self, time: i64) -> usize {
        let phase = (i128::from(time) - i128::from(self.origin)).rem_euclid(self.period.into());
        let slot = phase * self.slots.len() as i128 / i128::from(self.period);
        usize::try_from(slot).expect("the phase is below the period")
    }

    /// Scores `x` as [`z`](SeasonalSlots::z) does, then takes it in; an error if it is not finite.
    pub fn push(&mut self, time: i64, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let score = self.z(time, x);
        let memory = self.memory;
        let index = self.slot(time);
        self.slots[index].push(x, memory);
        Ok(score)
    }

    /// How many standard deviations `x` lies above the mean of its slot.
    ///
    /// `None` below two values there; with no variance 0 at the mean and infinite beside it.
    pub fn z(&self, time: i64, x: f64) -> Option<f64> {
        let stddev = self.stddev(time)?;
        let deviation = Wide::difference(x, self.mean(time)?);
        Some(match () {
            () if deviation.is_zero() => 0.0,
            () if stddev == 0.0 => f64::INFINITY.copysign(deviation.value()),
            () => deviation.over(Wide::from(stddev)).saturated(),
        })
    }

    /// The mean of the slot of a time; `None` when it is empty.
    pub fn mean(&self, time: i64) -> Option<f64> {
        let slot = &self.slots[self.slot(time)];
        (slot.count > 0).then_some(slot.mean)
    }

    /// The standard deviation of the slot of a time; `None` below two values there.
    pub fn stddev(&self, time: i64) -> Option<f64> {
        let slot = &self.slots[self.slot(time)];
        let n = f64::from(slot.count.min(self.memory));
        (slot.count > 1).then(|| slot.variance.scaled(n / (n - 1.0)).root().saturated())
    }

    /// How many values the slot of a time has seen.
    pub fn slot_count(&self, time: i64) -> u32 {
        self.slots[self.slot(time)].count
    }

    /// How many values all slots have seen.
    pub fn count(&self) -> u64 {
        self.slots.iter().map(|slot| u64::from(slot.count)).sum()
    }

    /// Whether every slot has two values.
    pub fn ready(&self) -> bool {
        self.slots.iter().all(|slot| slot.count > 1)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.slots.fill(Slot::default());
    }

    fn check(&self) -> Result<()> {
        error::size("slots", self.slots.len(), 1, MAX_SLOTS)?;
        SeasonalSlots::new(self.period, self.origin, 1, self.memory)?;
        let fits = self.period >= self.slots.len() as u64;
        error::intact("seasonal_slots", fits, "more slots than nanoseconds")?;
        let sound = self.slots.iter().all(|slot| slot.variance.is_sound());
        error::intact("seasonal_slots", sound, "a variance is no number")
    }
}

impl Slot {
    /// As an exponentially weighted mean with the weight 1 / min(count, memory).
    fn push(&mut self, x: f64, memory: u32) {
        self.count = self.count.saturating_add(1);
        let weight = 1.0 / f64::from(self.count.min(memory));
        let deviation = Wide::difference(x, self.mean);
        let step = deviation.scaled(weight);
        self.mean += step.value();
        self.variance = self.variance.plus(deviation.times(step)).scaled(1.0 - weight);
    }
}

checked_snapshot!(SeasonalSlots);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        moments::MeanVar,
        testing::{assert_close, continues_the_same, survives_damage},
    };

    #[test]
    fn knows_the_hour() {
        let day = SeasonalSlots::hour_of_day(10).unwrap();
        let week = SeasonalSlots::hour_of_week(10).unwrap();
        // 2024-01-01 was a Monday; 13:59:59 UTC.
        let time = 1_704_117_599_000_000_000;
        assert_eq!((day.slot(time), week.slot(time)), (13, 13));
        assert_eq!(week.slot(time - 24 * HOUR as i64), 6 * 24 + 13);
        assert_eq!((day.slot(-1), day.slot(0)), (23, 0));
        assert!(day.slot(i64::MIN) < 24 && week.slot(i64::MAX) < 168);
    }

    #[test]
    fn scores_against_its_slot() {
        let mut slots = SeasonalSlots::new(10, 0, 2, 100).unwrap();
        let values = [3.0, 5.0, 4.0, 8.0];
        for (i, x) in values.into_iter().enumerate() {
            slots.push(i as i64 * 10, x).unwrap();
            slots.push(i as i64 * 10 + 5, 1.0).unwrap();
        }
        let exact = MeanVar::of(&values);
        assert_close(slots.mean(1).unwrap(), 5.0, 1e-15);
        assert_close(slots.stddev(1).unwrap(), exact.stddev().unwrap(), 1e-14);
        assert_eq!((slots.z(5, 1.0), slots.z(5, 2.0)), (Some(0.0), Some(f64::INFINITY)));
        assert_eq!((slots.count(), slots.slot_count(7), slots.ready()), (8, 4, true));
        assert!(slots.push(0, f64::NAN).is_err() && SeasonalSlots::new(3, 0, 4, 9).is_err());
        continues_the_same(&slots, |slots| slots.push(3, 4.0));
        survives_damage(&slots, |slots| drop((slots.push(3, 4.0), slots.push(-1, 4.0))));
    }
}
