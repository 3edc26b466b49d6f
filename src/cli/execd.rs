//! `execd`: a script as a processor of Telegraf, on standard input and output.

use super::args::ShapeArgs;
use super::plan::windows;
use super::run::{self, HostArgs, Hosted, Setup};
use super::signals::{self, Wish};
use super::{logging, usage};
use anyhow::Context;
use rhai_udf::agent::Wakeable;
use rhai_udf::protocol::duration;
use rhai_udf::protocol::message::EdgeType;
use rhai_udf::replay::execd::{Desk, Input, Output, StateKeeper};
use rhai_udf::replay::task::{DataKind, ScriptTask, Use};
use rhai_udf::script::Watcher;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

/// So long after a request to end the session is told to stop. It stops calls that go on for a second more,
/// which leaves two seconds for the state before Telegraf kills the process.
const GRACE: Duration = Duration::from_secs(2);

/// Run a script as a processor of Telegraf: line protocol in, line protocol out
///
/// Telegraf starts this command by [[processors.execd]]; `rhai-udf conf --telegraf SCRIPT` prints that section.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
    #[command(flatten)]
    shape: ShapeArgs,
    /// The file in which the state of all groups and windows is saved, and from which it is loaded at the start
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How often the state is saved; it is also saved at the end
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    state_every: i64,
    #[command(flatten)]
    host: HostArgs,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    run::refuse_standard_input(&args.script)?;
    let config = args.host.config(&args.script);
    let log = config.as_ref().map_or_else(|_| Default::default(), |config| config.log.clone());
    logging::start_for_telegraf(level, &log);
    let config = config?;
    if args.state_every <= 0 {
        return usage("--state-every: write a duration, as in 1m");
    }
    let task = ScriptTask {
        script: args.script.clone(),
        config: config.clone(),
        kind: DataKind::Stream,
        group_by: args.shape.group_by.clone(),
        window: windows(&args.shape)?,
        closes_windows: args.state.is_none(),
        uses: vec![Use { options: args.shape.options.clone(), ..Use::default() }],
        ..ScriptTask::default()
    };
    let wants = task.wants()?;
    task.check_window(wants)?;
    if wants == EdgeType::Batch && task.window.is_none() {
        return usage("the script wants batches: make windows with --period 1m --every 1m");
    }
    let mut init = task.init()?;
    init.task_id = "telegraf".into();
    init.node_id = args.script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let keeper =
        args.state.as_deref().map(|path| StateKeeper::open(path, &args.script)).transpose()?;
    let watcher = config.reload.watch.then(Watcher::start).transpose();
    let watcher = watcher.context("the script cannot be watched")?;
    let desk = Desk::default();
    end_on_signals(desk.clone())?;
    if keeper.is_some() {
        keep_every(desk.clone(), Duration::from_nanos(args.state_every.unsigned_abs()))?;
    }
    let setup = Setup {
        hosted: Hosted::Script(args.script.clone()),
        config: Ok(config),
        watcher,
        workers: args.host.workers,
    };
    let stdin = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let reader = Wakeable::new(stdin, desk.control()).context("the input cannot be waited for")?;
    let input = Input::new(reader, desk.clone(), task.shaping()?, init, keeper.clone())?;
    let output = Output::new(stdout, desk.clone(), keeper);
    let ended = run::converse_with(&setup, desk.control(), input, output);
    if let Some(why) = desk.refused() {
        anyhow::bail!("{why}");
    }
    ended?;
    sum_up(&desk);
    Ok(())
}

/// Logs the numbers of points and lines.
fn sum_up(desk: &Desk) {
    let passed = desk.passed();
    let empty = match passed.empty {
        0 => String::new(),
        n => format!("; {n} points had no field that line protocol can hold (NaN, infinite)"),
    };
    log::info!(
        "input ended: {} points in, {} bad lines skipped, {} points out{empty}",
        passed.lines,
        passed.bad,
        passed.written
    );
}

/// `SIGTERM` and `SIGINT` end the input; calls that take too long are stopped, and a second request ends the process
/// at once. `SIGUSR1` asks for a status report.
fn end_on_signals(desk: Desk) -> anyhow::Result<()> {
    let mut signals = signals::listen()?;
    let thread = std::thread::Builder::new().name("signals".into());
    let work = move || {
        let mut stopped = false;
        for signal in signals.forever() {
            match signals::wish(signal) {
                Wish::Report => desk.control().report(),
                Wish::Stop if stopped => std::process::exit(1),
                Wish::Stop => {
                    stopped = true;
                    desk.end();
                    let late = desk.clone();
                    // Not waited for: the process may end first.
                    let _ = std::thread::Builder::new().spawn(move || {
                        std::thread::sleep(GRACE);
                        late.control().stop();
                    });
                }
            }
        }
    };
    thread.spawn(work).context("the thread for signals cannot be started")?;
    Ok(())
}

/// Asks for the state at regular intervals.
fn keep_every(desk: Desk, pace: Duration) -> anyhow::Result<()> {
    let thread = std::thread::Builder::new().name("state".into());
    let work = move || {
        loop {
            std::thread::sleep(pace);
            desk.keep_state();
        }
    };
    thread.spawn(work).context("the thread that keeps the state cannot be started")?;
    Ok(())
}
