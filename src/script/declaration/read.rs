//! The options in what `info()` returns: every mistake is named.

use super::option::OptionSpec;
use super::values::{a_type, number, show, text, type_name, type_of_name, typed};
use crate::protocol::message::ValueType;
use rhai::{Array, Dynamic, Map};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of an option.
const OPTION_KEYS: [&str; 7] = ["type", "default", "min", "max", "one_of", "repeated", "about"];

/// Why no types can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum TypeProblem {
    #[error("has no type")]
    Missing,
    #[error("the type must be bool, int, double, string or duration, or an array of them")]
    NoType,
    #[error("unknown type '{0}'; write bool, int, double, string or duration")]
    Unknown(String),
}

/// Reads the options that `info()` declares.
pub(super) fn read_options(
    options: Option<&Dynamic>,
    problems: &mut Vec<String>,
) -> BTreeMap<String, OptionSpec> {
    let Some(options) = options else { return BTreeMap::new() };
    let Some(map) = options.read_lock::<Map>() else {
        problems.push("info(): options must be a map like #{ field: \"string\" }".into());
        return BTreeMap::new();
    };
    map.iter()
        .map(|(name, spec)| {
            let spec = read_option(spec, problems, name);
            (name.to_string(), spec)
        })
        .collect()
}

fn read_option(spec: &Dynamic, problems: &mut Vec<String>, name: &str) -> OptionSpec {
    let mut option = OptionSpec {
        types: Vec::new(),
        default: None,
        min: None,
        max: None,
        one_of: Vec::new(),
        repeated: false,
        about: String::new(),
    };
    let mut problem = |text: String| problems.push(format!("info(): option '{name}': {text}"));
    let Some(map) = spec.read_lock::<Map>() else {
        match read_types(spec) {
            Ok(types) => option.types = types,
            Err(wrong) => problem(wrong.to_string()),
        }
        return option;
    };
    match map.get("type").map_or(Err(TypeProblem::Missing), read_types) {
        Ok(types) => option.types = types,
        Err(wrong) => problem(wrong.to_string()),
    }
    for key in map.keys().filter(|k| !OPTION_KEYS.contains(&k.as_str())) {
        problem(format!("unknown key '{key}'; known are {}", OPTION_KEYS.join(", ")));
    }
    option.about = map.get("about").and_then(text).unwrap_or_default();
    let [kind] = option.types[..] else {
        let plain = ["type", "about", "repeated", "default"];
        if let Some(key) = map.keys().find(|k| !plain.contains(&k.as_str())) {
            problem(format!("{key} applies to options with one argument only"));
        }
        option.repeated = flag(&map, "repeated");
        option.default = map.get("default").cloned();
        return option;
    };
    option.repeated = flag(&map, "repeated");
    read_limits(&map, kind, &mut option, &mut problem);
    read_default(&map, kind, &mut option, &mut problem);
    option
}

/// Reads what values are allowed.
fn read_limits(
    map: &Map,
    kind: ValueType,
    option: &mut OptionSpec,
    problem: &mut dyn FnMut(String),
) {
    for (key, slot) in [("min", &mut option.min), ("max", &mut option.max)] {
        let Some(limit) = map.get(key) else { continue };
        match typed(limit, kind).as_ref().and_then(number) {
            Some(limit) => *slot = Some(limit),
            None => problem(format!("{key} must be {}", a_type(kind))),
        }
    }
    if let Some(allowed) = map.get("one_of") {
        match allowed.read_lock::<Array>() {
            Some(values) => {
                let typed: Option<Vec<_>> = values.iter().map(|v| typed(v, kind)).collect();
                match typed {
                    Some(values) => option.one_of = values,
                    None => problem(format!("one_of must hold values of type {}", type_name(kind))),
                }
            }
            None => problem("one_of must be an array".into()),
        }
    }
}

/// Reads the default, which must be allowed.
fn read_default(
    map: &Map,
    kind: ValueType,
    option: &mut OptionSpec,
    problem: &mut dyn FnMut(String),
) {
    if let Some(default) = map.get("default") {
        if option.repeated {
            if !default.is_array() {
                problem("the default of a repeated option must be an array".into());
            }
            option.default = Some(default.clone());
        } else {
            match typed(default, kind) {
                Some(value) => {
                    if let Err(wrong) = option.check(&value) {
                        problem(format!("the default {wrong}"));
                    }
                    option.default = Some(value);
                }
                None => {
                    problem(format!("the default must be {}, got {}", a_type(kind), show(default)))
                }
            }
        }
    }
}

fn flag(map: &Map, key: &str) -> bool {
    map.get(key).and_then(|v| v.as_bool().ok()).unwrap_or(false)
}

fn read_types(spec: &Dynamic) -> Result<Vec<ValueType>, TypeProblem> {
    let names = match spec.read_lock::<Array>() {
        Some(array) => array.iter().map(text).collect::<Option<Vec<_>>>(),
        None => text(spec).map(|name| vec![name]),
    };
    let names = names.filter(|names| !names.is_empty()).ok_or(TypeProblem::NoType)?;
    names
        .iter()
        .map(|name| type_of_name(name).ok_or_else(|| TypeProblem::Unknown(name.clone())))
        .collect()
}

/// Names the keys of a map that mean nothing.
pub(super) fn unknown_keys(map: &Map, known: &[&str], place: &str, problems: &mut Vec<String>) {
    let known_set: BTreeSet<_> = known.iter().copied().collect();
    for key in map.keys().filter(|k| !known_set.contains(k.as_str())) {
        problems.push(format!("{place}: unknown key '{key}'; known are {}", known.join(", ")));
    }
}
