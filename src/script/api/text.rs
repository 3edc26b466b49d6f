//! Values as text: `format(x, "%.2f")`, and `hash(x)`, a number that stands for a value.

use super::arguments::{count, describe, function, not_a};
use super::{Fallible, fail_in};
use crate::script::host::Host;
use crate::script::printf::{Argument, printf};
use rhai::{Array, Dynamic, Engine, ImmutableString};
use sha2::{Digest, Sha256};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_fn(
        "format",
        move |value: Dynamic, format: &str| -> Fallible<ImmutableString> {
            let values: Vec<Argument> = match value.read_lock::<Array>() {
                Some(array) => array.iter().map(|v| argument(&h, v)).collect::<Fallible<_>>()?,
                None => vec![argument(&h, &value)?],
            };
            Ok(printf(format, &values).map_err(|e| fail_in("format", e))?.into())
        },
    );
    let h = host.clone();
    engine.register_fn("hash", move |value: Dynamic| hash(&h, &value));
    function(engine, host, "hash", &["value", "buckets"], |a| {
        let (_, value) = a.any();
        let hash = hash(a.host(), value)?;
        let buckets = a.count()?;
        match i64::try_from(buckets) {
            Ok(buckets) if buckets > 0 => Ok(hash % buckets),
            _ => Err(a.fail("buckets must be 1 or more").into()),
        }
    });
    let h = host.clone();
    engine.register_fn("entries", move |map: &mut rhai::Map| -> Fallible<Array> {
        h.room_in_array("entries", map.len())?;
        let entry = |(key, value): (&rhai::Identifier, &Dynamic)| {
            let key = ImmutableString::from(key.as_str());
            Dynamic::from(super::answer::map([("key", key.into()), ("value", value.clone())]))
        };
        Ok(map.iter().map(entry).collect())
    });
    for (name, from_end) in [("head", false), ("tail", true)] {
        let h = host.clone();
        engine.register_fn(name, move |array: &mut Array, n: Dynamic| -> Fallible<Array> {
            let n = count(&h, name, "n", &n)?.min(array.len());
            let start = if from_end { array.len() - n } else { 0 };
            Ok(array[start..start + n].to_vec())
        });
    }
}

/// A value as a conversion takes it: whatever is no number is text.
fn argument(host: &Host, value: &Dynamic) -> Fallible<Argument> {
    if let Ok(int) = value.as_int() {
        return Ok(Argument::Int(int));
    }
    if let Ok(x) = value.as_float() {
        return Ok(Argument::Double(x));
    }
    if value.is_unit() && host.reason().is_some() {
        return Err(not_a(host, "format", "the value", "something to show", value));
    }
    let shown = value.is_string() || value.is_char() || value.is_bool() || value.is_unit();
    match shown {
        true => Ok(Argument::Text(value.to_string())),
        false => Err(fail_in(
            "format",
            format_args!("{} cannot be formatted; give it as text, `${{x}}`", describe(value)),
        )),
    }
}

/// The first 63 bits of SHA-256 of a value's text: the same on every machine and in every version.
fn hash(host: &Host, value: &Dynamic) -> Fallible<i64> {
    let simple = value.is_string()
        || value.is_int()
        || value.is_float()
        || value.is_bool()
        || value.is_char();
    if !simple {
        let wanted = "a text, a number, a bool or a char; join several, as in `${a}/${b}`";
        return Err(not_a(host, "hash", "the value", wanted, value));
    }
    let digest = match value.read_lock::<ImmutableString>() {
        Some(text) => Sha256::digest(text.as_bytes()),
        None => Sha256::digest(value.to_string().as_bytes()),
    };
    let first: [u8; 8] = std::array::from_fn(|i| digest[i]);
    Ok((u64::from_be_bytes(first) >> 1).cast_signed())
}
