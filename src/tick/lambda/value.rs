//! Values of lambda expressions, and where they come from.

use crate::tick::error::{Result, TickError};
use regex::Regex;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// A value of a lambda expression.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A field or tag that the point does not have.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A string.
    String(Cow<'a, str>),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A time in nanoseconds since the epoch.
    Time(i64),
    /// A regular expression.
    Regex(Rc<Regex>),
}

/// The type of a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Missing,
    Bool,
    Int,
    Float,
    String,
    Duration,
    Time,
    Regex,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Duration => "duration",
            Self::Time => "time",
            Self::Regex => "regex",
        })
    }
}

impl Value<'_> {
    /// Returns the type.
    pub fn kind(&self) -> Type {
        match self {
            Self::Missing => Type::Missing,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::String(_) => Type::String,
            Self::Duration(_) => Type::Duration,
            Self::Time(_) => Type::Time,
            Self::Regex(_) => Type::Regex,
        }
    }

    /// Returns the value with its text copied.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Missing => Value::Missing,
            Self::Bool(v) => Value::Bool(v),
            Self::Int(v) => Value::Int(v),
            Self::Float(v) => Value::Float(v),
            Self::String(v) => Value::String(Cow::Owned(v.into_owned())),
            Self::Duration(v) => Value::Duration(v),
            Self::Time(v) => Value::Time(v),
            Self::Regex(v) => Value::Regex(v),
        }
    }
}

/// What an expression sees: a point's fields, tags and time.
pub trait Scope {
    /// Returns a field or tag, [`Value::Missing`] if there is neither.
    ///
    /// # Errors
    /// A name that is both a field and a tag.
    fn get(&self, name: &str) -> Result<Value<'_>>;

    /// Returns the time, in nanoseconds since the epoch.
    fn time(&self) -> i64;
}

/// A scope without fields and tags, for expressions outside of lambdas.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoScope;

impl Scope for NoScope {
    fn get(&self, name: &str) -> Result<Value<'_>> {
        Err(TickError::Evaluate(format!("\"{name}\" has no value outside of a lambda")))
    }

    fn time(&self) -> i64 {
        0
    }
}
