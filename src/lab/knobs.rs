//! The settings of the page: the options that a script declares, the variables of a TICKscript, the conditions of
//! alerts.

use crate::protocol::duration;
use crate::replay::task::{Alerts, Override, ScriptTask, Task, TickTask, TickVariant, Use};
use crate::replay::trace::TraceSettings;
use crate::replay::udfs::UdfCommand;
use crate::script::{Declaration, OptionSpec, type_name};
use crate::tick::TickText;
use crate::tick::definition::NodeKind;
use crate::tick::syntax::ast::{ExprKind, Statement};
use crate::tick::syntax::parser;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The levels that a condition can have.
pub(super) const LEVELS: [&str; 3] = ["crit", "warn", "info"];

/// The changed settings: values by the key of the knob. All others are as on the command line or in the script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// Values of options and variables; several for an option that is repeated, none for its default.
    pub(super) options: BTreeMap<String, Vec<String>>,
    /// Conditions by their level; empty for none.
    pub(super) conditions: BTreeMap<String, String>,
}

/// A setting that can be changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Knob {
    /// Its key in [`Settings`]: an option, `udf:FUNCTION.OPTION` or `var:VARIABLE`.
    pub(super) key: String,
    /// The name that is shown.
    pub(super) name: String,
    /// The function that it belongs to, if several have options.
    pub(super) of: String,
    /// The types of its arguments, as in `string, int`.
    pub(super) types: String,
    /// The smallest value allowed; durations in nanoseconds.
    pub(super) min: Option<f64>,
    /// The largest value allowed.
    pub(super) max: Option<f64>,
    /// The values allowed; empty is all.
    pub(super) one_of: Vec<String>,
    /// Whether it can be given several times.
    pub(super) repeated: bool,
    /// Its default.
    pub(super) default: Option<String>,
    /// The values that it has; none if it has its default.
    pub(super) values: Vec<String>,
    /// A sentence about it.
    pub(super) about: String,
}

impl Knob {
    fn of_option(key: String, name: &str, of: String, spec: &OptionSpec) -> Self {
        let unquoted = |text: String| {
            let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            inner.map(str::to_owned).unwrap_or(text)
        };
        Self {
            key,
            name: name.into(),
            of,
            types: spec.types.iter().map(|kind| type_name(*kind)).collect::<Vec<_>>().join(", "),
            min: spec.min,
            max: spec.max,
            one_of: spec.one_of_texts().into_iter().map(unquoted).collect(),
            repeated: spec.repeated,
            default: spec.default_text().map(unquoted),
            values: Vec::new(),
            about: spec.about.clone(),
        }
    }
}

/// Makes the task that the settings ask for, traced as closely as the memory for traces allows.
pub(super) fn apply(base: &Task, settings: &Settings) -> Task {
    let trace = Some(TraceSettings { columns: usize::MAX, span: None });
    match base {
        Task::Script(task) => {
            let mut task = apply_to_script(task, settings);
            task.show.trace = trace;
            Task::Script(task)
        }
        Task::Tick(task) => {
            let mut task = apply_to_tick(task, settings);
            task.show.trace = trace;
            Task::Tick(task)
        }
    }
}

fn apply_to_script(base: &ScriptTask, settings: &Settings) -> ScriptTask {
    let mut task = base.clone();
    let options = given_options(base, settings);
    let conditions = conditions(base, settings);
    task.captured_options &= options.is_empty();
    task.show.record &= !conditions.is_empty();
    let alerts = match conditions.is_empty() {
        true => Vec::new(),
        false => vec![Alerts { variant: 0, conditions }],
    };
    // Output of the script is passed to the observer of the effects.
    task.output = false;
    task.uses = vec![Use { label: String::new(), options, alerts }];
    task
}

/// Returns the options as `--set` would give them.
pub(super) fn given_options(base: &ScriptTask, settings: &Settings) -> Vec<(String, String)> {
    let before = base.uses.first().map(|one| &one.options[..]).unwrap_or_default();
    let kept = before.iter().filter(|(name, _)| !settings.options.contains_key(name));
    let turned = settings
        .options
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name.clone(), value.clone())));
    kept.cloned().chain(turned).collect()
}

/// Returns the conditions by level, those that are not empty.
pub(super) fn conditions(base: &ScriptTask, settings: &Settings) -> Vec<(String, String)> {
    let alerts = base.uses.first().and_then(|one| one.alerts.first());
    let before = alerts.map(|alerts| &alerts.conditions[..]).unwrap_or_default();
    let of = |level: &str| {
        let before = || before.iter().find(|(known, _)| known == level).map(|(_, text)| text);
        let text = settings.conditions.get(level).or_else(before)?;
        (!text.trim().is_empty()).then(|| (level.to_owned(), text.clone()))
    };
    LEVELS.into_iter().filter_map(of).collect()
}

fn apply_to_tick(base: &TickTask, settings: &Settings) -> TickTask {
    let mut task = base.clone();
    if let Ok(text) = std::fs::read_to_string(&task.name) {
        task.text = text;
    }
    let mut overrides = base.variants.first().map(|v| v.overrides.clone()).unwrap_or_default();
    for (key, values) in &settings.options {
        let Some(value) = values.first() else { continue };
        if let Some(name) = key.strip_prefix("var:") {
            overrides.push(Override::Variable(name.into(), value.clone()));
        } else if let Some((udf, option)) =
            key.strip_prefix("udf:").and_then(|rest| rest.split_once('.'))
        {
            overrides.push(Override::Option(udf.into(), option.into(), value.clone()));
        }
    }
    task.variants = vec![TickVariant { overrides, ..TickVariant::default() }];
    task
}

/// What scripts declare, by their paths.
type Declarations = BTreeMap<PathBuf, Declaration>;

/// Finds the settings with their values. A script that cannot be loaded has none.
pub(super) fn find(base: &Task, settings: &Settings, declarations: &Declarations) -> Vec<Knob> {
    let mut knobs = match base {
        Task::Script(task) => match declarations.get(&task.script) {
            Some(declaration) => of_script(task, declaration),
            None => Vec::new(),
        },
        Task::Tick(task) => {
            let mut knobs = variables(task);
            knobs.extend(functions(task, declarations));
            knobs
        }
    };
    for knob in &mut knobs {
        if let Some(values) = settings.options.get(&knob.key) {
            knob.values.clone_from(values);
        }
    }
    knobs
}

fn of_script(task: &ScriptTask, declaration: &Declaration) -> Vec<Knob> {
    let given = task.uses.first().map(|one| &one.options[..]).unwrap_or_default();
    let knob = |(name, spec): (&String, &OptionSpec)| {
        let values =
            given.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        let knob = Knob::of_option(name.clone(), name, String::new(), spec);
        Knob { values: values.collect(), ..knob }
    };
    declaration.options.iter().map(knob).collect()
}

/// The variables of a TICKscript that hold plain values.
fn variables(task: &TickTask) -> Vec<Knob> {
    let source = TickText { name: &task.name, text: &task.text };
    let Ok(statements) = parser::parse(&source) else { return Vec::new() };
    let knob = |statement: &Statement| {
        let Statement::Declaration { name, value, .. } = statement else { return None };
        let (types, text) = match &value.kind {
            ExprKind::Bool(flag) => ("bool", if *flag { "TRUE" } else { "FALSE" }.to_owned()),
            ExprKind::Int(number) => ("int", number.to_string()),
            ExprKind::Float(number) => ("double", format!("{number:?}")),
            ExprKind::Duration(ns) => ("duration", duration::influxql(*ns)),
            ExprKind::String(text) => ("string", format!("'{text}'")),
            _ => return None,
        };
        let given = task.variables.iter().find(|(known, _)| **known == **name);
        Some(Knob {
            key: format!("var:{name}"),
            name: name.to_string(),
            of: "variables".into(),
            types: types.into(),
            default: Some(text),
            values: given.map(|(_, value)| value.clone()).into_iter().collect(),
            ..Knob::default()
        })
    };
    statements.iter().filter_map(knob).collect()
}

/// The options of the functions that a TICKscript calls.
fn functions(task: &TickTask, declarations: &Declarations) -> Vec<Knob> {
    let Ok(definitions) = task.definitions() else { return Vec::new() };
    let mut knobs: Vec<Knob> = Vec::new();
    for definition in &definitions.definitions {
        if !matches!(definition.kind, NodeKind::Udf(_)) {
            continue;
        }
        let name = &definition.name;
        let command = task.udfs.iter().find(|(known, _)| known == name).map(|(_, command)| command);
        let Some(UdfCommand::Script(script)) = command else { continue };
        let Some(declaration) = declarations.get(script) else { continue };
        for (option, spec) in &declaration.options {
            let key = format!("udf:{name}.{option}");
            // An option of a function that is called several times is one knob.
            if knobs.iter().any(|knob| knob.key == key) {
                continue;
            }
            let mut knob = Knob::of_option(key, option, format!("@{name}"), spec);
            let written = definition.properties.iter().rev().find(|p| p.name == *option);
            if let Some(property) = written {
                let texts: Vec<_> = property.arguments.iter().map(ToString::to_string).collect();
                let text = texts.join(", ");
                let plain = text.trim_matches('\'');
                knob.default = Some(if texts.len() == 1 { plain.to_owned() } else { text });
            }
            knobs.push(knob);
        }
    }
    knobs
}
