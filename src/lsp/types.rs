//! The types of values.

use crate::script::Callback;
use std::collections::BTreeMap;

/// A type, or the keys of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Named(String),
    Map(BTreeMap<String, Types>),
}

/// The types that a value may have; none if nothing is known.
pub(super) type Types = Vec<Type>;

/// One type.
pub(super) fn named(name: &str) -> Types {
    vec![Type::Named(name.to_owned())]
}

impl Type {
    /// The name under which the reference has it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Map(_) => "map",
        }
    }
}

/// The types of which a signature speaks.
pub(super) fn given(types: &[String]) -> Types {
    let mut all = Vec::new();
    for kind in types {
        match kind.as_str() {
            "()" | "any" => {}
            "number" => all.extend(named("double")),
            "time" | "duration" => all.extend(named("int")),
            keys if keys.starts_with("#{") => {
                let keys = keys.trim_start_matches("#{").trim_end_matches('}').split(',');
                all.push(Type::Map(
                    keys.map(|key| (key.trim().to_owned(), Types::new())).collect(),
                ));
            }
            name => all.extend(named(name)),
        }
    }
    all
}

/// Whether a parameter takes a value of this type; `any` is not counted.
pub(super) fn accepts(types: &[String], kind: &str) -> bool {
    types.iter().any(|wanted| match wanted.as_str() {
        "number" => matches!(kind, "int" | "double"),
        "numbers" => matches!(kind, "series" | "array"),
        "sample" => {
            matches!(kind, "series" | "array" | "moving_stats" | "running_stats" | "timed_stats")
        }
        "time" => kind == "int",
        "duration" => matches!(kind, "int" | "string"),
        other => other == kind,
    })
}

/// The type of a callback's parameter.
pub(super) fn parameter(callback: Callback, nth: usize) -> Types {
    match (callback, nth) {
        (Callback::Point, 0) => named("point"),
        (Callback::Points | Callback::BeginBatch | Callback::EndBatch, 0) => named("batch"),
        (Callback::Migrate, 0) => Types::new(),
        (Callback::Info, _) => Types::new(),
        _ => named("options"),
    }
}
