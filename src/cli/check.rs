//! `check`: loads scripts, prints their declarations and every problem.

use super::manner::{Ink, Stream};
use super::run;
use super::stdout;
use anyhow::{Context, bail};
use rhai_udf::agent::Pulse;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::script::folder::{Edges, Entry, Known};
use rhai_udf::script::{
    Callback, OptionSpec, Problem, Program, ScriptError, ScriptText, StateScope, type_name,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Load scripts, print their declarations and report every problem with its place
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scripts; a folder stands for all scripts in it
    #[arg(required_unless_present = "dir")]
    scripts: Vec<PathBuf>,
    /// The scripts of a folder that one function of the daemon serves (run --dir); also warns of options that several
    /// scripts declare with different types
    #[arg(long, value_name = "DIR", conflicts_with = "scripts")]
    dir: Option<PathBuf>,
    /// The configuration; default: rhai-udf.toml beside each script, if it exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Fail also if there are warnings
    #[arg(long)]
    deny_warnings: bool,
    /// The format of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON array with an object for each script
    Json,
}

/// What was found in one script.
struct Checked {
    path: PathBuf,
    /// It was found in a folder, not named.
    listed: bool,
    loaded: Result<Program, ScriptError>,
    warnings: Vec<Problem>,
}

impl Checked {
    /// The modules that it imports.
    fn modules(&self) -> Vec<PathBuf> {
        self.loaded.as_ref().map_or_else(|_| Vec::new(), |program| program.files().split_off(1))
    }

    /// True for a file of a folder that is only a module of another script there: its problems are reported with that
    /// script.
    fn is_module(&self, modules: &BTreeSet<PathBuf>) -> bool {
        self.listed && self.loaded.is_err() && modules.contains(&self.path)
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let mut checked = Vec::new();
    let named = args.dir.as_ref().map_or(args.scripts.as_slice(), std::slice::from_ref);
    if let Some(dir) = args.dir.as_ref().filter(|dir| !dir.is_dir()) {
        bail!("--dir {}: there is no such folder", dir.display());
    }
    for (path, listed) in scripts(named)? {
        let loaded = load(args, &path)?;
        let warnings = loaded.as_ref().map(Program::warnings).unwrap_or_default();
        checked.push(Checked { path, listed, loaded, warnings });
    }
    let modules: BTreeSet<PathBuf> = checked.iter().flat_map(Checked::modules).collect();
    checked.retain(|one| !one.is_module(&modules));
    if let Some(dir) = &args.dir {
        warn_of_clashes(dir, &mut checked);
    }
    if args.format == Format::Text {
        for one in &checked {
            stdout::print(&format!("{}\n", text(one)))?;
        }
    }
    if args.format == Format::Json {
        let all: Vec<Value> = checked.iter().map(json).collect();
        stdout::print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    }
    let broken = checked.iter().filter(|one| one.loaded.is_err()).count();
    let warned = checked.iter().filter(|one| !one.warnings.is_empty()).count();
    let all = checked.len();
    match (broken, warned) {
        (0, 0) => Ok(()),
        (0, _) if !args.deny_warnings => Ok(()),
        (0, n) => bail!("{n} of {all} scripts {} warnings (--deny-warnings)", have(n)),
        (n, _) => bail!("{n} of {all} scripts cannot be used"),
    }
}

/// Adds the options that the functions for a folder cannot declare to the daemon for each script.
fn warn_of_clashes(dir: &Path, checked: &mut [Checked]) {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let known = checked.iter().filter_map(|one| {
        let info = one.loaded.as_ref().ok()?.declaration().info();
        Some((name(&one.path), Known { info, usable: true }))
    });
    let known: BTreeMap<String, Known> = known.collect();
    for edges in Edges::ALL {
        let entry = Entry::new(dir, edges);
        for clash in entry.clashes(&known, &entry.info(&known, None)) {
            for one in checked.iter_mut().filter(|one| name(&one.path) == clash.script) {
                one.warnings.push(Problem::new(&one.path, clash.message.clone()));
            }
        }
    }
}

fn have(n: usize) -> &'static str {
    if n == 1 { "has" } else { "have" }
}

/// The scripts that are named, and those of the folders that are, which are marked.
pub(super) fn scripts(named: &[PathBuf]) -> anyhow::Result<Vec<(PathBuf, bool)>> {
    let mut scripts = Vec::new();
    for path in named {
        if !path.is_dir() {
            scripts.push((path.clone(), false));
            continue;
        }
        let cannot = || format!("folder {}: cannot be read", path.display());
        let entries = std::fs::read_dir(path).with_context(cannot)?;
        let mut found = Vec::new();
        for entry in entries {
            let file = entry.with_context(cannot)?.path();
            if file.extension().is_some_and(|extension| extension == "rhai") {
                found.push(file);
            }
        }
        if found.is_empty() {
            bail!("folder {}: there is no script (*.rhai) in it", path.display());
        }
        found.sort();
        scripts.extend(found.into_iter().map(|path| (path, true)));
    }
    Ok(scripts)
}

fn load(args: &Args, script: &Path) -> anyhow::Result<Result<Program, ScriptError>> {
    let config = run::read_config(args.config.as_deref(), script)?;
    Ok(ScriptText::read(script)
        .and_then(|source| Program::load(source, &config.limits, &Pulse::default())))
}

fn text(checked: &Checked) -> String {
    match &checked.loaded {
        Ok(program) => {
            let warnings = checked.warnings.iter().cloned();
            let warnings = warnings.map(|warning| shown(&warning.prefixed(WARNING), Ink::Yellow));
            std::iter::once(describe(program)).chain(warnings).collect::<Vec<_>>().join("\n")
        }
        Err(ScriptError::Load(problems)) => {
            problems.iter().map(|p| shown(p, Ink::Red)).collect::<Vec<_>>().join("\n")
        }
        Err(other) => other.to_string(),
    }
}

/// How the message of a warning begins.
const WARNING: &str = "warning: ";

/// A problem with its line; in colours, where they are used.
fn shown(problem: &Problem, ink: Ink) -> String {
    let text = problem.pretty();
    if !Stream::Out.has_colours() {
        return text;
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let (place, message) = first.split_at(first.len() - problem.message.len());
    let message = message.replacen(WARNING, &Stream::Out.paint(ink, WARNING), 1);
    let mut out = Stream::Out.paint(Ink::Bold, place) + message.as_str();
    for line in lines {
        let caret = line.trim_start().starts_with('|') && line.ends_with('^');
        let shown =
            if caret { line.replace('^', &Stream::Out.paint(ink, "^")) } else { line.into() };
        let _ = write!(out, "\n{shown}");
    }
    out
}

fn json(checked: &Checked) -> Value {
    let one = |severity: &str, problem: &Problem| {
        json!({
            "severity": severity,
            "file": problem.file.display().to_string(),
            "line": problem.place.map(|place| place.0),
            "column": problem.place.map(|place| place.1),
            "message": problem.message,
        })
    };
    let mut problems: Vec<Value> = match &checked.loaded {
        Ok(_) => Vec::new(),
        Err(ScriptError::Load(problems)) => problems.iter().map(|p| one("error", p)).collect(),
        Err(other) => vec![one("error", &Problem::new(&checked.path, other.to_string()))],
    };
    problems.extend(checked.warnings.iter().map(|warning| one("warning", warning)));
    let mut object = json!({
        "file": checked.path.display().to_string(),
        "usable": checked.loaded.is_ok(),
        "problems": problems,
    });
    if let Ok(program) = &checked.loaded {
        let declaration = program.declaration();
        object["version"] = program.hash().into();
        object["wants"] = edge(declaration.wants).into();
        object["provides"] = edge(declaration.provides).into();
        object["scope"] =
            if declaration.scope == StateScope::Task { "task" } else { "group" }.into();
        object["about"] = declaration.about.clone().into();
        object["callbacks"] = callbacks(program).into();
        let modules = program.files().split_off(1);
        object["imports"] = modules.iter().map(|path| path.display().to_string()).collect();
        let options = declaration.options.iter();
        object["options"] = options.map(|(name, spec)| (name.clone(), option_json(spec))).collect();
    }
    object
}

/// An option as an object; what is not declared is left out.
fn option_json(option: &OptionSpec) -> Value {
    let types: Vec<_> = option.types.iter().map(|kind| type_name(*kind)).collect();
    let mut object = json!({
        "types": types,
        "required": option.default.is_none(),
        "text": option_text(option),
    });
    if let Some(default) = option.default_text() {
        object["default"] = default.into();
    }
    for (name, limit) in [("min", option.min), ("max", option.max)] {
        if let Some(limit) = limit {
            object[name] = limit.into();
        }
    }
    if !option.one_of.is_empty() {
        object["one_of"] = option.one_of_texts().into();
    }
    if option.repeated {
        object["repeated"] = true.into();
    }
    if !option.about.is_empty() {
        object["about"] = option.about.clone().into();
    }
    object
}

/// The callbacks that a script defines.
fn callbacks(program: &Program) -> Vec<&'static str> {
    let all = Callback::ALL.into_iter().filter(|callback| program.has(*callback));
    all.map(Callback::name).collect()
}

fn describe(program: &Program) -> String {
    let declaration = program.declaration();
    let mut text = format!(
        "{}: {} to {}, version {}",
        program.source().path.display(),
        edge(declaration.wants),
        edge(declaration.provides),
        program.hash()
    );
    if !declaration.about.is_empty() {
        let _ = write!(text, "\n  {}", declaration.about);
    }
    if declaration.scope == StateScope::Task {
        text.push_str("\n  all groups share one state");
    }
    let width = declaration.options.keys().map(String::len).max().unwrap_or(0);
    for (name, option) in &declaration.options {
        let _ = write!(text, "\n  .{name:width$}  {}", option_text(option));
    }
    let _ = write!(text, "\n  defines {}", callbacks(program).join(", "));
    for module in program.files().iter().skip(1) {
        let _ = write!(text, "\n  imports {}", module.display());
    }
    text
}

/// The name of an edge.
pub(super) fn edge(edge: EdgeType) -> &'static str {
    match edge {
        EdgeType::Stream => "stream",
        EdgeType::Batch => "batch",
    }
}

/// The type, limits and default of an option, in a line.
pub(super) fn option_text(option: &OptionSpec) -> String {
    let mut text = option.signature();
    let shown = |limit: f64| match option.types.as_slice() {
        [kind] if type_name(*kind) == "duration" => {
            rhai_udf::protocol::duration::Display(limit as i64).to_string()
        }
        _ => limit.to_string(),
    };
    if let Some(min) = option.min {
        let _ = write!(text, ", at least {}", shown(min));
    }
    if let Some(max) = option.max {
        let _ = write!(text, ", at most {}", shown(max));
    }
    let choices = option.one_of_texts();
    if !choices.is_empty() {
        let _ = write!(text, ", one of {}", choices.join(", "));
    }
    if option.repeated {
        text.push_str(", may be repeated");
    }
    match option.default_text() {
        Some(default) => {
            let _ = write!(text, ", default {default}");
        }
        None => text.push_str(", required"),
    }
    if !option.about.is_empty() {
        let _ = write!(text, ": {}", option.about);
    }
    text
}
