//! A query taken apart.

use crate::tick::reduce::Function;
use regex::Regex;

/// A `SELECT`.
#[derive(Clone, Debug)]
pub(super) struct Select {
    /// What is asked for, with its name.
    pub(super) columns: Vec<Column>,
    /// The measurement.
    pub(super) measurement: String,
    /// Which points count.
    pub(super) condition: Option<Expression>,
    /// The tags that it groups by; `*` for all.
    pub(super) tags: Vec<String>,
    /// The interval and offset that it groups by.
    pub(super) time: Option<(i64, i64)>,
    /// What empty intervals hold.
    pub(super) fill: Fill,
    /// Whether the latest row comes first.
    pub(super) descending: bool,
    /// The most rows of a series.
    pub(super) limit: Option<usize>,
    /// Rows that are left out first.
    pub(super) offset: usize,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) value: Expression,
    /// The name behind `AS`.
    pub(super) name: Option<String>,
}

/// A value of a row, or a condition.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// All fields.
    All,
    /// A field or a tag.
    Name(String),
    /// The time of a point.
    Time,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A pattern.
    Regex(Regex),
    /// A function of a field's values.
    Call(Function, &'static str, Box<Expression>),
    /// Two values and the sign between them.
    Binary(&'static str, Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Tells whether a function is called in it.
    pub(super) fn calls(&self) -> bool {
        match self {
            Self::Call(..) => true,
            Self::Binary(_, left, right) => left.calls() || right.calls(),
            _ => false,
        }
    }
}

/// What an interval without points holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fill {
    Null,
    None,
    Previous,
    Linear,
    Number(f64),
}
