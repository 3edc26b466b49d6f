//! The values of fields and their types.

use std::borrow::Cow;
use std::fmt;

/// The type of a field, in the daemon's order of precedence where a name is in two of its maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldType {
    /// A string.
    String,
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Double,
    /// A boolean.
    Bool,
}

impl FieldType {
    pub(super) fn map_number(self) -> u8 {
        match self {
            Self::Double => 8,
            Self::Int => 9,
            Self::String => 10,
            Self::Bool => 12,
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Double => "double",
            Self::Bool => "bool",
        })
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// A string.
    String(Cow<'a, str>),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float; may be NaN or infinite.
    Double(f64),
    /// A boolean.
    Bool(bool),
}

impl FieldValue<'_> {
    /// The type.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::String(_) => FieldType::String,
            Self::Int(_) => FieldType::Int,
            Self::Double(_) => FieldType::Double,
            Self::Bool(_) => FieldType::Bool,
        }
    }

    /// The number as a double, `None` for a string or a boolean.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl From<f64> for FieldValue<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<i64> for FieldValue<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(value: &'a str) -> Self {
        Self::String(value.into())
    }
}

impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(value) => f.write_str(value),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Bool(value) => value.fmt(f),
        }
    }
}
