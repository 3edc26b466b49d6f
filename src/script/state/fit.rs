//! Whether a stored state fits a script: compared with what its `state(opt)` makes.

use crate::script::api::NativeTypes;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};

/// How deep maps are compared.
const DEPTH: usize = 8;

/// A stored value is of another kind than the script's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} is {stored}, and state() makes {fresh}")]
pub(crate) struct Misfit {
    /// Where, as in `this.window`.
    place: String,
    stored: String,
    fresh: String,
}

/// Compares a stored state with a fresh one: native objects must be of the same type, maps are compared
/// by the keys that both have. Where either has `()`, anything fits.
///
/// # Errors
/// The first value that does not fit.
pub(crate) fn fits(stored: &Dynamic, fresh: &Dynamic, types: &NativeTypes) -> Result<(), Misfit> {
    compare(stored, fresh, types, "this", 0)
}

fn compare(
    stored: &Dynamic,
    fresh: &Dynamic,
    types: &NativeTypes,
    place: &str,
    depth: usize,
) -> Result<(), Misfit> {
    if stored.is_unit() || fresh.is_unit() || depth > DEPTH {
        return Ok(());
    }
    if let (Some(stored), Some(fresh)) = (stored.read_lock::<Map>(), fresh.read_lock::<Map>()) {
        for (key, fresh) in fresh.iter() {
            if let Some(stored) = stored.get(key) {
                compare(stored, fresh, types, &format!("{place}.{key}"), depth + 1)?;
            }
        }
        return Ok(());
    }
    let (stored, fresh) = (kind(stored, types), kind(fresh, types));
    if stored == fresh {
        return Ok(());
    }
    Err(Misfit { place: place.into(), stored: stored.into(), fresh: fresh.into() })
}

/// The kind of a value, with its article.
fn kind<'t>(value: &Dynamic, types: &'t NativeTypes) -> &'t str {
    if value.is_int() || value.is_float() {
        "a number"
    } else if value.is_bool() {
        "a bool"
    } else if value.is_char() || value.is::<ImmutableString>() {
        "a text"
    } else if value.is::<Array>() {
        "an array"
    } else if value.is::<Map>() {
        "a map"
    } else if value.is::<Blob>() {
        "a blob"
    } else {
        types.of_value(value).map_or("another object", |native| native.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str) -> Dynamic {
        rhai::Engine::new().eval(text).unwrap()
    }

    #[test]
    fn values_of_another_kind_do_not_fit() {
        let types = NativeTypes::default();
        for (stored, fresh, expected) in [
            ("#{ n: 1 }", "#{ n: 0.0, more: [] }", ""),
            ("#{ n: 1, old: [] }", "#{ n: 0 }", ""),
            ("#{ last: () }", "#{ last: 1.5 }", ""),
            ("#{}", "#{ n: 0 }", ""),
            ("#{ n: [1] }", "#{ n: 0 }", "this.n is an array, and state() makes a number"),
            (
                "#{ a: #{ b: \"x\" } }",
                "#{ a: #{ b: 1 } }",
                "this.a.b is a text, and state() makes a number",
            ),
            ("[1]", "#{}", "this is an array, and state() makes a map"),
        ] {
            let result = fits(&eval(stored), &eval(fresh), &types);
            let text = result.err().map_or_else(String::new, |misfit| misfit.to_string());
            assert_eq!(text, expected, "{stored} and {fresh}");
        }
    }
}
