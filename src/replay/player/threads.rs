//! Engines on threads of their own, which all take the same chunks, or each the chunks of its groups. Lines
//! come back in the order of the data.

use super::{Engine, Rest, Writers};
use crate::agent::AgentError;
use crate::agent::socket::STACK;
use crate::protocol::group::Owners;
use crate::protocol::{Batch, Point};
use crate::replay::ReplayError;
use crate::replay::lines::{Lines, write_all};
use crate::replay::source::{Item, Scratch};
use crate::replay::task::{Lanes, Task};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Chunks that threads may be busy with while the next is read.
const AHEAD: usize = 4;

/// An item of a chunk.
#[derive(Debug)]
enum Owned {
    /// The next point of the chunk.
    Point,
    Batch(usize, Batch),
    Frame(Vec<u8>),
}

/// Items in order. Points lie behind each other as messages and each thread makes an index of its own:
/// that is faster than to fetch many small pieces from the memory of another core.
#[derive(Debug, Default)]
struct Chunk {
    items: Vec<(u64, Owned)>,
    points: Batch,
}

impl Chunk {
    fn clear(&mut self) {
        self.items.clear();
        self.points.clear_points();
    }
}

/// What a thread is asked.
enum Request {
    Chunk(Arc<Chunk>),
    /// The data ends, with this item.
    Finish(u64),
    Restart,
}

/// The answer of a thread: its lines, and the rest of its results if the data has ended.
struct Answer {
    shown: Vec<Lines>,
    points: Vec<Lines>,
    rest: Option<Rest>,
    /// The item at hand when it failed.
    item: u64,
    result: Result<(), ReplayError>,
}

struct Worker {
    /// Taken when the thread is to end.
    requests: Option<Sender<Request>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

/// Engines on threads.
pub(super) struct Threads {
    workers: Vec<Worker>,
    /// If each engine takes the data of its groups: how groups are assigned. Otherwise all engines take all data.
    lanes: Option<(Lanes, Owners)>,
    /// The chunk at hand, or that of each thread.
    chunks: Vec<Chunk>,
    /// Chunks that threads are busy with.
    busy: VecDeque<Vec<Arc<Chunk>>>,
    last: u64,
    /// Chunks whose memory is used again.
    spare: Vec<Chunk>,
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
        Self::of(workers.collect::<Result<_, _>>()?, Some((lanes, Owners::new(threads))))
    }

    fn of(workers: Vec<Worker>, lanes: Option<(Lanes, Owners)>) -> Result<Self, ReplayError> {
        let chunks = if lanes.is_some() { workers.len() } else { 1 };
        let mut threads = Self {
            workers,
            lanes,
            chunks: (0..chunks).map(|_| Chunk::default()).collect(),
            busy: VecDeque::new(),
            last: 0,
            spare: Vec::new(),
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
        self.lanes.is_some()
    }

    /// Waits for an answer of each thread that says whether its engine could be made.
    fn started(&mut self) -> Result<(), ReplayError> {
        let answers: Vec<_> = self.workers.iter().map(Worker::answer).collect();
        answers.into_iter().try_for_each(|answer| answer?.result)
    }

    /// Appends an item to the chunk at hand; a batch is taken out of its place.
    pub(super) fn put(&mut self, item: u64, kind: Item, scratch: &mut Scratch) {
        self.last = item;
        let place = self
            .lanes
            .as_mut()
            .map_or(0, |(lanes, owners)| owners.of(lanes.key_group(kind, scratch)));
        let chunk = &mut self.chunks[place];
        let owned = match kind {
            Item::Point => {
                chunk.points.push(&scratch.point);
                Owned::Point
            }
            Item::Batch => Owned::Batch(scratch.query, std::mem::take(&mut scratch.batch)),
            Item::Frame => Owned::Frame(scratch.frame.clone()),
        };
        chunk.items.push((item, owned));
    }

    /// Hands the chunk at hand to all threads, and writes the lines of chunks that are done.
    pub(super) fn send(&mut self, writers: &mut Writers) -> Result<(), ReplayError> {
        if self.chunks.iter().any(|chunk| !chunk.items.is_empty()) {
            let mut handed = Vec::new();
            for chunk in &mut self.chunks {
                let next = self.spare.pop().unwrap_or_default();
                handed.push(Arc::new(std::mem::replace(chunk, next)));
            }
            for (worker, chunk) in self.workers.iter().zip(handed.iter().cycle()) {
                worker.ask(Request::Chunk(chunk.clone()))?;
            }
            self.busy.push_back(handed);
        }
        while self.busy.len() > AHEAD {
            self.take(writers)?;
        }
        Ok(())
    }

    /// Waits until all chunks are done.
    pub(super) fn wait(&mut self, writers: &mut Writers) -> Result<(), ReplayError> {
        while !self.busy.is_empty() {
            self.take(writers)?;
        }
        Ok(())
    }

    /// Ends the data; returns what each engine leaves, in the order of the parts.
    pub(super) fn finish(&mut self, writers: &mut Writers) -> Result<Vec<Rest>, ReplayError> {
        for worker in &self.workers {
            worker.ask(Request::Finish(self.last))?;
        }
        self.collect(writers)
    }

    /// Makes new engines.
    pub(super) fn restart(&mut self) -> Result<(), ReplayError> {
        for worker in &self.workers {
            worker.ask(Request::Restart)?;
        }
        self.started()
    }

    /// Takes the answers to the oldest chunk.
    fn take(&mut self, writers: &mut Writers) -> Result<(), ReplayError> {
        let handed = self.busy.pop_front().unwrap_or_default();
        let collected = self.collect(writers);
        for mut chunk in handed.into_iter().filter_map(Arc::into_inner) {
            chunk.clear();
            self.spare.push(chunk);
        }
        collected.map(drop)
    }

    /// Takes an answer of each thread and writes its lines.
    fn collect(&mut self, writers: &mut Writers) -> Result<Vec<Rest>, ReplayError> {
        let mut answers = self.workers.iter().map(Worker::answer).collect::<Result<Vec<_>, _>>()?;
        let failed =
            answers.iter().filter(|answer| answer.result.is_err()).map(|answer| answer.item);
        if let (Some(first), true) = (failed.min(), self.is_spread()) {
            // With one engine nothing came after the item that failed.
            for answer in &mut answers {
                answer
                    .shown
                    .iter_mut()
                    .chain(&mut answer.points)
                    .for_each(|lines| lines.cut_after(first));
            }
            answers
                .sort_by_key(|answer| if answer.result.is_err() { answer.item } else { u64::MAX });
        }
        let mut shown: Vec<_> = answers.iter_mut().flat_map(|answer| &mut answer.shown).collect();
        write_all(&mut shown, &mut writers.shown).map_err(ReplayError::Write)?;
        if let Some(writer) = &mut writers.points {
            let mut points: Vec<_> =
                answers.iter_mut().flat_map(|answer| &mut answer.points).collect();
            write_all(&mut points, writer).map_err(ReplayError::Write)?;
        }
        let mut rests = Vec::new();
        for answer in answers {
            answer.result?;
            rests.extend(answer.rest);
        }
        Ok(rests)
    }
}

impl Worker {
    fn start(task: Task, parts: Range<usize>) -> Result<Self, ReplayError> {
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        // Scripts call each other deep.
        let thread = std::thread::Builder::new().name("replay".into()).stack_size(STACK);
        let work = move || work(&task, parts, &asked, &answer);
        let thread = thread.spawn(work).map_err(|_| ReplayError::Thread)?;
        Ok(Self { requests: Some(requests), answers, thread: Some(thread) })
    }

    fn ask(&self, request: Request) -> Result<(), ReplayError> {
        let requests = self.requests.as_ref().ok_or(ReplayError::Thread)?;
        requests.send(request).map_err(|_| ReplayError::Thread)
    }

    fn answer(&self) -> Result<Answer, ReplayError> {
        self.answers.recv().map_err(|_| ReplayError::Thread)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The loop of a thread, until the player has no more requests. After an error it only answers.
fn work(task: &Task, parts: Range<usize>, asked: &Receiver<Request>, answer: &Sender<Answer>) {
    let mut engine = None;
    let make = |engine: &mut Option<Engine>| match task.engine(parts.clone()) {
        Ok(made) => {
            *engine = Some(made);
            Ok(())
        }
        Err(error) => {
            *engine = None;
            Err(error)
        }
    };
    let made = make(&mut engine);
    let plain =
        |item, result| Answer { shown: Vec::new(), points: Vec::new(), rest: None, item, result };
    if answer.send(plain(0, made)).is_err() {
        return;
    }
    let mut spare = Point::default();
    let mut item = 0;
    while let Ok(request) = asked.recv() {
        let result = match (&request, &mut engine) {
            (Request::Restart, engine) => make(engine),
            (_, None) => Ok(()),
            (Request::Chunk(chunk), Some(engine)) => play(engine, chunk, &mut spare, &mut item),
            (Request::Finish(last), Some(engine)) => {
                item = *last;
                engine.finish_at(*last)
            }
        };
        let finished = matches!(request, Request::Finish(_));
        // The chunk is given back before the answer is, so that its memory can be used again.
        drop(request);
        let mut made = plain(item, result);
        if let Some(engine) = &mut engine {
            for run in &mut engine.runs {
                made.shown.push(std::mem::take(&mut run.effects.shown));
                made.points.push(std::mem::take(&mut run.effects.points));
            }
            made.rest = finished.then(|| Rest::of(engine));
        }
        if made.result.is_err() {
            engine = None;
        }
        if answer.send(made).is_err() {
            return;
        }
    }
}

/// Plays a chunk; `at` is the item at hand.
fn play(
    engine: &mut Engine,
    chunk: &Chunk,
    point: &mut Point,
    at: &mut u64,
) -> Result<(), ReplayError> {
    let mut number = 0;
    for (item, owned) in &chunk.items {
        *at = *item;
        match owned {
            Owned::Point => {
                chunk.points.read(number, point).map_err(AgentError::from)?;
                number += 1;
                engine.point(*item, point)?;
            }
            Owned::Batch(query, batch) => engine.batch(*item, *query, batch)?,
            Owned::Frame(frame) => engine.frame(*item, frame)?,
        }
    }
    engine.settle()
}
