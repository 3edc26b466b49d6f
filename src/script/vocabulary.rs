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
            } else if rhai::is_valid_identifier(&name) {
                vocabulary.functions.entry(name).or_default().insert(count);
            }
        }
        vocabulary
    }
}
