//! An integral controller that brings the number of alarms to the requested one.
//!
//! The level is multiplied by e^u. u rises with the alarms asked for as time goes by and falls with each alarm
//! (conformal PID control, Angelopoulos, Candès and Tibshirani 2023). An alarm whose least p-value is p, raised at
//! level l, counts 2 p / l or a little more: one on average if the p-values of usual episodes are anywhere below the level, next to
//! nothing if it is far beyond. So true anomalies, which are, do not use up the budget.

use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result};

/// How far and how fast u goes: its bounds, what it changes by for an alarm, what an alarm
/// counts whose p-value is that of the level, and a bound of e^u.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reach {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) step: f64,
    pub(super) marginal: f64,
    pub(super) largest_factor: f64,
}

/// The logarithm u of the factor on the level, and the newest alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Controller {
    u: f64,
    /// The number of alarms that had been requested when u was last updated.
    asked: f64,
    /// How much the newest alarm counted, and its least p-value.
    counted: f64,
    least: f64,
}

impl Controller {
    /// Updates u for a total of `asked` requested alarms, and returns the factor on the level.
    pub(super) fn factor(&mut self, asked: f64, reach: Reach) -> f64 {
        let due = (asked - self.asked).max(0.0);
        self.asked = asked;
        self.u = (self.u + reach.step * due).clamp(reach.least, reach.most);
        libm::exp(self.u)
    }

    /// Counts an alarm of `pvalue`, at most `level`.
    pub(super) fn alarm(&mut self, pvalue: f64, level: f64, reach: Reach) {
        (self.counted, self.least) = (reach.marginal * pvalue / level, pvalue);
        self.u = (self.u - reach.step * self.counted).max(reach.least);
    }

    /// Takes a value in the silence after the newest alarm: that alarm counts less if this value is rarer.
    pub(super) fn within(&mut self, pvalue: f64, reach: Reach) {
        if pvalue < self.least {
            let counts = self.counted * (pvalue / self.least);
            self.u += reach.step * (self.counted - counts);
            (self.counted, self.least) = (counts, pvalue);
        }
    }

    /// The least p-value of the newest alarm; 0 before the first.
    pub(super) fn least(&self) -> f64 {
        self.least
    }

    pub(super) fn check(&self, reach: Reach) -> Result<()> {
        let finite = self.u.is_finite() && self.asked >= 0.0 && self.asked.is_finite();
        let alarm =
            (0.0..=reach.marginal).contains(&self.counted) && (0.0..=1.0).contains(&self.least);
        error::intact("alarm budget", finite && alarm, "its controller is not a number")
    }
}
