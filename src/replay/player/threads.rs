//! Engines on threads of their own, which all take the same chunks, or each the items of its groups. Lines
//! come back in the order of the data.

use super::Writers;
use super::chunk::{Chunk, Handed, Shared, Taken};
use super::rest::Rest;
use super::worker::{Answer, Request, Worker};
use crate::protocol::owners::Owners;
use crate::replay::ReplayError;
use crate::replay::engine::Engine;
use crate::replay::lines::write_all;
use crate::replay::source::{Block, Item, Known, Labels, Scratch};
use crate::replay::state::RunState;
use crate::replay::task::{Lanes, Task};
use crate::tick::Resumed;
use crate::tick::flow::Wanted;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// Chunks that threads may be busy with while the next is read.
const AHEAD: usize = 8;

/// Engines on threads.
pub(super) struct Threads {
    workers: Vec<Worker>,
    /// If each engine takes the data of its groups: how groups are assigned. Otherwise all engines take all data.
    groups: Option<Groups>,
    /// The chunk at hand, or that of each thread.
    chunks: Vec<Chunk>,
    /// The chunks that threads are working on.
    busy: VecDeque<Handed>,
    last: u64,
    /// Chunks whose memory is used again.
    spare: Vec<Chunk>,
    spare_blocks: Vec<Block>,
    spare_picks: Vec<Vec<u32>>,
    taken: Taken,
    /// Whether a chunk has failed: with one engine, no output would follow it.
    failed: bool,
    /// The part of the first state that concerns all groups.
    base: Vec<RunState>,
}

/// Which thread has which group.
struct Groups {
    lanes: Lanes,
    owners: Owners,
    labels: Labels,
    known: Known,
}

impl Threads {
    /// Starts so many threads, each with an engine for its share of the task's parts.
    pub(super) fn start(task: &Task, threads: usize) -> Result<Self, ReplayError> {
        let parts = task.parts();
        let share = |i: usize| parts * i / threads..parts * (i + 1) / threads;
        let workers = (0..threads).map(|i| Worker::start(task.clone(), share(i)));
        Self::of(workers.collect::<Result<_, _>>()?, None)
    }

    /// Starts so many threads, each with an engine that takes the data of its groups.
    pub(super) fn spread(task: &Task, threads: usize, lanes: Lanes) -> Result<Self, ReplayError> {
        let workers = (0..threads).map(|_| Worker::start(task.clone(), 0..task.parts()));
        let groups = Groups {
            lanes,
            owners: Owners::new(threads),
            labels: Labels::default(),
            known: Known::default(),
        };
        Self::of(workers.collect::<Result<_, _>>()?, Some(groups))
    }

    fn of(workers: Vec<Worker>, groups: Option<Groups>) -> Result<Self, ReplayError> {
        let chunks = if groups.is_some() { workers.len() } else { 1 };
        let mut threads = Self {
            workers,
            groups,
            chunks: (0..chunks).map(|_| Chunk::default()).collect(),
            busy: VecDeque::new(),
            last: 0,
            spare: Vec::new(),
            spare_blocks: Vec::new(),
            spare_picks: Vec::new(),
            taken: Taken::default(),
            failed: false,
            base: Vec::new(),
        };
        threads.started()?;
        Ok(threads)
    }

    /// The number of threads.
    pub(super) fn count(&self) -> usize {
        self.workers.len()
    }

    /// True if each takes the data of its groups only.
    pub(super) fn is_spread(&self) -> bool {
        self.groups.is_some()
    }

    /// True if states can be spread as the data is.
    pub(super) fn keeps_states(&self) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.lanes.go_by_id())
    }

    /// True if items can be handed over before they are points.
    pub(super) fn takes_blocks(&self) -> bool {
        self.groups.as_ref().is_some_and(|groups| !matches!(groups.lanes, Lanes::Batches))
    }

    /// Waits for an answer of each thread that says whether its engine could be made.
    fn started(&mut self) -> Result<(), ReplayError> {
        let answers: Vec<_> = self.workers.iter().map(Worker::answer).collect();
        answers.into_iter().try_for_each(|answer| answer?.error.map_or(Ok(()), Err))
    }

    /// Appends an item to the chunk at hand; a batch is taken out of its place.
    pub(super) fn put(&mut self, item: u64, kind: Item, scratch: &mut Scratch) {
        self.last = item;
        let place = self
            .groups
            .as_mut()
            .map_or(0, |Groups { lanes, owners, .. }| owners.of(lanes.key_group(kind, scratch)));
        self.chunks[place].push(item, kind, scratch);
    }

    /// Hands the chunk at hand to all threads, and writes the lines of chunks that are done.
    pub(super) fn send(&mut self, writers: &mut Writers) -> Result<(), ReplayError> {
        if self.chunks.iter().any(|chunk| !chunk.items.is_empty()) {
            let mut handed = Vec::new();
            for chunk in &mut self.chunks {
                let next = self.spare.pop().unwrap_or_default();
                handed.push(Arc::new(std::mem::replace(chunk, next)));
            }
            for (worker, chunk) in self.workers.iter_mut().zip(handed.iter().cycle()) {
                worker.ask(Request::Chunk(chunk.clone()))?;
            }
            self.busy.push_back(Handed::Chunks(handed));
        }
        self.catch_up(AHEAD, writers)
    }

    /// Hands a block to all threads, of which each takes the items of its groups; `first` is the number of
    /// its first item. `wanted` is shown the names of measurements.
    pub(super) fn send_block(
        &mut self,
        first: u64,
        block: Block,
        (measurement, wanted): (Option<Arc<str>>, &mut Wanted),
        writers: &mut Writers,
    ) -> Result<(), ReplayError> {
        self.last = first + (block.len() as u64).saturating_sub(1);
        let take = |_| self.spare_picks.pop().unwrap_or_default();
        let mut picks: Vec<Vec<u32>> = (0..self.workers.len()).map(take).collect();
        if let Some(Groups { lanes, owners, labels, known }) = &mut self.groups {
            let mut place = |point: &crate::protocol::Point| {
                wanted.look(|| std::iter::once(Cow::Owned(point.name().into_owned())));
                owners.of(lanes.key_group_of(point))
            };
            let mut take = |item: usize, place: usize| picks[place].push(item as u32);
            block.label(labels, known, &mut place, &mut take);
        }
        let shared = Arc::new(Shared { block, first, picks, measurement });
        for (place, worker) in self.workers.iter_mut().enumerate() {
            worker.ask(Request::Block(shared.clone(), place))?;
        }
        self.busy.push_back(Handed::Block(shared));
        self.catch_up(AHEAD, writers)
    }

    /// Returns a block that is no longer used.
    pub(super) fn spare_block(&mut self) -> Option<Block> {
        self.spare_blocks.pop()
    }

    /// Returns what became of the items of blocks since it was last asked; what was skipped in the order of the data.
    pub(super) fn taken(&mut self) -> Taken {
        let mut taken = std::mem::take(&mut self.taken);
        taken.skipped.sort_by_key(|(item, _)| *item);
        taken
    }

    /// Waits until all chunks are done.
    pub(super) fn wait(&mut self, writers: &mut Writers) -> Result<(), ReplayError> {
        self.catch_up(0, writers)
    }

    /// Ends the data; returns what each engine leaves, in the order of the parts.
    pub(super) fn finish(
        &mut self,
        goes_on: bool,
        writers: &mut Writers,
    ) -> Result<Vec<Rest>, ReplayError> {
        let last = self.last;
        let answers = self.ask(|| Request::Finish(last, goes_on), writers)?;
        Ok(answers.into_iter().filter_map(|answer| answer.rest).collect())
    }

    /// Makes new engines.
    pub(super) fn restart(&mut self) -> Result<(), ReplayError> {
        self.failed = false;
        self.workers.iter_mut().try_for_each(|worker| worker.ask(Request::Restart))?;
        self.started()
    }

    /// Returns the state of all groups; `lead` puts the states of the threads together.
    pub(super) fn states(
        &mut self,
        lead: &mut Engine,
        writers: &mut Writers,
    ) -> Result<Vec<RunState>, ReplayError> {
        let answers = self.ask(|| Request::State, writers)?;
        let parts: Vec<_> = answers.into_iter().map(|answer| answer.states).collect();
        lead.join(&self.base, &parts)
    }

    /// Gives each thread the states of its groups; `lead` takes the state apart.
    pub(super) fn resume(
        &mut self,
        states: &[RunState],
        lead: &mut Engine,
        writers: &mut Writers,
    ) -> Result<Resumed, ReplayError> {
        let count = self.workers.len();
        let parts = lead.split(states, count, &mut self.owner())?;
        self.base = parts.first().map(|part| common(part)).unwrap_or_default();
        let mut parts = parts.into_iter();
        let answers = self.ask(|| Request::Resume(parts.next().unwrap_or_default()), writers)?;
        let mut resumed = Resumed::default();
        for one in answers.into_iter().map(|answer| answer.resumed) {
            resumed.nodes = resumed.nodes.max(one.nodes);
            for why in one.fresh {
                if !resumed.fresh.contains(&why) {
                    resumed.fresh.push(why);
                }
            }
        }
        Ok(resumed)
    }

    /// Gives each thread its part of a snapshot of the only function; false if there is none or several.
    pub(super) fn resume_function(
        &mut self,
        snapshot: &[u8],
        lead: &mut Engine,
        writers: &mut Writers,
    ) -> Result<bool, ReplayError> {
        let count = self.workers.len();
        let Some(parts) = lead.split_function(snapshot, count, &mut self.owner())? else {
            return Ok(false);
        };
        let mut parts = parts.into_iter();
        let part = || Request::ResumeFunction(parts.next().unwrap_or_default());
        let answers = self.ask(part, writers)?;
        Ok(answers.iter().all(|answer| answer.resumed_function))
    }

    /// Returns the thread of a group by the group's id.
    fn owner(&mut self) -> impl FnMut(&[u8]) -> usize {
        |group| self.groups.as_mut().map_or(0, |groups| groups.owners.of_group(group))
    }

    /// Asks all threads, after the data that came before.
    fn ask(
        &mut self,
        mut request: impl FnMut() -> Request,
        writers: &mut Writers,
    ) -> Result<Vec<Answer>, ReplayError> {
        self.wait(writers)?;
        self.workers.iter_mut().try_for_each(|worker| worker.ask(request()))?;
        self.collect(writers)
    }

    /// Writes the lines of what is done until threads are busy with so many chunks at most.
    fn catch_up(&mut self, most: usize, writers: &mut Writers) -> Result<(), ReplayError> {
        while self.busy.len() > most {
            let handed = self.busy.pop_front();
            let collected = self.collect(writers);
            match handed {
                Some(Handed::Chunks(chunks)) => {
                    for mut chunk in chunks.into_iter().filter_map(Arc::into_inner) {
                        chunk.clear();
                        self.spare.push(chunk);
                    }
                }
                Some(Handed::Block(shared)) => {
                    if let Some(Shared { block, picks, .. }) = Arc::into_inner(shared) {
                        self.spare_blocks.push(block);
                        for mut pick in picks {
                            pick.clear();
                            self.spare_picks.push(pick);
                        }
                    }
                }
                None => {}
            }
            collected?;
        }
        Ok(())
    }

    /// Takes an answer of each thread and writes its lines.
    fn collect(&mut self, writers: &mut Writers) -> Result<Vec<Answer>, ReplayError> {
        let mut answers = self.workers.iter().map(Worker::answer).collect::<Result<Vec<_>, _>>()?;
        if self.failed {
            return Ok(Vec::new());
        }
        self.failed = answers.iter().any(|answer| answer.error.is_some());
        if self.is_spread() {
            cut_after_failure(&mut answers);
        }
        let shown = answers.iter_mut().flat_map(|answer| &mut answer.written.shown);
        write_all(&mut shown.collect::<Vec<_>>(), &mut writers.shown)
            .map_err(ReplayError::Write)?;
        if let Some(writer) = &mut writers.points {
            let points = answers.iter_mut().flat_map(|answer| &mut answer.written.points);
            write_all(&mut points.collect::<Vec<_>>(), writer).map_err(ReplayError::Write)?;
        }
        for (worker, answer) in self.workers.iter_mut().zip(&mut answers) {
            worker.give_back(std::mem::take(&mut answer.written));
            self.taken.add(std::mem::take(&mut answer.taken));
        }
        let failed = answers.iter_mut().filter(|answer| answer.error.is_some());
        match failed.min_by_key(|answer| answer.item).and_then(|answer| answer.error.take()) {
            Some(error) => Err(error),
            None => Ok(answers),
        }
    }
}

/// Removes output that one engine would not have made, which is all output after the item that failed.
fn cut_after_failure(answers: &mut [Answer]) {
    let failed = answers.iter().filter(|answer| answer.error.is_some());
    let Some(first) = failed.map(|answer| answer.item).min() else { return };
    for Answer { written, taken, .. } in answers {
        let lines = written.shown.iter_mut().chain(&mut written.points);
        lines.for_each(|lines| lines.cut_after(first));
        taken.skipped.retain(|(item, _)| *item <= first);
    }
}

/// What a state says of all groups.
fn common(states: &[RunState]) -> Vec<RunState> {
    let mut common = states.to_vec();
    for node in common.iter_mut().flat_map(|run| &mut run.nodes) {
        node.function = None;
        node.remembered.retain(|one| one.group.is_none());
    }
    common
}
