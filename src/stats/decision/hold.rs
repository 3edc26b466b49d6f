//! A switch that turns on once a condition has held for some time.

use serde::{Deserialize, Serialize};

/// Turns on after the input has been true for `on_after`, and off after it has been false for `off_after`, by the
/// data's time.
///
/// An input that is older than the newest one changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    on_after: u64,
    off_after: u64,
    /// The time of the first of the inputs in a row that are against the state.
    since: Option<i64>,
    newest: Option<i64>,
    on: bool,
}

impl Hold {
    /// Makes one that is off; both spans in nanoseconds, 0 follows the input at once.
    pub fn new(on_after: u64, off_after: u64) -> Hold {
        Hold { on_after, off_after, since: None, newest: None, on: false }
    }

    /// Takes in an input at `time` (nanoseconds) and says whether it is on now.
    pub fn push(&mut self, time: i64, input: bool) -> bool {
        if self.newest.is_some_and(|newest| time < newest) {
            return self.on;
        }
        self.newest = Some(time);
        if input == self.on {
            self.since = None;
            return self.on;
        }
        let since = *self.since.get_or_insert(time);
        let needed = if self.on { self.off_after } else { self.on_after };
        if time.abs_diff(since) >= needed {
            self.on = input;
            self.since = None;
        }
        self.on
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The time since when the inputs have differed from the state.
    pub fn since(&self) -> Option<i64> {
        self.since
    }

    /// Switches it off and forgets the time.
    pub fn reset(&mut self) {
        (self.since, self.newest, self.on) = (None, None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::continues_the_same;

    #[test]
    fn waits_until_the_condition_has_held() {
        let mut hold = Hold::new(30, 10);
        let inputs = [
            (0, true, false),
            (20, false, false),
            (25, true, false),
            (54, true, false),
            (55, true, true),
            (60, false, true),
            (40, true, true),
            (65, false, true),
            (70, false, false),
        ];
        for (time, input, on) in inputs {
            assert_eq!(hold.push(time, input), on, "at {time}");
        }
        continues_the_same(&hold, |hold| (hold.push(80, true), hold.push(110, true)));
        let mut at_once = Hold::new(0, 0);
        assert!(at_once.push(i64::MIN, true) && !at_once.push(i64::MAX, false));
        hold.push(200, true);
        assert_eq!(hold.since(), Some(200));
        hold.reset();
        assert!(!hold.is_on() && hold.since().is_none());
    }
}
