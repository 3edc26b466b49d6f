//! `replay x.tick`: recorded data through a TICKscript, with no daemon.

use super::replay::{Args, Pace, Progress};
use anyhow::Context;
use rhai_udf::config::Config;
use rhai_udf::replay::source::{self, Reading};
use rhai_udf::replay::tick::object::Object;
use rhai_udf::replay::tick::{
    Files, Graph, Registry, Source, Task, TickError, UdfProgram, parse_value,
};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What only a TICKscript takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With a TICKscript")]
pub(super) struct TickArgs {
    /// What @NAME() runs: a script, 'exec: COMMAND' or 'socket: PATH'
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = program)]
    udf: Vec<(String, String)>,
    /// Where alert logs, points and endpoints are written as files
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The database and retention policy of data that does not say; default: the script's dbrp
    #[arg(long, value_name = "DB.RP", value_parser = dbrp)]
    dbrp: Option<(String, String)>,
    /// A variable of the script, its value written as the script would: 5m, 1.0, 'text'
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// The task's id, as alerts and UDFs see it; default: the script's name
    #[arg(long, value_name = "ID")]
    task: Option<String>,
}

fn program(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, program)) if !name.is_empty() && !program.is_empty() => {
            Ok((name.into(), program.into()))
        }
        _ => Err("write NAME=script.rhai, NAME='exec: COMMAND' or NAME='socket: PATH'".into()),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().into(), value.into())),
        _ => Err("write NAME=VALUE, as in period=5m or host=\"'a'\"".into()),
    }
}

fn dbrp(text: &str) -> Result<(String, String), String> {
    match text.split_once('.') {
        Some((database, policy)) => {
            Ok((database.trim_matches('"').into(), policy.trim_matches('"').into()))
        }
        None => Err("write DATABASE.RETENTION_POLICY, as in telegraf.autogen".into()),
    }
}

/// Tells whether a file is a TICKscript.
pub(super) fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tick")
}

pub(super) fn run(
    args: &Args,
    config: Config,
    reading: &Reading,
    progress: &Progress,
    mut pace: Option<Pace>,
) -> anyhow::Result<()> {
    let script = &args.script;
    let text = std::fs::read_to_string(script)
        .with_context(|| format!("{}: cannot be read", script.display()))?;
    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let task = Task {
        id: args.tick.task.clone().unwrap_or_else(|| stem.into_owned()),
        dbrp: args.tick.dbrp.clone(),
        variables: variables(args)?,
    };
    let mut registry = Registry::new(config);
    for (name, program) in &args.tick.udf {
        registry.add(name, UdfProgram::parse(program));
    }
    let name = script.to_string_lossy();
    let mut graph = Graph::new(&Source { name: &name, text: &text }, &task, &mut registry)?;
    let stdout = BufWriter::with_capacity(1 << 16, std::io::stdout());
    let mut files = Files::new(args.tick.out.clone(), Box::new(stdout));
    let started = Instant::now();
    for path in &args.data {
        let mut source = source::open(path, reading)?;
        graph.play(&mut *source, &mut files, &mut |time| {
            if let Some(pace) = &mut pace {
                pace.wait_for(time);
            }
            progress.bar.set_position(reading.bytes.get());
        })?;
    }
    graph.finish(&mut files)?;
    files.flush()?;
    progress.bar.finish_and_clear();
    summarise(&graph, &files, reading.skipped.get(), started);
    Ok(())
}

fn variables(args: &Args) -> anyhow::Result<BTreeMap<String, Object>> {
    let variables = args.tick.variables.iter();
    Ok(variables
        .map(|(name, value)| Ok((name.clone(), parse_value(name, value)?)))
        .collect::<Result<_, TickError>>()?)
}

fn summarise(graph: &Graph, files: &Files, skipped: u64, started: Instant) {
    let mut err = std::io::stderr();
    for ((node, error), times) in &files.diagnosed {
        let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        let _ = writeln!(err, "{node}: {error}{times}");
    }
    let items = graph.counts().nth(1).map_or(0, |(_, count)| count);
    let seconds = started.elapsed().as_secs_f64();
    let mut line = format!("{items} points or batches in; {} alerts", files.alerts);
    if files.points_written > 0 {
        line += &format!("; {} points written", files.points_written);
    }
    if files.lines_unlogged > 0 {
        line += "; alert logs are kept with --out DIR";
    }
    if skipped > 0 {
        line += &format!("; {skipped} bad lines skipped");
    }
    let _ = writeln!(err, "{line}; {seconds:.2} s, {:.0}/s", items as f64 / seconds.max(1e-9));
}
