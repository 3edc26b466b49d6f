//! The ranks that anomalies take up.
//!
//! A p-value is a rank among all values before, anomalies included. Where these are many, no usual value can be
//! as rare as the level, however few alarms there are otherwise: all p-values of usual values are larger by the
//! share of the values that are anomalies. So this share is measured, and the level is raised by a part of it.
//! Values count that were below the level in an alarm whose least p-value is far below it.

use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result};

/// An alarm whose least p-value is below this part of its level is taken for an anomaly.
const FAR: f64 = 0.5;
/// The part of the share by which the level is raised.
const RAISED: f64 = 0.5;
/// Weeks without anomalies that are assumed before the first.
const WEEKS_BEFORE: f64 = 8.0;

/// Counts the values that were parts of anomalies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Crowd {
    values: u64,
    /// Of the newest alarm: its level, the values below it, and whether it is an anomaly.
    level: f64,
    below: u64,
    far: bool,
}

impl Crowd {
    /// Begins an alarm of `pvalue` at `level`.
    pub(super) fn alarm(&mut self, pvalue: f64, level: f64) {
        (self.level, self.below, self.far) = (level, 0, false);
        self.within(pvalue);
    }

    /// Takes in a value of the silence after an alarm, or its first.
    pub(super) fn within(&mut self, pvalue: f64) {
        if pvalue > self.level {
            return;
        }
        self.below += 1;
        if self.far {
            self.values += 1;
        } else if pvalue < FAR * self.level {
            self.far = true;
            self.values += self.below;
        }
    }

    /// What is added to the level, `values` coming each week.
    pub(super) fn share(&self, weeks: f64, values: f64) -> f64 {
        RAISED * self.values as f64 / ((weeks + WEEKS_BEFORE) * values)
    }

    pub(super) fn check(&self, count: u64) -> Result<()> {
        let fits = self.values <= count && self.below <= count && (0.0..=1.0).contains(&self.level);
        error::intact("alarm budget", fits, "more anomalies than scores")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_below_the_level_of_an_anomaly_count_and_those_of_a_marginal_alarm_do_not() {
        let mut crowd = Crowd::default();
        let counted = |crowd: &Crowd| crowd.share(8.0, 2016.0) * 16.0 * 2016.0 / RAISED;
        crowd.alarm(0.004, 0.005);
        crowd.within(0.003);
        assert_eq!(counted(&crowd), 0.0);
        for pvalue in [0.001, 0.02, 0.005] {
            crowd.within(pvalue);
        }
        assert_eq!(counted(&crowd).round(), 4.0);
        crowd.alarm(0.001, 0.005);
        assert_eq!(counted(&crowd).round(), 5.0);
        assert!(crowd.check(5).is_ok() && crowd.check(4).is_err());
    }
}
