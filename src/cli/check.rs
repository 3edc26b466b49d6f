//! `check`: loads scripts, prints their declarations and every problem.

use super::run;
use super::stdout;
use anyhow::bail;
use rhai_udf::agent::Pulse;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::script::{
    Callback, OptionSpec, Program, ScriptError, ScriptText, StateScope, type_name,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Load scripts, print their declarations and report every problem with its place
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scripts
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
    /// The configuration; default: rhai-udf.toml beside each script, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let mut broken = 0;
    for script in &args.scripts {
        let text = match load(args, script)? {
            Ok(program) => describe(&program),
            Err(error) => {
                broken += 1;
                problems(&error)
            }
        };
        stdout::print(&format!("{text}\n"))?;
    }
    match broken {
        0 => Ok(()),
        1 => bail!("1 of {} scripts cannot be used", args.scripts.len()),
        n => bail!("{n} of {} scripts cannot be used", args.scripts.len()),
    }
}

fn load(args: &Args, script: &Path) -> anyhow::Result<Result<Program, ScriptError>> {
    let config = run::read_config(args.config.as_deref(), script)?;
    Ok(ScriptText::read(script)
        .and_then(|source| Program::load(source, &config.limits, &Pulse::default())))
}

fn problems(error: &ScriptError) -> String {
    match error {
        ScriptError::Load(problems) => {
            problems.iter().map(|p| p.pretty()).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
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
        text.push_str("\n  one state for all groups");
    }
    let width = declaration.options.keys().map(String::len).max().unwrap_or(0);
    for (name, option) in &declaration.options {
        let _ = write!(text, "\n  .{name:width$}  {}", option_text(option));
    }
    let callbacks: Vec<_> = Callback::ALL
        .into_iter()
        .filter(|callback| program.has(*callback))
        .map(Callback::name)
        .collect();
    let _ = write!(text, "\n  defines {}", callbacks.join(", "));
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
