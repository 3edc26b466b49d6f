//! Requests that concern all groups: the options, and snapshots of all workers as one.

use super::Lead;
use super::crew::Crew;
use super::route::Router;
use super::worker::{Answer, Question, Worker};
use crate::agent::{AgentError, Counts};
use crate::protocol::message::{
    InitResponse, RequestMessage, RestoreRequest, RestoreResponse, SnapshotRequest,
    SnapshotResponse, decode_response, request, response,
};
use crate::protocol::{Request, frame};
use prost::Message as _;

impl<L: Lead, R: Fn(usize) -> L + Clone + Send + 'static> Crew<L, R> {
    /// A request that concerns all groups.
    pub(super) fn common(&mut self, request: Request<'_>, bytes: &[u8]) -> Result<(), AgentError> {
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
    pub(super) fn init(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
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
    pub(super) fn snapshot(&mut self, end: bool) -> Result<Vec<u8>, AgentError> {
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
            // One worker reports what is wrong with it, or starts fresh like all others.
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
    pub(super) fn reports(&mut self) -> Result<(Counts, Vec<L::Report>), AgentError> {
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
