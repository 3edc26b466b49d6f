//! `listen`: data that arrives over HTTP through a script or a TICKscript, with no daemon.

use super::port::Port;
use super::{files, logging, replay, run, signals, tick, usage};
use anyhow::Context;
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::listen::{Inbox, Listener, Stopper};
use rhai_udf::replay::save::Recorder;
use rhai_udf::replay::source::{Item, Scratch, Source};
use rhai_udf::script::config::{Config, OnError};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::time::Instant;

/// Feed a script or a TICKscript with points that arrive over HTTP, as Telegraf or a subscription of
/// InfluxDB sends them to the daemon
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    replay: replay::Args,
    #[command(flatten)]
    port: Port,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    if !replay.data.is_empty() || !replay.sweep.is_empty() || replay.labels.is_some() {
        return usage("data arrives over HTTP: leave out --data, --labels and --sweep");
    }
    let options = args.port.options(replay.influx.rp.as_deref())?;
    let config = read_config(replay)?;
    logging::start(level, &config.log, log::LevelFilter::Warn);
    let mut player = if tick::is_script(&replay.script) {
        Player::Tick(Box::new(tick::Session::new(replay, config)?))
    } else {
        Player::Script(Box::new(replay::live(replay, &config)?))
    };
    if let Player::Tick(session) = &player
        && session.is_batch()
    {
        return usage("the script asks a database for batches: replay it with --influxdb");
    }
    let recorder = replay.influx.save.as_deref().map(Recorder::create).transpose()?;
    files::allow_many();
    let open = options.credentials.admit_everybody();
    let signals = signals::listen()?;
    let (listener, inbox) = Listener::start(args.port.address(), options)?;
    let started = Instant::now();
    let _ = writeln!(std::io::stderr(), "listening on http://{}", listener.address());
    if open && !args.port.address().ip().is_loopback() {
        log::warn!("everybody who can reach {} can write: add --token-file", listener.address());
    }
    stop_on_signal(signals, listener.stopper())?;
    let mut feed = Feed { inbox, recorder };
    let (mut played, mut drained) = (Ok(()), Ok(()));
    while played.is_ok() && feed.inbox.wait() {
        played = player.play(&mut feed);
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
    player.finish(started)
}

/// The configuration. Telegraf mixes measurements, so a point that a script cannot take must not end the
/// listener: unless the file says what to do, such points are dropped and counted.
fn read_config(replay: &replay::Args) -> anyhow::Result<Config> {
    let mut config = run::read_config(replay.config.as_deref(), &replay.script)?;
    if !Config::says_on_error(replay.config.as_deref(), &replay.script) {
        config.on_error = OnError::Skip;
    }
    Ok(config)
}

/// Ends the listener at the first signal; a second one ends the process at once.
fn stop_on_signal(mut signals: Signals, stopper: Stopper) -> anyhow::Result<()> {
    let watch = move || {
        let mut stopped = false;
        for signal in signals.forever() {
            match signals::wish(signal) {
                signals::Wish::Report => {}
                signals::Wish::Stop if stopped => std::process::exit(1),
                signals::Wish::Stop => {
                    stopped = true;
                    stopper.stop();
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(watch).context("the thread for signals cannot be started")?;
    Ok(())
}

/// What takes the points.
enum Player {
    Tick(Box<tick::Session>),
    Script(Box<rhai_udf::replay::Pipeline>),
}

impl Player {
    /// Plays what waits, and shows what it gave.
    fn play(&mut self, feed: &mut Feed) -> Result<(), ReplayError> {
        match self {
            Self::Tick(session) => {
                session.play(feed, &mut |_| {})?;
                session.flush()
            }
            Self::Script(pipeline) => {
                pipeline.play(feed, &mut |_| {})?;
                pipeline.flush()
            }
        }
    }

    fn finish(self, started: Instant) -> anyhow::Result<()> {
        match self {
            Self::Tick(session) => session.finish(0, started),
            Self::Script(mut pipeline) => {
                pipeline.finish()?;
                replay::summarise(&pipeline.summary, 0, started.elapsed());
                Ok(())
            }
        }
    }
}

/// What arrives, recorded as it goes by.
struct Feed {
    inbox: Inbox,
    recorder: Option<Recorder>,
}

impl Feed {
    /// Takes what is left, and what still comes until the listener has ended.
    fn drain(&mut self) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while self.inbox.wait() {
            while self.next(&mut scratch)?.is_some() {}
        }
        Ok(())
    }
}

impl Source for Feed {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.inbox.next(scratch)?;
        if let (Some(Item::Point), Some(recorder)) = (item, &mut self.recorder) {
            recorder.point(&scratch.point)?;
        }
        Ok(item)
    }
}
