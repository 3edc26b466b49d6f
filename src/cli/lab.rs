//! `lab`: a page that shows a script at work, and replays whenever a file is saved or an option is changed.

use super::args::ReplayArgs;
use super::plan::{Input, Plan, is_tick};
use super::port::Port;
use super::{files, logging, run, signals, stdout, usage, watch};
use anyhow::Context;
use rhai_udf::lab::{Bell, Feed, Held, Lab, LabOptions, Series, Setup};
use rhai_udf::piped::is_piped;
use rhai_udf::replay::listen::Listener;
use rhai_udf::replay::quality::Interval;
use rhai_udf::replay::task::Task;
use rhai_udf::replay::udfs::UdfCommand;
use rhai_udf::script::config::Config;
use rhai_udf::script::{Follow, Watcher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the files are checked, because the watcher of files may miss a change.
const PATIENCE: Duration = Duration::from_secs(1);

/// Show a script at work in the browser: its data, output, alerts, log and states; every save and every changed
/// option starts a replay
///
/// The page is served on this machine only. The command prints its address, which contains a token. Scripts in the
/// folder of SCRIPT can be edited on the page, or in any editor.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    replay: ReplayArgs,
    /// Let the page show the scripts, but not write any file
    #[arg(long)]
    no_edit: bool,
    /// The port of the page; 0 for any free port
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    page_port: u16,
    /// Receive points over HTTP instead of reading files, as `listen` does
    #[arg(long, conflicts_with_all = ["data", "influxdb", "labels"])]
    live: bool,
    /// How many of the latest points are kept and replayed
    #[arg(long, value_name = "POINTS", default_value_t = 100_000, requires = "live",
        conflicts_with_all = ["data", "influxdb"],
        value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    keep: u64,
    #[command(flatten)]
    port: Port,
}

/// Hides arguments that do not apply to a page, and makes the arguments about receiving points require `--live`.
pub(super) fn arranged(command: clap::Command) -> clap::Command {
    const HIDDEN: [&str; 12] = [
        "shard",
        "each",
        "sweep",
        "output",
        "format",
        "watch",
        "real_clock",
        "strict",
        "out",
        "save",
        "write",
        "save_state",
    ];
    const OF_LIVE: [&str; 10] = [
        "port",
        "bind",
        "user",
        "token",
        "token_file",
        "allow_host",
        "max_inflight",
        "max_connections",
        "read_timeout",
        "idle_timeout",
    ];
    let command = HIDDEN.iter().fold(command, |c, name| c.mut_arg(name, |arg| arg.hide(true)));
    OF_LIVE.iter().fold(command, |c, name| {
        // What a required argument conflicts with hides that it is required.
        let belongs =
            |arg: clap::Arg| arg.requires("live").conflicts_with_all(["data", "influxdb"]);
        c.mut_arg(name, |arg| belongs(arg).help_heading("With --live"))
    })
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let replay = &args.replay;
    refuse_unfit(replay)?;
    let config = run::read_config(replay.config.as_deref(), &replay.script)?;
    logging::start_for_replay(level, &config.log);
    let (folder, script) = place(&replay.script)?;
    let mut plan =
        if args.live { Plan::live(replay, config)? } else { Plan::recorded(replay, config)? };
    rename(&mut plan.task, &folder, &script);
    let (series, labels) = match &plan.input {
        Some(input) => read(&plan, input)?,
        None => (vec![empty()], None),
    };
    files::allow_many();
    let listening = args.live.then(|| listen(args)).transpose()?;
    let lab = Lab::start(LabOptions {
        folder: folder.clone(),
        script: script.clone(),
        task: plan.task.clone(),
        measurement: plan.measurement.clone(),
        from_state: plan.from_state.clone(),
        series,
        labels,
        edit: !args.no_edit,
        live: listening.as_ref().map(|(listener, _)| format!("http://{}", listener.address())),
        setup: Setup { script, config: replay.config.clone() },
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), args.page_port),
    })?;
    let _follow = follow(&plan.task, plan.config().clone(), lab.bell())?;
    let (stopper, incoming) =
        (lab.stopper(), listening.as_ref().map(|(listener, _)| listener.stopper()));
    signals::stop_at_first(signals::listen()?, move || {
        stopper.stop();
        incoming.iter().for_each(|incoming| incoming.stop());
    })?;
    if let Some((listener, _)) = &listening {
        stdout::print(&format!("listening on {}\n", listener.url()))?;
    }
    stdout::print(&format!("open {}\n", lab.url()))?;
    if let Some((_, inbox)) = listening {
        let (feed, bell) = (Feed::new(inbox, args.keep), lab.bell());
        let thread = std::thread::Builder::new().name("feed".into());
        let run = move || {
            if let Err(error) = feed.run(&bell) {
                log::error!("points that arrive over HTTP cannot be processed any more: {error}");
            }
        };
        thread.spawn(run).context("the thread for arriving data cannot be started")?;
    }
    lab.wait();
    Ok(())
}

/// Refuses what a page does in another way, or not at all.
fn refuse_unfit(args: &ReplayArgs) -> anyhow::Result<()> {
    let (judge, show, tick, influx) = (&args.judge, &args.show, &args.tick, &args.influx);
    let turned = "change options and conditions on the page";
    let shown = "the page shows the output";
    let given = [
        ("--each", judge.each.is_some(), turned),
        ("--sweep", !judge.sweep.is_empty(), turned),
        ("--output", show.output.is_some(), shown),
        ("--format", show.format.is_some(), shown),
        ("--watch", show.watch, "the page always replays when a file is saved"),
        ("--real-clock", show.real_clock, "the page replays the data as fast as it can"),
        ("--strict", show.strict, "the page always shows names that do not exist in the data"),
        ("--out", tick.out.is_some(), shown),
        ("--shard", args.shard.is_some(), "the page shows all groups"),
        ("--save-state", args.state.save_state.is_some(), "states are saved by rhai-udf replay"),
        ("--save", influx.save.is_some(), "recordings are saved by rhai-udf replay"),
        ("--write", influx.write, "the lab writes nothing into databases"),
    ];
    match given.iter().find(|(_, given, _)| *given) {
        Some((name, _, why)) => usage(&format!("{name} does not apply to lab: {why}")),
        None => Ok(()),
    }
}

/// The folder of the script, without links in its path, and the script's name in it.
fn place(script: &Path) -> anyhow::Result<(PathBuf, String)> {
    if is_piped(script) {
        return usage("the page edits a script that is a file: name the file");
    }
    let folder = match script.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .with_context(|| format!("{}: the folder cannot be opened", folder.display()))?;
    let Some(name) = script.file_name().and_then(|name| name.to_str()) else {
        return usage(&format!("{}: this is not the name of a script", script.display()));
    };
    let real = folder.join(name);
    let kind = std::fs::symlink_metadata(&real)
        .with_context(|| format!("{}: cannot be read", script.display()))?;
    if kind.is_symlink() {
        return usage(&format!(
            "{} is a link, and the page does not follow links: name the file that it leads to",
            script.display()
        ));
    }
    if !is_tick(script) && real.extension().is_none_or(|extension| extension != "rhai") {
        return usage(&format!(
            "{}: the page shows scripts (.rhai) and TICKscripts (.tick)",
            script.display()
        ));
    }
    Ok((folder, name.to_owned()))
}

/// Names scripts by their real paths, so that errors can be shown at their place.
fn rename(task: &mut Task, folder: &Path, script: &str) {
    let path = folder.join(script);
    match task {
        Task::Script(task) => task.script = path,
        Task::Tick(task) => {
            task.name = path.to_string_lossy().into_owned();
            for (_, command) in &mut task.udfs {
                if let UdfCommand::Script(path) = command
                    && let Ok(real) = path.canonicalize()
                {
                    *path = real;
                }
            }
        }
    }
}

fn empty() -> Series {
    Series { held: Arc::new(Held::default()), anomalies: Vec::new() }
}

/// Reads all data, with its labels.
fn read(plan: &Plan, input: &Input) -> anyhow::Result<(Vec<Series>, Option<Vec<Interval>>)> {
    let by_file = plan.labels.as_ref().is_some_and(|labels| labels.by_file());
    let mut series = Vec::new();
    let mut held = Held::default();
    let mut all = Vec::new();
    for name in input.names() {
        let mut source = input.open_plainly(&name, &plan.task)?;
        held.read(&mut *source)?;
        let Some(labels) = plan.labels.as_ref().filter(|_| by_file) else { continue };
        let anomalies = labels.of(&name)?.to_vec();
        all.extend(&anomalies);
        series.push(Series { held: Arc::new(std::mem::take(&mut held)), anomalies });
    }
    if !by_file {
        let first = input.names().first().cloned().unwrap_or_default();
        let anomalies = plan.labels.as_ref().map(|labels| labels.of(&first)).transpose()?;
        let anomalies = anomalies.unwrap_or_default().to_vec();
        all.extend(&anomalies);
        series.push(Series { held: Arc::new(held), anomalies });
    }
    Ok((series, plan.labels.is_some().then_some(all)))
}

fn listen(args: &Args) -> anyhow::Result<(Listener, rhai_udf::replay::listen::Inbox)> {
    let options = args.port.options(args.replay.influx.rp.as_deref())?;
    Ok(Listener::start(args.port.address(), options)?)
}

/// Follows the scripts and what they import: every save replays.
fn follow(task: &Task, config: Config, bell: Bell) -> anyhow::Result<Arc<Follow>> {
    let watcher = Watcher::start().context("the scripts cannot be watched")?;
    let scripts: Vec<PathBuf> = match task {
        Task::Script(task) => vec![task.script.clone()],
        Task::Tick(task) => {
            let called = task.udfs.iter().filter_map(|(_, command)| match command {
                UdfCommand::Script(path) => Some(path.clone()),
                _ => None,
            });
            std::iter::once(PathBuf::from(&task.name)).chain(called).collect()
        }
    };
    let texts = move || -> Vec<(PathBuf, String)> {
        scripts.iter().flat_map(|script| watch::with_modules(script, &config)).collect()
    };
    let first = texts();
    bell.reads(&first);
    let follow = Arc::new(watcher.follow(&first, || {}));
    let followed = follow.clone();
    let thread = std::thread::Builder::new()
        .name("follow".into())
        .stack_size(rhai_udf::agent::socket::STACK);
    let run = move || {
        while !bell.has_ended() {
            let changed = followed.wait(PATIENCE);
            // The disk is checked in any case: if a file that the page has written is restored at once, the watcher
            // sees no change.
            bell.saved();
            if changed {
                // A new version may import other modules.
                let texts = texts();
                followed.refollow(&texts);
                bell.saved();
                bell.reads(&texts);
            }
        }
    };
    thread.spawn(run).context("the thread that follows the scripts cannot be started")?;
    Ok(follow)
}
