//! A filter that lets no event pass for a while after an event.

use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result};

/// Lets an event through only when the last one is long enough ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refractory {
    period: u64,
    last: Option<i64>,
    count: u64,
}

impl Refractory {
    /// Makes one with a `period` in nanoseconds; 0 lets everything through.
    pub fn new(period: u64) -> Refractory {
        Refractory { period, last: None, count: 0 }
    }

    /// Whether an event at `time` (nanoseconds) passes; if so, the period starts again.
    ///
    /// Without an `event` nothing passes. An error if `time` lies before the last event that passed.
    pub fn push(&mut self, time: i64, event: bool) -> Result<bool> {
        let waited = self.last.map(|last| error::elapsed(last, time)).transpose()?;
        if !event || waited.is_some_and(|waited| waited < self.period) {
            return Ok(false);
        }
        self.last = Some(time);
        self.count = self.count.saturating_add(1);
        Ok(true)
    }

    /// How many events passed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Forgets the last event.
    pub fn reset(&mut self) {
        (self.last, self.count) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_silent_after_an_event() {
        let mut refractory = Refractory::new(10);
        let events = [(0, false), (1, true), (5, true), (10, true), (11, true), (12, true)];
        let passed: Vec<_> = events.map(|(t, e)| refractory.push(t, e).unwrap()).into();
        assert_eq!(passed, [false, true, false, false, true, false]);
        assert!(refractory.push(10, true).is_err());
        assert_eq!(refractory.count(), 2);
    }
}
