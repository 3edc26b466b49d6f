//! `info()`: edges, scope and options, and how the options of a TICKscript are bound to them.

use crate::agent::Info;
use crate::protocol::duration;
use crate::protocol::message::{
    EdgeType, InitOption, InitRequest, OptionValue, ValueType, option_value,
};
use rhai::{Array, Dynamic, Map};
use std::collections::{BTreeMap, BTreeSet};

/// What `info()` may say.
const KEYS: [&str; 5] = ["wants", "provides", "options", "scope", "about"];

/// What an option may say.
const OPTION_KEYS: [&str; 7] = ["type", "default", "min", "max", "one_of", "repeated", "about"];

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

/// An option as it is declared.
#[derive(Clone, Debug)]
pub struct OptionSpec {
    /// The types of its arguments.
    pub types: Vec<ValueType>,
    /// Its value where a TICKscript does not write it; without one, it is required.
    pub default: Option<Dynamic>,
    /// The smallest number allowed.
    pub min: Option<f64>,
    /// The largest number allowed.
    pub max: Option<f64>,
    /// The values allowed; empty: all.
    pub one_of: Vec<Dynamic>,
    /// True if it may be written several times; its value is an array then.
    pub repeated: bool,
    /// A sentence for the reader of `check`.
    pub about: String,
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

    /// Binds the options of a TICKscript; what it does not write takes its default.
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
                Ok(values) => request.options.push(InitOption { name: name.clone(), values }),
                Err(problem) => problems.push(format!("option '{name}': {problem}")),
            }
        }
        if problems.is_empty() { Ok(request) } else { Err(problems) }
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<_> = self.options.keys().map(String::as_str).collect();
        match known.as_slice() {
            [] => format!("option '{name}' is unknown; the script declares none"),
            known => {
                format!("option '{name}' is unknown; the script declares {}", known.join(", "))
            }
        }
    }
}

/// What to do where the daemon knows another declaration.
const RESTART: &str =
    "if info() has changed, restart kapacitord, which asks for it only when it starts";

fn problems_of(problems: &[String], name: &str) -> bool {
    let start = format!("option '{name}'");
    problems.iter().any(|p| p.starts_with(&start))
}

impl OptionSpec {
    /// The value of one writing of the option: a scalar, or an array for several arguments.
    fn value(&self, values: &[OptionValue]) -> Result<Dynamic, String> {
        if values.len() != self.types.len() {
            return Err(format!("takes {} arguments, got {}", self.types.len(), values.len()));
        }
        let mut converted = Array::new();
        for (value, wanted) in values.iter().zip(&self.types) {
            let value = argument(value, *wanted)?;
            self.check(&value)?;
            converted.push(value);
        }
        Ok(match converted.len() {
            1 => converted.swap_remove(0),
            _ => converted.into(),
        })
    }

    /// The value from all writings of the option.
    fn settle(&self, mut values: Vec<Dynamic>) -> Result<Dynamic, String> {
        match (values.len(), &self.default) {
            (0, Some(default)) => Ok(default.clone()),
            (0, None) => Err(format!("is missing; it takes {}", self.signature())),
            (_, _) if self.repeated => Ok(values.into()),
            (1, _) => Ok(values.swap_remove(0)),
            (n, _) => Err(format!("is written {n} times; it can be written once")),
        }
    }

    fn check(&self, value: &Dynamic) -> Result<(), String> {
        if !self.one_of.is_empty() && !self.one_of.iter().any(|v| same(v, value)) {
            let allowed: Vec<_> = self.one_of.iter().map(show).collect();
            return Err(format!("must be one of {}, got {}", allowed.join(", "), show(value)));
        }
        let Some(number) = number(value) else { return Ok(()) };
        if number.is_nan() && (self.min.is_some() || self.max.is_some()) {
            return Err("must be a number, got NaN".into());
        }
        let show_limit = |limit: f64| match self.types.first() {
            Some(ValueType::Duration) => duration::Display(limit as i64).to_string(),
            _ => limit.to_string(),
        };
        let shown = match self.types.first() {
            Some(ValueType::Duration) => duration::Display(number as i64).to_string(),
            _ => show(value),
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min => {
                Err(format!("must be at least {}, got {shown}", show_limit(min)))
            }
            (_, Some(max)) if number > max => {
                Err(format!("must be at most {}, got {shown}", show_limit(max)))
            }
            _ => Ok(()),
        }
    }

    /// Reads the arguments from text.
    fn parse(&self, text: &str) -> Result<Vec<OptionValue>, String> {
        let texts: Vec<&str> = match self.types.len() {
            1 => vec![text],
            _ => text.split(',').map(str::trim).collect(),
        };
        if texts.len() != self.types.len() {
            return Err(format!(
                "takes {} arguments ({}), got {}",
                self.types.len(),
                self.signature(),
                texts.len()
            ));
        }
        texts.iter().zip(&self.types).map(|(text, kind)| parse_value(text, *kind)).collect()
    }

    /// The default as text: strings in single quotes, durations with their unit.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(|value| self.show(value))
    }

    /// The values allowed, as text.
    pub fn one_of_texts(&self) -> Vec<String> {
        self.one_of.iter().map(|value| self.show(value)).collect()
    }

    fn show(&self, value: &Dynamic) -> String {
        match (self.types.as_slice(), value.as_int()) {
            ([ValueType::Duration], Ok(ns)) => duration::Display(ns).to_string(),
            _ => show(value),
        }
    }

    /// The types of the arguments, as in `string, int`.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.types.iter().map(|t| type_name(*t)).collect();
        names.join(", ")
    }
}

/// The name of a type as scripts write it.
pub fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Bool => "bool",
        ValueType::Int => "int",
        ValueType::Double => "double",
        ValueType::String => "string",
        ValueType::Duration => "duration",
    }
}

/// The name of a type with its article.
fn a_type(value_type: ValueType) -> String {
    let article = if value_type == ValueType::Int { "an" } else { "a" };
    format!("{article} {}", type_name(value_type))
}

pub(crate) fn type_of_name(name: &str) -> Option<ValueType> {
    [ValueType::Bool, ValueType::Int, ValueType::Double, ValueType::String, ValueType::Duration]
        .into_iter()
        .find(|t| type_name(*t) == name)
}

fn parse_value(text: &str, kind: ValueType) -> Result<OptionValue, String> {
    use option_value::Value;
    let wrong = || format!("'{text}' is not {}", a_type(kind));
    let value = match kind {
        ValueType::Bool => Value::BoolValue(match text.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(wrong()),
        }),
        ValueType::Int => Value::IntValue(text.parse().map_err(|_| wrong())?),
        ValueType::Double => Value::DoubleValue(text.parse().map_err(|_| wrong())?),
        ValueType::String => Value::StringValue(text.into()),
        ValueType::Duration => {
            Value::DurationValue(duration::parse(text).map_err(|e| e.to_string())?)
        }
    };
    Ok(OptionValue { r#type: kind.into(), value: Some(value) })
}

fn argument(value: &OptionValue, wanted: ValueType) -> Result<Dynamic, String> {
    use option_value::Value;
    let got = value.r#type();
    if got != wanted {
        return Err(format!("wants {}, got {}", type_name(wanted), type_name(got)));
    }
    // A default (0, "", false) may be left out on the wire.
    Ok(match (wanted, &value.value) {
        (ValueType::Bool, Some(Value::BoolValue(v))) => (*v).into(),
        (ValueType::Int, Some(Value::IntValue(v)))
        | (ValueType::Duration, Some(Value::DurationValue(v))) => (*v).into(),
        (ValueType::Double, Some(Value::DoubleValue(v))) => (*v).into(),
        (ValueType::String, Some(Value::StringValue(v))) => v.into(),
        (ValueType::Bool, None) => false.into(),
        (ValueType::Int | ValueType::Duration, None) => 0i64.into(),
        (ValueType::Double, None) => 0.0.into(),
        (ValueType::String, None) => "".into(),
        _ => return Err(format!("says {} and holds another type", type_name(got))),
    })
}

fn read_options(
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
            Err(text) => problem(text),
        }
        return option;
    };
    match map.get("type").map_or_else(|| Err("has no type".into()), read_types) {
        Ok(types) => option.types = types,
        Err(text) => problem(text),
    }
    for key in map.keys().filter(|k| !OPTION_KEYS.contains(&k.as_str())) {
        problem(format!("unknown key '{key}'; known are {}", OPTION_KEYS.join(", ")));
    }
    option.about = map.get("about").and_then(text).unwrap_or_default();
    let [kind] = option.types[..] else {
        let plain = ["type", "about", "repeated", "default"];
        if let Some(key) = map.keys().find(|k| !plain.contains(&k.as_str())) {
            problem(format!("{key} goes with one argument only"));
        }
        option.repeated = flag(&map, "repeated");
        option.default = map.get("default").cloned();
        return option;
    };
    option.repeated = flag(&map, "repeated");
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
    if let Some(default) = map.get("default") {
        if option.repeated {
            if !default.is_array() {
                problem("the default of a repeated option must be an array".into());
            }
            option.default = Some(default.clone());
        } else {
            match typed(default, kind) {
                Some(value) => {
                    if let Err(text) = option.check(&value) {
                        problem(format!("the default {text}"));
                    }
                    option.default = Some(value);
                }
                None => {
                    problem(format!("the default must be {}, got {}", a_type(kind), show(default)))
                }
            }
        }
    }
    option
}

fn flag(map: &Map, key: &str) -> bool {
    map.get(key).and_then(|v| v.as_bool().ok()).unwrap_or(false)
}

fn read_types(spec: &Dynamic) -> Result<Vec<ValueType>, String> {
    let names = match spec.read_lock::<Array>() {
        Some(array) => array.iter().map(text).collect::<Option<Vec<_>>>(),
        None => text(spec).map(|name| vec![name]),
    };
    let names = names.filter(|names| !names.is_empty()).ok_or_else(|| {
        "the type must be bool, int, double, string or duration, or an array of them".to_owned()
    })?;
    names
        .iter()
        .map(|name| {
            type_of_name(name).ok_or_else(|| {
                format!("unknown type '{name}'; write bool, int, double, string or duration")
            })
        })
        .collect()
}

/// A value from the script as the type of an option; ints may stand for doubles, text for durations.
fn typed(value: &Dynamic, kind: ValueType) -> Option<Dynamic> {
    match kind {
        ValueType::Bool => value.as_bool().ok().map(Into::into),
        ValueType::Int => value.as_int().ok().map(Into::into),
        ValueType::Double => number(value).map(Into::into),
        ValueType::String => text(value).map(Into::into),
        ValueType::Duration => match text(value) {
            Some(text) => duration::parse(&text).ok().map(Into::into),
            None => value.as_int().ok().map(Into::into),
        },
    }
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|i| i as f64))
}

fn text(value: &Dynamic) -> Option<String> {
    value.read_lock::<rhai::ImmutableString>().map(|s| s.to_string())
}

fn same(a: &Dynamic, b: &Dynamic) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => match (a.as_bool(), b.as_bool()) {
            (Ok(a), Ok(b)) => a == b,
            _ => text(a).is_some() && text(a) == text(b),
        },
    }
}

fn show(value: &Dynamic) -> String {
    match text(value) {
        Some(text) => format!("'{text}'"),
        None => value.to_string(),
    }
}

fn unknown_keys(map: &Map, known: &[&str], place: &str, problems: &mut Vec<String>) {
    let known_set: BTreeSet<_> = known.iter().copied().collect();
    for key in map.keys().filter(|k| !known_set.contains(k.as_str())) {
        problems.push(format!("{place}: unknown key '{key}'; known are {}", known.join(", ")));
    }
}

#[cfg(test)]
mod tests;
