//! Live batch tasks: each runs its queries on schedule in a thread of its own ([`super::ticking`]), so that a slow
//! database delays no other task.

use super::ticking::{Order, Ticking, now, queries};
use crate::cli::plan::{LivePlan, access};
use anyhow::Context;
use rhai_udf::replay::influxdb::Access;
use rhai_udf::replay::listen::{BatchCheckpoint, Measures};
use rhai_udf::replay::state::Whose;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the end waits for answers of databases.
const FAREWELL: Duration = Duration::from_secs(5);

/// Running batch tasks.
pub(super) struct Batches {
    running: BTreeMap<String, Running>,
    pub(super) access: Option<Access>,
    pub(super) home: (Option<String>, Option<String>),
    pub(super) measures: Arc<Measures>,
    /// Where states are kept.
    pub(super) folder: Option<PathBuf>,
    pub(super) is_many: bool,
}

/// A task in its thread.
struct Running {
    /// When it is dropped, the thread ends.
    orders: Sender<Order>,
    /// Once it is set, answers that still arrive are not played.
    left: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// The result of starting a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It is running.
    Done,
    /// The previous version will hand over to it between two ticks, and log the result.
    Handed,
}

impl Batches {
    pub(super) fn new(measures: Arc<Measures>, is_many: bool) -> Self {
        Self {
            running: BTreeMap::new(),
            access: None,
            home: (None, None),
            measures,
            folder: None,
            is_many,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.running.get(name).is_some_and(|running| !running.thread.is_finished())
    }

    /// Starts a task, or hands a new version of it to the running one.
    pub(super) fn start(&mut self, name: &str, plan: LivePlan) -> anyhow::Result<Start> {
        let Some(access) = &self.access else {
            anyhow::bail!("it asks a database for batches: give --influxdb URL");
        };
        let client = access::client(access)?;
        let client = client.at_home_in(self.home.0.as_deref(), self.home.1.as_deref());
        // Errors are reported here; the task is made again in its thread.
        let mut trial = plan.unseen()?;
        drop(queries(&client, &plan, now())?);
        if self.has(name)
            && let Some(running) = self.running.get(name)
            && running.orders.send(Order::Succeed(Box::new(plan.clone()))).is_ok()
        {
            return Ok(Start::Handed);
        }
        let state = self.state_of(name);
        let mut kept = None;
        if let Some(path) = &state {
            kept = BatchCheckpoint::read(path)?;
            if let Some(kept) = &kept {
                trial.take_up(&kept.state, path, Whose::Its { trial: true })?;
            }
        }
        drop(trial);
        self.remove(name);
        let (orders, received) = channel();
        let left = Arc::new(AtomicBool::new(false));
        let task = Ticking::new(name, plan, client, self.measures.clone(), state, left.clone());
        let thread = std::thread::Builder::new()
            .name("batches".into())
            .stack_size(rhai_udf::agent::socket::STACK)
            .spawn(move || task.run(kept, &received))
            .context("the thread of a batch task cannot be started")?;
        self.running.insert(name.to_owned(), Running { orders, left, thread });
        Ok(Start::Done)
    }

    /// Counts a version of a task that is refused before it is handed over.
    pub(super) fn refused(&self, name: &str) {
        if let Some(running) = self.running.get(name) {
            // A thread that has just ended no longer counts anything.
            let _ = running.orders.send(Order::CountRefusal);
        }
    }

    /// Ends a task, without waiting for an answer of its database.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(running) = self.running.remove(name) {
            end(name, running, Instant::now());
            self.measures.forget(name);
        }
    }

    /// Ends a task whose file was removed, and deletes its state.
    pub(super) fn forget(&mut self, name: &str) {
        self.remove(name);
        if let Some(path) = self.state_of(name)
            && let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            log::error!("{}: cannot be deleted: {error}", path.display());
        }
    }

    /// Reports states in the folder whose tasks are not running.
    pub(super) fn tell_waiting(&self) {
        let entries = self.folder.iter().filter_map(|folder| folder.read_dir().ok()).flatten();
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            let task = name.strip_prefix("batch-").and_then(|name| name.strip_suffix(".state"));
            if let Some(task) = task.filter(|task| !self.running.contains_key(*task)) {
                super::crew::tell_waiting(task);
            }
        }
    }

    fn state_of(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("batch-{name}.state")))
    }

    /// Reports a task that has ended by itself; if it is the only one, that is an error.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        let ended = self.running.iter().find(|(_, running)| running.thread.is_finished());
        let Some(name) = ended.map(|(name, _)| name.clone()) else { return Ok(()) };
        let Some(running) = self.running.remove(&name) else { return Ok(()) };
        self.measures.forget(&name);
        self.measures.ails(&name, false);
        if self.is_many {
            end(&name, running, Instant::now());
            return Ok(());
        }
        match running.thread.join() {
            Ok(ended) => ended,
            Err(_) => anyhow::bail!("the thread of the queries has failed"),
        }
    }

    /// Ends all tasks.
    pub(super) fn finish(&mut self) {
        let until = Instant::now() + FAREWELL;
        let mut all = Vec::new();
        // All are notified first, so that they end at the same time.
        for (name, Running { orders, left, thread }) in std::mem::take(&mut self.running) {
            drop(orders);
            all.push((name, left, thread));
        }
        for (name, left, thread) in all {
            let (orders, _) = channel();
            end(&name, Running { orders, left, thread }, until);
        }
    }
}

/// Ends a thread, and waits for it at most until the given time.
fn end(name: &str, Running { orders, left, thread }: Running, until: Instant) {
    drop(orders);
    while !thread.is_finished() {
        if Instant::now() >= until {
            left.store(true, Ordering::SeqCst);
            log::warn!(
                "task {name}: the task has ended while it waited for an answer, which is dropped"
            );
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::error!("task {name}: {error:#}"),
        Err(_) => log::error!("task {name}: its thread has failed"),
    }
}
