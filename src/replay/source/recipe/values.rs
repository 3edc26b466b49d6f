//! Lengths, times and numbers as recipes write them.

use crate::protocol::duration;
use crate::protocol::time::read_rfc3339;
use crate::protocol::time::rfc3339;
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// The time of the first points where none is given: 2026-01-01T00:00:00Z.
const FIRST: i64 = 1_767_225_600_000_000_000;

/// A length of time in nanoseconds, written `5s` or `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length(pub i64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        duration::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        duration::Display(self.0).fmt(f)
    }
}

/// A moment: a time, or a length of time after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nanoseconds since the epoch.
    Time(i64),
    /// Nanoseconds after the start.
    After(i64),
}

impl Default for Moment {
    fn default() -> Self {
        Self::After(0)
    }
}

pub(super) fn first() -> Moment {
    Moment::Time(FIRST)
}

impl Moment {
    /// Reads `2026-01-01T00:00:00Z` or `1h30m`.
    ///
    /// # Errors
    /// Text that is neither.
    pub fn parse(text: &str) -> Result<Self, duration::DurationError> {
        match read_rfc3339(text) {
            Ok(time) => Ok(Self::Time(time)),
            Err(_) => duration::parse(text).map(Self::After),
        }
    }

    /// Returns the time in nanoseconds since the epoch, for data that starts then.
    pub fn after(self, start: i64) -> i64 {
        match self {
            Self::Time(time) => time,
            Self::After(length) => start.saturating_add(length),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(|_| {
            de::Error::custom(format!(
                "'{text}' is not a time; write 2026-01-01T00:00:00Z, or the time since the start, as 1h30m"
            ))
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => f.write_str(&rfc3339(*time)),
            Self::After(length) => duration::Display(*length).fmt(f),
        }
    }
}

/// A value, or a formula that gives one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a value, or a formula in quotes")]
pub enum Number {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A formula.
    Formula(String),
}

impl Number {
    /// Returns the value, or the formula, as text.
    pub fn text(&self) -> String {
        match self {
            Self::Bool(flag) => flag.to_string(),
            Self::Int(n) => n.to_string(),
            Self::Double(x) => format!("{x:?}"),
            Self::Formula(text) => text.clone(),
        }
    }
}
