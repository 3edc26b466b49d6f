//! Plays a plan, and prints what happened.

use super::judge::Judge;
use super::logging;
use super::manner::{self, Ink, Levels, Stream};
use super::plan::{Input, Plan};
use super::stdout::Stdout;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use rhai_udf::replay::Player;
use rhai_udf::replay::output_file::OutputFile;
use rhai_udf::replay::player::Writers;
use rhai_udf::replay::save::{RecordingWriter, Saved};
use rhai_udf::replay::source::Source;
use rhai_udf::replay::state::StateFile;
use rhai_udf::replay::unseen::describe;
use rhai_udf::tick::flow::NameKind;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are read between two steps of the progress bar.
const PROGRESS: u64 = 1 << 18;

/// Plays recorded data.
pub(super) fn run(plan: &Plan, input: &Input) -> anyhow::Result<()> {
    let mut player = start(plan)?;
    let picture = plan.drawing.as_ref().map(|drawing| drawing.begin(&plan.reads)).transpose()?;
    let mut judge = Judge::new(plan);
    let started = Instant::now();
    let bar = bar(input);
    let played = play(plan, input, &mut player, &mut judge, &bar);
    bar.finish_and_clear();
    let played = played.and_then(|()| match judge.by_file() {
        // Each file has been judged.
        true => Ok(player.finish(&[]).map(drop)?),
        false => judge.add(&mut player, input.names().last().map_or(Path::new(""), |p| p)),
    });
    if let Err(error) = played {
        // The output before the error is shown.
        let _ = player.flush();
        return Err(error);
    }
    player.keep_output()?;
    if let (Some(path), Some(state)) = (&plan.save_state, player.left()) {
        state.write(path, plan.reads.iter().map(PathBuf::as_path))?;
    }
    if let Some(path) = &plan.outcome {
        let outcome = player.take_outcome().unwrap_or_default();
        outcome.write(path).with_context(|| path.display().to_string())?;
    }
    judge.report(plan)?;
    if let Some(drawing) = &plan.drawing {
        drawing.draw(&mut player, &plan.title, picture.flatten())?;
    }
    let skipped = input.reading().map_or(0, |reading| reading.skipped.get());
    report(&player, skipped, started.elapsed())?;
    tell_unseen(&player, plan.strict)
}

/// Starts the engines of a plan.
pub(super) fn start(plan: &Plan) -> anyhow::Result<Player> {
    let inputs = plan.reads.iter().map(PathBuf::as_path);
    let points = plan.output.as_ref().map(|path| OutputFile::create(path, inputs)).transpose()?;
    let out = BufWriter::with_capacity(1 << 16, Stdout);
    let shown: Box<dyn Write> = match Stream::Out.has_colours() && !plan.json {
        true => Box::new(Levels::new(out)),
        false => Box::new(out),
    };
    let writers = Writers { shown, points };
    let states = plan.from_state.is_some() || plan.save_state.is_some();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    // Output that is shown at once does not wait for other groups, unless several workers are requested.
    let live = plan.real_clock;
    let workers = match plan.workers {
        Some(workers) => workers,
        None if live && plan.task.parts() < 2 => 1,
        None => cores(),
    };
    let task = plan.task.clone();
    let mut player = match states {
        true => Player::start_with_state(task, writers, workers)?,
        false => Player::start_on(task, writers, workers)?,
    };
    if let (Some(asked @ 2..), Some(why)) = (plan.workers, player.alone_because()) {
        log::warn!("one worker is used instead of {asked}: {why}");
    }
    if let Some(path) = &plan.from_state {
        player.resume(&StateFile::read(path)?, path)?;
    }
    if plan.save_state.is_some() {
        player.goes_on();
    }
    player.only(plan.measurement.clone());
    if plan.real_clock {
        player.at_once();
    }
    Ok(player)
}

fn play(
    plan: &Plan,
    input: &Input,
    player: &mut Player,
    judge: &mut Judge,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut pace = plan.real_clock.then(Pace::default);
    let mut shown = 0;
    for name in input.names() {
        let mut source = saved(plan, input.open(&name, &plan.task)?)?;
        player.play(&mut *source, &mut |time| {
            if let Some(pace) = &mut pace {
                pace.wait_for(time);
            }
            let bytes = input.reading().map_or(0, |reading| reading.bytes.get());
            if bytes >= shown + PROGRESS {
                shown = bytes;
                bar.set_position(bytes);
            }
        })?;
        if judge.by_file() {
            judge.add(player, &name)?;
            player.restart()?;
        }
    }
    Ok(())
}

/// Records the data of a source, if requested.
fn saved(plan: &Plan, source: Box<dyn Source>) -> anyhow::Result<Box<dyn Source>> {
    Ok(match &plan.save {
        Some(path) => Box::new(Saved::new(source, RecordingWriter::create(path, &plan.reads)?)),
        None => source,
    })
}

/// Prints a summary on standard error.
pub(super) fn report(player: &Player, skipped: u64, took: Duration) -> anyhow::Result<()> {
    for (node, error, times) in player.diagnosed() {
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        logging::say(&format!("{node}: {error}{times}"));
    }
    for (error, points) in player.refused() {
        logging::say(&format!("{error} ({points} points)"));
    }
    let mut summary = player.summary();
    (summary.skipped, summary.took) = (skipped, took);
    logging::note(&summary.to_string());
    match summary.database {
        Some((_, failed)) if failed > 0 => {
            anyhow::bail!("{failed} points were not written to InfluxDB")
        }
        _ => Ok(()),
    }
}

/// Reports the names that were given and that the data does not have.
///
/// A condition over a field that no point had is an error, because it can never be true; the other names are errors
/// only with `--strict`.
fn tell_unseen(player: &Player, strict: bool) -> anyhow::Result<()> {
    let mut count = 0;
    let mut error = None;
    for unseen in player.unseen() {
        let text = describe(&unseen);
        count += 1;
        if unseen.kind == NameKind::ConditionField && error.is_none() {
            error = Some(text);
        } else {
            let warning = Stream::Err.paint(Ink::Yellow, "warning:");
            manner::note(&format!("{warning} {text}"));
        }
    }
    match error {
        Some(text) => anyhow::bail!("{text}"),
        None if strict && count > 0 => anyhow::bail!(
            "the data does not have {count} of the names used (see the warnings above), and --strict is given"
        ),
        None => Ok(()),
    }
}

/// A bar for so many steps of equal length, with the time that is left, on a terminal; nothing elsewhere.
pub(super) fn progress(steps: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || manner::is_quiet() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps);
    let style =
        ProgressStyle::with_template("{bar:40} {pos} of {len} rounds {elapsed} (eta {eta})");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.tick();
    bar
}

/// A bar on a terminal, nothing elsewhere.
fn bar(input: &Input) -> ProgressBar {
    if !std::io::stderr().is_terminal() || manner::is_quiet() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match input.size() {
        Some(size) => (ProgressBar::new(size), "{bar:40} {percent}% {elapsed} (eta {eta})"),
        None => (ProgressBar::no_length(), "{bytes} read {elapsed}"),
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Delays the replay to the speed of the data.
#[derive(Default)]
struct Pace {
    start: Option<(Instant, i64)>,
}

impl Pace {
    fn wait_for(&mut self, time: i64) {
        let (started, first) = *self.start.get_or_insert((Instant::now(), time));
        let due = Duration::from_nanos(u64::try_from(time.saturating_sub(first)).unwrap_or(0));
        if let Some(rest) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(rest);
        }
    }
}
