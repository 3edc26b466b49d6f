//! Plays data through a task: item by item into an engine of this thread, or by the chunk into
//! engines on threads of their own.
//!
//! What comes out does not depend on how the data was read or on the number of threads: items are
//! counted, chunks end after a fixed number of them, and lines are brought into the order of the items.

mod chunk;
mod crew;
mod ended;
mod live;
mod rest;
mod resuming;
#[cfg(test)]
mod tests;
mod threads;
mod worker;

use super::ReplayError;
use super::engine::Engine;
use super::output_file::OutputFile;
use super::source::{Blocks, Item, Scratch, Source};
use super::state::TaskState;
use super::task::Task;
use super::trace::Trace;
use crate::protocol::message::RequestMessage;
use crate::tick::flow::{Edge, Wanted};
use crew::{Crew, show};
use ended::Ended;
use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

/// Points that are handed over before functions that take chunks must handle them.
const CHUNK: usize = 1024;

/// Where lines are written.
pub struct Writers {
    /// Alerts, and points unless they have a place of their own.
    pub shown: Box<dyn Write>,
    /// Points.
    pub points: Option<OutputFile>,
}

/// Plays data through a task.
pub struct Player {
    task: Task,
    crew: Crew,
    writers: Writers,
    /// Only points and batches of this measurement.
    measurement: Option<String>,
    /// That measurement, until it has occurred.
    wanted: Wanted,
    /// Items that a chunk holds.
    chunk: usize,
    /// Items of the chunk so far.
    waiting: usize,
    item: u64,
    points_in: u64,
    /// The time of the latest item.
    time: Option<i64>,
    /// Whether the data continues in another replay.
    goes_on: bool,
    /// Points of the replays before this one.
    points_before: u64,
    /// The state at the end, if the data goes on.
    left: Option<TaskState>,
    ended: Ended,
    /// Why the groups are not spread over threads.
    alone: Option<String>,
}

impl Player {
    /// Starts the engines of a task, on as many threads as the machine has cores: its parts are spread over
    /// them, or the groups of its data.
    ///
    /// # Errors
    /// A script that cannot be used, or does not fit what it is given.
    pub fn start(task: Task, writers: Writers) -> Result<Self, ReplayError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::start_on(task, writers, cores)
    }

    /// As [`Player::start`], on so many threads at most.
    ///
    /// # Errors
    /// As [`Player::start`].
    pub fn start_on(task: Task, writers: Writers, cores: usize) -> Result<Self, ReplayError> {
        Self::start_as(task, writers, cores, false)
    }

    /// As [`Player::start_on`], where the state is begun with or kept: the data is spread only where the state can be
    /// spread, too.
    ///
    /// # Errors
    /// As [`Player::start`].
    pub fn start_with_state(
        task: Task,
        writers: Writers,
        cores: usize,
    ) -> Result<Self, ReplayError> {
        Self::start_as(task, writers, cores, true)
    }

    fn start_as(
        task: Task,
        writers: Writers,
        cores: usize,
        keeps: bool,
    ) -> Result<Self, ReplayError> {
        let (crew, alone) = Crew::start(&task, cores, keeps)?;
        // A chunk of each thread is as long as that of one.
        let lanes = match &crew {
            Crew::Threads(threads) if threads.is_spread() => threads.count(),
            _ => 1,
        };
        Ok(Self {
            crew,
            alone,
            task,
            writers,
            measurement: None,
            wanted: Wanted::default(),
            chunk: CHUNK * lanes,
            waiting: 0,
            item: 0,
            points_in: 0,
            time: None,
            goes_on: false,
            points_before: 0,
            left: None,
            ended: Ended::default(),
        })
    }

    /// Returns why all data goes through one engine though more were allowed, if it does.
    pub fn alone_because(&self) -> Option<&str> {
        self.alone.as_deref()
    }

    /// Plays only points and batches of a measurement.
    pub fn only(&mut self, measurement: Option<String>) {
        self.wanted = Wanted::new(measurement.as_deref());
        self.measurement = measurement;
    }

    /// Shows the effects of each item before the next is read.
    pub fn at_once(&mut self) {
        self.chunk = 1;
    }

    /// Plays a source to its end; `on_item` gets the time of each item before it is played. If the engines make the
    /// points, it gets the latest time that is known, once for many items.
    ///
    /// # Errors
    /// Data that cannot be read or do not fit, a function that fails, an output that takes no more.
    pub fn play(
        &mut self,
        source: &mut dyn Source,
        on_item: &mut dyn FnMut(i64),
    ) -> Result<(), ReplayError> {
        self.check_queries(source)?;
        let played = self.play_items(source, on_item);
        // The output before an error is shown.
        let settled = self.settle();
        if let Some(blocks) = source.blocks() {
            self.note_taken(blocks);
        }
        played.and(settled)
    }

    /// Refuses batches of another number of queries than a TICKscript has, as the daemon does.
    fn check_queries(&self, source: &dyn Source) -> Result<(), ReplayError> {
        let (Task::Tick(task), Some(given)) = (&self.task, source.queries()) else { return Ok(()) };
        let definitions = task.definitions()?;
        let asked = definitions.queries().len();
        if definitions.edge() == Edge::Batch && given != asked {
            return Err(ReplayError::Unfit(format!(
                "the data has batches of {given} queries, but the script has {asked}: record the data again with this script"
            )));
        }
        Ok(())
    }

    fn play_items(
        &mut self,
        source: &mut dyn Source,
        on_item: &mut dyn FnMut(i64),
    ) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while let Some(item) = source.next(&mut scratch)? {
            let weight = match item {
                Item::Point => {
                    let time = scratch.point.time();
                    self.time = Some(time);
                    on_item(time);
                    self.points_in += 1;
                    if self.leaves_out(&scratch.point.name()) {
                        self.ended.summary.passed_by += 1;
                        continue;
                    }
                    1
                }
                Item::Batch => {
                    self.time = Some(scratch.batch.tmax);
                    on_item(scratch.batch.tmax);
                    self.points_in += scratch.batch.len() as u64;
                    if self.leaves_out(&scratch.batch.name) {
                        self.ended.summary.passed_by += scratch.batch.len() as u64;
                        continue;
                    }
                    scratch.batch.len().max(1)
                }
                Item::Frame => {
                    self.points_in += u64::from(is_point(&scratch.frame));
                    1
                }
            };
            self.item += 1;
            match &mut self.crew {
                Crew::Here(engine) => match item {
                    Item::Point => engine.point(self.item, &mut scratch.point)?,
                    Item::Batch => engine.batch(self.item, scratch.query, &scratch.batch)?,
                    Item::Frame => engine.frame(self.item, &scratch.frame)?,
                },
                Crew::Threads(threads) => threads.put(self.item, item, &mut scratch),
            }
            self.waiting += weight;
            if self.waiting >= self.chunk {
                self.end_chunk()?;
            }
            if let (true, Some(blocks)) = (self.takes_blocks(), source.blocks()) {
                return self.play_blocks(blocks, on_item);
            }
        }
        Ok(())
    }

    /// True if threads make points of what is read.
    fn takes_blocks(&self) -> bool {
        self.chunk > 1 && matches!(&self.crew, Crew::Threads(threads) if threads.takes_blocks())
    }

    /// Hands the rest of a source over in blocks.
    fn play_blocks(
        &mut self,
        source: &mut dyn Blocks,
        on_item: &mut dyn FnMut(i64),
    ) -> Result<(), ReplayError> {
        self.end_chunk()?;
        let measurement: Option<Arc<str>> = self.measurement.as_deref().map(Into::into);
        while let Crew::Threads(threads) = &mut self.crew
            && let Some(block) = source.next_block(threads.spare_block())?
        {
            on_item(self.time.unwrap_or_default());
            let first = self.item + 1;
            self.item += block.len() as u64;
            let names = (measurement.clone(), &mut self.wanted);
            let sent = threads.send_block(first, block, names, &mut self.writers);
            self.note_taken(source);
            sent?;
        }
        Ok(())
    }

    /// Notes the results for blocks.
    fn note_taken(&mut self, source: &mut dyn Blocks) {
        let Crew::Threads(threads) = &mut self.crew else { return };
        let taken = threads.taken();
        self.points_in += taken.points;
        self.ended.summary.passed_by += taken.passed_by;
        self.time = taken.latest.map_or(self.time, |(_, time)| Some(time));
        for (_, told) in &taken.skipped {
            log::warn!("{told}");
        }
        source.add_skipped(taken.skipped.len() as u64);
    }

    fn leaves_out(&mut self, name: &str) -> bool {
        self.wanted.look(|| std::iter::once(Cow::Borrowed(name)));
        self.measurement.as_deref().is_some_and(|wanted| wanted != name)
    }

    /// Ends a chunk; threads may still be busy with it afterwards.
    fn end_chunk(&mut self) -> Result<(), ReplayError> {
        self.waiting = 0;
        let Self { crew, writers, .. } = self;
        match crew {
            Crew::Here(engine) => {
                let settled = engine.settle();
                show(engine, writers)?;
                settled
            }
            Crew::Threads(threads) => threads.send(writers),
        }
    }

    /// Handles everything that was played, and writes the lines of it.
    fn settle(&mut self) -> Result<(), ReplayError> {
        self.end_chunk()?;
        if let Crew::Threads(threads) = &mut self.crew {
            threads.wait(&mut self.writers)?;
        }
        Ok(())
    }

    /// Writes the buffered output.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn flush(&mut self) -> Result<(), ReplayError> {
        if let Crew::Here(engine) = &mut self.crew {
            engine.flush()?;
        }
        let Writers { shown, points } = &mut self.writers;
        shown.flush().map_err(ReplayError::Write)?;
        points.as_mut().map_or(Ok(()), |points| points.flush().map_err(ReplayError::Write))
    }

    /// Gives the file for points its name, after all has been played.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep_output(&mut self) -> Result<(), ReplayError> {
        self.writers.points.take().map_or(Ok(()), |file| Ok(file.keep()?))
    }

    /// Starts new engines without state, after [`Player::finish`].
    ///
    /// # Errors
    /// As [`Player::start`].
    pub fn restart(&mut self) -> Result<(), ReplayError> {
        match &mut self.crew {
            Crew::Here(engine) => **engine = self.task.engine(0..self.task.parts())?,
            Crew::Threads(threads) => threads.restart()?,
        }
        Ok(())
    }

    /// Returns the engine of this thread, to look into it or to restart its functions between two
    /// calls of [`Player::play`].
    pub fn engine_mut(&mut self) -> Option<&mut Engine> {
        match &mut self.crew {
            Crew::Here(engine) => Some(engine),
            Crew::Threads(_) => None,
        }
    }

    /// Returns the engine of this thread, to ask what the task reads.
    pub fn engine(&self) -> Option<&Engine> {
        match &self.crew {
            Crew::Here(engine) => Some(engine),
            Crew::Threads(_) => None,
        }
    }
}

/// Puts two traces of the same data together.
fn added(trace: Option<Trace>, more: Option<Trace>) -> Option<Trace> {
    match (trace, more) {
        (Some(mut trace), Some(more)) => {
            trace.add(more);
            Some(trace)
        }
        (trace, more) => trace.or(more),
    }
}

/// Tells whether a captured request is a point.
fn is_point(frame: &[u8]) -> bool {
    use prost::Message as _;
    let request = || RequestMessage::decode(frame).ok()?.message;
    crate::protocol::Point::message_of_frame(frame).is_some()
        || matches!(request(), Some(crate::protocol::message::request::Message::Point(_)))
}
