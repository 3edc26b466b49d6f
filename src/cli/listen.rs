//! `listen`: data that arrives over HTTP through a script or a TICKscript, with no daemon.

use super::args::ReplayArgs;
use super::plan::Plan;
use super::port::Port;
use super::{files, logging, play, run, signals, usage};
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::listen::{Inbox, Listener};
use rhai_udf::replay::save::RecordingWriter;
use rhai_udf::replay::source::{Item, Scratch, Source};
use rhai_udf::replay::task::Task;
use rhai_udf::script::config::{Config, OnError};
use rhai_udf::tick::flow::Edge;
use std::io::Write;
use std::time::Instant;

/// Feed a script or a TICKscript with points that arrive over HTTP, as Telegraf or a subscription of
/// InfluxDB sends them to the daemon
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    replay: ReplayArgs,
    #[command(flatten)]
    port: Port,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    let options = args.port.options(replay.influx.rp.as_deref())?;
    let config = read_config(replay)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    let plan = Plan::live(replay, config)?;
    refuse_unfit(&plan)?;
    let mut player = play::start(&plan)?;
    let recorder = replay
        .influx
        .save
        .as_deref()
        .map(|path| RecordingWriter::create(path, std::slice::from_ref(&replay.script)))
        .transpose()?;
    files::allow_many();
    let open = options.credentials.admit_everybody();
    let signals = signals::listen()?;
    let (listener, inbox) = Listener::start(args.port.address(), options)?;
    let started = Instant::now();
    let _ = writeln!(std::io::stderr(), "listening on http://{}", listener.address());
    if open && !args.port.address().ip().is_loopback() {
        log::warn!("everybody who can reach {} can write: add --token-file", listener.address());
    }
    let stopper = listener.stopper();
    signals::stop_at_first(signals, move || stopper.stop())?;
    let mut feed = Arrivals { inbox, recorder };
    let (mut played, mut drained) = (Ok(()), Ok(()));
    while played.is_ok() && feed.inbox.wait() {
        played = player.play(&mut feed, &mut |_| {}).and_then(|()| player.flush());
    }
    if played.is_err() {
        // What was acknowledged is saved, though nothing plays it any more.
        listener.stopper().stop();
        drained = feed.drain();
    }
    let saved = feed.recorder.map_or(Ok(()), |recorder| recorder.finish(None));
    if listener.refused() > 0 {
        let _ = writeln!(std::io::stderr(), "{} requests refused", listener.refused());
    }
    played.and(drained).and(saved)?;
    player.finish(&[])?;
    play::report(&player, 0, started.elapsed())
}

/// Refuses a task that cannot take a stream of points.
fn refuse_unfit(plan: &Plan) -> anyhow::Result<()> {
    match &plan.task {
        Task::Tick(task) if task.definitions()?.edge() == Edge::Batch => {
            usage("the script asks a database for batches: replay it with --influxdb")
        }
        Task::Tick(_) => Ok(()),
        Task::Script(task) => task.unfit()?.map_or(Ok(()), usage),
    }
}

/// The configuration. Telegraf mixes measurements, so a point that a script cannot take must not end the
/// listener: unless the file says what to do, such points are dropped and counted.
fn read_config(replay: &ReplayArgs) -> anyhow::Result<Config> {
    let mut config = run::read_config(replay.config.as_deref(), &replay.script)?;
    if !Config::says_on_error(replay.config.as_deref(), &replay.script) {
        config.on_error = OnError::Skip;
    }
    Ok(config)
}

/// What arrives, recorded as it goes by.
struct Arrivals {
    inbox: Inbox,
    recorder: Option<RecordingWriter>,
}

impl Arrivals {
    /// Takes the points that wait, and those that still arrive until the listener has ended.
    fn drain(&mut self) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while self.inbox.wait() {
            while self.next(&mut scratch)?.is_some() {}
        }
        Ok(())
    }
}

impl Source for Arrivals {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.inbox.next(scratch)?;
        if let (Some(Item::Point), Some(recorder)) = (item, &mut self.recorder) {
            recorder.point(&scratch.point)?;
        }
        Ok(item)
    }
}
