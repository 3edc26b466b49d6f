//! One replay with everything that the page shows about it.

use super::feed;
use super::held::Held;
use super::knobs::{self, Knob, Settings};
use super::loaded;
use super::problems::{self, Finding};
use crate::cases::capture;
use crate::protocol::Point;
use crate::protocol::point::Order;
use crate::replay::effects::Audience;
use crate::replay::player::Writers;
use crate::replay::quality::{Interval, Quality};
use crate::replay::state::StateFile;
use crate::replay::task::Task;
use crate::replay::trace::{Trace, TracedField};
use crate::replay::{Player, ReplayError, unseen};
use crate::script::{GroupView, SnapshotView};
use crate::tick::TickError;
use crate::tick::alert::AlertEvent;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events of alerts that are kept; others are counted.
const ALERTS: usize = 20_000;

/// Lines of the log that are kept.
const LINES: usize = 1_000;

/// Groups whose states are shown.
const STATES: usize = 200;

/// Data of which a script starts without a state.
#[derive(Clone, Debug)]
pub struct Series {
    /// The data.
    pub held: Arc<Held>,
    /// Its true anomalies.
    pub anomalies: Vec<Interval>,
}

/// The input of a replay.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The number of the replay.
    pub(super) number: u64,
    pub(super) base: Task,
    pub(super) settings: Settings,
    pub(super) series: Arc<Vec<Series>>,
    pub(super) folder: PathBuf,
    /// Whether there are labels.
    pub(super) labelled: bool,
    /// Only points and batches of this measurement, where the task does not choose them itself.
    pub(super) measurement: Option<String>,
    /// The state that the first series begins with.
    pub(super) from_state: Option<PathBuf>,
}

/// An event of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alert {
    /// The time, in nanoseconds.
    pub(super) time: i64,
    /// The level.
    pub(super) level: &'static str,
    /// The level before.
    pub(super) previous: &'static str,
    /// The alert's id.
    pub(super) id: String,
    /// The group.
    pub(super) group: String,
    /// The text of a TICKscript's alert; of a plain script's the fields that decided.
    pub(super) text: String,
}

/// The result of a replay.
#[derive(Debug, Default)]
pub(super) struct Study {
    /// The number of the replay.
    pub(super) number: u64,
    /// The version of the script and of what it imports or calls.
    pub(super) version: String,
    /// The changed settings.
    pub(super) settings: Settings,
    /// All settings.
    pub(super) knobs: Vec<Knob>,
    /// What is wrong, or may be.
    pub(super) findings: Vec<Finding>,
    /// Whether it ended with an error.
    pub(super) failed: bool,
    /// The fields of the data, and the levels of alerts.
    pub(super) trace: Trace,
    /// Events of alerts.
    pub(super) alerts: Vec<Alert>,
    /// How many there were.
    pub(super) alert_count: u64,
    /// Lines of the log.
    pub(super) log: Vec<String>,
    /// The states of the functions, by the names of their nodes.
    pub(super) states: Vec<(String, Vec<GroupView>)>,
    /// Groups whose states are left out.
    pub(super) states_left_out: usize,
    /// How good the alerts are.
    pub(super) quality: Option<Quality>,
    /// A summary in one line.
    pub(super) summary: String,
    /// How long it took.
    pub(super) took: Duration,
}

/// Plays the data; `None` if it was overtaken.
pub(super) fn run(job: &Job, overtaken: &Arc<AtomicBool>) -> Option<Study> {
    let started = Instant::now();
    let task = knobs::apply(&job.base, &job.settings);
    let loaded = loaded::load(&task, &job.base, &job.folder);
    let is_broken = loaded.is_broken();
    let mut study = Study {
        number: job.number,
        settings: job.settings.clone(),
        knobs: knobs::find(&task, &job.settings, &loaded.declarations),
        version: loaded.version,
        findings: loaded.findings,
        ..Study::default()
    };
    capture::begin_at_most(LINES);
    let played = match is_broken {
        true => Ok(()),
        false => play(job, &task, overtaken, &mut study),
    };
    study.log.extend(capture::end());
    if overtaken.load(Ordering::Relaxed) {
        return None;
    }
    if let Err(error) = played {
        study.findings.extend(problems::of_replay(&error, &job.folder));
    }
    study.failed = study.findings.iter().any(|finding| finding.error);
    study.took = started.elapsed();
    Some(study)
}

impl Study {
    /// Tells whether another replay was of the same version and settings.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.version == other.version && self.settings == other.settings
    }
}

fn play(
    job: &Job,
    task: &Task,
    overtaken: &Arc<AtomicBool>,
    study: &mut Study,
) -> Result<(), ReplayError> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let result = play_series(job, task, overtaken, &seen, study);
    let mut seen = seen.borrow_mut();
    study.alerts = std::mem::take(&mut seen.alerts);
    study.alert_count = seen.alert_count;
    study.log = std::mem::take(&mut seen.lines);
    result
}

fn play_series(
    job: &Job,
    task: &Task,
    overtaken: &Arc<AtomicBool>,
    seen: &Rc<RefCell<Seen>>,
    study: &mut Study,
) -> Result<(), ReplayError> {
    let started = Instant::now();
    let mut player = player(job, task, Some(seen))?;
    let mut total: Option<Quality> = None;
    for (number, series) in job.series.iter().enumerate() {
        if number > 0 {
            player.restart()?;
            attend(&mut player, task, seen);
        }
        let mut source = feed::source(task, &series.held, overtaken, i64::MAX)?;
        let played = player.play(&mut *source, &mut |_| {});
        if overtaken.load(Ordering::Relaxed) {
            return Ok(());
        }
        let judged = played.and_then(|()| player.finish(&series.anomalies));
        if judged.is_err() {
            // What came before the error is shown.
            let runs = player.engine_mut().into_iter().flat_map(|engine| &mut engine.runs);
            study.trace =
                runs.filter_map(|run| run.effects.take_trace()).next().unwrap_or_default();
        }
        let judged = judged?;
        if let Some((_, quality)) = judged.into_iter().next().filter(|_| job.labelled) {
            total.get_or_insert_default().add(&quality);
        }
    }
    study.quality = total;
    study.trace = player.take_trace().map(joined).unwrap_or_default();
    let mut summary = player.summary();
    summary.took = started.elapsed();
    study.summary = summary.to_string();
    for (node, error, times) in player.diagnosed() {
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        study.findings.push(Finding::plain(format!("{node}: {error}{times}"), false));
    }
    let unseen = player.unseen().map(|name| Finding::plain(unseen::describe(&name), false));
    study.findings.extend(unseen);
    (study.states, study.states_left_out) = states(&mut player)?;
    Ok(())
}

/// Joins the fields of several series that were played one after the other.
fn joined(mut trace: Trace) -> Trace {
    for group in &mut trace.groups {
        for fields in [&mut group.inputs, &mut group.outputs] {
            let mut all: Vec<TracedField> = Vec::new();
            for mut field in std::mem::take(fields) {
                let same = |known: &&mut TracedField| {
                    (&known.udf, &known.field) == (&field.udf, &field.field)
                };
                match all.iter_mut().find(same) {
                    Some(known) => {
                        known.count += field.count;
                        known.samples.append(&mut field.samples);
                        known.samples.sort_by_key(|(time, _)| *time);
                    }
                    None => all.push(field),
                }
            }
            *fields = all;
        }
    }
    trace
}

/// Starts a player of this thread.
fn player(job: &Job, task: &Task, seen: Option<&Rc<RefCell<Seen>>>) -> Result<Player, ReplayError> {
    let writers = Writers { shown: Box::new(std::io::sink()), points: None };
    let mut player = Player::start_on(task.clone(), writers, 1)?;
    player.only(job.measurement.clone());
    if let Some(path) = &job.from_state {
        player.resume(&StateFile::read(path)?, path)?;
    }
    match seen {
        Some(seen) => attend(&mut player, task, seen),
        None => attend(&mut player, task, &Rc::default()),
    }
    Ok(player)
}

/// Observes the effects of all graphs of a player.
fn attend(player: &mut Player, task: &Task, seen: &Rc<RefCell<Seen>>) {
    let says_messages = matches!(task, Task::Tick(_));
    let Some(engine) = player.engine_mut() else { return };
    for run in &mut engine.runs {
        run.effects.audience = Some(Box::new(Attendant { seen: seen.clone(), says_messages }));
    }
}

/// The states of the functions by the names of their nodes, and how many were left out.
type States = (Vec<(String, Vec<GroupView>)>, usize);

fn states(player: &mut Player) -> Result<States, ReplayError> {
    let mut states = Vec::new();
    let mut left_out = 0;
    if let Some(engine) = player.engine_mut() {
        for (node, snapshot) in engine.snapshots()? {
            let mut groups = SnapshotView::read(&snapshot)?.groups;
            // Those that were seen last stand last.
            let shown = groups.len().saturating_sub(STATES);
            left_out += shown;
            states.push((node, groups.split_off(shown)));
        }
    }
    Ok((states, left_out))
}

/// Plays the data up to a time and returns the states then; `None` if it was overtaken.
pub(super) fn states_before(
    job: &Job,
    time: i64,
    overtaken: &Arc<AtomicBool>,
) -> Option<Result<States, ReplayError>> {
    let task = knobs::apply(&job.base, &job.settings);
    let play = || {
        let mut player = player(job, &task, None)?;
        // Series are recorded one after the other: the one that holds the time is wanted.
        for (number, series) in job.series.iter().enumerate() {
            if number > 0 {
                player.restart()?;
            }
            let until = time.saturating_sub(1);
            let mut source = feed::source(&task, &series.held, overtaken, until)?;
            player.play(&mut *source, &mut |_| {})?;
            if number + 1 == job.series.len() || series.held.reaches(time) {
                break;
            }
            player.finish(&[])?;
        }
        states(&mut player)
    };
    capture::begin_at_most(0);
    let states = play();
    capture::end();
    (!overtaken.load(Ordering::Relaxed)).then_some(states)
}

/// The observed effects of a replay.
#[derive(Debug, Default)]
struct Seen {
    alerts: Vec<Alert>,
    alert_count: u64,
    lines: Vec<String>,
}

/// Observes the effects of a graph.
struct Attendant {
    seen: Rc<RefCell<Seen>>,
    /// The alerts have a message, as those of a TICKscript.
    says_messages: bool,
}

/// The fields of a point in a line.
fn fields(point: &Point) -> String {
    let mut order = Order::default();
    let fields = point.sorted_fields(&mut order);
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

impl Audience for Attendant {
    fn alert(&mut self, _label: &str, event: &AlertEvent<'_>) -> Result<(), TickError> {
        let seen = &mut *self.seen.borrow_mut();
        seen.alert_count += 1;
        if seen.alerts.len() < ALERTS {
            seen.alerts.push(Alert {
                time: event.time,
                level: event.level.name(),
                previous: event.previous_level.name(),
                id: event.id.to_owned(),
                group: event.data.group().into_owned(),
                text: match self.says_messages {
                    true => event.message()?.to_owned(),
                    false => fields(event.point),
                },
            });
        }
        Ok(())
    }

    fn log(&mut self, level: &str, prefix: &str, text: &str) {
        let lines = &mut self.seen.borrow_mut().lines;
        if lines.len() < LINES {
            let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix} ") };
            lines.push(format!("{level} {prefix}{text}"));
        }
    }
}
