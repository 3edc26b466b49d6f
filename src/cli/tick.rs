//! `replay x.tick`: recorded data through a TICKscript, with no daemon.

use super::influxdb::{self, Wanted};
use super::replay::{Args, Pace, Progress};
use super::stdout::Stdout;
use anyhow::Context;
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::files::Files;
use rhai_udf::replay::influxdb::Writer;
use rhai_udf::replay::player;
use rhai_udf::replay::source::{self, Reading};
use rhai_udf::replay::udfs::{UdfCommand, UdfRegistry};
use rhai_udf::script::config::Config;
use rhai_udf::tick::definition::object::Object;
use rhai_udf::tick::flow::Edge;
use rhai_udf::tick::{Graph, Task, TickError, TickText, parse_value};
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

impl TickArgs {
    /// The Rhai scripts among the programs.
    pub(super) fn scripts(&self) -> Vec<PathBuf> {
        self.udf.iter().map(|(_, program)| PathBuf::from(program)).filter(|p| p.is_file()).collect()
    }
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
    let mut session = Session::new(args, config)?;
    let started = Instant::now();
    let mut on_item = |time| {
        if let Some(pace) = &mut pace {
            pace.wait_for(time);
        }
        progress.bar.set_position(reading.bytes.get());
    };
    if args.data.is_empty() {
        let source = influxdb::open(args, session.wanted())?;
        let mut source = influxdb::saved(args, source)?;
        session.play(&mut *source, &mut on_item)?;
    }
    for path in &args.data {
        let mut source = influxdb::saved(args, source::open(path, reading)?)?;
        session.play(&mut *source, &mut on_item)?;
    }
    progress.bar.finish_and_clear();
    session.finish(reading.skipped.get(), started)
}

/// A TICKscript that takes data.
pub(super) struct Session {
    graph: Graph,
    files: Files,
    home: Option<(String, String)>,
}

impl Session {
    /// Compiles the script and starts its functions.
    pub(super) fn new(args: &Args, config: Config) -> anyhow::Result<Self> {
        let script = &args.script;
        let text = std::fs::read_to_string(script)
            .with_context(|| format!("{}: cannot be read", script.display()))?;
        let stem = script.file_stem().unwrap_or_default().to_string_lossy();
        let task = Task {
            id: args.tick.task.clone().unwrap_or_else(|| stem.into_owned()),
            dbrp: args.tick.dbrp.clone(),
            variables: variables(args)?,
        };
        let mut registry = UdfRegistry::new(config);
        for (name, program) in &args.tick.udf {
            registry.add(name, UdfCommand::parse(program));
        }
        let name = script.to_string_lossy();
        let graph = Graph::new(&TickText { name: &name, text: &text }, &task, &mut registry)?;
        let stdout = BufWriter::with_capacity(1 << 16, Stdout);
        let mut files = Files::new(args.tick.out.clone(), Box::new(stdout));
        if args.influx.write {
            files.database = args.influx.client()?.map(Writer::new);
        }
        let home = task.dbrp.or_else(|| graph.dbrps().first().cloned());
        Ok(Self { graph, files, home })
    }

    /// Tells whether the script asks a database for its data.
    pub(super) fn is_batch(&self) -> bool {
        self.graph.edge() == Edge::Batch
    }

    /// What the script would read from a database.
    fn wanted(&self) -> Wanted<'_> {
        match self.graph.edge() {
            Edge::Batch => Wanted::Queries(self.graph.queries().collect()),
            Edge::Stream => Wanted::Stream(self.home.clone()),
        }
    }

    /// Plays a source.
    pub(super) fn play(
        &mut self,
        source: &mut dyn source::Source,
        on_item: &mut dyn FnMut(i64),
    ) -> Result<(), ReplayError> {
        player::play(&mut self.graph, source, &mut self.files, on_item)
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> Result<(), ReplayError> {
        Ok(self.files.flush()?)
    }

    /// Ends the data, and says what happened.
    pub(super) fn finish(mut self, skipped: u64, started: Instant) -> anyhow::Result<()> {
        self.graph.finish(&mut self.files)?;
        self.files.flush()?;
        summarise(&self.graph, &self.files, skipped, started);
        match &self.files.database {
            Some(database) if database.failed > 0 => {
                anyhow::bail!("{} points were not written to InfluxDB", database.failed)
            }
            _ => Ok(()),
        }
    }
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
    if let Some(database) = &files.database {
        for (error, points) in &database.errors {
            let _ = writeln!(err, "{error} ({points} points)");
        }
        line += &format!(
            "; {} points written to InfluxDB, {} failed",
            database.written, database.failed
        );
    }
    if files.lines_unlogged > 0 {
        line += "; alert logs are kept with --out DIR";
    }
    if skipped > 0 {
        line += &format!("; {skipped} bad lines skipped");
    }
    let _ = writeln!(err, "{line}; {seconds:.2} s, {:.0}/s", items as f64 / seconds.max(1e-9));
}
