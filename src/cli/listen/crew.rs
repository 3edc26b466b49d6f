//! The tasks that process the points that arrive.

use crate::cli::plan::LivePlan;
use crate::cli::{logging, play};
use rhai_udf::protocol::Point;
use rhai_udf::replay::listen::{Checkpoint, Inbox, Measures, StateFolder, TaskMeasures};
use rhai_udf::replay::save::RecordingWriter;
use rhai_udf::replay::source::{Item, Scratch, Source};
use rhai_udf::replay::state::{TaskState, Whose};
use rhai_udf::replay::{Player, ReplayError};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// The number of points that are played before their output is written.
const ROUND: usize = 1024;

/// The number of points with which a new version of a task is tried.
const TRIAL: usize = 256;

/// A running task.
pub(super) struct Fed {
    pub(super) name: String,
    pub(super) player: Player,
    /// New versions that took over, and those that did not.
    pub(super) reloads: (u64, u64),
}

/// All tasks that process points, and the latest points.
pub(super) struct Crew {
    pub(super) tasks: Vec<Fed>,
    pub(super) measures: Arc<Measures>,
    /// The points of this round.
    round: Vec<Point>,
    /// The latest points before it.
    latest: VecDeque<Point>,
    /// How many latest points are kept.
    keeps: usize,
    folder: Option<StateFolder>,
    /// States of tasks that are not running: they may be refused now, and be corrected later.
    waiting: BTreeMap<String, TaskState>,
    pub(super) recorder: Option<RecordingWriter>,
    /// Whether a task that fails is ended while the others continue.
    pub(super) is_many: bool,
    /// Points were played since the last checkpoint.
    changed: bool,
}

impl Fed {
    /// Starts a task.
    pub(super) fn start(name: &str, plan: &LivePlan) -> anyhow::Result<Self> {
        Ok(Self { name: name.to_owned(), player: plan.start()?, reloads: (0, 0) })
    }

    /// Continues from a state.
    fn resume(&mut self, state: &TaskState, place: &Path) -> Result<(), ReplayError> {
        self.player.take_up(state, place, Whose::Its { trial: false })
    }

    pub(super) fn measure(&self, measures: &Measures) {
        let (summary, errors) = self.player.so_far();
        let of = TaskMeasures {
            points: summary.points_in,
            alerts: summary.alerts,
            errors,
            reloads: self.reloads,
            ticks: None,
            time: self.player.time(),
        };
        measures.task(&self.name, of);
    }
}

impl Crew {
    pub(super) fn new(
        measures: Arc<Measures>,
        mut folder: Option<StateFolder>,
        is_many: bool,
    ) -> Self {
        let kept = folder.as_mut().and_then(|folder| folder.checkpoint.as_mut());
        let waiting = kept.map(|kept| std::mem::take(&mut kept.tasks)).unwrap_or_default();
        Self {
            waiting: waiting.into_iter().collect(),
            tasks: Vec::new(),
            measures,
            round: Vec::new(),
            latest: VecDeque::new(),
            keeps: if is_many { TRIAL } else { 0 },
            folder,
            recorder: None,
            is_many,
            changed: false,
        }
    }

    /// Adds a task, which continues from the checkpoint.
    pub(super) fn add(&mut self, mut task: Fed) -> anyhow::Result<()> {
        if let Some(folder) = &self.folder {
            if let Some(state) = self.waiting.get(&task.name) {
                task.resume(state, &folder.path().join("checkpoint"))?;
                self.waiting.remove(&task.name);
            }
            task.player.goes_on();
        }
        task.measure(&self.measures);
        self.tasks.push(task);
        Ok(())
    }

    /// Reports states in the folder whose tasks are not running.
    pub(super) fn tell_waiting(&self) {
        self.waiting.keys().for_each(|name| tell_waiting(name));
    }

    /// Plays what waits, a round at a time, until nothing does or `pause` says so.
    pub(super) fn play(&mut self, inbox: &mut Inbox) -> Result<(), ReplayError> {
        while self.round(inbox)? {}
        Ok(())
    }

    /// Plays some points; false if none waited.
    fn round(&mut self, inbox: &mut Inbox) -> Result<bool, ReplayError> {
        let told = self.folder.as_ref().map_or(0, |folder| folder.told_points);
        let kept = self
            .folder
            .as_ref()
            .and_then(|folder| folder.checkpoint.as_ref())
            .map_or(0, |c| c.points);
        let mut count = 0;
        let mut scratch = Scratch::default();
        let mut first = inbox.next_number();
        while count < ROUND && (count == 0 || inbox.next_number() != told) {
            let number = inbox.next_number();
            let Some(Item::Point) = inbox.next(&mut scratch)? else { break };
            if number < kept {
                // The checkpoint holds it.
                first = inbox.next_number();
                continue;
            }
            if let (Some(recorder), true) = (&mut self.recorder, number >= told) {
                recorder.point(&scratch.point)?;
            }
            match self.round.get_mut(count) {
                Some(place) => std::mem::swap(place, &mut scratch.point),
                None => self.round.push(std::mem::take(&mut scratch.point)),
            }
            count += 1;
        }
        if count == 0 {
            return Ok(false);
        }
        // Output that was printed before the process ended is not printed again.
        let silent = first < told;
        self.hand_out(count, silent)?;
        self.changed = true;
        if let (Some(folder), false) = (&mut self.folder, silent) {
            folder.tell(inbox.next_number())?;
        }
        Ok(true)
    }

    fn hand_out(&mut self, count: usize, silent: bool) -> Result<(), ReplayError> {
        let points = &self.round[..count];
        let mut failed = Vec::new();
        for (i, task) in self.tasks.iter_mut().enumerate() {
            let before = silent.then(|| task.player.show_on(Box::new(std::io::sink())));
            let mut source = Points { points, at: 0 };
            let played =
                task.player.play(&mut source, &mut |_| {}).and_then(|()| task.player.flush());
            if let Some(before) = before {
                task.player.show_on(before);
            }
            task.measure(&self.measures);
            match played {
                Ok(()) => {}
                Err(error @ ReplayError::Write(_)) => return Err(error),
                Err(error) if self.is_many => {
                    log::error!(
                        "task {}: {error}; the task has ended and starts again when its file is saved",
                        task.name
                    );
                    failed.push(i);
                }
                Err(error) => return Err(error),
            }
        }
        for i in failed.into_iter().rev() {
            let task = self.tasks.remove(i);
            self.measures.forget(&task.name);
            self.measures.ails(&task.name, false);
        }
        for point in &self.round[count.saturating_sub(self.keeps)..count] {
            if self.latest.len() == self.keeps {
                self.latest.pop_front();
            }
            self.latest.push_back(point.clone());
        }
        Ok(())
    }

    /// Puts a new version into the place of a task, if it takes over what the task remembers, and the latest points.
    pub(super) fn succeed(&mut self, name: &str, plan: &LivePlan) -> anyhow::Result<()> {
        let Some(at) = self.tasks.iter().position(|task| task.name == name) else {
            return self.add(Fed::start(name, plan)?);
        };
        let state = self.tasks[at].player.state()?;
        let place = Path::new(name);
        let mut trial = plan.unseen()?;
        trial.take_up(&state, place, Whose::Its { trial: true })?;
        let latest = self.latest.make_contiguous();
        trial.play(&mut Points { points: latest, at: 0 }, &mut |_| {})?;
        drop(trial);
        let mut next = Fed::start(name, plan)?;
        next.resume(&state, place)?;
        if self.folder.is_some() {
            next.player.goes_on();
        }
        next.reloads = self.tasks[at].reloads;
        next.reloads.0 += 1;
        next.measure(&self.measures);
        self.tasks[at] = next;
        Ok(())
    }

    /// Ends a task, whose file has gone.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(at) = self.tasks.iter().position(|task| task.name == name) {
            let mut task = self.tasks.remove(at);
            if let Err(error) = task.player.finish(&[]) {
                log::error!("task {name}: {error}");
            }
        }
        self.waiting.remove(name);
        self.measures.forget(name);
    }

    /// Saves the states of all tasks, if there is a folder for them and anything has changed.
    pub(super) fn checkpoint(&mut self, inbox: &Inbox, anyway: bool) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let points = inbox.next_number();
        // Points from before the checkpoint are played first.
        if !(self.changed || anyway) || points < folder.told_points {
            return Ok(());
        }
        let mut tasks = Vec::new();
        for task in &mut self.tasks {
            tasks.push((task.name.clone(), task.player.state()?));
        }
        tasks.extend(self.waiting.iter().map(|(name, state)| (name.clone(), state.clone())));
        folder.write(&Checkpoint { points, tasks })?;
        inbox.turn_journal(points)?;
        self.changed = false;
        Ok(())
    }

    /// Ends the data of all tasks, or saves their states, and prints a summary.
    pub(super) fn finish(mut self, inbox: &Inbox, took: std::time::Duration) -> anyhow::Result<()> {
        self.checkpoint(inbox, true)?;
        let mut result = Ok(());
        for mut task in std::mem::take(&mut self.tasks) {
            task.player.finish(&[])?;
            if self.is_many {
                logging::say(&format!("task {}:", task.name));
            }
            result = result.and(play::report(&task.player, 0, took));
        }
        result
    }

    /// Takes the points that wait, and those that arrive until the listener has ended.
    pub(super) fn drain(&mut self, inbox: &mut Inbox) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while inbox.wait() {
            while inbox.next(&mut scratch)?.is_some() {
                if let Some(recorder) = &mut self.recorder {
                    recorder.point(&scratch.point)?;
                }
            }
        }
        Ok(())
    }
}

/// Reports a state in the folder whose task is not running.
pub(super) fn tell_waiting(name: &str) {
    log::warn!(
        "--state-dir holds the state of a task '{name}' that is not running; the state is kept until a task of that name starts"
    );
}

/// Points in memory.
struct Points<'p> {
    points: &'p [Point],
    at: usize,
}

impl Source for Points<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let Some(point) = self.points.get(self.at) else { return Ok(None) };
        scratch.point.clone_from(point);
        self.at += 1;
        Ok(Some(Item::Point))
    }
}
