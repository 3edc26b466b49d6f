//! A switch with two thresholds, so that noise around one does not make it flap.

use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result};

/// On from one threshold, off from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hysteresis {
    on_at: f64,
    off_at: f64,
    on: bool,
    count: u64,
}

impl Hysteresis {
    /// Makes one that is off.
    ///
    /// With `on_at` >= `off_at` it watches for high values (on at or above `on_at`, off below
    /// `off_at`), else for low ones (on at or below, off above). Both must be finite.
    pub fn new(on_at: f64, off_at: f64) -> Result<Hysteresis> {
        error::finite("on_at", on_at)?;
        error::finite("off_at", off_at)?;
        Ok(Hysteresis { on_at, off_at, on: false, count: 0 })
    }

    /// Takes in `x` and says whether it is on now; infinities count, NaN is an error.
    pub fn push(&mut self, x: f64) -> Result<bool> {
        error::range("value", x, !x.is_nan(), "a number")?;
        self.count = self.count.saturating_add(1);
        let threshold = if self.on { self.off_at } else { self.on_at };
        let high = self.on_at >= self.off_at;
        self.on = if high { x >= threshold } else { x <= threshold };
        Ok(self.on)
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Switches it off.
    pub fn reset(&mut self) {
        (self.on, self.count) = (false, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_flap() {
        let mut high = Hysteresis::new(3.0, 2.0).unwrap();
        let states: Vec<_> = [2.5, 3.0, 2.5, 2.0, 1.9, 2.5].map(|x| high.push(x).unwrap()).into();
        assert_eq!(states, [false, true, true, true, false, false]);
        let mut low = Hysteresis::new(1.0, 2.0).unwrap();
        let states: Vec<_> = [1.5, 1.0, 1.5, 2.1, 1.5].map(|x| low.push(x).unwrap()).into();
        assert_eq!(states, [false, true, true, false, false]);
        assert!(low.push(f64::NAN).is_err() && Hysteresis::new(f64::NAN, 1.0).is_err());
    }
}
