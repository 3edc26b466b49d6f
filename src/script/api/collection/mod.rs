//! Collections in a script: `queue`, `ring`, `timed_queue`, `tally`, `distinct`, `top` and `bottom`.
//!
//! They hold any values, so `push` takes one value, whatever it is; `extend` takes those of an array, a series or a
//! mask.

mod lasting;
mod queue;
mod tally;
mod top;

use super::arguments::not_a;
use super::series::{Mask, Series};
use super::{Fallible, NativeTypes, fail_in};
use crate::script::collection::{DEPTH, Held, Holder, Key, is_deeper};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine, ImmutableString, NativeCallContext};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    queue::register(engine, host, registry);
    lasting::register(engine, host, registry);
    tally::register(engine, host, registry);
    top::register(engine, host, registry);
}

/// The functions of all collections: storage, `len`, `is_empty`, equality, and a text for logs.
fn common<T: Holder>(engine: &mut Engine, registry: &mut NativeTypes) {
    registry.holder::<T>();
    engine.register_type_with_name::<Held<T>>(T::NAME);
    engine.register_get("len", |held: &mut Held<T>| held.0.len() as i64);
    engine.register_fn("len", |held: &mut Held<T>| held.0.len() as i64);
    engine.register_get("is_empty", |held: &mut Held<T>| held.0.len() == 0);
    engine.register_fn("is_empty", |held: &mut Held<T>| held.0.len() == 0);
    let equal = |context: &NativeCallContext<'_>, a: &T, b: &T| -> Fallible<bool> {
        let (mut a, mut b) = (Dynamic::from(a.parts()), Dynamic::from(b.parts()));
        let equal = context.call_native_fn_raw("==", true, &mut [&mut a, &mut b])?;
        Ok(equal.as_bool().unwrap_or_default())
    };
    engine.register_fn("==", move |context: NativeCallContext<'_>, a: Held<T>, b: Held<T>| {
        equal(&context, &a.0, &b.0)
    });
    engine.register_fn("!=", move |context: NativeCallContext<'_>, a: Held<T>, b: Held<T>| {
        equal(&context, &a.0, &b.0).map(|equal| !equal)
    });
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |held: &mut Held<T>| format!("{} of {}", T::NAME, held.0.len()));
    }
}

/// A value that a collection may take in beside `len` others.
fn room(host: &Host, function: &str, len: usize, value: &Dynamic) -> Fallible<()> {
    host.room_in_array(function, len + 1)?;
    if is_deeper(value, DEPTH) {
        let text = format_args!("the value is nested more than {DEPTH} deep");
        return Err(fail_in(function, text));
    }
    Ok(())
}

/// The values of an array, a series, a mask or another collection of the kind.
fn several(host: &Host, function: &str, value: &Dynamic) -> Fallible<Vec<Dynamic>> {
    if let Some(series) = value.read_lock::<Series>() {
        return Ok(series.0.iter().map(|x| (*x).into()).collect());
    }
    if let Some(mask) = value.read_lock::<Mask>() {
        return Ok(mask.0.iter().map(|flag| (*flag).into()).collect());
    }
    match value.read_lock::<Array>() {
        Some(array) => Ok(array.clone()),
        None => Err(not_a(host, function, "the values", "an array, a series or a mask", value)),
    }
}

/// A value that can be a key.
fn key(host: &Host, function: &str, value: &Dynamic) -> Fallible<Key> {
    let wanted = "a text, a number, a bool, a char or an array of them";
    if value.as_float().is_ok_and(f64::is_nan) {
        return Err(fail_in(
            function,
            "the value is NaN, which is equal to no value; test with is_nan() first",
        ));
    }
    Key::of(value).ok_or_else(|| not_a(host, function, "the value", wanted, value))
}

/// Checks whether the call is out of time, before work on `n` values.
fn time_for(host: &Host, function: &str, n: usize) -> Fallible<()> {
    let progress = host.budget.progress();
    let room = progress.room("the result", n.saturating_mul(size_of::<Dynamic>()));
    room.and_then(|()| progress.check())
        .map_err(|error| super::arguments::refuse(host, function, &error))
}

/// The values of a collection as a series of numbers.
fn numbers_of<'v>(
    host: &Host,
    function: &str,
    n: usize,
    values: impl Iterator<Item = &'v Dynamic>,
) -> Fallible<Series> {
    time_for(host, function, n)?;
    let number =
        |(i, value)| super::arguments::number(host, function, &format!("value {i}"), value);
    values.enumerate().map(number).collect::<Fallible<_>>().map(Series::new)
}

/// The values of a collection as an array.
fn array_of<'v>(
    host: &Host,
    function: &str,
    n: usize,
    values: impl Iterator<Item = &'v Dynamic>,
) -> Fallible<Array> {
    time_for(host, function, n)?;
    host.room_in_array(function, n)?;
    Ok(values.cloned().collect())
}

/// The result for a first or last value that does not exist, with a note that says why.
fn nothing(host: &Host, function: &str) -> Dynamic {
    host.note(&format!("{function} does not exist, because the object is empty; test .len first"));
    Dynamic::UNIT
}

/// A text in a collection's own message.
fn text(host: &Host, function: &str, name: &str, value: &Dynamic) -> Fallible<ImmutableString> {
    match value.read_lock::<ImmutableString>() {
        Some(text) => Ok(text.clone()),
        None => Err(not_a(host, function, name, "a string", value)),
    }
}
