//! Reading arguments, with messages that name the function, the argument and what was there.

use super::series::Series;
use super::{Fallible, fail, fail_in};
use crate::script::host::Host;
use rhai::{Array, Dynamic, ImmutableString};
use std::borrow::Cow;

/// A number; an int counts as a double.
pub(super) fn number(host: &Host, function: &str, name: &str, value: &Dynamic) -> Fallible<f64> {
    if let Ok(float) = value.as_float() {
        return Ok(float);
    }
    if let Ok(int) = value.as_int() {
        return Ok(int as f64);
    }
    if value.is_unit()
        && let Some(reason) = host.reason()
    {
        return Err(fail(reason));
    }
    Err(fail_in(function, format_args!("{name} must be a number, not {}", describe(value))))
}

/// A count from 0.
pub(super) fn count(host: &Host, function: &str, name: &str, value: &Dynamic) -> Fallible<usize> {
    match value.as_int() {
        Ok(int) => usize::try_from(int)
            .map_err(|_| fail_in(function, format_args!("{name} must be 0 or more, got {int}"))),
        Err(_) if value.is_unit() && host.reason().is_some() => {
            Err(fail(host.reason().unwrap_or_default()))
        }
        Err(_) => {
            Err(fail_in(function, format_args!("{name} must be an int, not {}", describe(value))))
        }
    }
}

/// What an argument is, as a message shows it.
pub(super) fn describe(value: &Dynamic) -> String {
    if value.is_unit() {
        return "()".into();
    }
    match value.read_lock::<ImmutableString>() {
        Some(text) => format!("the string '{}'", text.as_str()),
        None => match value.type_name() {
            name @ ("i64" | "f64" | "bool" | "char") => format!("{value} ({name})"),
            name => format!("a {}", name.rsplit("::").next().unwrap_or(name)),
        },
    }
}

/// Runs `work` on the numbers of a series or an array.
pub(super) fn numbers<R>(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
    work: impl FnOnce(Cow<'_, [f64]>) -> R,
) -> Fallible<R> {
    if let Some(series) = value.read_lock::<Series>() {
        return Ok(work(Cow::Borrowed(&series.0)));
    }
    if let Some(array) = value.read_lock::<Array>() {
        let numbers = array
            .iter()
            .enumerate()
            .map(|(i, v)| number(host, function, &format!("{name}[{i}]"), v))
            .collect::<Fallible<Vec<_>>>()?;
        return Ok(work(Cow::Owned(numbers)));
    }
    if value.is_unit()
        && let Some(reason) = host.reason()
    {
        return Err(fail(reason));
    }
    Err(fail_in(
        function,
        format_args!("{name} must be a series or an array of numbers, not {}", describe(value)),
    ))
}
