//! The values a template sees, and how Go prints them.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::protocol::duration;
use crate::tick::text;

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing: `nil`, or a map's missing key.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    String(Rc<str>),
    /// JSON, which HTML escapes like any text.
    Json(Rc<str>),
    /// A time in nanoseconds since the epoch.
    Time(i64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A map, sorted by key; the absent keys of one of strings are empty strings.
    Map(Rc<[(String, Data)]>, Absent),
    /// A structure: its fields in order.
    Struct(Rc<[(&'static str, Data)]>),
}

/// What a map returns for a key that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// An empty string, as `map[string]string` does.
    Empty,
    /// Nothing, as `map[string]interface{}` does.
    Nil,
    /// An empty string, of a map that is itself null.
    Null,
}

impl Data {
    /// Makes a map of tags.
    pub fn tags<K: Into<String>, V: AsRef<str>>(tags: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::map(
            tags.into_iter().map(|(k, v)| (k.into(), Self::String(v.as_ref().into()))),
            Absent::Empty,
        )
    }

    /// Makes a map of tags that is null.
    pub fn null_map() -> Self {
        Self::Map(Rc::new([]), Absent::Null)
    }

    /// Makes a map of fields.
    pub fn fields(fields: impl IntoIterator<Item = (String, Data)>) -> Self {
        Self::map(fields, Absent::Nil)
    }

    fn map(entries: impl IntoIterator<Item = (String, Data)>, absent: Absent) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Map(entries.into(), absent)
    }

    /// Tells whether `if` takes the value as true.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(v) => *v,
            Self::Int(v) | Self::Duration(v) => *v != 0,
            Self::Float(v) => *v != 0.0,
            Self::String(v) | Self::Json(v) => !v.is_empty(),
            Self::Map(entries, _) => !entries.is_empty(),
            Self::Time(_) | Self::Struct(_) => true,
        }
    }

    /// Returns a map's value.
    pub(crate) fn index(&self, key: &str) -> Option<Data> {
        let Self::Map(entries, absent) = self else { return None };
        Some(match (entries.iter().find(|(k, _)| k == key), absent) {
            (Some((_, value)), _) => value.clone(),
            (None, Absent::Empty | Absent::Null) => Self::String("".into()),
            (None, Absent::Nil) => Self::Nil,
        })
    }

    /// Names the value's type, for an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Json(_) => "template.JS",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Map(..) => "map",
            Self::Struct(_) => "struct",
        }
    }

    /// Compares two values of one kind, ints with floats refused as Go does.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a) | Self::Duration(a), Self::Int(b) | Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).or(Some(Ordering::Less)),
            (Self::String(a) | Self::Json(a), Self::String(b) | Self::Json(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Writes the value as `%v` does.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(v) => v.to_string(),
            Self::Int(v) => v.to_string(),
            Self::Float(v) => text::float(*v),
            Self::String(v) | Self::Json(v) => v.to_string(),
            Self::Time(v) => text::go_time(*v),
            Self::Duration(v) => duration::go(*v),
            Self::Map(entries, _) => {
                let entries: Vec<_> =
                    entries.iter().map(|(k, v)| format!("{k}:{}", v.print())).collect();
                format!("map[{}]", entries.join(" "))
            }
            Self::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(|(_, v)| v.print()).collect();
                format!("{{{}}}", fields.join(" "))
            }
        }
    }

    /// Tells whether JSON can hold the value: there is no NaN and no infinity in it.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Float(v) => v.is_finite(),
            Self::Map(entries, _) => entries.iter().all(|(_, value)| value.is_json()),
            Self::Struct(fields) => fields.iter().all(|(_, value)| value.is_json()),
            _ => true,
        }
    }

    /// Writes the value as Go's `encoding/json` does.
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Nil => "null".to_owned(),
            Self::Bool(v) => v.to_string(),
            Self::Int(v) | Self::Duration(v) => v.to_string(),
            Self::Float(v) if v.is_finite() => text::float_json(*v),
            Self::Float(_) => "null".to_owned(),
            Self::String(v) | Self::Json(v) => text::json_string(v),
            Self::Time(v) => format!("\"{}\"", text::rfc3339(*v)),
            Self::Map(_, Absent::Null) => "null".to_owned(),
            Self::Map(entries, _) => object(entries.iter().map(|(k, v)| (k.as_str(), v))),
            Self::Struct(fields) => object(fields.iter().map(|(k, v)| (*k, v))),
        }
    }
}

fn object<'d>(entries: impl Iterator<Item = (&'d str, &'d Data)>) -> String {
    let entries: Vec<_> =
        entries.map(|(k, v)| format!("{}:{}", text::json_string(k), v.json())).collect();
    format!("{{{}}}", entries.join(","))
}
