//! The names that a script can use, from the engine itself.

use crate::agent::Pulse;
use crate::script::api::{self, NativeTypes};
use crate::script::config::Limits;
use crate::script::engine;
use crate::script::host::Host;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

/// The functions and properties of the engine that scripts run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Functions and methods, with the numbers of parameters that they can have; a method's first is what it
    /// is called on.
    pub functions: BTreeMap<String, BTreeSet<usize>>,
    /// Properties of native objects.
    pub properties: BTreeSet<String>,
}

impl Vocabulary {
    /// Asks an engine.
    pub fn of_engine() -> Self {
        let mut engine = engine::engine(&Limits::default(), &Pulse::default());
        let host = Rc::new(Host::new(PathBuf::new()));
        api::register(&mut engine, &host, &mut NativeTypes::default());
        let named = |info: rhai::FuncInfo<'_>| {
            Some((info.metadata.name.to_string(), info.metadata.num_params))
        };
        let mut vocabulary = Self::default();
        for (name, count) in engine.collect_fn_metadata(None, named, true) {
            // Rhai files the reader of a property under `get$NAME`.
            if let Some(property) = name.strip_prefix("get$") {
                vocabulary.properties.insert(property.into());
            } else if rhai::is_valid_identifier(&name) && !name.starts_with('_') {
                vocabulary.functions.entry(name).or_default().insert(count);
            }
        }
        vocabulary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhai::Engine;

    fn names(engine: &Engine) -> BTreeSet<String> {
        let name = |info: rhai::FuncInfo<'_>| Some(info.metadata.name.to_string());
        let mut names: BTreeSet<String> =
            engine.collect_fn_metadata(None, name, true).into_iter().collect();
        names.retain(|name| rhai::is_valid_identifier(name) && !name.starts_with('_'));
        names
    }

    /// The names in backticks in the rows of the tables under a heading.
    fn listed(page: &str, heading: &str) -> BTreeSet<String> {
        let (_, section) = page.split_once(heading).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| "));
        let words = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
        words.map(str::to_owned).filter(|word| rhai::is_valid_identifier(word)).collect()
    }

    /// docs/built-ins.md names every function of Rhai that scripts can call, and none that they cannot.
    #[test]
    fn the_page_of_built_ins_is_true() {
        let page = include_str!("../../docs/built-ins.md");
        let (there, missing) =
            (listed(page, "\n## What is there"), listed(page, "\n## What is not"));
        let bare = engine::engine(&Limits::default(), &Pulse::default());
        let all: BTreeSet<String> = Vocabulary::of_engine().functions.into_keys().collect();
        let of_rhai = names(&Engine::new());
        let unlisted: Vec<_> = names(&bare).difference(&there).cloned().collect();
        assert!(unlisted.is_empty(), "not on the page: {}", unlisted.join(" "));
        let keywords = ["call", "curry", "type_of", "is_shared", "is_def_fn", "is_def_var", "Fn"];
        let known = |name: &String| all.contains(name) || keywords.contains(&name.as_str());
        let unknown: Vec<_> = there.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "on the page, and not there: {unknown:?}");
        let absent: Vec<_> = of_rhai.iter().filter(|name| !all.contains(*name)).collect();
        let unlisted: Vec<_> = absent.iter().filter(|name| !missing.contains(**name)).collect();
        assert!(unlisted.is_empty(), "of Rhai, not there, and not on the page: {unlisted:?}");
        let wrong: Vec<_> = missing.iter().filter(|name| all.contains(*name)).collect();
        assert!(wrong.is_empty(), "said to be missing, and there: {wrong:?}");
    }
}
