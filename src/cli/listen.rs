//! `listen`: data that arrives over HTTP through a script or a TICKscript, with no daemon.

use super::{logging, replay, run, signals, tick, usage};
use anyhow::Context;
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::listen::{Inbox, Listener};
use rhai_udf::replay::save::Recorder;
use rhai_udf::replay::source::{Item, Scratch, Source};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Feed a script or a TICKscript with points that arrive over HTTP, as Telegraf or a subscription of
/// InfluxDB sends them to the daemon
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    replay: replay::Args,
    /// The port; 0 for any that is free
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// The address to listen at; 0.0.0.0 for all
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    if !replay.data.is_empty() || !replay.sweep.is_empty() || replay.labels.is_some() {
        return usage("data arrives over HTTP: leave out --data, --labels and --sweep");
    }
    let config = run::read_config(replay.config.as_deref(), &replay.script)?;
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
    let policy = replay.influx.rp.as_deref().unwrap_or("autogen");
    let listener = Listener::open(SocketAddr::new(args.bind, args.port), policy)?;
    let stopper = listener.stopper();
    let mut signals = signals::listen()?;
    let inbox = listener.start()?;
    let started = Instant::now();
    let _ = writeln!(std::io::stderr(), "listening on http://{}", listener.address());
    let thread = std::thread::Builder::new().name("signals".into());
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
    thread.spawn(watch).context("the thread for signals cannot be started")?;
    let mut feed = Feed { inbox, recorder };
    while feed.inbox.wait() {
        player.play(&mut feed)?;
    }
    if let Some(recorder) = feed.recorder {
        recorder.finish(None)?;
    }
    if listener.refused() > 0 {
        let _ = writeln!(std::io::stderr(), "{} requests refused", listener.refused());
    }
    player.finish(started)
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

impl Source for Feed {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.inbox.next(scratch)?;
        if let (Some(Item::Point), Some(recorder)) = (item, &mut self.recorder) {
            recorder.point(&scratch.point)?;
        }
        Ok(item)
    }
}
