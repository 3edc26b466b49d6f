//! Reading single arguments, with messages that name the value that was given instead.

use crate::protocol::duration;
use crate::script::api::{Fallible, fail, fail_in};
use crate::script::host::Host;
use rhai::{Dynamic, EvalAltResult, ImmutableString};

/// A number; an int counts as a double.
#[inline]
pub(in crate::script::api) fn number(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
) -> Fallible<f64> {
    if let Ok(float) = value.as_float() {
        return Ok(float);
    }
    if let Ok(int) = value.as_int() {
        return Ok(int as f64);
    }
    Err(not_a(host, function, name, "a number", value))
}

/// A count from 0.
pub(in crate::script::api) fn count(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
) -> Fallible<usize> {
    let int = int(host, function, name, value)?;
    usize::try_from(int)
        .map_err(|_| fail_in(function, format_args!("{name} must be 0 or more, got {int}")))
}

/// An int: a time in nanoseconds, an index.
#[inline]
pub(in crate::script::api) fn int(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
) -> Fallible<i64> {
    value.as_int().map_err(|_| not_a(host, function, name, "an int", value))
}

/// A duration in nanoseconds: an int, or text such as `10m`.
pub(in crate::script::api) fn nanoseconds(
    host: &Host,
    function: &str,
    name: &str,
    value: &Dynamic,
) -> Fallible<u64> {
    let ns = match value.read_lock::<ImmutableString>() {
        Some(text) => duration::parse(&text).map_err(|e| fail_in(function, e))?,
        None => int(host, function, name, value)?,
    };
    u64::try_from(ns).map_err(|_| {
        fail_in(function, format_args!("{name} must be 0 or more nanoseconds, got {ns}"))
    })
}

/// The error for an argument of another type: why it is `()`, where that is known.
pub(in crate::script::api) fn not_a(
    host: &Host,
    function: &str,
    name: &str,
    wanted: &str,
    value: &Dynamic,
) -> Box<EvalAltResult> {
    if value.is_unit()
        && let Some(reason) = host.reason()
    {
        return fail(format_args!("{reason} ({function} needs {name})"));
    }
    fail_in(function, format_args!("{name} must be {wanted}, not {}", describe(value)))
}

/// What an argument is, as a message shows it.
pub(in crate::script::api) fn describe(value: &Dynamic) -> String {
    if value.is_unit() {
        return "()".into();
    }
    match value.read_lock::<ImmutableString>() {
        Some(text) => format!("the string '{}'", text.as_str()),
        None => match value.type_name() {
            name @ ("i64" | "f64" | "bool" | "char") => format!("{value} ({name})"),
            name => kind(name),
        },
    }
}

/// The kind of an object by the name of its Rust type, as scripts know it: `a moving_stats`.
fn kind(rust: &str) -> String {
    let last = rust.rsplit("::").next().unwrap_or(rust).trim_end_matches('>');
    let name = match last {
        "DdSketch" => "ddsketch".into(),
        "Rng" => "random".into(),
        "UnevenEwStats" => "timed_ew_stats".into(),
        "P2Quantile" => "p2_quantile".into(),
        "Deque" => "queue".into(),
        "Hold" => "debounce".into(),
        "SharedPoint" => "point".into(),
        "SharedBatch" => "batch".into(),
        other => snake_case(other),
    };
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
