//! The rate of change from one value to the next.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    wide::Wide,
};

/// Nanoseconds a second.
pub(crate) const SECOND: f64 = 1e9;

/// The change of a value a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    last: Option<(i64, f64)>,
    count: u64,
}

impl Rate {
    /// Makes one that has seen nothing.
    pub fn new() -> Rate {
        Rate::default()
    }

    /// The change a second since the value before; `time` in nanoseconds.
    ///
    /// `None` for the first value and for a second one at the same instant (which then replaces the
    /// first). An error if `x` is not finite, `time` lies before the last, or the rate does not fit into a
    /// double.
    pub fn push(&mut self, time: i64, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let rate = match self.last {
            None => None,
            Some((last, before)) => {
                let elapsed = error::elapsed(last, time)? as f64 / SECOND;
                let rate = || Wide::difference(x, before).over(Wide::from(elapsed)).exact("rate");
                (elapsed > 0.0).then(rate).transpose()?
            }
        };
        self.last = Some((time, x));
        self.count = self.count.saturating_add(1);
        Ok(rate)
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the next value has one before it.
    pub fn ready(&self) -> bool {
        self.last.is_some()
    }

    /// Forgets the last value.
    pub fn reset(&mut self) {
        *self = Rate::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_per_second() {
        let mut rate = Rate::new();
        assert_eq!(rate.push(0, 1.0).unwrap(), None);
        assert_eq!(rate.push(2_000_000_000, 5.0).unwrap(), Some(2.0));
        assert_eq!(rate.push(2_000_000_000, 7.0).unwrap(), None);
        assert_eq!(rate.push(2_500_000_000, 6.0).unwrap(), Some(-2.0));
        assert!(rate.push(0, 1.0).is_err() && rate.push(3_000_000_000, f64::NAN).is_err());
    }
}
