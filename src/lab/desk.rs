//! The state that the page and the replays share: the requested replay, the last result, and the result with which it
//! is compared.
//!
//! One thread replays. A request for another replay overtakes the running one, whose result is then dropped.

use super::knobs::Settings;
use super::study::{self, Job, Series, Study};
use crate::agent::Control;
use crate::agent::socket::STACK;
use crate::replay::task::Task;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Why a replay is requested; the last reason is the strongest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// There is more data, and nothing else is new.
    #[default]
    MoreData,
    /// A slider is being dragged: the version for comparison stays the same.
    Dragging,
    /// A script was saved, or settings were set for good.
    Settled,
}

/// A replay that is shown, with what it is compared with.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) study: Arc<Study>,
    /// The previous version.
    pub(super) before: Option<Arc<Study>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the requested replay; earlier ones are obsolete.
    wanted: u64,
    /// The number of the replay that was taken up last.
    taken: u64,
    /// Why a replay is wanted, since one was shown.
    why: Why,
    settings: Settings,
    data: Arc<Vec<Series>>,
    /// The data of what is shown.
    shown_data: Arc<Vec<Series>>,
    /// The running replay.
    working: Option<(Arc<AtomicBool>, Control)>,
    shown: Option<Shown>,
    /// The last complete replay that worked.
    settled: Option<Arc<Study>>,
    /// Counts everything that a page may want to know.
    changes: u64,
    ended: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    /// The parts that all replays share.
    job: Job,
    state: Mutex<State>,
    changed: Condvar,
    /// The files that are run, with the checksums that the last wish for a replay knew.
    files: Mutex<BTreeMap<PathBuf, Option<u32>>>,
}

impl Desk {
    pub(super) fn new(job: Job) -> Self {
        let data = job.series.clone();
        let state = State { wanted: 1, why: Why::Settled, data, ..State::default() };
        Self { job, state: Mutex::new(state), changed: Condvar::new(), files: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<u32>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns which files are run.
    pub(super) fn reads(&self, files: &[(PathBuf, String)]) {
        let sum = |text: &String| Some(crc32fast::hash(text.as_bytes()));
        *self.files() = files.iter().map(|(path, text)| (path.clone(), sum(text))).collect();
    }

    /// The page has written a file.
    pub(super) fn wrote(&self, path: &Path, text: &str) {
        if let Some(sum) = self.files().get_mut(path) {
            *sum = Some(crc32fast::hash(text.as_bytes()));
        }
    }

    /// Tells whether files on the disk have changed since the last check, and remembers their present state.
    pub(super) fn disk_is_new(&self) -> bool {
        let mut is_new = false;
        for (path, sum) in self.files().iter_mut() {
            let now = std::fs::read(path).ok().map(|bytes| crc32fast::hash(&bytes));
            is_new |= now != *sum;
            *sum = now;
        }
        is_new
    }

    /// Returns the task as it was given.
    pub(super) fn base(&self) -> &Task {
        &self.job.base
    }

    /// Requests a replay of the files on the disk, with these settings if they are given; it overtakes the running
    /// one. Returns the number of the replay.
    pub(super) fn want(&self, settings: Option<Settings>, why: Why) -> u64 {
        let mut state = self.lock();
        if let Some(settings) = settings {
            state.settings = settings;
        }
        self.overtake(&mut state, why)
    }

    /// Requests a replay of other data.
    pub(super) fn feed(&self, data: Vec<Series>) {
        let mut state = self.lock();
        state.data = Arc::new(data);
        // The running replay is finished first, because data may come faster than it can be replayed.
        state.wanted += 1;
        self.changed.notify_all();
    }

    fn overtake(&self, state: &mut State, why: Why) -> u64 {
        state.wanted += 1;
        state.why = state.why.max(why);
        if let Some((overtaken, control)) = &state.working {
            overtaken.store(true, Ordering::Relaxed);
            control.stop();
        }
        self.changed.notify_all();
        state.wanted
    }

    /// Returns the result that is shown.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.lock().shown.clone()
    }

    /// Tells whether a replay is running or waiting.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.lock();
        state.working.is_some() || state.wanted != state.taken
    }

    /// Returns the settings.
    pub(super) fn settings(&self) -> Settings {
        self.lock().settings.clone()
    }

    /// Tells pages that something else than a replay has changed, as a file.
    pub(super) fn tell(&self) {
        self.lock().changes += 1;
        self.changed.notify_all();
    }

    /// Waits until something has changed that the page has not seen; returns the count of changes.
    pub(super) fn wait(&self, seen: u64, time: Duration) -> u64 {
        let waits = |state: &mut State| state.changes <= seen && !state.ended;
        let waited = self.changed.wait_timeout_while(self.lock(), time, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.changes
    }

    /// Ends the replays, and wakes all threads that wait.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.overtake(&mut state, Why::Settled);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Makes a job of what is shown, to look into it.
    pub(super) fn job_of(&self, shown: &Shown) -> Job {
        Job {
            number: shown.study.number,
            settings: shown.study.settings.clone(),
            series: self.lock().shown_data.clone(),
            ..self.job.clone()
        }
    }

    /// Starts the thread that replays.
    pub(super) fn start(self: &Arc<Self>) -> std::io::Result<JoinHandle<()>> {
        let desk = self.clone();
        let thread = std::thread::Builder::new().name("replay".into()).stack_size(STACK);
        thread.spawn(move || {
            while let Some((job, overtaken, why)) = desk.take() {
                let study = study::run(&job, &overtaken);
                desk.publish(study, job.series, why);
            }
        })
    }

    /// Waits for a replay that is wanted; `None` when it is time to end.
    fn take(&self) -> Option<(Job, Arc<AtomicBool>, Why)> {
        let waits = |state: &mut State| state.wanted == state.taken && !state.ended;
        let waited = self.changed.wait_while(self.lock(), waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        state.taken = state.wanted;
        let overtaken = Arc::new(AtomicBool::new(false));
        let control = Control::default();
        state.working = Some((overtaken.clone(), control.clone()));
        let mut job = Job {
            number: state.wanted,
            settings: state.settings.clone(),
            series: state.data.clone(),
            ..self.job.clone()
        };
        match &mut job.base {
            Task::Script(task) => task.control = control,
            Task::Tick(task) => task.control = control,
        }
        Some((job, overtaken, state.why))
    }

    fn publish(&self, study: Option<Study>, data: Arc<Vec<Series>>, why: Why) {
        let mut state = self.lock();
        state.working = None;
        let Some(study) = study else { return };
        let study = Arc::new(study);
        let was_settled = match (&state.shown, &state.settled) {
            (Some(shown), Some(settled)) => Arc::ptr_eq(&shown.study, settled),
            _ => false,
        };
        // A replay of an unchanged version keeps the version with which it is compared.
        let again = state.settled.as_ref().is_some_and(|settled| settled.is_like(&study));
        let before = match &state.shown {
            Some(shown) if why == Why::MoreData || again => shown.before.clone(),
            _ => state.settled.clone(),
        };
        if !study.failed && (why == Why::Settled || why == Why::MoreData && was_settled) {
            state.settled = Some(study.clone());
        }
        state.why = Why::MoreData;
        state.shown = Some(Shown { study, before });
        state.shown_data = data;
        state.changes += 1;
        self.changed.notify_all();
    }
}
