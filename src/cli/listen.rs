//! `listen`: data that arrives over HTTP through a script or a TICKscript, with no daemon.

use super::{files, logging, replay, run, signals, tick, usage};
use anyhow::Context;
use rhai_udf::http::{Credentials, Limits, Secret};
use rhai_udf::protocol::duration;
use rhai_udf::replay::ReplayError;
use rhai_udf::replay::listen::{Inbox, ListenOptions, Listener, Stopper};
use rhai_udf::replay::save::Recorder;
use rhai_udf::replay::source::{Item, Scratch, Source};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

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

/// How requests are taken.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Requests")]
struct Port {
    /// The port; 0 for any that is free
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// The address to listen at; 0.0.0.0 for all
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    bind: IpAddr,
    /// A user who may write; others may not (other users of this machine see it: prefer --token-file)
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    user: Vec<Secret>,
    /// A token that lets its holder write (other users of this machine see it: prefer --token-file)
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    token: Vec<Secret>,
    /// A file of tokens, one a line
    #[arg(long, value_name = "FILE")]
    token_file: Vec<PathBuf>,
    /// Another name by which senders may call the loopback address, as a proxy does
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Bytes that may wait to be played, as 64MB or 1GB; senders are asked to try again beyond that
    #[arg(long, value_name = "SIZE", default_value = "256MB", value_parser = size)]
    max_inflight: u64,
    /// Connections at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = connections)]
    max_connections: usize,
    /// How long a sender may be silent in the middle of a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time)]
    read_timeout: Duration,
    /// How long a connection may wait for its next request
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time)]
    idle_timeout: Duration,
}

fn user(text: &str) -> Result<Secret, String> {
    match text.split_once(':') {
        Some((name, _)) if !name.is_empty() => Ok(Secret::new(text)),
        _ => Err("write NAME:PASSWORD".into()),
    }
}

fn token(text: &str) -> Result<Secret, String> {
    match text.trim() {
        "" => Err("a token is not empty".into()),
        text => Ok(Secret::new(text)),
    }
}

fn connections(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "write a number above 0".into())
}

fn time(text: &str) -> Result<Duration, String> {
    let nanoseconds = u64::try_from(duration::parse(text).map_err(|e| e.to_string())?).unwrap_or(0);
    match nanoseconds {
        0 => Err("write a duration above 0, as 10s or 500ms".into()),
        nanoseconds => Ok(Duration::from_nanos(nanoseconds)),
    }
}

/// A number of bytes; KB and the like are powers of 1,024.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("write a number of bytes, as 268435456 or 256MB".into()),
    };
    let number = number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.filter(|n| *n > 0).ok_or_else(|| "write a size above 0, as 256MB".into())
}

impl Port {
    fn options(&self, policy: Option<&str>) -> anyhow::Result<ListenOptions> {
        let mut tokens = self.token.clone();
        for path in &self.token_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("--token-file {}: cannot be read", path.display()))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let before = tokens.len();
            tokens.extend(lines.map(Secret::new));
            if tokens.len() == before {
                return usage(&format!("--token-file {}: it holds no token", path.display()));
            }
        }
        let limits = Limits {
            connections: self.max_connections,
            stall: self.read_timeout,
            idle: self.idle_timeout,
            farewell: self.read_timeout.min(Limits::default().farewell),
            ..Limits::default()
        };
        Ok(ListenOptions {
            policy: policy.unwrap_or("autogen").into(),
            max_inflight: self.max_inflight,
            credentials: Credentials { users: self.user.clone(), tokens },
            allowed_hosts: self.allow_host.clone(),
            limits,
        })
    }
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    if !replay.data.is_empty() || !replay.sweep.is_empty() || replay.labels.is_some() {
        return usage("data arrives over HTTP: leave out --data, --labels and --sweep");
    }
    let options = args.port.options(replay.influx.rp.as_deref())?;
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
    files::allow_many();
    let open = options.credentials.admit_everybody();
    let signals = signals::listen()?;
    let address = SocketAddr::new(args.port.bind, args.port.port);
    let (listener, inbox) = Listener::start(address, options)?;
    let started = Instant::now();
    let _ = writeln!(std::io::stderr(), "listening on http://{}", listener.address());
    if open && !args.port.bind.is_loopback() {
        log::warn!("everybody who can reach {} can write: add --token-file", listener.address());
    }
    stop_on_signal(signals, listener.stopper())?;
    let mut feed = Feed { inbox, recorder };
    let mut played = Ok(());
    while played.is_ok() && feed.inbox.wait() {
        played = player.play(&mut feed);
    }
    // What was played is kept, also when the next point ends it.
    let saved = feed.recorder.map_or(Ok(()), |recorder| recorder.finish(None));
    if listener.refused() > 0 {
        let _ = writeln!(std::io::stderr(), "{} requests refused", listener.refused());
    }
    played?;
    saved?;
    player.finish(started)
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

impl Source for Feed {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.inbox.next(scratch)?;
        if let (Some(Item::Point), Some(recorder)) = (item, &mut self.recorder) {
            recorder.point(&scratch.point)?;
        }
        Ok(item)
    }
}
