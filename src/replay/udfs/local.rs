//! A script as a function of a graph: the agent in memory. What flows goes in as the daemon would send
//! it, and what the script writes comes out.

use crate::agent::workers::Lead;
use crate::agent::{AgentError, Control, Handler, Pulse, Session, Watch, Watchdog};
use crate::protocol::frame::split_first;
use crate::protocol::message::{
    InfoResponse, InitRequest, OptionInfo, RequestMessage, RestoreRequest, SnapshotRequest,
    decode_response, request, response,
};
use crate::protocol::{Batch, Point, Request};
use crate::replay::ReplayError;
use crate::script::ScriptHandler;
use crate::script::config::{Config, Limits};
use crate::tick::TickError;
use crate::tick::flow::Flowing;
use crate::tick::udf::{Answers, Udf};
use prost::Message as _;
use std::path::PathBuf;
use std::rc::Rc;

/// A script behind a [`Session`], with a watchdog: a call that the daemon's own session would end is
/// ended here too.
pub struct LocalUdf {
    session: Session<ScriptHandler>,
    pulse: Pulse,
    /// Odd while a call runs.
    beat: u64,
    _watchdog: Option<Watchdog>,
    /// Ends a call that still runs after it was asked to stop.
    control: Control,
    /// The script and its configuration, to start it again.
    origin: (PathBuf, Config),
    /// The options, if they were given.
    init: Option<InitRequest>,
    /// The options that a captured session brought.
    captured: Option<InitRequest>,
    /// The name in a TICKscript, which its errors begin with.
    name: Option<String>,
    frame: Vec<u8>,
    point: Point,
    /// The batch that the script has begun and not ended.
    batch: Option<Batch>,
    /// The items and times of the points whose answers are still to come.
    asked: Vec<(u64, i64)>,
}

/// Returns what a handler declares.
pub fn declaration(handler: &mut impl Handler) -> InfoResponse {
    let info = handler.info();
    let option = |(name, types): (String, Vec<_>)| {
        (name, OptionInfo { value_types: types.into_iter().map(i32::from).collect() })
    };
    InfoResponse {
        wants: info.wants.into(),
        provides: info.provides.into(),
        options: info.options.into_iter().map(option).collect(),
    }
}

impl LocalUdf {
    /// Starts a script; without options, those of a captured session are awaited.
    ///
    /// # Errors
    /// Options that it refuses.
    pub fn start(
        name: Option<&str>,
        handler: ScriptHandler,
        origin: (PathBuf, Config),
        init: Option<InitRequest>,
        control: Control,
    ) -> Result<Self, TickError> {
        let pulse = handler.pulse();
        let mut udf = Self {
            session: Session::new(handler),
            _watchdog: watchdog(&pulse, &origin.1.limits, &control)?,
            control,
            pulse,
            beat: 0,
            origin,
            name: name.map(Into::into),
            init,
            captured: None,
            frame: Vec::new(),
            point: Point::default(),
            batch: None,
            asked: Vec::new(),
        };
        udf.initialise()?;
        Ok(udf)
    }

    fn initialise(&mut self) -> Result<(), TickError> {
        let Some(init) = self.init.clone().or_else(|| self.captured.clone()) else { return Ok(()) };
        self.ask(request::Message::Init(init)).map(drop)
    }

    /// Sends a request that is answered at once; returns the answer.
    fn ask(&mut self, message: request::Message) -> Result<Option<response::Message>, TickError> {
        self.put(message);
        let handled = self.watched(|session, frame| session.handle(frame));
        let answered = handled.map_err(ReplayError::from);
        let output = self.session.output();
        let answer = split_first(output.committed()).map(|(answer, _)| accepted(answer));
        let answer = answered.and_then(|()| answer.transpose());
        output.clear();
        answer.map_err(|error| self.error(error))
    }

    fn error(&self, error: ReplayError) -> TickError {
        match &self.name {
            Some(name) => TickError::Udf { name: name.clone(), message: error.to_string() },
            None => TickError::Outside(Box::new(error)),
        }
    }

    fn put(&mut self, message: request::Message) {
        self.frame.clear();
        let request = RequestMessage { message: Some(message) };
        request.encode(&mut self.frame).expect("a Vec has room");
    }

    /// Ends a call: hands out the answers, then returns the error if there is one.
    fn end(
        &mut self,
        handled: Result<(), AgentError>,
        answers: &mut Answers<'_>,
    ) -> Result<(), TickError> {
        let drained = self.drain(answers);
        handled.map_err(ReplayError::from).and(drained).map_err(|error| self.error(error))
    }

    /// Returns the output that was written.
    fn drain(&mut self, answers: &mut Answers<'_>) -> Result<(), ReplayError> {
        let Self { session, batch, asked, .. } = self;
        let output = session.output();
        if output.committed().is_empty() {
            asked.clear();
            return Ok(());
        }
        let first = answers.messages.len();
        let mut frames = output.committed();
        while let Some((frame, rest)) = split_first(frames) {
            receive(frame, batch, answers)?;
            frames = rest;
        }
        output.clear();
        attribute(&mut answers.messages[first..], asked);
        asked.clear();
        Ok(())
    }

    /// Makes a call that the watchdog sees.
    #[inline]
    fn watched<T>(&mut self, call: impl FnOnce(&mut Session<ScriptHandler>, &[u8]) -> T) -> T {
        let Self { session, pulse, beat, frame, .. } = self;
        pulse.reset();
        pulse.beat(*beat + 1);
        let result = call(session, frame);
        *beat += 2;
        pulse.beat(*beat);
        result
    }

    fn handle(&mut self) -> Result<(), AgentError> {
        self.watched(|session, frame| session.handle(frame))?;
        self.watched(|session, _| session.ready())
    }

    fn take_batch(&mut self, batch: &Batch) -> Result<(), AgentError> {
        self.put(request::Message::Begin(batch.begin_message()));
        self.watched(|session, frame| session.handle(frame))?;
        if !self.session.batch_points(batch)? {
            for message in (0..batch.len()).filter_map(|i| batch.message(i)) {
                self.watched(|session, _| session.request(Request::Point(message)))?;
            }
        }
        self.put(request::Message::End(batch.end_message()));
        self.handle()
    }
}

impl Udf for LocalUdf {
    fn point(&mut self, point: &mut Rc<Point>, answers: &mut Answers<'_>) -> Result<(), TickError> {
        let time = point.time();
        self.session.handler().set_now(time);
        let handled = match Rc::get_mut(point) {
            Some(point) => self.watched(|session, _| session.point(point)),
            None => {
                let mut copy = std::mem::take(&mut self.point);
                copy.clone_from(point);
                let handled = self.watched(|session, _| session.point(&mut copy));
                self.point = copy;
                handled
            }
        };
        self.asked.push((answers.item, time));
        // Functions that take points together answer when the chunk of data ends, even where they have
        // handled some already: when that happens depends on the clock, and the order of what several
        // functions make of one point must not.
        if handled.is_ok() && self.session.handler().gathers() {
            return Ok(());
        }
        self.end(handled, answers)
    }

    fn batch(&mut self, batch: &Batch, answers: &mut Answers<'_>) -> Result<(), TickError> {
        self.session.handler().set_now(batch.tmax);
        let handled = self.take_batch(batch);
        self.end(handled, answers)
    }

    fn frame(&mut self, frame: &[u8], answers: &mut Answers<'_>) -> Result<(), TickError> {
        let now = match Request::decode(frame) {
            Ok(Request::Init(_)) if self.init.is_some() => return Ok(()),
            Ok(Request::Init(init)) => {
                self.captured = Some(init);
                None
            }
            Ok(Request::Point(message)) if !self.session.in_batch() => {
                Point::from_message(message).ok().map(|point| point.time())
            }
            Ok(Request::End(end)) => Some(end.tmax),
            _ => None,
        };
        if let Some(now) = now {
            self.session.handler().set_now(now);
        }
        let handled = self.watched(|session, _| session.handle(frame));
        let handled = handled.and_then(|()| self.watched(|session, _| session.ready()));
        self.end(handled, answers)
    }

    fn settle(&mut self, answers: &mut Answers<'_>) -> Result<(), TickError> {
        if self.asked.is_empty() {
            return Ok(());
        }
        let handled = self.watched(|session, _| session.ready());
        self.end(handled, answers)
    }

    fn finish(&mut self, answers: &mut Answers<'_>) -> Result<(), TickError> {
        let closed = self.watched(|session, _| session.close());
        self.end(closed, answers)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TickError> {
        match self.ask(request::Message::Snapshot(SnapshotRequest {}))? {
            Some(response::Message::Snapshot(answer)) => Ok(Some(answer.snapshot)),
            _ => Ok(None),
        }
    }

    fn restart(&mut self, snapshot: &[u8], now: Option<i64>) -> Result<(), TickError> {
        let (script, config) = self.origin.clone();
        let handler = ScriptHandler::load(&script, config.clone(), &Pulse::default());
        self.pulse = handler.pulse();
        self._watchdog = watchdog(&self.pulse, &config.limits, &self.control)?;
        self.beat = 0;
        self.session = Session::new(handler);
        if let Some(now) = now {
            self.session.handler().set_now(now);
        }
        self.initialise()?;
        let restore = RestoreRequest { snapshot: snapshot.to_vec() };
        self.ask(request::Message::Restore(restore)).map(drop)
    }

    fn split(
        &mut self,
        snapshot: &[u8],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>, TickError> {
        Ok(self.session.handler().split(snapshot, parts, owner))
    }

    fn join(&mut self, snapshots: &[Vec<u8>]) -> Result<Vec<u8>, TickError> {
        let joined = self.session.handler().join(snapshots, false);
        joined.map_err(|error| self.error(ReplayError::Agent(error.into())))
    }

    fn missed(&self) -> Vec<String> {
        self.session.handler_ref().missed()
    }
}

/// Watches the calls, if anything limits them.
fn watchdog(
    pulse: &Pulse,
    limits: &Limits,
    control: &Control,
) -> Result<Option<Watchdog>, TickError> {
    let watch = Watch {
        budget: limits.call_budget(),
        memory: limits.memory,
        control: control.clone(),
        ..Watch::default()
    };
    if watch.budget.is_none() && watch.memory == 0 {
        return Ok(None);
    }
    let started = Watchdog::start(pulse.clone(), watch).map_err(AgentError::Watchdog);
    started.map(Some).map_err(|error| TickError::Outside(Box::new(ReplayError::from(error))))
}

/// Finds the item of each answer to points that were handled together. Where there is an answer for
/// each, they are in order; else it is the latest item whose point is not younger than the answer.
fn attribute(answers: &mut [(u64, Flowing)], asked: &[(u64, i64)]) {
    if asked.len() < 2 {
        return;
    }
    if answers.len() == asked.len() {
        answers.iter_mut().zip(asked).for_each(|((item, _), (asked, _))| *item = *asked);
        return;
    }
    let ordered = asked.is_sorted_by_key(|(_, time)| *time);
    for (item, message) in answers {
        let Flowing::Message(message) = message else { continue };
        let time = message.time();
        let place = if ordered {
            asked.partition_point(|(_, asked)| *asked <= time).checked_sub(1)
        } else {
            asked.iter().rposition(|(_, asked)| *asked == time)
        };
        *item = asked[place.unwrap_or(if ordered { 0 } else { asked.len() - 1 })].0;
    }
}

fn receive(
    frame: &[u8],
    batch: &mut Option<Batch>,
    answers: &mut Answers<'_>,
) -> Result<(), ReplayError> {
    if let Some(message) = Point::message_of_frame(frame) {
        let mut shared = answers.pool.take();
        let point = Rc::get_mut(&mut shared).expect("a point of the pool has one owner");
        point.parse(message).map_err(AgentError::from)?;
        match batch {
            Some(batch) => {
                batch.push(point);
                answers.pool.give(shared);
            }
            None => answers.push(shared),
        }
        return Ok(());
    }
    match accepted(frame)? {
        response::Message::Begin(begin) => {
            let mut begun = Batch::default();
            begun.begin(begin);
            *batch = Some(begun);
        }
        response::Message::End(end) => {
            if let Some(mut batch) = batch.take() {
                batch.end(end);
                answers.push(batch);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Returns a response that is no refusal.
fn accepted(frame: &[u8]) -> Result<response::Message, ReplayError> {
    match decode_response(frame).map_err(|error| ReplayError::Udf(error.to_string()))? {
        response::Message::Init(init) if !init.success => {
            Err(ReplayError::Udf(format!("init is refused: {}", init.error)))
        }
        response::Message::Restore(restore) if !restore.success => {
            Err(ReplayError::Udf(format!("restore is refused: {}", restore.error)))
        }
        response::Message::Error(error) => Err(ReplayError::Udf(error.error)),
        message => Ok(message),
    }
}
