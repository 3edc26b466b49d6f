//! A timer that fires at regular intervals of the data's time.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// Fires with the first time at or after each multiple of `every`, counted from the epoch or from the first time.
///
/// Only the times that are pushed move it; no other clock makes it fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Timer {
    every: u64,
    align: bool,
    /// When it fires next; `None` before the first time, and at the end of all times.
    next: Option<i64>,
    started: bool,
    due: Option<i64>,
    periods: u64,
}

impl Timer {
    /// Makes one that has not begun; `every` in nanoseconds, from 1.
    pub fn new(every: u64, align: bool) -> Result<Timer> {
        let wanted = "from 1 nanosecond to 292 years";
        let fits = every > 0 && i64::try_from(every).is_ok();
        error::range("the span", every as f64, fits, wanted)?;
        Ok(Timer { every, align, next: None, started: false, due: None, periods: 0 })
    }

    /// Takes a time (nanoseconds) and says whether it has fired; the first time only starts it, and one that
    /// lies before the next firing does nothing.
    pub fn push(&mut self, time: i64) -> bool {
        if !self.started {
            self.started = true;
            let since = if self.align { time.rem_euclid(self.every.cast_signed()) } else { 0 };
            self.next =
                i64::try_from(i128::from(time) - i128::from(since) + i128::from(self.every)).ok();
            return false;
        }
        let Some(next) = self.next.filter(|next| time >= *next) else { return false };
        let more = time.abs_diff(next) / self.every;
        self.periods = more + 1;
        let due = i128::from(next) + i128::from(more) * i128::from(self.every);
        self.due = i64::try_from(due).ok();
        self.next = i64::try_from(due + i128::from(self.every)).ok();
        true
    }

    /// The time for which it fired last.
    pub fn due(&self) -> Option<i64> {
        self.due
    }

    /// When it fires next.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// How many spans had ended when it fired last: more than one after a gap.
    pub fn periods(&self) -> u64 {
        self.periods
    }

    /// Begins again with the next time.
    pub fn reset(&mut self) {
        (self.next, self.started, self.due, self.periods) = (None, false, None, 0);
    }

    fn check(&self) -> Result<()> {
        Timer::new(self.every, self.align).map(drop)
    }
}

checked_snapshot!(Timer);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{continues_the_same, survives_damage};

    #[test]
    fn fires_at_each_span_that_has_ended() {
        let mut timer = Timer::new(10, true).unwrap();
        let fired: Vec<bool> = [3, 9, 10, 9, 19, 25, 61].map(|time| timer.push(time)).into();
        assert_eq!(fired, [false, false, true, false, false, true, true]);
        assert_eq!((timer.due(), timer.periods(), timer.next()), (Some(60), 4, Some(70)));
        continues_the_same(&timer, |timer| (timer.push(69), timer.push(95), timer.due()));
        survives_damage(&timer, |timer| {
            let _ = timer.push(1_000);
        });
        timer.reset();
        assert!(!timer.push(100) && timer.next() == Some(110));
    }

    #[test]
    fn begins_with_the_first_time_where_that_is_asked_for() {
        let mut timer = Timer::new(10, false).unwrap();
        let fired: Vec<bool> = [-3, 6, 7, 16, 17].map(|time| timer.push(time)).into();
        assert_eq!(fired, [false, false, true, false, true]);
        assert!(!Timer::new(10, true).unwrap().push(-13));
    }

    #[test]
    fn no_time_is_too_far() {
        assert!(Timer::new(0, true).is_err() && Timer::new(u64::MAX, true).is_err());
        let mut timer = Timer::new(i64::MAX as u64, true).unwrap();
        assert_eq!(
            [i64::MIN, 0, i64::MAX, i64::MAX].map(|t| timer.push(t)),
            [false, true, true, false]
        );
        let mut short = Timer::new(1, true).unwrap();
        assert_eq!([i64::MIN, i64::MAX].map(|t| short.push(t)), [false, true]);
        assert_eq!((short.next(), short.periods()), (None, u64::MAX));
    }
}
