//! `conf`: prints the lines for kapacitor.conf, a TICKscript or telegraf.conf that use a script.

mod comment;
mod folder;
mod tickscript;

use super::check::option_text;
use super::run;
use super::values::{assignment, dbrp};
use super::{stdout, usage};
use anyhow::Context;
use rhai_udf::agent::Pulse;
use rhai_udf::piped::is_piped;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::script::{Program, ScriptText};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tickscript::arguments;

/// Print a section for kapacitor.conf and a TICKscript that use a script, or a section for telegraf.conf
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script
    #[arg(required_unless_present = "dir")]
    script: Option<PathBuf>,
    /// Print functions for all scripts of this folder, one for each pair of edges, instead of one script
    #[arg(long, value_name = "DIR", conflicts_with_all = ["script", "telegraf", "toml", "tick",
        "dbrp", "measurement", "group_by", "options", "crit"])]
    dir: Option<PathBuf>,
    /// The name of the function in TICKscripts; default: the name of the script, or rhai with --dir
    #[arg(long)]
    name: Option<String>,
    /// Use a socket of `rhai-udf serve` instead of a process for each use; with --dir, the folder of its sockets
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print the section for telegraf.conf that uses the script as a processor
    #[arg(long, conflicts_with_all = ["name", "socket"])]
    telegraf: bool,
    /// Print only the section for kapacitor.conf
    #[arg(long, conflicts_with_all = ["telegraf", "tick"])]
    toml: bool,
    /// Print only the TICKscript
    #[arg(long, conflicts_with_all = ["telegraf", "socket"])]
    tick: bool,
    #[command(flatten)]
    task: TaskArgs,
    /// The configuration; default: rhai-udf.toml beside the script, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The other parts of the TICKscript.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "In the TICKscript")]
struct TaskArgs {
    /// The database and retention policy that the task reads; default: telegraf.autogen
    #[arg(long, value_name = "DB.RP", value_parser = dbrp, conflicts_with_all = ["telegraf", "toml"])]
    dbrp: Option<(String, String)>,
    /// The measurement; default: my_measurement
    #[arg(long, value_name = "NAME", conflicts_with_all = ["telegraf", "toml"])]
    measurement: Option<String>,
    /// Group by these tags; default: * for all of them
    #[arg(long, value_name = "TAG,…", value_delimiter = ',', conflicts_with_all = ["telegraf", "toml"])]
    group_by: Vec<String>,
    /// An option of the script, as in replay
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment,
        conflicts_with_all = ["telegraf", "toml"])]
    options: Vec<(String, String)>,
    /// The condition of a critical alert, as in a TICKscript: '"pvalue" < 0.001'; default: a condition on a field
    /// that the script sets
    #[arg(long, value_name = "LAMBDA", conflicts_with_all = ["telegraf", "toml"])]
    crit: Option<String>,
}

/// A folder that belongs to the daemon's user in Kapacitor's packages.
const STATE_DIR: &str = "/var/lib/kapacitor/rhai-udf";

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(dir) = &args.dir {
        return stdout::print(&folder::text(args, dir)?);
    }
    let script = args.script.as_deref().unwrap_or(Path::new(""));
    if is_piped(script) && !args.tick {
        return usage(
            "the section needs the path of the script, and this script comes through a pipe: name a file, or give --tick",
        );
    }
    let program = load(args, script)?;
    if args.telegraf {
        return stdout::print(&telegraf(script, &program)?);
    }
    let name = args.name.clone().unwrap_or_else(|| function_name(script));
    let task = || tickscript::write(&args.task, &program, &name);
    let text = match (args.toml, args.tick) {
        (true, _) => section(args, script, &name)?,
        (_, true) => task()?,
        _ => format!(
            "# In kapacitor.conf:\n\n{}\n// A TICKscript:\n\n{}",
            section(args, script, &name)?,
            task()?
        ),
    };
    stdout::print(&text)
}

fn load(args: &Args, script: &Path) -> anyhow::Result<Program> {
    let config = run::read_config(args.config.as_deref(), script)?;
    let source = ScriptText::read(script)?;
    Ok(Program::load(source, &config.limits, &Pulse::default())?)
}

/// The script's name as an identifier of TICKscript.
fn function_name(script: &Path) -> String {
    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let mut name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "udf_");
    }
    name
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{}: no such path", path.display()))
}

/// Where this program is.
fn own_path() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of rhai-udf itself")
}

fn section(args: &Args, script: &Path, name: &str) -> anyhow::Result<String> {
    let script = absolute(script)?;
    let mut text = format!("[udf]\n[udf.functions]\n[udf.functions.{name}]\n");
    match &args.socket {
        Some(socket) => {
            let _ = writeln!(
                text,
                "  # rhai-udf serve --socket {} {}",
                socket.display(),
                script.display()
            );
            let _ = writeln!(text, "  socket = {}", quoted(&absolute(socket)?));
        }
        None => {
            let _ = writeln!(text, "  prog = {}", quoted(&own_path()?));
            let state = quoted(Path::new(STATE_DIR));
            let _ = writeln!(
                text,
                "  # If the script is broken, the daemon starts with its last good declaration, which is kept in --state-dir."
            );
            let _ =
                writeln!(text, "  args = [\"run\", \"--state-dir\", {state}, {}]", quoted(&script));
        }
    }
    text.push_str("  timeout = \"10s\"\n");
    Ok(text)
}

/// The section for telegraf.conf.
fn telegraf(script: &Path, program: &Program) -> anyhow::Result<String> {
    let own = own_path()?;
    let script = absolute(script)?;
    let declaration = program.declaration();
    let mut words = vec![quoted(&own), "\"execd\"".into(), quoted(&script)];
    let mut text = |word: &str| words.push(toml::Value::String(word.into()).to_string());
    text("--group-by");
    text("*");
    if declaration.wants == EdgeType::Batch {
        ["--period", "1m", "--every", "1m"].into_iter().for_each(&mut text);
    }
    let (set, left_out): (Vec<_>, Vec<_>) =
        declaration.options.iter().partition(|(_, spec)| spec.default.is_none());
    for (option, spec) in set {
        text("--set");
        let value = arguments(spec);
        text(&format!("{option}={}", value.replace('\'', "")));
    }
    text("--state");
    let stem = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    text(&format!("/var/lib/telegraf/{stem}.rudt"));
    let mut section = String::from(
        "# In telegraf.conf:\n\n[agent]\n  # Without this line, every metric goes through the processors twice if there are aggregators.\n  skip_processors_after_aggregators = true\n\n[[processors.execd]]\n",
    );
    let _ = writeln!(section, "  command = [{}]", words.join(", "));
    for (option, spec) in left_out {
        let default = spec.default_text().unwrap_or_default();
        let _ = writeln!(
            section,
            "  # \"--set\", \"{option}={}\"  {}",
            default.trim_matches('\''),
            option_text(spec)
        );
    }
    section.push_str("  restart_delay = \"10s\"\n  # namepass = [\"cpu\"]\n");
    Ok(section)
}

fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_string_lossy().into_owned()).to_string()
}
