//! The state of an alert for one group: its history of levels, and what follows from it.

use crate::tick::alert::Level;
use serde::{Deserialize, Serialize};

/// The newest change of level weighs this many times the oldest.
const WEIGHT_RATIO: f64 = 1.5;
/// What the newest change weighs.
const NEWEST_WEIGHT: f64 = 1.2;

/// When a level is worth an event.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy {
    /// How many levels are remembered.
    pub(crate) history: usize,
    /// The shares of changes below which flapping ends and above which it begins.
    pub(crate) flapping: Option<(f64, f64)>,
    pub(crate) state_changes_only: bool,
    /// After how long an unchanged level is worth an event after all, in nanoseconds; 0 for never.
    pub(crate) repeat: i64,
}

/// The history of levels of one group.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    history: Vec<Level>,
    at: usize,
    flapping: bool,
    changed: bool,
    expired: bool,
    first_triggered: Option<i64>,
    last_triggered: Option<i64>,
}

impl State {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            history: vec![Level::Ok; policy.history.max(2)],
            at: 0,
            flapping: false,
            changed: false,
            expired: false,
            first_triggered: None,
            last_triggered: None,
        }
    }

    /// Tells whether it can follow a policy: a stored one may be damaged.
    pub(crate) fn fits(&self, policy: &Policy) -> bool {
        self.history.len() == policy.history.max(2) && self.at < self.history.len()
    }

    /// Returns the level.
    pub(crate) fn level(&self) -> Level {
        self.history[self.at]
    }

    /// Takes the level at a time.
    pub(crate) fn add(&mut self, time: i64, level: Level, policy: &Policy) {
        self.changed = self.level() != level;
        self.at = (self.at + 1) % self.history.len();
        self.history[self.at] = level;
        if let Some((low, high)) = policy.flapping {
            let change = self.percent_change();
            if self.flapping && change < low {
                self.flapping = false;
            } else if !self.flapping && change > high {
                self.flapping = true;
            }
        }
        let passed =
            self.last_triggered.is_none_or(|last| time.saturating_sub(last) >= policy.repeat);
        self.expired = !self.changed && policy.repeat != 0 && passed;
    }

    /// Tells whether the level of a point is worth an event.
    pub(crate) fn triggers_point(&self, policy: &Policy) -> bool {
        !self.suppressed(policy) && (self.level() != Level::Ok || self.changed)
    }

    /// Tells whether the level of a batch is worth an event; recoveries always are.
    pub(crate) fn triggers_batch(&self, policy: &Policy) -> bool {
        match self.level() {
            Level::Ok => self.changed,
            _ => !self.suppressed(policy),
        }
    }

    fn suppressed(&self, policy: &Policy) -> bool {
        (policy.flapping.is_some() && self.flapping)
            || (policy.state_changes_only && !self.changed && !self.expired)
    }

    /// Remembers that an event was made.
    pub(crate) fn triggered(&mut self, time: i64) {
        self.last_triggered = Some(time);
        let previous = (self.at + self.history.len() - 1) % self.history.len();
        if self.history[previous] == Level::Ok {
            self.first_triggered = Some(time);
        }
    }

    /// Returns for how long the alert has not been OK.
    pub(crate) fn duration(&self) -> i64 {
        match (self.first_triggered, self.last_triggered) {
            (Some(first), Some(last)) => last.saturating_sub(first),
            // The daemon subtracts the year 1 then.
            (None, Some(_)) => i64::MAX,
            _ => 0,
        }
    }

    /// Returns the weighted share of changes in the history.
    fn percent_change(&self) -> f64 {
        let length = self.history.len();
        let mut weight = NEWEST_WEIGHT / WEIGHT_RATIO;
        let step = (NEWEST_WEIGHT - weight) / (length - 1) as f64;
        let mut changes = 0.0;
        for i in 0..length - 1 {
            let current = (i + self.at) % length;
            let previous = (current + length - 1) % length;
            if self.history[current] != self.history[previous] {
                changes += weight;
            }
            weight += step;
        }
        changes / (length - 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Ok, Warning};

    fn events(policy: Policy, levels: &[Level]) -> Vec<bool> {
        let policy = Policy { history: 21, ..policy };
        let mut state = State::new(&policy);
        let step = |(time, level): (usize, &Level)| {
            state.add(time as i64, *level, &policy);
            let triggers = state.triggers_point(&policy);
            if triggers {
                state.triggered(time as i64);
            }
            triggers
        };
        levels.iter().enumerate().map(step).collect()
    }

    #[test]
    fn levels_trigger_events() {
        let levels = [Ok, Critical, Critical, Warning, Ok, Ok];
        assert_eq!(events(Policy::default(), &levels), [false, true, true, true, true, false]);
        let changes = Policy { state_changes_only: true, ..Policy::default() };
        assert_eq!(events(changes, &levels), [false, true, false, true, true, false]);
        let repeated = Policy { repeat: 2, ..changes };
        assert_eq!(events(repeated, &[Critical; 5]), [true, false, true, false, true]);
    }

    #[test]
    fn flapping_suppresses_events() {
        let policy = Policy { flapping: Some((0.25, 0.5)), ..Policy::default() };
        let mut levels = [Ok, Critical].repeat(10);
        levels.extend([Critical; 20]);
        let events = events(policy, &levels);
        assert!(events[1] && events[3], "a few changes are events");
        assert!(!events[17] && !events[19], "many changes are flapping");
        assert!(events[39], "flapping ends when the level stays");
    }

    #[test]
    fn durations_begin_with_the_first_event() {
        let policy = Policy { history: 21, ..Policy::default() };
        let mut state = State::new(&policy);
        for (time, level, duration) in [
            (10, Critical, 0),
            (20, Critical, 10),
            (30, Warning, 20),
            (40, Ok, 30),
            (50, Critical, 0),
        ] {
            state.add(time, level, &policy);
            state.triggered(time);
            assert_eq!(state.duration(), duration, "at {time}");
        }
    }
}
