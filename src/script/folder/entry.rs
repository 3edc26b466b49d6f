//! One function of the daemon for all scripts of a folder: `@rhai().script('ttest').field('hotend')`.
//!
//! The daemon lets a task write only options that were declared when it started, each with its types. The entry
//! declares the options of all scripts, and `set(name, text)` for options that are added later.

use super::{Edges, ScriptFolder};
use crate::agent::Info;
use crate::nearest::did_you_mean;
use crate::protocol::message::{InitOption, InitRequest, OptionValue, ValueType, option_value};
use crate::script::declaration::{Declaration, OptionSpec, type_name};
use crate::script::error::ScriptError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The option that names the script.
const SCRIPT: &str = "script";

/// The options of an entry itself, with the types of their arguments. A script's option of the same name is
/// written with `set`.
pub const RESERVED: [(&str, &[ValueType]); 6] = [
    (SCRIPT, &[ValueType::String]),
    ("set", &[ValueType::String, ValueType::String]),
    ("setBool", &[ValueType::String, ValueType::Bool]),
    ("setInt", &[ValueType::String, ValueType::Int]),
    ("setDouble", &[ValueType::String, ValueType::Double]),
    ("setDuration", &[ValueType::String, ValueType::Duration]),
];

/// One function of the daemon for all scripts of a folder that have the same edges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The scripts.
    pub folder: ScriptFolder,
    /// The edges that the declaration names.
    pub edges: Edges,
}

/// The known declaration of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The part of it that the daemon asks for.
    pub info: Info,
    /// Whether the script can be used; otherwise the declaration is that of its text, or its last good one.
    pub usable: bool,
}

/// An option of a script whose types are not those that the entry has told the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The script.
    pub script: String,
    /// Its option.
    pub option: String,
    /// The problem and what to write.
    pub message: String,
}

impl Entry {
    /// The entry of a folder for a pair of edges.
    pub fn new(dir: &Path, edges: Edges) -> Self {
        Self { folder: ScriptFolder::new(dir), edges }
    }

    /// A path that stands for the entry instead of a script's path, for the names of its files in the state folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(self.edges.name())
    }

    /// The declaration for the daemon, from the scripts' declarations by name. `kept` is the previous one: a type
    /// that a script still has is kept, so that tasks that run today can start tomorrow, too.
    pub fn info(&self, scripts: &BTreeMap<String, Known>, kept: Option<&Info>) -> Info {
        let mut info = Info::new(self.edges.wants, self.edges.provides);
        for known in scripts.values() {
            for name in known.info.options.keys() {
                if !info.options.contains_key(name) {
                    info.options.insert(name.clone(), self.agreed(name, scripts, kept));
                }
            }
        }
        info.options.extend(RESERVED.map(|(name, types)| (name.to_owned(), types.to_vec())));
        info
    }

    /// The types under which the daemon knows an option: those that were told before; else those that most
    /// scripts have, of those with the entry's edges if there are any, and of those that are not broken if
    /// there are any. The first script counts where two types have as many.
    fn agreed(
        &self,
        name: &str,
        scripts: &BTreeMap<String, Known>,
        kept: Option<&Info>,
    ) -> Vec<ValueType> {
        let users = scripts.values().filter_map(|known| {
            let types = known.info.options.get(name)?;
            Some(((Edges::of(&known.info) == self.edges, known.usable), types))
        });
        let users: Vec<_> = users.collect();
        let before = kept.and_then(|kept| kept.options.get(name));
        if let Some(before) = before.filter(|before| users.iter().any(|(_, types)| types == before))
        {
            return before.clone();
        }
        let rank = users.iter().map(|(rank, _)| *rank).max();
        let counted = users.iter().filter(|(own, _)| Some(*own) == rank).map(|(_, types)| *types);
        let counted: Vec<_> = counted.collect();
        let mut best: Option<(&Vec<ValueType>, usize)> = None;
        for types in &counted {
            let count = counted.iter().filter(|other| other == &types).count();
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((types, count));
            }
        }
        best.map_or_else(Vec::new, |(types, _)| types.clone())
    }

    /// The options of scripts with the entry's edges that are not written in a task as their script declares
    /// them, where the daemon is told `told`.
    pub fn clashes(&self, scripts: &BTreeMap<String, Known>, told: &Info) -> Vec<Clash> {
        let mut clashes = Vec::new();
        let own = |known: &Known| known.usable && Edges::of(&known.info) == self.edges;
        for (script, known) in scripts.iter().filter(|(_, known)| own(known)) {
            for (name, types) in &known.info.options {
                let known = &told.options[name];
                if known == types {
                    continue;
                }
                let own = RESERVED.iter().any(|(reserved, _)| reserved == name);
                let why = if own {
                    "the entry already has an option of that name".to_owned()
                } else {
                    let others =
                        scripts.iter().filter(|(_, k)| k.info.options.get(name) == Some(known));
                    let others: Vec<_> = others.map(|(name, _)| name.as_str()).collect();
                    let others = others.join(", ");
                    format!("it is {} here, but {} in {others}", named(types), named(known))
                };
                let message = format!(
                    "option '{name}': {why}; in a task that uses the function of the whole folder (--dir, {}), write {}",
                    self.edges,
                    writing(name, types)
                );
                clashes.push(Clash { script: script.clone(), option: name.clone(), message });
            }
        }
        clashes
    }

    /// The script that a task names.
    ///
    /// # Errors
    /// A name that is missing or unknown.
    pub fn choose(&self, request: &InitRequest) -> Result<(String, PathBuf), ScriptError> {
        let dir = self.folder.path().display();
        let refuse = |problem: String| Err(ScriptError::Options(vec![problem]));
        let mut named = request.options.iter().filter(|option| option.name == SCRIPT);
        let files = self.folder.files()?;
        let scripts = self.folder.scripts()?;
        let names = || scripts.keys().map(String::as_str);
        let list = || match scripts.is_empty() {
            true => "there is no script in it".to_owned(),
            false => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
        };
        let (Some(option), None) = (named.next(), named.next()) else {
            return refuse(format!(
                "write one .script('NAME'), with the name of a script of {dir}; {}",
                list()
            ));
        };
        let written = text_of(option.values.first());
        let name = written.strip_suffix(".rhai").unwrap_or(written);
        if let Some(path) = scripts.get(name) {
            return Ok((name.to_owned(), path.clone()));
        }
        if files.contains_key(name) {
            return refuse(format!(
                "'{name}' in {dir} is a module, not a script: it has no fn info(); {}",
                list()
            ));
        }
        refuse(format!(
            "there is no script '{name}' in {dir}{}; {}",
            did_you_mean(name, names()),
            list()
        ))
    }

    /// The options of a task as the script that it names takes them.
    ///
    /// # Errors
    /// Every option that is unknown or of a type that the script cannot take, and a script of other edges.
    pub fn options_of(
        &self,
        declaration: &Declaration,
        request: &InitRequest,
    ) -> Result<InitRequest, ScriptError> {
        let edges = Edges { wants: declaration.wants, provides: declaration.provides };
        if edges != self.edges {
            return Err(ScriptError::Options(vec![format!(
                "it is {edges}, but this function is for {} scripts; use the function with \"--edges\", \"{edges}\" (rhai-udf conf --dir {} prints all of them)",
                self.edges,
                self.folder.path().display()
            )]));
        }
        let mut own = InitRequest { options: Vec::new(), ..request.clone() };
        let mut problems = missing(declaration, request);
        for option in request.options.iter().filter(|option| option.name != SCRIPT) {
            match given(declaration, option) {
                Ok(options) => own.options.extend(options),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(own) } else { Err(ScriptError::Options(problems)) }
    }
}

/// The options that a task must write and does not.
fn missing(declaration: &Declaration, request: &InitRequest) -> Vec<String> {
    let written = |name: &str| request.options.iter().any(|option| name_of(option) == name);
    let missing =
        declaration.options.iter().filter(|(name, spec)| spec.default.is_none() && !written(name));
    let missing = missing.map(|(name, spec)| {
        format!(
            "option '{name}' is missing; it takes {} (if the daemon says that there is no such property, write {})",
            named(&spec.types),
            writing(name, &spec.types)
        )
    });
    missing.collect()
}

/// The name of the script's option that an option of a task is for.
fn name_of(option: &InitOption) -> &str {
    match option.values.first() {
        Some(name) if RESERVED.iter().any(|(reserved, _)| *reserved == option.name) => {
            text_of(Some(name))
        }
        _ => &option.name,
    }
}

/// An option of a task as the script takes it, once for each writing.
fn given(declaration: &Declaration, option: &InitOption) -> Result<Vec<InitOption>, String> {
    let name = name_of(option);
    let set = RESERVED.iter().any(|(reserved, _)| *reserved == option.name);
    let values = if set { option.values.get(1..).unwrap_or_default() } else { &option.values };
    let Some(spec) = declaration.options.get(name) else {
        return Err(declaration.unknown(name));
    };
    let text = match values {
        [value] if option.name == "set" => Some(text_of(Some(value))),
        _ => None,
    };
    let writings = match text {
        Some(text) => spec.parse(text).map_err(|problem| format!("option '{name}': {problem}"))?,
        None => vec![taken(name, spec, values)?],
    };
    let option = |values| InitOption { name: name.to_owned(), values };
    Ok(writings.into_iter().map(option).collect())
}

/// Values as an option takes them, where nothing is lost.
fn taken(
    name: &str,
    spec: &OptionSpec,
    values: &[OptionValue],
) -> Result<Vec<OptionValue>, String> {
    let other = || {
        let types: Vec<_> = values.iter().map(OptionValue::r#type).collect();
        format!(
            "option '{name}' takes {}, got {}; the daemon uses the type that another script declares, so write {}",
            named(&spec.types),
            named(&types),
            writing(name, &spec.types)
        )
    };
    if values.len() != spec.types.len() {
        return Err(other());
    }
    let pairs = values.iter().zip(&spec.types);
    pairs.map(|(value, kind)| converted(value, *kind).ok_or_else(other)).collect()
}

/// A value as another type, if it means the same there.
fn converted(value: &OptionValue, kind: ValueType) -> Option<OptionValue> {
    use option_value::Value;
    if value.r#type() == kind {
        return Some(value.clone());
    }
    let value = match (kind, value.value.as_ref()?) {
        (ValueType::Double, Value::IntValue(v)) if v.unsigned_abs() <= 1 << 53 => {
            Value::DoubleValue(*v as f64)
        }
        (ValueType::Int, Value::DoubleValue(v)) if v.fract() == 0.0 && v.abs() < 9e15 => {
            Value::IntValue(*v as i64)
        }
        _ => return None,
    };
    Some(OptionValue { r#type: kind.into(), value: Some(value) })
}

/// How a task writes an option that the daemon does not know, or knows with other types.
fn writing(name: &str, types: &[ValueType]) -> String {
    let example = match types {
        [ValueType::Bool] => return format!(".setBool('{name}', TRUE)"),
        [ValueType::Int] => return format!(".setInt('{name}', 10)"),
        [ValueType::Double] => return format!(".setDouble('{name}', 1.5)"),
        [ValueType::Duration] => return format!(".setDuration('{name}', 5m)"),
        [ValueType::String] => "text",
        _ => "FIRST, SECOND",
    };
    format!(".set('{name}', '{example}')")
}

/// Types with their names.
fn named(types: &[ValueType]) -> String {
    match types {
        [] => "nothing".into(),
        types => types.iter().map(|kind| type_name(*kind)).collect::<Vec<_>>().join(", "),
    }
}

/// The text of a value; an empty one may be left out on the wire.
fn text_of(value: Option<&OptionValue>) -> &str {
    match value.and_then(|value| value.value.as_ref()) {
        Some(option_value::Value::StringValue(text)) => text,
        _ => "",
    }
}
