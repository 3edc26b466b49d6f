//! Batch tasks live: each asks its queries on schedule, in a thread of its own, so that a slow database holds nobody up.

use crate::cli::plan::{LivePlan, access};
use crate::cli::play;
use anyhow::Context;
use rhai_udf::protocol::time::rfc3339;
use rhai_udf::replay::influxdb::{Access, Client, Queries};
use rhai_udf::replay::listen::{Checkpoint, Measures, TaskMeasures};
use rhai_udf::replay::state::{StateFile, TaskState};
use rhai_udf::replay::task::Task;
use rhai_udf::replay::{Player, ReplayError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest sleep: a clock may be set.
const SLEEP: Duration = Duration::from_secs(1);

/// Batch tasks at work.
pub(super) struct Batches {
    running: BTreeMap<String, Running>,
    pub(super) access: Option<Access>,
    pub(super) home: (Option<String>, Option<String>),
    pub(super) measures: Arc<Measures>,
    /// Where states are kept.
    pub(super) folder: Option<PathBuf>,
    pub(super) is_many: bool,
}

struct Running {
    /// Dropped, the thread ends.
    stop: Sender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
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
        self.running.contains_key(name)
    }

    /// Starts a task, or a new version of it in place of the old.
    pub(super) fn start(&mut self, name: &str, plan: LivePlan) -> anyhow::Result<()> {
        let Some(access) = &self.access else {
            anyhow::bail!("it asks a database for batches: give --influxdb URL");
        };
        let client = access::client(access)?;
        let client = client.at_home_in(self.home.0.as_deref(), self.home.1.as_deref());
        // What is wrong is told before the version before is ended: it is made here once, and again in its thread.
        drop(plan.start()?);
        drop(queries(&client, &plan, now())?);
        self.remove(name);
        let (stop, stopped) = channel();
        let task = Ticking {
            name: name.to_owned(),
            plan,
            client,
            measures: self.measures.clone(),
            state: self.folder.as_ref().map(|folder| folder.join(format!("batch-{name}.state"))),
            counts: (0, 0, 0),
        };
        let thread = std::thread::Builder::new()
            .name("batches".into())
            .stack_size(rhai_udf::agent::socket::STACK)
            .spawn(move || task.run(&stopped))
            .context("the thread of a batch task cannot be started")?;
        self.running.insert(name.to_owned(), Running { stop, thread });
        Ok(())
    }

    /// Ends a task.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(running) = self.running.remove(name) {
            end(name, running);
        }
    }

    /// Looks whether a task has ended by itself, which is told; if it is the only one, it is an error.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        let ended = self.running.iter().find(|(_, running)| running.thread.is_finished());
        let Some(name) = ended.map(|(name, _)| name.clone()) else { return Ok(()) };
        let Some(running) = self.running.remove(&name) else { return Ok(()) };
        if self.is_many {
            end(&name, running);
            return Ok(());
        }
        match running.thread.join() {
            Ok(ended) => ended,
            Err(_) => anyhow::bail!("the thread of the queries has failed"),
        }
    }

    /// Ends all tasks.
    pub(super) fn finish(&mut self) {
        for (name, running) in std::mem::take(&mut self.running) {
            end(&name, running);
        }
    }
}

fn end(name: &str, Running { stop, thread }: Running) {
    drop(stop);
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::error!("task {name}: {error:#}"),
        Err(_) => log::error!("task {name}: its thread has failed"),
    }
}

/// A task in its thread.
struct Ticking {
    name: String,
    plan: LivePlan,
    client: Client,
    measures: Arc<Measures>,
    state: Option<PathBuf>,
    /// Ticks that were asked, that failed and that were missed.
    counts: (u64, u64, u64),
}

fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

fn queries(client: &Client, plan: &LivePlan, from: i64) -> Result<Queries<Client>, ReplayError> {
    let Task::Tick(task) = &plan.task else {
        return Err(ReplayError::Unfit("only a TICKscript has |query()".into()));
    };
    let definitions = task.definitions()?;
    let all = definitions.queries();
    Queries::until(client.clone(), all.iter(), from, |_| i64::MIN)
}

impl Ticking {
    fn run(mut self, stopped: &Receiver<()>) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut player = self.plan.start()?;
        let mut from = now();
        if let Some(path) = &self.state
            && let Some(Checkpoint { points: clock, mut tasks }) = Checkpoint::read(path)?
            && let Some((_, state)) = tasks.pop()
        {
            // The ticks since then are missed, and not asked late.
            from = i64::try_from(clock).unwrap_or(from).min(from);
            player.resume(&StateFile::Task(state), path)?;
        }
        if self.state.is_some() {
            player.goes_on();
        }
        let mut queries = queries(&self.client, &self.plan, from)?;
        self.measure(&player);
        let mut last = from;
        while let Some(due) = queries.due() {
            if !sleep_until(due, stopped) {
                break;
            }
            last = now();
            self.tick(&mut queries, &mut player)?;
        }
        player.finish(&[])?;
        if let Some(state) = player.left() {
            self.checkpoint(state.clone(), last)?;
        }
        self.measures.forget(&self.name);
        play::report(&player, 0, started.elapsed())
    }

    /// Asks what is due now, and tells what is overdue.
    fn tick(&mut self, queries: &mut Queries<Client>, player: &mut Player) -> anyhow::Result<()> {
        for missed in queries.skip_missed(now()) {
            self.counts.2 += missed.count;
            log::warn!(
                "task {}: {} tick{} missed, from {} to {}: the answers before took too long, or the listener was away",
                self.name,
                missed.count,
                if missed.count == 1 { " was" } else { "s were" },
                rfc3339(missed.first),
                rfc3339(missed.last)
            );
        }
        let upto = queries.allow_until(now());
        self.counts.0 += upto;
        let asked = now();
        match player.play(queries, &mut |_| {}).and_then(|()| player.flush()) {
            Ok(()) => {}
            Err(ReplayError::Influx(error)) => {
                self.counts.1 += 1;
                log::error!("task {}: {error}; this tick has no answer", self.name);
            }
            Err(error) => return Err(error.into()),
        }
        self.measure(player);
        if self.state.is_some() {
            self.checkpoint(player.state()?, asked)?;
        }
        Ok(())
    }

    fn measure(&self, player: &Player) {
        let (summary, errors) = player.so_far();
        let of = TaskMeasures {
            points: summary.points_in,
            alerts: summary.alerts,
            errors,
            reloads: (0, 0),
            ticks: Some(self.counts),
            time: player.time(),
        };
        self.measures.task(&self.name, of);
    }

    /// Keeps what the task remembers after the ticks of a time.
    fn checkpoint(&self, state: TaskState, clock: i64) -> anyhow::Result<()> {
        let Some(path) = &self.state else { return Ok(()) };
        let points = u64::try_from(clock).unwrap_or(0);
        Ok(Checkpoint { points, tasks: vec![(self.name.clone(), state)] }.write(path)?)
    }
}

/// Sleeps until a time of the clock; false if it is time to end.
fn sleep_until(due: i64, stopped: &Receiver<()>) -> bool {
    loop {
        let left = due.saturating_sub(now());
        let Ok(left @ 1..) = u64::try_from(left) else {
            return !matches!(stopped.try_recv(), Ok(()) | Err(TryRecvError::Disconnected));
        };
        let left = Duration::from_nanos(left).min(SLEEP);
        match stopped.recv_timeout(left) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
