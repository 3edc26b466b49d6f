//! `run`: one script on standard input and output, as Kapacitor starts it.

use super::{logging, signals, usage};
use anyhow::Context;
use rhai_udf::agent::{self, AgentError, AgentOptions, Control, Counts, Pulse, Wakeable, workers};
use rhai_udf::piped::is_standard_input;
use rhai_udf::script::config::{Config, ConfigError};
use rhai_udf::script::folder::{Edges, EdgesError, Entry};
use rhai_udf::script::{Chosen, ScriptError, ScriptHandler, Watcher};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Run a script as a UDF on standard input and output, as Kapacitor starts it
///
/// With --dir, one function serves all scripts of a folder: a task writes @rhai().script('NAME') and the options of
/// that script.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script
    script: Option<PathBuf>,
    /// Run the script of this folder that the task names with .script('NAME')
    #[arg(long, value_name = "DIR", conflicts_with = "script")]
    dir: Option<PathBuf>,
    /// The edges of the scripts that tasks may name, which the daemon reads when it starts: stream-to-stream (the
    /// default), batch-to-stream, batch-to-batch or stream-to-batch
    #[arg(long, value_name = "EDGES", value_parser = edges)]
    edges: Option<Edges>,
    #[command(flatten)]
    pub(super) host: HostArgs,
}

fn edges(text: &str) -> Result<Edges, EdgesError> {
    text.parse()
}

impl Args {
    /// What is run.
    pub(super) fn hosted(&self) -> anyhow::Result<Hosted> {
        let edges = self.edges.unwrap_or(Edges::ALL[0]);
        match (&self.dir, &self.script) {
            (Some(dir), _) => Ok(Hosted::Folder(Entry::new(dir, edges))),
            (None, _) if self.edges.is_some() => usage(
                "--edges applies to --dir only: the edges of a single script are in its info()",
            ),
            (None, Some(script)) => Ok(Hosted::Script(script.clone())),
            (None, None) => usage("name a script, or a folder of scripts with --dir"),
        }
    }
}

/// What a session runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hosted {
    /// One script.
    Script(PathBuf),
    /// The script of a folder that the task names.
    Folder(Entry),
}

impl Hosted {
    /// A file that the configuration lies beside.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Script(path) => path.clone(),
            Self::Folder(entry) => entry.path(),
        }
    }

    fn load(&self, config: Config, pulse: &Pulse) -> ScriptHandler {
        match self {
            Self::Script(path) => ScriptHandler::load(path, config, pulse),
            Self::Folder(entry) => ScriptHandler::of_folder(entry, config, pulse),
        }
    }
}

impl fmt::Display for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(path) => write!(f, "script {}", path.display()),
            Self::Folder(Entry { folder, edges }) => {
                write!(f, "folder {} ({edges})", folder.path().display())
            }
        }
    }
}

/// What `run` and `serve` have in common.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct HostArgs {
    /// The configuration; default: rhai-udf.toml beside the script, if it is there
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Switch to the new version while the script runs, when the script or a module of it is saved
    #[arg(long)]
    pub(super) watch: bool,
    /// The folder in which the last snapshots of each task and node, the state at the end of the input, and the
    /// script's last good declaration are saved
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// The folder in which the last requests of each task and node are recorded, and for an error a file with which
    /// it can be replayed
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// Spread the groups over this number of threads, each with an interpreter of its own
    #[arg(long, value_name = "N", default_value = "1", value_parser = workers_number)]
    pub(super) workers: usize,
}

/// Reads `--workers`.
pub(super) fn workers_number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=workers::MOST).contains(&number) => Ok(number),
        _ => Err(format!("write a number of threads, from 1 to {}", workers::MOST)),
    }
}

impl HostArgs {
    /// The configuration of a script, with what the command line says.
    pub(super) fn config(&self, script: &Path) -> Result<Config, ConfigError> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::beside(script)?,
        };
        config.reload.watch |= self.watch;
        config.state.dir = self.state_dir.clone().or(config.state.dir);
        config.record.dir = self.record.clone().or(config.record.dir);
        Ok(config)
    }
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let hosted = args.hosted()?;
    refuse_standard_input(&hosted.path())?;
    let config = args.host.config(&hosted.path());
    logging::start(
        level,
        &config.as_ref().map_or_else(|_| Default::default(), |c| c.log.clone()),
        log::LevelFilter::Info,
    );
    let control = Control::default();
    signals::hand_on(control.clone())?;
    let watch = config.as_ref().is_ok_and(|config| config.reload.watch);
    let watcher = watch.then(Watcher::start).transpose().context("the script cannot be watched")?;
    let (shown, workers) = (hosted.to_string(), args.host.workers);
    let session = move || {
        // Standard input and output as plain files, because Rust's standard output searches for line ends.
        let input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        let setup = Setup { hosted, config, watcher, workers };
        converse(&setup, &control, input, output)
    };
    let counts = session().map_err(|error| match error.downcast_ref() {
        // It names the script and the line itself.
        Some(AgentError::Handler(_)) => error,
        _ => error.context(shown),
    })?;
    log::info!("input ended: {}", summary(&counts));
    Ok(())
}

/// The numbers of messages into and out of a session.
pub(super) fn summary(counts: &Counts) -> String {
    format!(
        "{} points and {} batches in, {} points and {} batches out",
        counts.points_in, counts.batches_in, counts.points_out, counts.batches_out
    )
}

/// What a session is made from.
pub(super) struct Setup {
    pub(super) hosted: Hosted,
    pub(super) config: Result<Config, ConfigError>,
    /// Watches the files, if changes are to be taken over.
    pub(super) watcher: Option<Watcher>,
    pub(super) workers: usize,
}

/// Runs a session of a script. A broken script or config is refused at `init` with its problems:
/// it must not prevent the daemon from starting.
pub(super) fn converse(
    setup: &Setup,
    control: &Control,
    reader: impl Read + AsFd,
    writer: impl Write + Send + 'static,
) -> anyhow::Result<Counts> {
    let reader = Wakeable::new(reader, control).context("the input cannot be waited for")?;
    converse_with(setup, control, reader, writer)
}

/// As [`converse`], with a reader that `control` wakes.
pub(super) fn converse_with(
    setup: &Setup,
    control: &Control,
    reader: impl Read,
    writer: impl Write + Send + 'static,
) -> anyhow::Result<Counts> {
    let pulse = Pulse::default();
    let hosted = &setup.hosted;
    let (config, mut handler) = match &setup.config {
        Ok(config) => (config.clone(), hosted.load(config.clone(), &pulse)),
        Err(error) => {
            log::error!("{error}");
            let error = ScriptError::Config(error.to_string());
            (Config::default(), ScriptHandler::refusing(&hosted.path(), error))
        }
    };
    let options = AgentOptions {
        keepalive: config.limits.keepalive,
        call_timeout: config.limits.call_budget(),
        memory: config.limits.memory,
        control: control.clone(),
    };
    let spread = setup.workers > 1 && handler.spreads();
    if setup.workers > 1 && !spread && handler.program().is_ok() {
        log::warn!(
            "{hosted}: one worker is used instead of {}: all groups share one state (scope: \"task\")",
            setup.workers
        );
    }
    let changed = spread.then(|| handler.lead());
    let chosen = handler.chosen();
    if let Some(watcher) = &setup.watcher {
        handler.watch(watcher, control);
    }
    let Some(changed) = changed else {
        return Ok(agent::run(reader, writer, handler, &options)?);
    };
    let (hosted, count) = (hosted.clone(), setup.workers);
    let (watcher, control) = (setup.watcher.clone(), control.clone());
    let recruit = move |place| {
        let changed = changed.clone();
        let script = chosen.as_ref().and_then(Chosen::path).unwrap_or_else(|| hosted.path());
        let mut worker = ScriptHandler::worker(&script, &config, place, count, changed);
        if let (Hosted::Folder(entry), Some(chosen)) = (&hosted, &chosen) {
            worker = worker.entered(entry, chosen);
        }
        if let Some(watcher) = &watcher {
            worker.watch_models(watcher, &control);
        }
        worker
    };
    Ok(workers::run(reader, writer, handler, count, recruit, &options)?)
}

/// Refuses a script from standard input, where the data comes from.
pub(super) fn refuse_standard_input(script: &Path) -> anyhow::Result<()> {
    if is_standard_input(script) {
        return usage("the data comes on standard input, so the script cannot: name a file");
    }
    Ok(())
}

/// The configuration that is named, or the one beside the script.
pub(super) fn read_config(named: Option<&Path>, script: &Path) -> anyhow::Result<Config> {
    Ok(match named {
        Some(path) => Config::read(path)?,
        None => Config::beside(script)?,
    })
}
