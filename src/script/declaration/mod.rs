//! `info()`: edges, scope and options, and how the options of a TICKscript are bound to them.

mod option;
mod read;
#[cfg(test)]
mod tests;
mod values;

pub use option::OptionSpec;
pub use values::type_name;
pub(crate) use values::type_of_name;

use crate::agent::Info;
use crate::protocol::message::{EdgeType, InitOption, InitRequest, OptionValue};
use read::{read_options, unknown_keys};
use rhai::{Dynamic, Map};
use std::collections::BTreeMap;
use values::text;

/// The keys of `info()`.
const KEYS: [&str; 5] = ["wants", "provides", "options", "scope", "about"];

/// Whose state `this` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateScope {
    /// One state for each group.
    #[default]
    Group,
    /// One state for the whole task.
    Task,
}

/// The declaration of a script.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The edge it reads.
    pub wants: EdgeType,
    /// The edge it writes.
    pub provides: EdgeType,
    /// Whose state `this` is.
    pub scope: StateScope,
    /// A sentence for the reader of `check`.
    pub about: String,
    /// The options by name.
    pub options: BTreeMap<String, OptionSpec>,
}

impl Default for Declaration {
    fn default() -> Self {
        Self {
            wants: EdgeType::Stream,
            provides: EdgeType::Stream,
            scope: StateScope::Group,
            about: String::new(),
            options: BTreeMap::new(),
        }
    }
}

impl Declaration {
    /// Reads what `info()` returned.
    ///
    /// # Errors
    /// Every problem, one sentence each.
    pub fn from_info(info: &Dynamic) -> Result<Self, Vec<String>> {
        let Some(map) = info.read_lock::<Map>() else {
            return Err(vec![format!(
                "info() must return a map like #{{ wants: \"stream\", provides: \"stream\" }}, not {}",
                info.type_name()
            )]);
        };
        let mut problems = Vec::new();
        unknown_keys(&map, &KEYS, "info()", &mut problems);
        let mut edge = |key: &str| match map.get(key).and_then(text).as_deref() {
            Some("stream") => EdgeType::Stream,
            Some("batch") => EdgeType::Batch,
            _ => {
                problems.push(format!("info(): {key} must be \"stream\" or \"batch\""));
                EdgeType::Stream
            }
        };
        let (wants, provides) = (edge("wants"), edge("provides"));
        let scope = match map.get("scope").map(|scope| text(scope).unwrap_or_default()).as_deref() {
            None | Some("group") => StateScope::Group,
            Some("task") => StateScope::Task,
            _ => {
                problems.push("info(): scope must be \"group\" or \"task\"".into());
                StateScope::Group
            }
        };
        let about = map.get("about").and_then(text).unwrap_or_default();
        let options = read_options(map.get("options"), &mut problems);
        if problems.is_empty() {
            Ok(Self { wants, provides, scope, about, options })
        } else {
            Err(problems)
        }
    }

    /// The part of it that the daemon asks for.
    pub fn info(&self) -> Info {
        let options = self.options.iter().map(|(name, o)| (name.clone(), o.types.clone()));
        Info { wants: self.wants, provides: self.provides, options: options.collect() }
    }

    /// Binds the options of a TICKscript; an option that it does not write gets its default.
    ///
    /// # Errors
    /// Every option that is missing, unknown or wrong, one sentence each.
    pub fn bind(&self, request: &InitRequest) -> Result<Map, Vec<String>> {
        let mut problems = Vec::new();
        let mut given: BTreeMap<&str, Vec<Dynamic>> = BTreeMap::new();
        // The daemon has compared the options with the declaration that it knows.
        let mut stale = false;
        for option in &request.options {
            let Some((name, spec)) = self.options.get_key_value(&option.name) else {
                problems.push(self.unknown(&option.name));
                stale = true;
                continue;
            };
            match spec.value(&option.values) {
                Ok(value) => given.entry(name).or_default().push(value),
                Err(problem) => problems.push(format!("option '{name}': {problem}")),
            }
            let kinds = option.values.iter().map(OptionValue::r#type);
            stale |= !kinds.eq(spec.types.iter().copied());
        }
        let mut bound = Map::new();
        for (name, spec) in &self.options {
            let values = given.remove(name.as_str()).unwrap_or_default();
            match spec.settle(values) {
                Ok(value) => drop(bound.insert(name.as_str().into(), value)),
                Err(_)
                    if request.options.iter().any(|o| o.name == *name)
                        && problems_of(&problems, name) => {}
                Err(problem) => problems.push(format!("option '{name}' {problem}")),
            }
        }
        if stale && !problems.is_empty() {
            problems.push(RESTART.into());
        }
        if problems.is_empty() { Ok(bound) } else { Err(problems) }
    }

    /// Makes the `init` request of a TICKscript that writes these options, each `name` with the text
    /// of its arguments, separated by commas where there are several.
    ///
    /// # Errors
    /// Every option that is unknown or whose text does not fit its type.
    pub fn request(&self, options: &[(String, String)]) -> Result<InitRequest, Vec<String>> {
        let mut request = InitRequest {
            task_id: "replay".into(),
            node_id: "udf".into(),
            ..InitRequest::default()
        };
        let mut problems = Vec::new();
        for (name, text) in options {
            let Some(spec) = self.options.get(name) else {
                problems.push(self.unknown(name));
                continue;
            };
            match spec.parse(text) {
                Ok(writings) => {
                    let option = |values| InitOption { name: name.clone(), values };
                    request.options.extend(writings.into_iter().map(option));
                }
                Err(problem) => problems.push(format!("option '{name}': {problem}")),
            }
        }
        if problems.is_empty() { Ok(request) } else { Err(problems) }
    }

    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<_> = self.options.keys().map(String::as_str).collect();
        match known.as_slice() {
            [] => format!("option '{name}' is unknown; the script declares none"),
            known => {
                format!("option '{name}' is unknown; the script declares {}", known.join(", "))
            }
        }
    }
}

/// What to do if the daemon has another declaration.
const RESTART: &str =
    "if info() has changed, restart kapacitord, which reads it only when it starts";

fn problems_of(problems: &[String], name: &str) -> bool {
    let start = format!("option '{name}'");
    problems.iter().any(|p| p.starts_with(&start))
}
