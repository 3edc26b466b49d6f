//! The reading thread's part of a session on several workers.

use super::route::{self, Kind, Router};
use super::worker::{Answer, Question, Worker};
use super::{Arrival, Lead};
use crate::agent::channel::Channel;
use crate::agent::{AgentError, AgentOptions, Conversation, Counts, Output, Session};
use crate::protocol::Request;
use crate::protocol::frame::Located;
use std::time::Duration;

/// The reading thread's part of a session.
pub(super) struct Crew<L: Lead, R> {
    pub(super) lead: Session<L>,
    pub(super) recruit: R,
    /// The number of workers where groups can be spread.
    pub(super) most: usize,
    /// The number of workers that there are to be, once `init` was accepted.
    pub(super) count: usize,
    pub(super) workers: Vec<Worker<L::Report>>,
    pub(super) router: Router,
    /// Messages that were handed to workers.
    frames: u64,
    /// Groups that must be removed; empty between two messages.
    gone: Vec<Vec<u8>>,
    pub(super) channel: Channel,
    pub(super) options: AgentOptions,
    /// The counts of the workers, once they have ended.
    pub(super) ended: Counts,
}

impl<L: Lead, R: Fn(usize) -> L + Clone + Send + 'static> Crew<L, R> {
    pub(super) fn new(
        lead: L,
        recruit: R,
        count: usize,
        channel: &Channel,
        options: &AgentOptions,
    ) -> Self {
        Self {
            lead: Session::new(lead),
            recruit,
            most: count,
            count,
            workers: Vec::new(),
            router: Router::new(count),
            frames: 0,
            gone: Vec::new(),
            channel: channel.clone(),
            options: options.clone(),
            ended: Counts::default(),
        }
    }

    /// Hands a message to the worker of its group.
    #[inline]
    fn hand_on(
        &mut self,
        kind: Kind,
        group: &[u8],
        time: i64,
        frame: &Located<'_>,
    ) -> Result<(), AgentError> {
        let place = self.router.place(kind, group);
        if self.lead.handler_ref().forgets() {
            self.note_arrival(kind, group, time)?;
        }
        self.frames += 1;
        if self.router.put(place, self.frames, frame) {
            self.send(place)?;
        }
        Ok(())
    }

    /// Determines which groups are removed, and notifies their workers.
    fn note_arrival(&mut self, kind: Kind, group: &[u8], time: i64) -> Result<(), AgentError> {
        let arrival = match kind {
            Kind::Point if self.router.in_batch() => Arrival::BatchPoint,
            Kind::Point => Arrival::Point,
            Kind::Begin => Arrival::Begin,
            Kind::End => Arrival::End,
        };
        let group = match arrival {
            Arrival::BatchPoint => self.router.batch_group().to_vec(),
            _ => group.to_vec(),
        };
        let mut gone = std::mem::take(&mut self.gone);
        self.lead.handler().arrive(arrival, &group, time, &mut gone);
        for group in gone.drain(..) {
            let place = self.router.owner(&group);
            self.router.put_forget(place, &group);
        }
        self.gone = gone;
        Ok(())
    }

    /// Hands the chunk of a worker over; waits while the worker has too much to do.
    fn send(&mut self, place: usize) -> Result<(), AgentError> {
        let worker = &self.workers[place];
        let chunk = self.router.take(place, worker.spare());
        worker.chunk(chunk)?;
        self.look()
    }

    /// Hands over all that was read.
    pub(super) fn send_all(&mut self) -> Result<(), AgentError> {
        for place in 0..self.workers.len() {
            if self.router.has(place) {
                self.send(place)?;
            }
        }
        self.look()
    }

    /// Ends the session if a worker has failed: everything that was read before the first failing message is
    /// handled first.
    pub(super) fn look(&mut self) -> Result<(), AgentError> {
        if !self.workers.iter().any(Worker::has_failed) {
            return Ok(());
        }
        self.drain();
        let failures = self.workers.iter_mut().filter_map(Worker::take_failure);
        let first = failures.min_by_key(|(frame, _)| *frame);
        Err(first.map_or(AgentError::WorkerGone, |(_, error)| error))
    }

    /// Waits until all workers have handled everything that was read.
    fn drain(&mut self) {
        for place in 0..self.workers.len() {
            if self.router.has(place) {
                let chunk = self.router.take(place, None);
                // A worker whose thread has ended reports it when it is asked.
                let _ = self.workers[place].chunk(chunk);
            }
        }
        let _ = ask_all(&self.workers, &Question::Settle);
    }

    /// Asks all workers, after the data that came before.
    pub(super) fn ask(
        &mut self,
        question: &Question,
    ) -> Result<Vec<Answer<L::Report>>, AgentError> {
        self.send_all()?;
        let answers = ask_all(&self.workers, question);
        self.look()?;
        answers
    }
}

impl<L: Lead, R: Fn(usize) -> L + Clone + Send + 'static> Conversation for Crew<L, R> {
    fn ready(&mut self) -> Result<(), AgentError> {
        self.send_all()
    }

    #[inline]
    fn handle(&mut self, frame: Located<'_>) -> Result<(), AgentError> {
        let bytes = frame.bytes();
        if self.workers.is_empty() {
            return match Request::decode(bytes)? {
                Request::Init(_) => self.init(bytes),
                _ => self.lead.handle(bytes),
            };
        }
        if let Some((group, time)) = route::group_of_point(bytes) {
            return self.hand_on(Kind::Point, group, time, &frame);
        }
        match Request::decode(bytes)? {
            Request::Point(_) => self.hand_on(Kind::Point, b"", i64::MIN, &frame),
            Request::Begin(begin) => {
                self.hand_on(Kind::Begin, begin.group.as_bytes(), i64::MIN, &frame)
            }
            Request::End(end) => self.hand_on(Kind::End, end.group.as_bytes(), end.tmax, &frame),
            request => self.common(request, bytes),
        }
    }

    fn output(&mut self) -> &mut Output {
        self.lead.output()
    }

    fn refused(&self) -> Option<u64> {
        self.lead.refused()
    }

    fn in_batch(&self) -> bool {
        self.router.in_batch()
    }

    fn between(&mut self) -> Result<(), AgentError> {
        self.send_all()?;
        if self.workers.is_empty() {
            return self.lead.between();
        }
        self.go_back()?;
        if self.lead.handler().has_changed() { self.change() } else { Ok(()) }
    }

    fn report(&mut self, uptime: Duration) -> Result<String, AgentError> {
        if self.workers.is_empty() {
            return Ok(self.lead.report(uptime));
        }
        let (counts, parts) = self.reports()?;
        let status = self.lead.handler_ref().describe(&parts);
        let name = self.lead.handler_ref().name();
        Ok(counts.report(&name, uptime, &format!("{} workers; {status}", parts.len())))
    }

    fn close(&mut self) -> Result<(), AgentError> {
        if self.workers.is_empty() {
            return self.lead.close();
        }
        self.send_all()?;
        if self.lead.handler_ref().keeps_end()
            && let Err(error) = self.snapshot(true)
        {
            match error {
                AgentError::Handler(error) => log::error!("{error}"),
                error => return Err(error),
            }
        }
        self.ask(&Question::Close)?;
        let (counts, parts) = self.reports()?;
        self.lead.handler_ref().ended(&parts);
        self.ended.add(&counts);
        self.workers.clear();
        Ok(())
    }

    fn fail(&mut self, error: &AgentError) {
        self.drain();
        // A failure that is reported only now came before the one that ends the session.
        let failures = self.workers.iter_mut().filter_map(Worker::take_failure);
        let first = failures.min_by_key(|(frame, _)| *frame);
        self.lead.fail(first.as_ref().map_or(error, |(_, error)| error));
    }

    fn counts(&mut self) -> Counts {
        if !self.workers.is_empty()
            && let Ok((mut counts, _)) = self.reports()
        {
            counts.add(&self.ended);
            return counts;
        }
        self.ended
    }
}

/// Asks workers, all before the first answers.
fn ask_all<R>(workers: &[Worker<R>], question: &Question) -> Result<Vec<Answer<R>>, AgentError> {
    let asked = workers.iter().try_for_each(|worker| worker.ask(question.clone()));
    let answers = workers.iter().map(Worker::answer).collect();
    asked.and(answers)
}
