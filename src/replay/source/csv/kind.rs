//! What a column of CSV holds.

use crate::protocol::Point;

/// What a column of fields holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Int,
    Bool,
    Text,
}

impl Kind {
    /// The kind of a column by its first value.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "true" | "false" | "True" | "False" | "TRUE" | "FALSE" => Self::Bool,
            _ if int(text).is_some() => Self::Int,
            _ if text.parse::<f64>().is_ok() => Self::Double,
            _ => Self::Text,
        }
    }

    /// Sets a field; false if the text is nothing of this kind.
    pub(super) fn set(self, point: &mut Point, name: &str, text: &str) -> bool {
        match self {
            Self::Text => point.set_field(name, text),
            Self::Bool => match Self::of(text) {
                Self::Bool => point.set_field(name, text.eq_ignore_ascii_case("true")),
                _ => return false,
            },
            Self::Int => match int(text) {
                Some(value) => point.set_field(name, value),
                None => return false,
            },
            Self::Double => match text.parse::<f64>() {
                Ok(value) => point.set_field(name, value),
                Err(_) => return false,
            },
        }
        true
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Double => "a number",
            Self::Int => "an int like 12i",
            Self::Bool => "true or false",
            Self::Text => "a string",
        })
    }
}

/// An int as line protocol writes it.
fn int(text: &str) -> Option<i64> {
    text.strip_suffix('i')?.parse().ok()
}
