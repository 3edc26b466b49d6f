//! The thread of a worker: its handler behind a session of its own.

use super::{Member, Trial};
use crate::agent::channel::Channel;
use crate::agent::socket::STACK;
use crate::agent::workers::route::{Chunk, Entry};
use crate::agent::{
    AgentError, AgentOptions, Clock, Control, Counts, Pulse, Session, Watch, Watchdog,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Chunks that may wait for a worker. The reader waits when there are more.
const WAITING: usize = 4;

/// A question to a worker, which it answers after the data before it.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// A request of the daemon that is answered with a response.
    Frame(Vec<u8>),
    /// To handle all that came before.
    Settle,
    Report,
    Try,
    /// A changed program was taken, or not.
    Settled(bool),
    GoBack,
    Close,
}

/// An answer of a worker.
#[derive(Debug)]
pub(super) enum Answer<R> {
    /// Responses.
    Frames(Vec<u8>),
    Done,
    Report(Counts, R),
    Tried(Trial),
}

enum Order {
    Chunk(Chunk),
    Question(Question),
}

/// The state that a worker shares with the reader.
#[derive(Debug, Default)]
struct Shared {
    failed: AtomicBool,
    /// The number of the message that failed, and why.
    failure: Mutex<Option<(u64, AgentError)>>,
    /// The program has gone back to the previous version.
    back: AtomicBool,
}

/// A worker, as the reader sees it.
#[derive(Debug)]
pub(super) struct Worker<R> {
    /// Taken when the thread is to end.
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Answer<R>>,
    /// The version of the program, once it was loaded.
    started: Receiver<String>,
    version: std::cell::OnceCell<String>,
    /// Chunks whose memory can be used again.
    spare: Receiver<Chunk>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl<R: Send + 'static> Worker<R> {
    /// Starts a thread with a handler that `recruit` makes there.
    pub(super) fn start<M: Member<Report = R>>(
        place: usize,
        recruit: impl Fn(usize) -> M + Send + 'static,
        channel_out: &Channel,
        options: &AgentOptions,
    ) -> Result<Self, AgentError> {
        let (orders, taken) = sync_channel(WAITING);
        let (answer, answers) = channel();
        let (start, started) = channel();
        let (give_back, spare) = channel();
        let shared = Arc::new(Shared::default());
        let (shared_there, out, options) = (shared.clone(), channel_out.clone(), options.clone());
        let work = move || {
            let handler = recruit(place);
            let _ = start.send(handler.version());
            let pulse = handler.pulse();
            let watch = Watch {
                keepalive: None,
                budget: options.call_timeout,
                memory: options.memory,
                control: options.control.clone(),
            };
            let Ok(_watchdog) = Watchdog::start(pulse.clone(), watch) else { return };
            let mut desk = Desk {
                session: Session::new(handler),
                out,
                pulse,
                beat: 0,
                clock: Clock::default(),
                shared: shared_there,
                control: options.control,
                dead: false,
            };
            desk.work(&taken, &answer, &give_back);
        };
        let thread = std::thread::Builder::new().name(format!("worker {}", place + 1));
        let thread = thread.stack_size(STACK).spawn(work).map_err(AgentError::Worker)?;
        Ok(Self {
            orders: Some(orders),
            answers,
            started,
            version: std::cell::OnceCell::new(),
            spare,
            shared,
            thread: Some(thread),
        })
    }
}

impl<R> Worker<R> {
    /// The version that the worker has loaded at its start; waits for it.
    pub(super) fn version(&self) -> Result<&str, AgentError> {
        if self.version.get().is_none() {
            let version = self.started.recv().map_err(|_| AgentError::WorkerGone)?;
            let _ = self.version.set(version);
        }
        self.version.get().map(String::as_str).ok_or(AgentError::WorkerGone)
    }

    fn order(&self, order: Order) -> Result<(), AgentError> {
        let orders = self.orders.as_ref().ok_or(AgentError::WorkerGone)?;
        orders.send(order).map_err(|_| AgentError::WorkerGone)
    }

    /// Hands data over; waits while the worker has too much to do.
    pub(super) fn chunk(&self, chunk: Chunk) -> Result<(), AgentError> {
        self.order(Order::Chunk(chunk))
    }

    pub(super) fn ask(&self, question: Question) -> Result<(), AgentError> {
        self.order(Order::Question(question))
    }

    /// Waits for the answer to the oldest question.
    pub(super) fn answer(&self) -> Result<Answer<R>, AgentError> {
        self.answers.recv().map_err(|_| AgentError::WorkerGone)
    }

    /// A chunk that was handled.
    pub(super) fn spare(&self) -> Option<Chunk> {
        self.spare.try_recv().ok()
    }

    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    pub(super) fn take_failure(&mut self) -> Option<(u64, AgentError)> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// True once after the worker's program has gone back to the previous version.
    pub(super) fn take_back(&self) -> bool {
        self.shared.back.swap(false, Ordering::AcqRel)
    }
}

impl<R> Drop for Worker<R> {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A worker's side.
struct Desk<M: Member> {
    session: Session<M>,
    out: Channel,
    pulse: Pulse,
    beat: u64,
    clock: Clock,
    shared: Arc<Shared>,
    control: Control,
    /// A message failed: nothing more is handled.
    dead: bool,
}

impl<M: Member> Desk<M> {
    fn work(
        &mut self,
        orders: &Receiver<Order>,
        answer: &Sender<Answer<M::Report>>,
        give_back: &Sender<Chunk>,
    ) {
        loop {
            let order = match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.rest();
                    let Ok(order) = orders.recv() else { return };
                    order
                }
            };
            match order {
                Order::Chunk(mut chunk) => {
                    self.handle(&chunk);
                    chunk.clear();
                    let _ = give_back.send(chunk);
                }
                Order::Question(question) => {
                    let answered = self.answer(question);
                    if answer.send(answered).is_err() {
                        return;
                    }
                }
            }
            if self.session.handler().went_back() {
                self.shared.back.store(true, Ordering::Release);
                self.control.wake();
            }
        }
    }

    /// Handles and writes everything that has come, because no more messages wait.
    fn rest(&mut self) {
        let settled = self.watched(Session::ready);
        self.settle(u64::MAX, settled);
        // If the daemon does not read any more the reader finds that out.
        let _ = self.out.flush();
        self.clock.restart();
    }

    /// Runs something under the watchdog, and hands over what it wrote.
    #[inline]
    fn watched<T>(
        &mut self,
        run: impl FnOnce(&mut Session<M>) -> Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        self.pulse.reset();
        self.pulse.beat(self.beat + 1);
        let result = run(&mut self.session);
        let handed = self.hand_over();
        self.beat += 2;
        self.pulse.beat(self.beat);
        match (result, handed) {
            (Ok(result), Ok(())) => Ok(result),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Moves the output to the channel, but not in the middle of a batch: output of other workers must not come
    /// between.
    #[inline]
    fn hand_over(&mut self) -> Result<(), AgentError> {
        let output = self.session.output();
        if !output.committed().is_empty() && !output.is_open() {
            self.out.push(output.committed()).map_err(AgentError::Closed)?;
            output.clear();
        }
        Ok(())
    }

    fn handle(&mut self, chunk: &Chunk) {
        for entry in chunk.entries() {
            if self.dead {
                return;
            }
            match entry {
                Entry::Frame(number, frame) => {
                    if let Err(error) = self.watched(|session| session.handle(frame)) {
                        self.fail(number, error);
                    }
                }
                Entry::Forget(group) => {
                    let settled = self.watched(Session::ready);
                    self.session.handler().forget(group);
                    self.settle(u64::MAX, settled);
                }
            }
            if self.clock.is_due() && !self.dead {
                self.rest();
            }
        }
    }

    /// A failure ends the session. The reading thread gets the number of the message that failed.
    fn settle(&mut self, number: u64, handled: Result<(), AgentError>) {
        if let Err(error) = handled {
            self.fail(number, error);
        }
    }

    #[cold]
    fn fail(&mut self, number: u64, error: AgentError) {
        if self.dead {
            return;
        }
        // Points that were collected before it are handled first, as in a session on one thread.
        let _ = self.watched(Session::ready);
        self.dead = true;
        let mut failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = Some((number, error));
        drop(failure);
        self.shared.failed.store(true, Ordering::Release);
        self.control.wake();
    }

    fn answer(&mut self, question: Question) -> Answer<M::Report> {
        if self.dead {
            return match question {
                Question::Report => self.report(),
                _ => Answer::Done,
            };
        }
        let settled = self.watched(Session::ready);
        self.settle(u64::MAX, settled);
        if self.dead {
            return Answer::Done;
        }
        match question {
            Question::Frame(frame) => self.frame(&frame),
            Question::Settle => Answer::Done,
            Question::Report => self.report(),
            Question::Try => Answer::Tried(self.session.handler().try_change()),
            Question::Settled(take) => {
                self.session.handler().settle_change(take);
                Answer::Done
            }
            Question::GoBack => {
                self.session.handler().go_back();
                Answer::Done
            }
            Question::Close => {
                let closed = self.watched(Session::close);
                self.settle(u64::MAX, closed);
                Answer::Done
            }
        }
    }

    fn report(&mut self) -> Answer<M::Report> {
        Answer::Report(self.session.counts(), self.session.handler_ref().part())
    }

    /// Handles a request whose responses are the answer.
    fn frame(&mut self, frame: &[u8]) -> Answer<M::Report> {
        self.pulse.reset();
        self.pulse.beat(self.beat + 1);
        let handled = self.session.handle(frame);
        self.beat += 2;
        self.pulse.beat(self.beat);
        let output = self.session.output();
        let responses = output.committed().to_vec();
        output.clear();
        self.settle(u64::MAX, handled);
        Answer::Frames(responses)
    }
}
