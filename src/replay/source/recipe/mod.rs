//! Points that are made as a recipe says: values by formulas, a rhythm, tags, and events that change
//! the values for a time. The same recipe gives the same points in every run.

mod cook;
mod values;

pub use values::{Length, Moment, Number};

use super::Source;
use crate::replay::ReplayError;
use std::collections::BTreeMap;

/// The recipe.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The measurement.
    #[serde(default = "measurement")]
    pub measurement: String,
    /// The time of the first points; default: 2026-01-01T00:00:00Z.
    #[serde(default = "values::first")]
    pub start: Moment,
    /// How long the data lasts.
    pub period: Length,
    /// The time between two points of a series.
    pub every: Length,
    /// The values of each tag; there is a series for each combination.
    #[serde(default)]
    pub tags: BTreeMap<String, Values>,
    /// A formula for each field.
    pub fields: BTreeMap<String, Number>,
    /// The events.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The seed of the random numbers.
    #[serde(default)]
    pub seed: u64,
}

fn measurement() -> String {
    "m".into()
}

/// One value of a tag or several.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(untagged, expecting = "a value or a list of values")]
pub enum Values {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl FromIterator<String> for Values {
    fn from_iter<I: IntoIterator<Item = String>>(values: I) -> Self {
        Self::Many(values.into_iter().collect())
    }
}

impl Values {
    fn list(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// What happens to the values for a time. `add`, `multiply` and `set` may be formulas, whose `t` counts
/// the seconds since the event began.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Event {
    /// When it begins: a time, or a duration after the start.
    pub at: Moment,
    /// How long it lasts; default: one point.
    #[serde(rename = "for")]
    pub length: Option<Length>,
    /// The field that it changes; default: all fields.
    pub field: Option<String>,
    /// The series that it changes, by their tags; default: all.
    #[serde(rename = "where")]
    pub tags: BTreeMap<String, String>,
    /// What is added to the value.
    pub add: Option<Number>,
    /// What the value is multiplied by.
    pub multiply: Option<Number>,
    /// What the value is replaced by.
    pub set: Option<Number>,
    /// Whether the values are missing; without `field`, whole points.
    pub drop: bool,
}

/// An error of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A length of time that nothing can be made of.
    #[error("{0} must be longer than 0")]
    Length(&'static str),
    /// There is nothing to make.
    #[error("there are no fields; give one with a formula, as in x = \"20 + noise(0.5)\"")]
    NoFields,
    /// A tag without values.
    #[error("the tag '{0}' has no values")]
    NoValues(String),
    /// A tag and a variable of formulas of one name.
    #[error("the tag '{0}' has the name of a variable of formulas; choose another name")]
    Reserved(String),
    /// An event for something that is not made.
    #[error("an event names the {what} '{name}', which the recipe does not make{hint}")]
    Unknown {
        /// A field or a tag.
        what: &'static str,
        /// Its name.
        name: String,
        /// The nearest name.
        hint: String,
    },
    /// An event that changes nothing.
    #[error("the event at {0} changes nothing: give add, multiply, set or drop")]
    NoChange(Moment),
    /// An event outside of the data.
    #[error("the event at {0} lies outside the data, which ends after {1}")]
    Outside(Moment, Length),
    /// A formula that is none.
    #[error("{name}: {message}")]
    Formula {
        /// The field.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Too many series.
    #[error("the tags multiply to more than {0} series")]
    TooManySeries(usize),
}

impl Recipe {
    /// Returns the points.
    ///
    /// # Errors
    /// A recipe that contradicts itself, or a formula that is none.
    pub fn open(&self) -> Result<Box<dyn Source>, RecipeError> {
        Ok(Box::new(cook::Cooking::start(self.clone())?))
    }

    /// Returns the intervals of the events, first and last time in nanoseconds, in the order of time.
    pub fn intervals(&self) -> Vec<(i64, i64)> {
        let mut intervals: Vec<_> = self.events.iter().map(|event| event.interval(self)).collect();
        intervals.sort_unstable();
        intervals
    }
}

impl Event {
    /// Returns the first time of the event and the time of its last point.
    fn interval(&self, recipe: &Recipe) -> (i64, i64) {
        let from = self.at.after(recipe.start.after(0));
        let length = self.length.map_or(1, |length| length.0.max(1));
        (from, from.saturating_add(length - 1))
    }
}

impl From<RecipeError> for ReplayError {
    fn from(error: RecipeError) -> Self {
        Self::Usage(error.to_string())
    }
}
