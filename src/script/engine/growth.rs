//! The functions that make a value longer, and by how much: a call that would exceed `[limits] string`, `array` or
//! `map` is refused before anything is allocated.
//!
//! Rhai checks the sizes of values too. After each call it walks through the whole value, nested values
//! included. That is exact, and slow for long values. So there are two ways to keep the limits. As long as
//! states are small, Rhai checks. When the state of a script has become long, only the checks of this file
//! are used ([`trust_own_checks`]): each function checks the length of its result, which costs nothing; nested
//! values of a state are counted from time to time, between calls; and values that one call collects in
//! variables are bounded by `[limits] memory`.

use super::lengths::{
    as_many_items, chars, decoded_text, escaped_text, joined, joined_text, longer_by_a_char,
    longer_by_one, lower_text, merged, one_more_entry, padded, padded_from_nothing, padded_text,
    pieces, replaced, some_pieces, upper_text, whole_text, words,
};
use crate::script::collection;
use crate::script::config::Limits;
use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, CorePackage, MoreStringPackage, Package,
};
use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, ImmutableString, Map, NativeCallContext, Position,
};
use std::any::TypeId;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

/// The function that bounds a text made of parts (`${…}`) where Rhai does not look at its length. Calls of it are
/// put into callbacks; no script writes it.
pub(crate) const BOUNDED_TEXT: &str = "__bounded_text";

/// The limits of sizes; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(super) string: usize,
    array: usize,
    map: usize,
}

pub(super) type Checked<T> = Result<T, Box<EvalAltResult>>;

/// Checks the arguments of a call before it is made.
type Check = fn(Sizes, &[&mut Dynamic]) -> Checked<()>;

impl Sizes {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { string: limits.string, array: limits.array, map: limits.map }
    }

    pub(super) fn text(self, len: usize) -> Checked<()> {
        within(self.string, len, "Length of string")
    }

    pub(super) fn array(self, len: usize) -> Checked<()> {
        within(self.array, len, "Size of array/BLOB")
    }

    pub(super) fn map(self, len: usize) -> Checked<()> {
        within(self.map, len, "Size of object map")
    }

    /// Checks a value with everything that is nested in it.
    ///
    /// # Errors
    /// Texts, arrays or maps that are too long in all.
    pub(crate) fn check(self, value: &Dynamic) -> Checked<()> {
        let total = total(value, usize::MAX);
        self.text(total.text)?;
        self.array(total.items)?;
        self.map(total.entries)
    }
}

fn within(limit: usize, len: usize, what: &str) -> Checked<()> {
    if limit > 0 && len > limit {
        return Err(Box::new(EvalAltResult::ErrorDataTooLarge(what.into(), Position::NONE)));
    }
    Ok(())
}

/// The sizes of a value, nested values included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(super) items: usize,
    entries: usize,
    text: usize,
}

impl Total {
    /// Items and entries: how long it takes to walk through.
    pub(crate) fn steps(self) -> usize {
        self.items + self.entries
    }
}

/// Counts what a value holds, up to about `most` steps.
pub(crate) fn total(value: &Dynamic, most: usize) -> Total {
    let mut total = Total::default();
    add(value, most, &mut total);
    total
}

fn add(value: &Dynamic, most: usize, total: &mut Total) {
    if let Some(array) = value.read_lock::<Array>() {
        total.items += array.len();
        for value in &*array {
            if total.steps() > most {
                return;
            }
            if !value.is_float() && !value.is_int() {
                add(value, most, total);
            }
        }
    } else if let Some(map) = value.read_lock::<Map>() {
        total.entries += map.len();
        for value in map.values() {
            if total.steps() > most {
                return;
            }
            add(value, most, total);
        }
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        total.text += text.len();
    } else if let Some(blob) = value.read_lock::<Blob>() {
        total.items += blob.len();
    } else if !value.is_unit() && !value.is_bool() {
        collection::held(value, &mut |len, values| {
            total.items += len;
            for value in values {
                if total.steps() > most {
                    return;
                }
                if !value.is_float() && !value.is_int() {
                    add(value, most, total);
                }
            }
        });
    }
}

/// From now on the checks of this file alone keep the limits. Rhai's fast operators bypass registered functions, so
/// they are turned off too.
pub(crate) fn trust_own_checks(engine: &mut Engine) {
    engine.set_max_string_size(0);
    engine.set_max_array_size(0);
    engine.set_max_map_size(0);
    engine.set_fast_operators(false);
}

/// A function by its name and the types of its arguments, with the check before it.
type Bounded = (&'static str, Vec<TypeId>, Check);

/// Bounds every function that makes a value longer.
pub(crate) fn register(engine: &mut Engine, sizes: Sizes) {
    appending(engine, sizes);
    let original = Rc::new(packages());
    let parser = original.clone();
    engine.register_fn("parse_json", move |text: &str| -> Checked<Dynamic> {
        let value = parser.parse_json(text, true).map(Dynamic::from)?;
        sizes.check(&value)?;
        Ok(value)
    });
    for (name, types, check) in texts().into_iter().chain(lists()) {
        let original = original.clone();
        let bounded = move |context: NativeCallContext<'_>, args: &mut [&mut Dynamic]| {
            check(sizes, args)?;
            let global = original.new_global_runtime_state();
            let place = context.call_position();
            let context: NativeCallContext<'_> = (&*original, name, None, &global, place).into();
            context.call_native_fn_raw(name, true, args)
        };
        engine.register_raw_fn(name, types, bounded);
    }
}

/// Functions whose result is a text.
fn texts() -> Vec<Bounded> {
    let text = TypeId::of::<ImmutableString>();
    let (char, int, any) = (TypeId::of::<char>(), TypeId::of::<i64>(), TypeId::of::<Dynamic>());
    let (array, map, blob) = (TypeId::of::<Array>(), TypeId::of::<Map>(), TypeId::of::<Blob>());
    vec![
        ("replace", vec![text, text, text], replaced),
        ("replace", vec![text, text, char], replaced),
        ("replace", vec![text, char, text], replaced),
        ("replace", vec![text, char, char], replaced),
        ("pad", vec![text, int, char], padded_text),
        ("pad", vec![text, int, text], padded_text),
        ("+", vec![text, text], joined_text),
        ("+", vec![text, char], joined_text),
        ("+", vec![char, text], joined_text),
        ("+", vec![text, array], joined_text),
        ("+", vec![array, text], joined_text),
        ("+", vec![text, map], joined_text),
        ("+", vec![map, text], joined_text),
        ("+", vec![text, blob], joined_text),
        ("+", vec![blob, text], joined_text),
        ("+=", vec![text, any], joined_text),
        ("append", vec![text, any], joined_text),
        ("+=", vec![text, blob], joined_text),
        ("append", vec![text, blob], joined_text),
        ("to_string", vec![array], joined_text),
        ("to_string", vec![map], joined_text),
        ("to_debug", vec![array], joined_text),
        ("to_debug", vec![map], joined_text),
        ("to_string", vec![blob], joined_text),
        ("to_debug", vec![blob], joined_text),
        ("to_debug", vec![text], escaped_text),
        ("to_json", vec![map], joined_text),
        ("as_string", vec![blob], decoded_text),
        ("to_upper", vec![text], upper_text),
        ("make_upper", vec![text], upper_text),
        ("to_lower", vec![text], lower_text),
        ("make_lower", vec![text], lower_text),
        ("set", vec![text, int, char], longer_by_a_char),
    ]
}

/// Functions whose result is an array, a blob or a map.
fn lists() -> Vec<Bounded> {
    let text = TypeId::of::<ImmutableString>();
    let (char, int, any) = (TypeId::of::<char>(), TypeId::of::<i64>(), TypeId::of::<Dynamic>());
    let (array, map, blob) = (TypeId::of::<Array>(), TypeId::of::<Map>(), TypeId::of::<Blob>());
    let (range, inclusive) = (TypeId::of::<Range<i64>>(), TypeId::of::<RangeInclusive<i64>>());
    vec![
        ("to_chars", vec![text], chars),
        ("keys", vec![map], as_many_items),
        ("values", vec![map], as_many_items),
        ("split", vec![text], words),
        ("split", vec![text, text], pieces),
        ("split", vec![text, char], pieces),
        ("split_rev", vec![text, text], pieces),
        ("split_rev", vec![text, char], pieces),
        ("split", vec![text, text, int], some_pieces),
        ("split", vec![text, char, int], some_pieces),
        ("split_rev", vec![text, text, int], some_pieces),
        ("split_rev", vec![text, char, int], some_pieces),
        ("to_blob", vec![text], whole_text),
        ("blob", vec![int], padded_from_nothing),
        ("blob", vec![int, int], padded_from_nothing),
        ("to_array", vec![blob], joined),
        ("+", vec![array, array], joined),
        ("+", vec![blob, blob], joined),
        ("insert", vec![array, int, any], longer_by_one),
        ("insert", vec![blob, int, int], longer_by_one),
        ("pad", vec![array, int, any], padded),
        ("pad", vec![blob, int, int], padded),
        ("splice", vec![array, range, array], joined),
        ("splice", vec![array, inclusive, array], joined),
        ("splice", vec![array, int, int, array], joined),
        ("splice", vec![blob, range, blob], joined),
        ("splice", vec![blob, inclusive, blob], joined),
        ("splice", vec![blob, int, int, blob], joined),
        ("+", vec![map, map], merged),
        ("+=", vec![map, map], merged),
        ("mixin", vec![map, map], merged),
        ("fill_with", vec![map, map], merged),
        ("set", vec![map, text, any], one_more_entry),
    ]
}

/// The functions as Rhai has them.
fn packages() -> Engine {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicBlobPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine
}

/// The most frequent functions of scripts.
fn appending(engine: &mut Engine, sizes: Sizes) {
    let push = move |array: &mut Array, item: Dynamic| -> Checked<()> {
        sizes.array(array.len() + 1)?;
        array.push(item);
        Ok(())
    };
    engine.register_fn("push", push).register_fn("+=", push);
    let bounded = move |text: ImmutableString| -> Checked<ImmutableString> {
        sizes.text(text.len())?;
        Ok(text)
    };
    engine.register_fn(BOUNDED_TEXT, bounded);
    let append = move |array: &mut Array, more: Array| -> Checked<()> {
        sizes.array(array.len().saturating_add(more.len()))?;
        array.extend(more);
        Ok(())
    };
    engine.register_fn("append", append).register_fn("+=", append);
    let push = move |blob: &mut Blob, byte: i64| -> Checked<()> {
        sizes.array(blob.len() + 1)?;
        blob.push(byte as u8);
        Ok(())
    };
    engine.register_fn("push", push).register_fn("append", push).register_fn("+=", push);
    let append = move |blob: &mut Blob, more: &[u8]| -> Checked<()> {
        sizes.array(blob.len().saturating_add(more.len()))?;
        blob.extend_from_slice(more);
        Ok(())
    };
    for name in ["append", "+="] {
        engine.register_fn(name, move |blob: &mut Blob, more: Blob| append(blob, &more));
        engine.register_fn(name, move |blob: &mut Blob, more: ImmutableString| {
            append(blob, more.as_bytes())
        });
        engine.register_fn(name, move |blob: &mut Blob, more: char| {
            append(blob, more.encode_utf8(&mut [0; 4]).as_bytes())
        });
        engine.register_fn(name, move |text: &mut ImmutableString, more: ImmutableString| {
            sizes.text(text.len().saturating_add(more.len()))?;
            *text += more;
            Ok::<_, Box<EvalAltResult>>(())
        });
        engine.register_fn(name, move |text: &mut ImmutableString, more: char| {
            sizes.text(text.len() + more.len_utf8())?;
            *text += more;
            Ok::<_, Box<EvalAltResult>>(())
        });
    }
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;
