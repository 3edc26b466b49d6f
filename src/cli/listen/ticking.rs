//! A batch task in its thread.

use crate::cli::plan::LivePlan;
use crate::cli::play;
use rhai_udf::protocol::Batch;
use rhai_udf::protocol::time::rfc3339;
use rhai_udf::replay::influxdb::{Client, Queries};
use rhai_udf::replay::listen::{BatchCheckpoint, Measures, TaskMeasures};
use rhai_udf::replay::source::{Item, Scratch, Source};
use rhai_udf::replay::state::{TaskState, Whose};
use rhai_udf::replay::task::Task;
use rhai_udf::replay::{Player, ReplayError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// The longest sleep, because the clock may be changed.
const SLEEP: Duration = Duration::from_secs(1);

/// The number of points of the latest answers that are kept, to try a new version.
const TRIAL: usize = 4096;

/// A message to a running task.
pub(super) enum Order {
    /// A new version, which takes over if it can.
    Succeed(Box<LivePlan>),
    /// A new version that was already refused.
    CountRefusal,
}

/// A task in its thread.
pub(super) struct Ticking {
    name: String,
    plan: LivePlan,
    client: Client,
    measures: Arc<Measures>,
    /// Where its state is kept.
    state: Option<PathBuf>,
    /// Nothing waits for the task any more.
    left: Arc<AtomicBool>,
    /// Ticks that were asked, that failed and that were missed.
    counts: (u64, u64, u64),
    /// New versions that took over, and those that did not.
    reloads: (u64, u64),
    /// The answers to the latest tick.
    latest: Vec<(usize, Batch)>,
}

pub(super) fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

pub(super) fn queries(
    client: &Client,
    plan: &LivePlan,
    from: i64,
) -> Result<Queries<Client>, ReplayError> {
    let Task::Tick(task) = &plan.task else {
        return Err(ReplayError::Unfit("only a TICKscript has |query()".into()));
    };
    let definitions = task.definitions()?;
    let all = definitions.queries();
    Queries::until(client.clone(), all.iter(), from, |_| i64::MIN)
}

impl Ticking {
    pub(super) fn new(
        name: &str,
        plan: LivePlan,
        client: Client,
        measures: Arc<Measures>,
        state: Option<PathBuf>,
        left: Arc<AtomicBool>,
    ) -> Self {
        let (counts, reloads, latest) = ((0, 0, 0), (0, 0), Vec::new());
        let name = name.to_owned();
        Self { name, plan, client, measures, state, left, counts, reloads, latest }
    }

    /// Runs queries and plays their answers until it is asked to end; `kept` is the state of an earlier process.
    pub(super) fn run(
        mut self,
        kept: Option<BatchCheckpoint>,
        orders: &Receiver<Order>,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut player = self.plan.start()?;
        let mut queries = queries(&self.client, &self.plan, now())?;
        if let (Some(BatchCheckpoint { ticks, state }), Some(path)) = (kept, &self.state) {
            // The ticks since then are missed; their queries are not run late.
            queries.go_on(&ticks, now());
            player.take_up(&state, path, Whose::Its { trial: false })?;
        }
        if self.state.is_some() {
            player.goes_on();
        }
        self.measure(&player);
        while let Some(due) = queries.due() {
            match wait_until(due, orders) {
                Wake::Due => self.tick(&mut queries, &mut player)?,
                Wake::End => break,
                Wake::Ordered(Order::CountRefusal) => {
                    self.reloads.1 += 1;
                    self.measure(&player);
                }
                Wake::Ordered(Order::Succeed(plan)) => {
                    match self.succeed(&plan, &mut player, &queries) {
                        Ok((next, its_queries)) => {
                            (player, queries, self.plan) = (next, its_queries, *plan);
                            self.tell_success(&player);
                        }
                        Err(error) => self.tell_failure(&error, &player),
                    }
                }
            }
            if self.left.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
        player.finish(&[])?;
        if let Some(state) = player.left().cloned() {
            self.checkpoint(state, &queries)?;
        }
        self.measures.forget(&self.name);
        play::report(&player, 0, started.elapsed())
    }

    /// Makes a new version that continues from this one, if it accepts the state and the latest answers.
    fn succeed(
        &self,
        plan: &LivePlan,
        player: &mut Player,
        before: &Queries<Client>,
    ) -> anyhow::Result<(Player, Queries<Client>)> {
        let state = player.state()?;
        let place = Path::new(&self.name);
        let mut trial = plan.unseen()?;
        trial.take_up(&state, place, Whose::Its { trial: true })?;
        let mut its_queries = queries(&self.client, plan, now())?;
        its_queries.go_on(&before.ticks(), now());
        // The answers to the queries of another script cannot be used for a trial.
        let same = |(a, b): (&(String, i64), &(String, i64))| a.0 == b.0;
        let (old, new) = (before.ticks(), its_queries.ticks());
        if old.len() == new.len() && old.iter().zip(&new).all(same) {
            trial.play(
                &mut Answers { batches: &self.latest, at: 0, count: new.len() },
                &mut |_| {},
            )?;
        }
        drop(trial);
        let mut next = plan.start()?;
        next.take_up(&state, place, Whose::Its { trial: false })?;
        if self.state.is_some() {
            next.goes_on();
        }
        Ok((next, its_queries))
    }

    fn tell_success(&mut self, player: &Player) {
        self.reloads.0 += 1;
        self.measures.is_well(&self.name);
        self.measure(player);
        log::info!("task {}: the saved version is running", self.name);
    }

    fn tell_failure(&mut self, error: &anyhow::Error, player: &Player) {
        self.reloads.1 += 1;
        self.measures.ails(&self.name, true);
        self.measure(player);
        log::error!("task {}: the previous version keeps running: {error:#}", self.name);
    }

    /// Runs the queries that are due now, and reports those that are overdue.
    fn tick(&mut self, queries: &mut Queries<Client>, player: &mut Player) -> anyhow::Result<()> {
        let time = now();
        for missed in queries.skip_missed(time) {
            self.counts.2 += missed.count;
            log::warn!(
                "task {}: {} tick{} missed, from {} to {}: earlier answers took too long, or the listener was not running",
                self.name,
                missed.count,
                if missed.count == 1 { " was" } else { "s were" },
                rfc3339(missed.first),
                rfc3339(missed.last)
            );
        }
        self.counts.0 += queries.allow_until(time);
        self.latest.clear();
        let mut asked = Asked { queries, left: &self.left, latest: &mut self.latest, points: 0 };
        match player.play(&mut asked, &mut |_| {}).and_then(|()| player.flush()) {
            Ok(()) => {}
            Err(ReplayError::Influx(error)) => {
                self.counts.1 += 1;
                log::error!("task {}: {error}; the query of this tick has failed", self.name);
            }
            Err(error) => return Err(error.into()),
        }
        if self.left.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.measure(player);
        if self.state.is_some() {
            let kept = self.checkpoint(player.state()?, queries);
            if let Err(error) = kept {
                // A full disk does not end the task.
                self.measures.checkpoint_failed();
                log::error!(
                    "task {}: {error:#}; the next attempt follows the next tick",
                    self.name
                );
            }
        }
        Ok(())
    }

    fn measure(&self, player: &Player) {
        let (summary, errors) = player.so_far();
        let of = TaskMeasures {
            points: summary.points_in,
            alerts: summary.alerts,
            errors,
            reloads: self.reloads,
            ticks: Some(self.counts),
            time: player.time(),
        };
        self.measures.task(&self.name, of);
    }

    /// Saves the state of the task after the ticks of a time.
    fn checkpoint(&self, state: TaskState, queries: &Queries<Client>) -> anyhow::Result<()> {
        let Some(path) = &self.state else { return Ok(()) };
        Ok(BatchCheckpoint { ticks: queries.ticks(), state }.write(path)?)
    }
}

/// The answers to the queries that are due.
struct Asked<'a> {
    queries: &'a mut Queries<Client>,
    left: &'a AtomicBool,
    latest: &'a mut Vec<(usize, Batch)>,
    points: usize,
}

impl Source for Asked<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let item = self.queries.next(scratch)?;
        if self.left.load(Ordering::SeqCst) {
            return Ok(None);
        }
        self.points += scratch.batch.len();
        if item.is_some() && self.points <= TRIAL {
            self.latest.push((scratch.query, scratch.batch.clone()));
        }
        Ok(item)
    }

    fn queries(&self) -> Option<usize> {
        self.queries.queries()
    }
}

/// Answers in memory.
struct Answers<'a> {
    batches: &'a [(usize, Batch)],
    at: usize,
    /// How many queries there are.
    count: usize,
}

impl Source for Answers<'_> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let Some((query, batch)) = self.batches.get(self.at) else { return Ok(None) };
        (scratch.query, scratch.batch) = (*query, batch.clone());
        self.at += 1;
        Ok(Some(Item::Batch))
    }

    fn queries(&self) -> Option<usize> {
        Some(self.count)
    }
}

/// Why a task wakes up.
enum Wake {
    /// A query is due.
    Due,
    /// A message has come.
    Ordered(Order),
    /// It is time to end.
    End,
}

/// Sleeps until a time, or until there is something else to do.
fn wait_until(due: i64, orders: &Receiver<Order>) -> Wake {
    loop {
        let left = u64::try_from(due.saturating_sub(now())).unwrap_or(0);
        if left == 0 {
            return match orders.try_recv() {
                Ok(order) => Wake::Ordered(order),
                Err(TryRecvError::Empty) => Wake::Due,
                Err(TryRecvError::Disconnected) => Wake::End,
            };
        }
        match orders.recv_timeout(Duration::from_nanos(left).min(SLEEP)) {
            Ok(order) => return Wake::Ordered(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Wake::End,
        }
    }
}
