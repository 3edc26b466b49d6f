//! The reading thread's part of a session on several workers.

use super::route::{self, Kind, Router};
use super::worker::{Answer, Question, Worker};
use super::{Arrival, Lead};
use crate::agent::channel::Channel;
use crate::agent::{AgentError, AgentOptions, Conversation, Counts, Output, Session};
use crate::protocol::message::{
    InitResponse, RequestMessage, RestoreRequest, RestoreResponse, SnapshotRequest,
    SnapshotResponse, decode_response, request, response,
};
use crate::protocol::{Request, frame};
use prost::Message as _;
use std::time::Duration;

/// The reading thread's part of a session.
pub(super) struct Crew<L: Lead, R> {
    pub(super) lead: Session<L>,
    recruit: R,
    /// The number of workers where groups can be spread.
    most: usize,
    /// The number of workers that there are to be, once `init` was accepted.
    count: usize,
    pub(super) workers: Vec<Worker<L::Report>>,
    router: Router,
    /// Messages that were handed to workers.
    frames: u64,
    /// Groups that are to be forgotten; empty between two messages.
    gone: Vec<Vec<u8>>,
    channel: Channel,
    options: AgentOptions,
    /// What workers counted, once they have ended.
    ended: Counts,
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
        bytes: &[u8],
    ) -> Result<(), AgentError> {
        let place = self.router.place(kind, group);
        if self.lead.handler_ref().forgets() {
            self.note_arrival(kind, group, time)?;
        }
        self.frames += 1;
        if self.router.put(place, self.frames, bytes) {
            self.send(place)?;
        }
        Ok(())
    }

    /// Keeps account of groups that are forgotten, and tells their workers.
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
            if self.router.put_forget(place, &group) {
                self.send(place)?;
            }
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
                // A worker whose thread is gone says so when it is asked.
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

    /// A request that concerns all groups.
    fn common(&mut self, request: Request<'_>, bytes: &[u8]) -> Result<(), AgentError> {
        match request {
            Request::Init(_) => self.init(bytes),
            Request::Snapshot if !self.workers.is_empty() => {
                let snapshot = self.snapshot(false)?;
                self.respond(response::Message::Snapshot(SnapshotResponse { snapshot }))
            }
            Request::Restore(snapshot) if !self.workers.is_empty() => self.restore(snapshot),
            request => self.lead.request(request),
        }
    }

    fn respond(&mut self, message: response::Message) -> Result<(), AgentError> {
        let output = self.lead.output();
        output.respond(message);
        output.commit();
        Ok(())
    }

    /// Takes the options: the lead first, then, if it accepts them, all workers.
    fn init(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        let before = self.lead.output().committed().len();
        self.lead.handle(bytes)?;
        if self.lead.refused().is_some() {
            self.workers.clear();
            return Ok(());
        }
        let version = self.lead.handler_ref().version();
        self.size()?;
        if self.workers.is_empty() {
            let start =
                |place| Worker::start(place, self.recruit.clone(), &self.channel, &self.options);
            self.workers = (0..self.count).map(start).collect::<Result<_, _>>()?;
        }
        let mut refusal = None;
        for worker in &self.workers {
            let started = worker.version()?;
            if started != version {
                refusal =
                    Some("the script has changed while it was loaded; start the task again".into());
            }
        }
        let answers = self.ask(&Question::Frame(bytes.to_vec()))?;
        refusal = refusal.or_else(|| answers.iter().find_map(refused));
        if let Some(error) = refusal {
            self.workers.clear();
            self.lead.refuse(before, error);
        }
        Ok(())
    }

    /// Makes room for the workers of the options that were accepted: these may name another script, and not
    /// all scripts can be spread.
    fn size(&mut self) -> Result<(), AgentError> {
        let version = self.lead.handler_ref().version();
        let count = if self.lead.handler_ref().spreads() { self.most } else { 1 };
        let mut same = count == self.count;
        for worker in &self.workers {
            same &= worker.version()? == version;
        }
        if !same {
            if !self.workers.is_empty() {
                let (counts, _) = self.reports()?;
                self.ended.add(&counts);
                self.workers.clear();
            }
            (self.count, self.router) = (count, Router::new(count));
        }
        Ok(())
    }

    /// The snapshot of all groups, at this place of the stream.
    fn snapshot(&mut self, end: bool) -> Result<Vec<u8>, AgentError> {
        let request = request::Message::Snapshot(SnapshotRequest {});
        let answers = self.ask(&Question::Frame(encoded(request)))?;
        let parts: Vec<Vec<u8>> = answers.iter().filter_map(snapshot_of).collect();
        if parts.len() < self.workers.len() {
            return Err(AgentError::WorkerGone);
        }
        Ok(self.lead.handler().join(&parts, end)?)
    }

    /// Hands each worker its part of a snapshot.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), AgentError> {
        self.send_all()?;
        let (lead, router) = (self.lead.handler(), &mut self.router);
        let parts = lead.split(snapshot, self.count, &mut |group| router.owner(group));
        let restore = |part: &[u8]| {
            Question::Frame(encoded(request::Message::Restore(RestoreRequest {
                snapshot: part.to_vec(),
            })))
        };
        let asked: Vec<&Worker<L::Report>> = match &parts {
            Some(parts) => {
                self.workers.iter().zip(parts).try_for_each(|(w, part)| w.ask(restore(part)))?;
                self.workers.iter().collect()
            }
            // One says what is wrong with it, or starts fresh as all others are.
            None => {
                self.workers[0].ask(restore(snapshot))?;
                vec![&self.workers[0]]
            }
        };
        let answers = asked.iter().map(|worker| worker.answer()).collect::<Result<Vec<_>, _>>();
        self.look()?;
        let error = answers?.iter().find_map(refused).unwrap_or_default();
        let (_, reports) = self.reports()?;
        self.lead.handler().restored(&reports);
        self.respond(response::Message::Restore(RestoreResponse {
            success: error.is_empty(),
            error,
        }))
    }

    /// The counts and reports of all workers.
    fn reports(&mut self) -> Result<(Counts, Vec<L::Report>), AgentError> {
        let mut counts = Counts::default();
        let mut parts = Vec::new();
        for answer in self.ask(&Question::Report)? {
            if let Answer::Report(counted, part) = answer {
                counts.add(&counted);
                parts.push(part);
            }
        }
        Ok((counts, parts))
    }
}

impl<L: Lead, R: Fn(usize) -> L + Clone + Send + 'static> Conversation for Crew<L, R> {
    fn ready(&mut self) -> Result<(), AgentError> {
        self.send_all()
    }

    #[inline]
    fn handle(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        if self.workers.is_empty() {
            return match Request::decode(bytes)? {
                Request::Init(_) => self.init(bytes),
                _ => self.lead.handle(bytes),
            };
        }
        if let Some((group, time)) = route::group_of_point(bytes) {
            return self.hand_on(Kind::Point, group, time, bytes);
        }
        match Request::decode(bytes)? {
            Request::Point(_) => self.hand_on(Kind::Point, b"", i64::MIN, bytes),
            Request::Begin(begin) => {
                self.hand_on(Kind::Begin, begin.group.as_bytes(), i64::MIN, bytes)
            }
            Request::End(end) => self.hand_on(Kind::End, end.group.as_bytes(), end.tmax, bytes),
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
        // A failure that comes only now was before the one that ends the session.
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

fn encoded(message: request::Message) -> Vec<u8> {
    RequestMessage { message: Some(message) }.encode_to_vec()
}

/// The responses in an answer.
fn response_of<R>(answer: &Answer<R>) -> Option<response::Message> {
    let Answer::Frames(bytes) = answer else { return None };
    let (frame, _) = frame::split_first(bytes)?;
    decode_response(frame).ok()
}

/// Why a worker refused `init` or a snapshot.
fn refused<R>(answer: &Answer<R>) -> Option<String> {
    match response_of(answer)? {
        response::Message::Init(InitResponse { success: false, error })
        | response::Message::Restore(RestoreResponse { success: false, error }) => Some(error),
        _ => None,
    }
}

fn snapshot_of<R>(answer: &Answer<R>) -> Option<Vec<u8>> {
    match response_of(answer)? {
        response::Message::Snapshot(answer) => Some(answer.snapshot),
        _ => None,
    }
}
