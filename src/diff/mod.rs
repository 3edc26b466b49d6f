//! The differences of two replays: alerts that were added, were removed, have moved or have another level, and values
//! of the output, the largest differences first.

mod alerts;
pub mod lines;
mod report;
mod values;

pub use alerts::{AlertChange, Change};
pub use values::{FieldDifference, ValueDifference, Values};

use crate::replay::outcome::Outcome;

/// The differences of two replays.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Alerts, in the order of their times.
    pub alerts: Vec<AlertChange>,
    /// How many changes of level there were before and after.
    pub levels: (usize, usize),
    /// Values of the output.
    pub values: Values,
}

impl Difference {
    /// Compares two outcomes. Numbers are equal if they do not differ by more than `tolerance` of the
    /// larger one; 0 means to the bit.
    pub fn of(old: &Outcome, new: &Outcome, tolerance: f64) -> Self {
        Self {
            alerts: alerts::compare(&old.steps, &new.steps),
            levels: (old.steps.len(), new.steps.len()),
            values: Values::compare(old, new, tolerance),
        }
    }

    /// Tells whether there is no difference.
    pub fn is_equal(&self) -> bool {
        self.alerts.is_empty() && self.values.is_equal()
    }
}
