//! Counters that only grow, until they are reset or wrap around.

use serde::{Deserialize, Serialize};

use super::rate::SECOND;
use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
    wide::Wide,
};

/// Turns a counter into increases and rates.
///
/// A value below the one before is a reset, and the counter is taken to have restarted at 0 (as
/// Prometheus does), or, where it wraps at a known modulus, to have passed it once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Counter {
    modulus: Option<f64>,
    last: Option<(i64, f64)>,
    total: f64,
    resets: u64,
}

/// What a counter did since the value before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterStep {
    /// The increase.
    pub increase: f64,
    /// The increase a second; `None` when no time has passed.
    pub rate: Option<f64>,
    /// Whether it was reset or wrapped.
    pub reset: bool,
}

impl Counter {
    /// Makes one; `modulus` (2³² for a counter of 32 bits) must be positive and finite.
    pub fn new(modulus: Option<f64>) -> Result<Counter> {
        modulus.map(|modulus| error::positive("modulus", modulus)).transpose()?;
        Ok(Counter { modulus, last: None, total: 0.0, resets: 0 })
    }

    /// Takes in the counter's value at `time` (nanoseconds); `None` for the first.
    ///
    /// An error if `x` is negative or not finite, or `time` lies before the last.
    pub fn push(&mut self, time: i64, x: f64) -> Result<Option<CounterStep>> {
        error::not_negative("counter", x)?;
        let Some((last, before)) = self.last else {
            self.last = Some((time, x));
            return Ok(None);
        };
        let elapsed = error::elapsed(last, time)? as f64 / SECOND;
        let reset = x < before;
        let wrapped = self.modulus.filter(|&modulus| before < modulus);
        let increase = match (reset, wrapped) {
            (false, _) => x - before,
            (true, None) => x,
            (true, Some(modulus)) => modulus - before + x,
        };
        let total = Wide::from(self.total).plus(Wide::from(increase)).exact("total")?;
        (self.last, self.total) = (Some((time, x)), total);
        self.resets = self.resets.saturating_add(u64::from(reset));
        let rate = (elapsed > 0.0).then(|| increase / elapsed);
        Ok(Some(CounterStep { increase, rate, reset }))
    }

    /// The sum of all increases.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// How often it was reset or wrapped.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Whether the next value has one before it.
    pub fn ready(&self) -> bool {
        self.last.is_some()
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        (self.last, self.total, self.resets) = (None, 0.0, 0);
    }

    fn check(&self) -> Result<()> {
        Counter::new(self.modulus).map(drop)
    }
}

checked_snapshot!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::continues_the_same;

    #[test]
    fn survives_resets_and_wraps() {
        let second = |s: i64| s * 1_000_000_000;
        let mut counter = Counter::new(None).unwrap();
        assert_eq!(counter.push(0, 10.0).unwrap(), None);
        let step = counter.push(second(2), 16.0).unwrap().unwrap();
        assert_eq!(step, CounterStep { increase: 6.0, rate: Some(3.0), reset: false });
        let step = counter.push(second(3), 4.0).unwrap().unwrap();
        assert_eq!(step, CounterStep { increase: 4.0, rate: Some(4.0), reset: true });
        assert_eq!((counter.total(), counter.resets()), (10.0, 1));
        let mut wrapping = Counter::new(Some(256.0)).unwrap();
        wrapping.push(0, 250.0).unwrap();
        assert_eq!(wrapping.push(0, 4.0).unwrap().unwrap().increase, 10.0);
        assert!(counter.push(second(4), -1.0).is_err());
        continues_the_same(&wrapping, |counter| counter.push(9, 1.0));
    }
}
