//! `diff`: two versions of a script, or one with two sets of options, over the same data.

mod revision;

use super::args::{AlertArgs, DataArgs, JudgeArgs, ReplayArgs, ShapeArgs, TickArgs};
use super::manner;
use super::plan::{Input, Plan};
use super::values::{assignment, program};
use super::{logging, run, stdout, usage};
use anyhow::Context;
use revision::Version;
use rhai_udf::diff::Difference;
use rhai_udf::piped::is_piped;
use rhai_udf::replay::effects::Show;
use rhai_udf::replay::outcome::Outcome;
use rhai_udf::replay::player::Writers;
use rhai_udf::replay::source::{Item, Scratch, Source};
use rhai_udf::replay::task::Task;
use rhai_udf::replay::unseen::describe;
use rhai_udf::replay::{Player, ReplayError};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::io::Write;

/// Items that one version plays before the other plays them.
const PIECE: u64 = 4096;

/// The versions differ; exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("the versions differ")]
pub(super) struct Differs;

/// Compare the results of two versions of a script or of a TICKscript on the same data
///
/// Prints alerts that were added, were removed, have moved or have another level; values of the output that differ,
/// the largest differences first; and the processor time of both versions, which are measured alternately. Exit code
/// 0: the same; 1: different, or failed; 2: wrong usage.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The old version: a file, or REVISION:PATH of git
    old: String,
    /// The new version; default: the old one, with --old-set or --new-set
    new: Option<String>,
    /// An option of the old version, in addition to those of --set
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    old_set: Vec<(String, String)>,
    /// An option of the new version, in addition to those of --set
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    new_set: Vec<(String, String)>,
    /// What @NAME() of the old TICKscript runs, instead of --udf; a script may be REVISION:PATH of git
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = program)]
    old_udf: Vec<(String, String)>,
    /// What @NAME() of the new TICKscript runs, instead of --udf
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = program)]
    new_udf: Vec<(String, String)>,
    /// Treat numbers as equal if they differ by at most this share of the larger one, as in 1e-9
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    tolerance: f64,
    /// Run both versions once for each value of an option, like several UDFs in a TICKscript
    #[arg(long, value_name = "NAME=V1,V2,…", value_parser = assignment)]
    each: Option<(String, String)>,
    /// The format of the report
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    alerts: AlertArgs,
    #[command(flatten)]
    tick: TickArgs,
    /// The configuration; default: rhai-udf.toml beside each script, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

/// A format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("write a number from 0 up to 1, as in 1e-9".into()),
    }
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    logging::start(level, &Default::default(), log::LevelFilter::Warn);
    if args.new.is_none() && args.old_set.is_empty() && args.new_set.is_empty() {
        return usage("one version is given: give NEW too, or options by --old-set and --new-set");
    }
    if args.tick.out.is_some() {
        return usage("--out does not apply: diff writes no files");
    }
    if args.data.files.iter().any(|path| is_piped(path)) {
        return usage(
            "both versions read the data, and what comes through a pipe can be read only once: name a file",
        );
    }
    let new = args.new.as_ref().unwrap_or(&args.old);
    let mut versions = [
        Side::start(args, &args.old, &args.old_set, &args.old_udf).context("OLD")?,
        Side::start(args, new, &args.new_set, &args.new_udf).context("NEW")?,
    ];
    let mut first = 0;
    while versions.iter().any(|side| !side.ended) {
        // The one that begins changes, so that neither finds more in the processor's caches.
        for number in [first, 1 - first] {
            versions[number].piece().context(["OLD", "NEW"][number])?;
        }
        first = 1 - first;
    }
    let [old, new] = versions;
    let (old, new) = (old.finish().context("OLD")?, new.finish().context("NEW")?);
    let difference = Difference::of(&old.outcome, &new.outcome, args.tolerance);
    let seconds = [old.seconds, new.seconds];
    match args.format {
        ReportFormat::Text => {
            let speed = format!(
                "processor time: {:.2} s -> {:.2} s for {} points, measured alternately\n",
                seconds[0], seconds[1], old.points
            );
            stdout::print(&(manner::changes(&difference.text()) + speed.as_str()))?;
        }
        ReportFormat::Json => {
            let mut value = difference.json();
            value["cpu_seconds"] = json!({ "old": seconds[0], "new": seconds[1] });
            value["points"] = json!({ "old": old.points, "new": new.points });
            stdout::print(&format!("{value}\n"))?;
        }
    }
    if difference.is_equal() { Ok(()) } else { Err(Differs.into()) }
}

/// A running version.
struct Side {
    player: Player,
    plan: Plan,
    /// Sources that are still to be played, the first last.
    waiting: Vec<std::path::PathBuf>,
    source: Option<Box<dyn Source>>,
    ended: bool,
    seconds: f64,
    /// The files of a revision, as long as they are needed.
    _version: Version,
    _udfs: Vec<Version>,
}

/// The result of a version.
struct Played {
    outcome: Outcome,
    seconds: f64,
    points: u64,
}

impl Side {
    fn start(
        args: &Args,
        name: &str,
        options: &[(String, String)],
        udfs: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let version = Version::of(name)?;
        let mut tick = args.tick.clone();
        let mut kept = Vec::new();
        for (udf, program) in udfs {
            let mut program = program.clone();
            if !program.contains(": ") {
                let script = Version::of(&program)?;
                program = script.path.to_string_lossy().into_owned();
                kept.push(script);
            }
            tick.udf.retain(|(known, _)| known != udf);
            tick.udf.push((udf.clone(), program));
        }
        let mut shape = args.shape.clone();
        for (option, value) in options {
            shape.options.retain(|(known, _)| known != option);
            shape.options.push((option.clone(), value.clone()));
        }
        let config = run::read_config(args.config.as_deref(), &version.path)?;
        let replay = ReplayArgs {
            script: version.path.clone(),
            data: args.data.clone(),
            shape,
            alerts: args.alerts.clone(),
            judge: JudgeArgs { each: args.each.clone(), ..JudgeArgs::default() },
            config: args.config.clone(),
            tick,
            ..ReplayArgs::default()
        };
        let mut plan = Plan::recorded(&replay, config)?;
        let show = Show { outcome: true, ..Show::default() };
        match &mut plan.task {
            Task::Script(task) => (task.show, task.output) = (show, false),
            Task::Tick(task) => task.show = show,
        }
        let writers = Writers { shown: Box::new(std::io::sink()), points: None };
        let mut player = Player::start_on(plan.task.clone(), writers, 1)?;
        player.only(plan.measurement.clone());
        let mut waiting = plan.input.as_ref().map(Input::names).unwrap_or_default();
        waiting.reverse();
        let source = None;
        Ok(Self {
            player,
            plan,
            waiting,
            source,
            ended: false,
            seconds: 0.0,
            _version: version,
            _udfs: kept,
        })
    }

    /// Plays the next items.
    fn piece(&mut self) -> anyhow::Result<()> {
        if self.source.is_none() {
            match (self.waiting.pop(), &self.plan.input) {
                (Some(name), Some(input)) => {
                    self.source = Some(input.open(&name, &self.plan.task)?);
                }
                _ => {
                    self.ended = true;
                    return Ok(());
                }
            }
        }
        let Some(source) = &mut self.source else { return Ok(()) };
        let mut piece = Piece { source: &mut **source, left: PIECE, ended: false };
        let begun = processor_seconds();
        self.player.play(&mut piece, &mut |_| {})?;
        self.seconds += processor_seconds() - begun;
        if piece.ended {
            self.source = None;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Played> {
        self.player.finish(&[])?;
        let mut err = std::io::stderr();
        for unseen in self.player.unseen() {
            let name = self._version.name.as_str();
            let _ = writeln!(err, "warning: {name}: {}", describe(&unseen));
        }
        for (node, error, times) in self.player.diagnosed() {
            let _ = writeln!(err, "{}: {node}: {error} ({times} times)", self._version.name);
        }
        Ok(Played {
            outcome: self.player.take_outcome().unwrap_or_default(),
            seconds: self.seconds,
            points: self.player.summary().points_in,
        })
    }
}

/// The time that this thread has had of the processor.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A part of a source, which ends after some items.
struct Piece<'s> {
    source: &'s mut dyn Source,
    left: u64,
    ended: bool,
}

impl Source for Piece<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let item = self.source.next(scratch)?;
        self.ended = item.is_none();
        Ok(item)
    }

    fn queries(&self) -> Option<usize> {
        self.source.queries()
    }
}
