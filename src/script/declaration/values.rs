//! Values of options and the names of their types.

use crate::protocol::duration;
use crate::protocol::message::ValueType;
use rhai::Dynamic;

/// The name of a type as scripts write it.
pub fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Bool => "bool",
        ValueType::Int => "int",
        ValueType::Double => "double",
        ValueType::String => "string",
        ValueType::Duration => "duration",
    }
}

/// The name of a type with its article.
pub(super) fn a_type(value_type: ValueType) -> String {
    let article = if value_type == ValueType::Int { "an" } else { "a" };
    format!("{article} {}", type_name(value_type))
}

pub(crate) fn type_of_name(name: &str) -> Option<ValueType> {
    [ValueType::Bool, ValueType::Int, ValueType::Double, ValueType::String, ValueType::Duration]
        .into_iter()
        .find(|t| type_name(*t) == name)
}

/// A value from the script as the type of an option; ints may stand for doubles, text for durations.
pub(super) fn typed(value: &Dynamic, kind: ValueType) -> Option<Dynamic> {
    match kind {
        ValueType::Bool => value.as_bool().ok().map(Into::into),
        ValueType::Int => value.as_int().ok().map(Into::into),
        ValueType::Double => number(value).map(Into::into),
        ValueType::String => text(value).map(Into::into),
        ValueType::Duration => match text(value) {
            Some(text) => duration::parse(&text).ok().map(Into::into),
            None => value.as_int().ok().map(Into::into),
        },
    }
}

/// A number, if it is one; ints too.
pub(super) fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|i| i as f64))
}

/// Text, if it is some.
pub(super) fn text(value: &Dynamic) -> Option<String> {
    value.read_lock::<rhai::ImmutableString>().map(|s| s.to_string())
}

/// Tells whether two values mean the same.
pub(super) fn same(a: &Dynamic, b: &Dynamic) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => match (a.as_bool(), b.as_bool()) {
            (Ok(a), Ok(b)) => a == b,
            _ => text(a).is_some() && text(a) == text(b),
        },
    }
}

/// A value as messages show it.
pub(super) fn show(value: &Dynamic) -> String {
    match text(value) {
        Some(text) => format!("'{text}'"),
        None => value.to_string(),
    }
}
