//! `listen`: plays points that arrive over HTTP, and scheduled queries of a database, through scripts and
//! TICKscripts, without the daemon.

mod called;
mod crew;
mod folder;
mod ticking;
mod ticks;

use super::args::ReplayArgs;
use super::plan::{LivePlan, Plan, access};
use super::port::Port;
use super::{files, logging, run, signals, usage};
use crew::{Crew, Fed};
use folder::Folder;
use rhai_udf::protocol::duration;
use rhai_udf::replay::listen::{Arrival, Inbox, Listener, StateFolder};
use rhai_udf::replay::save::RecordingWriter;
use rhai_udf::replay::task::{Task, id_by_file};
use rhai_udf::script::config::{Config, OnError};
use rhai_udf::tick::flow::Edge;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use ticks::Batches;

/// Stands for the script where none is given.
pub(super) const NO_SCRIPT: &str = "(no script)";

/// How often the folder of `--tasks` is checked.
const LOOK: Duration = Duration::from_secs(1);

/// How often a checkpoint is written by default.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// Bytes of the journal that make a checkpoint due.
const JOURNAL: u64 = 64 << 20;

/// Play points that arrive over HTTP from Telegraf, InfluxDB and others through a script, a TICKscript or a folder of
/// TICKscripts; run the |query() nodes of batch TICKscripts on schedule
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    replay: ReplayArgs,
    #[command(flatten)]
    port: Port,
    /// A folder of TICKscripts, instead of a script: each is a task that is started when its file appears, reloaded
    /// when the file is saved (if the new version can continue from the state of the old one), and ended when the
    /// file is removed
    #[arg(long, value_name = "DIR")]
    tasks: Option<PathBuf>,
    /// The folder in which windows, levels of alerts and states of functions are saved; after a restart or a crash,
    /// the listener continues from there
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// How often the state is saved; default: 10s. Points that came since are in a journal
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "state_dir")]
    checkpoint: Option<i64>,
    /// The format of the log on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// The format of the log on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// A JSON object a line, with time, level and message
    Json,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    if args.log_format == LogFormat::Json {
        logging::use_json();
    }
    let mut options = args.port.options(replay.influx.rp.as_deref())?;
    refuse(args)?;
    let config = read_config(args)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    let state = args.state_dir.as_deref().map(StateFolder::open).transpose()?;
    if let Some(state) = &state {
        let kept = state.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.points);
        options.journal = Some((state.path().to_owned(), kept));
    }
    files::allow_many();
    let open = options.credentials.admit_everybody();
    let signals = signals::listen()?;
    // The tasks are made before the port is opened: no point is acknowledged that cannot be played.
    let (crew, batches, folder) = tasks(args, config, state)?;
    options.measures = crew.measures.clone();
    let (listener, inbox) = Listener::start(args.port.address(), options)?;
    logging::say(&format!("listening on {}", listener.url()));
    if open && !args.port.address().ip().is_loopback() {
        log::warn!(
            "everybody who can reach {} can write points: add --token-file",
            listener.address()
        );
    }
    let stopper = listener.stopper();
    signals::stop_at_first(signals, move || stopper.stop())?;
    let every = args
        .checkpoint
        .and_then(|time| u64::try_from(time).ok())
        .map_or(CHECKPOINT, Duration::from_nanos);
    Work { listener, inbox, crew, batches, folder, every }.run()
}

/// Makes all tasks: those that process points, those that run queries, and the folder of tasks.
fn tasks(
    args: &Args,
    config: Config,
    state: Option<StateFolder>,
) -> anyhow::Result<(Crew, Batches, Option<Folder>)> {
    let replay = &args.replay;
    let access = access::access(&replay.influx)?;
    if let Some(access) = &access {
        access::warn(access);
    }
    let is_many = args.tasks.is_some();
    let mut crew = Crew::new(std::sync::Arc::default(), state, is_many);
    let mut batches = Batches::new(crew.measures.clone(), is_many);
    batches.home = (replay.influx.db.clone(), replay.influx.rp.clone());
    (batches.access, batches.folder) = (access, args.state_dir.clone());
    if let Some(path) = &args.tasks {
        let mut tasks = Folder::open(path, replay, config)?;
        record(replay, &mut crew)?;
        tasks.follow(&mut crew, &mut batches, true);
        crew.tell_waiting();
        batches.tell_waiting();
        return Ok((crew, batches, Some(tasks)));
    }
    let (plan, name, is_batch) = single(args, config)?;
    record(replay, &mut crew)?;
    if is_batch {
        batches.start(&name, plan)?;
    } else {
        crew.add(Fed::start(&name, &plan)?)?;
    }
    crew.tell_waiting();
    batches.tell_waiting();
    Ok((crew, batches, None))
}

/// Begins the recording of what arrives, if it is wanted.
fn record(replay: &ReplayArgs, crew: &mut Crew) -> anyhow::Result<()> {
    if let Some(path) = replay.influx.save.as_deref() {
        crew.recorder = Some(RecordingWriter::create(path, std::slice::from_ref(&replay.script))?);
    }
    Ok(())
}

/// A running listener.
struct Work {
    listener: Listener,
    inbox: Inbox,
    crew: Crew,
    batches: Batches,
    folder: Option<Folder>,
    /// How often the state is saved.
    every: Duration,
}

impl Work {
    fn run(mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let played = self.play();
        let mut drained = Ok(());
        if played.is_err() {
            // Acknowledged points are saved, although nothing plays them any more.
            self.listener.stopper().stop();
            drained = self.crew.drain(&mut self.inbox);
        }
        self.batches.finish();
        let saved = self.crew.recorder.take().map_or(Ok(()), |recorder| recorder.finish(None));
        if self.listener.refused() > 0 {
            logging::say(&format!("{} requests refused", self.listener.refused()));
        }
        played.and(drained.map_err(Into::into)).and(saved.map_err(Into::into))?;
        self.crew.finish(&self.inbox, started.elapsed())
    }

    /// Plays the points that arrive until the listener ends.
    fn play(&mut self) -> anyhow::Result<()> {
        let (mut looked, mut kept) = (Instant::now(), Instant::now());
        loop {
            let arrival = self.inbox.wait_at_most(LOOK.min(self.every));
            match arrival {
                Arrival::End => return Ok(()),
                Arrival::Points => self.crew.play(&mut self.inbox)?,
                Arrival::Nothing => {}
            }
            self.batches.check()?;
            let mut reloaded = false;
            if let (Some(folder), true) = (&mut self.folder, looked.elapsed() >= LOOK) {
                reloaded = folder.follow(&mut self.crew, &mut self.batches, false);
                looked = Instant::now();
            }
            let large = self.inbox.journal_bytes() > JOURNAL;
            if reloaded || large || kept.elapsed() >= self.every {
                let kept_now = self.crew.checkpoint(&self.inbox, reloaded);
                if let Err(error) = kept_now {
                    // A full disk does not end the listener: the journal has the points since the checkpoint, or
                    // requests are refused.
                    self.crew.measures.checkpoint_failed();
                    log::error!("{error:#}; the next attempt is in {:?}", self.every);
                }
                kept = Instant::now();
            }
        }
    }
}

/// The only task: its plan, its name, and whether it runs queries.
fn single(args: &Args, config: Config) -> anyhow::Result<(LivePlan, String, bool)> {
    let replay = &args.replay;
    let mut plan = LivePlan::from(Plan::live(replay, config)?);
    plan.keeps_state = args.state_dir.is_some();
    let is_batch = match &plan.task {
        Task::Tick(task) => task.definitions()?.edge() == Edge::Batch,
        Task::Script(task) => {
            if let Some(why) = task.unfit()? {
                return usage(why);
            }
            false
        }
    };
    let influx = &replay.influx;
    match (is_batch, influx.influxdb.is_some()) {
        (true, false) => usage(
            "the script asks a database for batches: give --influxdb URL, and it is asked on schedule",
        ),
        (false, true) if !influx.write => usage(
            "--influxdb does not apply: it is used by --write and by the queries of a batch script",
        ),
        (false, _) if influx.db.is_some() => {
            usage("--db does not apply: it is used by the queries of a batch script")
        }
        (true, _) if influx.save.is_some() => usage(
            "--save does not apply: it saves points that arrive over HTTP; save batches with rhai-udf replay --influxdb URL --save FILE",
        ),
        _ => Ok((plan, id_by_file(&replay.script), is_batch)),
    }
}

/// Refuses options that would change nothing.
fn refuse(args: &Args) -> anyhow::Result<()> {
    let replay = &args.replay;
    let has_script = replay.script.as_os_str() != NO_SCRIPT;
    let complain = |name: &str, why: &str| usage(&format!("{name} does not apply: {why}"));
    if args.checkpoint.is_some_and(|time| time <= 0) {
        return usage("--checkpoint: write a duration, as in 10s");
    }
    if args.state_dir.is_some() {
        let why = "a listener that is restarted with --state-dir would overwrite the file; use standard output";
        for (name, given) in
            [("-o", replay.show.output.is_some()), ("--out", replay.tick.out.is_some())]
        {
            if given {
                return complain(name, why);
            }
        }
    }
    if args.tasks.is_none() {
        return if has_script {
            Ok(())
        } else {
            usage("nothing to run: give a script, a TICKscript, or --tasks DIR")
        };
    }
    if has_script {
        return complain("--tasks", "a script is given too; leave out one of them");
    }
    let (shape, alerts, tick) = (&replay.shape, &replay.alerts, &replay.tick);
    let why = "the tasks of --tasks define it";
    for (name, given) in [
        ("--set", !shape.options.is_empty()),
        ("--group-by", !shape.group_by.is_empty()),
        ("--period", shape.period.is_some()),
        ("--every", shape.every.is_some()),
        ("--align", shape.align),
        ("--crit", alerts.crit.is_some()),
        ("--warn", alerts.warn.is_some()),
        ("--info", alerts.info.is_some()),
        ("--task", tick.task.is_some()),
        ("--var", !tick.variables.is_empty()),
        ("--each", replay.judge.each.is_some()),
        ("--every-alert", alerts.every_alert),
    ] {
        if given {
            return complain(name, why);
        }
    }
    if replay.show.output.is_some() {
        return complain("-o", "several tasks cannot share a file; give --out DIR");
    }
    Ok(())
}

/// The configuration. Telegraf sends all measurements together, so a point that a script cannot handle must not end
/// the listener: by default such points are dropped and counted.
fn read_config(args: &Args) -> anyhow::Result<Config> {
    let replay = &args.replay;
    let beside = args.tasks.as_ref().map(|folder| folder.join("x"));
    let script = beside.as_ref().unwrap_or(&replay.script);
    let mut config = run::read_config(replay.config.as_deref(), script)?;
    if !Config::says_on_error(replay.config.as_deref(), script) {
        config.on_error = OnError::Skip;
    }
    Ok(config)
}
