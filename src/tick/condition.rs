//! Conditions in another language than TICKscript's, handed in from outside.

use crate::protocol::Point;
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Unseen};

/// When an alert has a level.
pub trait Condition: std::fmt::Debug {
    /// Tells whether the condition holds for a point; `None` if the point lacks a field of the condition.
    ///
    /// # Errors
    /// A condition that fails, which ends the replay.
    fn holds(&self, point: &Point) -> Result<Option<bool>>;

    /// Returns the fields that the condition names.
    fn fields(&self) -> Vec<String>;

    /// Returns the fields that are compared with a number, and the numbers.
    fn thresholds(&self) -> Vec<(String, f64)>;

    /// Returns the condition as it was written.
    fn text(&self) -> &str;

    /// Saves or restores which of its fields have occurred.
    ///
    /// # Errors
    /// See [`Memory`].
    fn remember(&self, memory: &mut Memory<'_>) -> Result<()>;

    /// Returns the fields that the condition names and no point ever had.
    fn unseen(&self) -> Vec<Unseen>;
}
