//! A thread with an engine of its own: the requests to it, and its answers.

use super::chunk::{Chunk, Owned, Shared, Taken};
use super::rest::Rest;
use crate::agent::AgentError;
use crate::agent::socket::STACK;
use crate::protocol::Point;
use crate::replay::ReplayError;
use crate::replay::engine::Engine;
use crate::replay::lines::Lines;
use crate::replay::source::{Made, PointMaker};
use crate::replay::state::RunState;
use crate::replay::task::Task;
use crate::tick::Resumed;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A request to a thread.
pub(super) enum Request {
    Chunk(Arc<Chunk>),
    /// A block, of which the thread with this number takes its items.
    Block(Arc<Shared>, usize),
    /// The data ends, with this item, or it goes on in another replay.
    Finish(u64, bool),
    Restart,
    /// What is the state?
    State,
    /// Begin with this state.
    Resume(Vec<RunState>),
    /// Begin with this snapshot of the only function.
    ResumeFunction(Vec<u8>),
}

/// The lines of the graphs of an engine.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) shown: Vec<Lines>,
    pub(super) points: Vec<Lines>,
}

/// The answer of a thread: its lines, and the results that it was asked for.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) written: Written,
    pub(super) taken: Taken,
    /// What is left, if the data has ended.
    pub(super) rest: Option<Rest>,
    pub(super) states: Vec<RunState>,
    pub(super) resumed: Resumed,
    /// The only function has begun with a snapshot.
    pub(super) resumed_function: bool,
    /// The item at hand.
    pub(super) item: u64,
    pub(super) error: Option<ReplayError>,
}

/// A thread, as the reading thread sees it.
pub(super) struct Worker {
    /// Taken when the thread is to end.
    requests: Option<Sender<(Request, Written)>>,
    answers: Receiver<Answer>,
    /// Memory for lines.
    spare: Vec<Written>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(task: Task, parts: Range<usize>) -> Result<Self, ReplayError> {
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        // Calls of scripts can be nested deep.
        let thread = std::thread::Builder::new().name("replay".into()).stack_size(STACK);
        let work = move || work(&task, parts, &asked, &answer);
        let thread = thread.spawn(work).map_err(|_| ReplayError::Thread)?;
        Ok(Self { requests: Some(requests), answers, spare: Vec::new(), thread: Some(thread) })
    }

    pub(super) fn ask(&mut self, request: Request) -> Result<(), ReplayError> {
        let memory = self.spare.pop().unwrap_or_default();
        let requests = self.requests.as_ref().ok_or(ReplayError::Thread)?;
        requests.send((request, memory)).map_err(|_| ReplayError::Thread)
    }

    pub(super) fn answer(&self) -> Result<Answer, ReplayError> {
        self.answers.recv().map_err(|_| ReplayError::Thread)
    }

    /// Takes back lines that have been written, for their memory.
    pub(super) fn give_back(&mut self, written: Written) {
        self.spare.push(written);
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
fn work(
    task: &Task,
    parts: Range<usize>,
    asked: &Receiver<(Request, Written)>,
    answers: &Sender<Answer>,
) {
    let mut engine = None;
    let make = || task.engine(parts.clone());
    let mut hands = Hands::default();
    let mut answer = Answer::default();
    match make() {
        Ok(made) => engine = Some(made),
        Err(error) => answer.error = Some(error),
    }
    if answers.send(answer).is_err() {
        return;
    }
    while let Ok((request, memory)) = asked.recv() {
        let mut answer = Answer::default();
        let result = match (&mut engine, request) {
            (engine, Request::Restart) => make().map(|made| *engine = Some(made)),
            (None, _) => Ok(()),
            (Some(engine), request) => {
                lend(engine, memory);
                hands.handle(engine, request, &mut answer)
            }
        };
        answer.item = hands.item;
        if let Some(engine) = &mut engine {
            for run in &mut engine.runs {
                answer.written.shown.push(std::mem::take(&mut run.effects.shown));
                answer.written.points.push(std::mem::take(&mut run.effects.points));
            }
        }
        if let Err(error) = result {
            engine = None;
            answer.error = Some(error);
        }
        if answers.send(answer).is_err() {
            return;
        }
    }
}

/// Gives the graphs of an engine memory for their lines.
fn lend(engine: &mut Engine, memory: Written) {
    let lines = memory.shown.into_iter().zip(memory.points);
    for (run, (shown, points)) in engine.runs.iter_mut().zip(lines) {
        (run.effects.shown, run.effects.points) = (shown, points);
    }
}

/// What a thread uses again and again.
#[derive(Default)]
struct Hands {
    maker: PointMaker,
    point: Point,
    /// The item at hand.
    item: u64,
}

impl Hands {
    /// Does what is asked. What was handed over is given back before the answer is, so that its memory can be used
    /// again.
    fn handle(
        &mut self,
        engine: &mut Engine,
        request: Request,
        answer: &mut Answer,
    ) -> Result<(), ReplayError> {
        match request {
            Request::Chunk(chunk) => self.play(engine, &chunk),
            Request::Block(shared, place) => {
                self.play_block(engine, &shared, place, &mut answer.taken)
            }
            Request::Finish(last, goes_on) => {
                self.item = last;
                let ended = if goes_on { engine.flush() } else { engine.finish_at(last) };
                answer.rest = Some(Rest::of(engine));
                ended
            }
            Request::State => engine.states().map(|states| answer.states = states),
            Request::Resume(states) => {
                engine.resume(&states).map(|resumed| answer.resumed = resumed)
            }
            Request::ResumeFunction(snapshot) => {
                engine.resume_function(&snapshot).map(|any| answer.resumed_function = any)
            }
            Request::Restart => Ok(()),
        }
    }

    fn play(&mut self, engine: &mut Engine, chunk: &Chunk) -> Result<(), ReplayError> {
        let mut number = 0;
        for (item, owned) in &chunk.items {
            self.item = *item;
            match owned {
                Owned::Point => {
                    chunk.points.read(number, &mut self.point).map_err(AgentError::from)?;
                    number += 1;
                    engine.point(*item, &mut self.point)?;
                }
                Owned::Batch(query, batch) => engine.batch(*item, *query, batch)?,
                Owned::Frame(frame) => engine.frame(*item, frame)?,
            }
        }
        engine.settle()
    }

    fn play_block(
        &mut self,
        engine: &mut Engine,
        shared: &Shared,
        place: usize,
        taken: &mut Taken,
    ) -> Result<(), ReplayError> {
        let Shared { block, first, picks, measurement } = shared;
        let wanted = measurement.as_deref().map(str::as_bytes);
        for pick in &picks[place] {
            let item = first + u64::from(*pick);
            self.item = item;
            match block.make(*pick as usize, &mut self.maker, &mut self.point) {
                Ok(Made::Nothing) => {}
                Ok(Made::Skipped(told)) => taken.skipped.push((item, told)),
                Ok(Made::Point) => {
                    taken.points += 1;
                    taken.latest = Some((item, self.point.time()));
                    if wanted.is_some_and(|wanted| wanted != self.point.name_bytes()) {
                        taken.passed_by += 1;
                    } else {
                        engine.point(item, &mut self.point)?;
                    }
                }
                // What came before is handled, as by one engine.
                Err(error) => return engine.settle().and(Err(error)),
            }
        }
        engine.settle()
    }
}
