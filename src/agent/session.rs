//! One use of a UDF as a state machine: it takes requests and gives responses.
//!
//! It does not know where they come from: a process, a socket and a replay use the same machine.

use super::{AgentError, Handler, Info, Output, label};
use crate::protocol::message::{
    EdgeType, InfoResponse, InitRequest, InitResponse, KeepaliveResponse, OptionInfo,
    RestoreResponse, SnapshotResponse, response::Message,
};
use crate::protocol::{Batch, Point, Request};

/// The points and batches of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Points read.
    pub points_in: u64,
    /// Batches read.
    pub batches_in: u64,
    /// Points written.
    pub points_out: u64,
    /// Batches written.
    pub batches_out: u64,
}

impl Counts {
    /// Adds the counts of another session.
    pub(super) fn add(&mut self, other: &Self) {
        self.points_in += other.points_in;
        self.batches_in += other.batches_in;
        self.points_out += other.points_out;
        self.batches_out += other.batches_out;
    }

    /// The status of a session in one line, for operators.
    pub(super) fn report(self, name: &str, uptime: std::time::Duration, status: &str) -> String {
        let Self { points_in, batches_in, points_out, batches_out } = self;
        let separator = if status.is_empty() { "" } else { "; " };
        format!(
            "{name}, up {}s; points {points_in} in, {points_out} out; batches {batches_in} in, \
             {batches_out} out{separator}{status}",
            uptime.as_secs(),
        )
    }
}

/// A handler and the state of its conversation with the daemon.
#[derive(Debug)]
pub struct Session<H> {
    handler: H,
    output: Output,
    point: Point,
    /// The declaration that `init` was accepted with.
    running: Option<Info>,
    in_batch: bool,
    counts: Counts,
    /// The last `init` was refused.
    refused: bool,
    /// Requests other than keepalives.
    heard: u64,
}

impl<H: Handler> Session<H> {
    /// A session that has seen nothing yet.
    pub fn new(handler: H) -> Self {
        Self {
            handler,
            output: Output::new(EdgeType::Stream),
            point: Point::default(),
            running: None,
            in_batch: false,
            counts: Counts::default(),
            refused: false,
            heard: 0,
        }
    }

    /// The handler.
    pub fn handler(&mut self) -> &mut H {
        &mut self.handler
    }

    /// The handler, to look at.
    pub fn handler_ref(&self) -> &H {
        &self.handler
    }

    /// The output so far.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// The counts of the session.
    pub fn counts(&self) -> Counts {
        Counts {
            points_out: self.output.points(),
            batches_out: self.output.batches(),
            ..self.counts
        }
    }

    /// True between the begin and the end of a batch.
    pub fn in_batch(&self) -> bool {
        self.in_batch
    }

    /// Lets the handler do work that must not be done inside a batch, such as switching to a new version of a script;
    /// see [`Handler::between`]. Points that it has collected are handled first. Must not be called inside a batch.
    ///
    /// # Errors
    /// As [`Session::ready`].
    pub fn between(&mut self) -> Result<(), AgentError> {
        self.ready()?;
        self.handler.between();
        Ok(())
    }

    /// Where `init` was refused, the number of requests so far that were not keepalives: the daemon may
    /// never close such a session.
    pub(crate) fn refused(&self) -> Option<u64> {
        self.refused.then_some(self.heard)
    }

    /// Takes back that `init` was accepted: the answers after the first `answered` bytes of output are
    /// replaced by a refusal.
    pub(super) fn refuse(&mut self, answered: usize, error: String) {
        log::error!("init is refused: {error}");
        (self.refused, self.running) = (true, None);
        self.output.cut(answered);
        self.output.respond(Message::Init(InitResponse { success: false, error }));
        self.output.commit();
    }

    /// The status of the session in one line, for operators.
    pub fn report(&self, uptime: std::time::Duration) -> String {
        self.counts().report(&self.handler.name(), uptime, &self.handler.status())
    }

    /// Handles one request, given as the bytes of its frame.
    ///
    /// # Errors
    /// A request that breaks the protocol, or a callback that failed. The output holds everything
    /// up to the request and nothing of it; the session is over: see [`Session::fail`].
    pub fn handle(&mut self, frame: &[u8]) -> Result<(), AgentError> {
        let handled = match Point::message_of_frame(frame) {
            Some(message) => self.point_message(message),
            None => Request::decode(frame)
                .map_err(AgentError::from)
                .and_then(|request| self.dispatch(request)),
        };
        self.settle(handled)
    }

    /// Handles a request that is decoded already.
    ///
    /// # Errors
    /// As [`Session::handle`].
    pub fn request(&mut self, request: Request<'_>) -> Result<(), AgentError> {
        let handled = self.dispatch(request);
        self.settle(handled)
    }

    /// Handles a point that is in memory already, without a frame around it: the same checks, counts
    /// and errors as a frame with [`Request::Point`] has. For sources that parse their points themselves.
    ///
    /// The point must carry what the daemon would send: in a stream its name, tags, dimensions and
    /// group id; in a batch (after [`Session::handle`] of its begin) tags, fields and time. The handler may
    /// take the point out of its place; the memory that is left there is reused for the next point
    /// ([`Point::reset`], [`Point::parse`]), not a copy.
    ///
    /// A handler may collect points until [`Session::ready`] is called. A source calls it when it has handed over all
    /// points that it has read, before it takes the output.
    ///
    /// # Errors
    /// As [`Session::handle`].
    pub fn point(&mut self, point: &mut Point) -> Result<(), AgentError> {
        let handled = self.expect_point().and_then(|()| {
            self.counts.points_in += 1;
            self.handler.point(point, &mut self.output).map_err(AgentError::Handler)
        });
        self.settle(handled)
    }

    /// Hands over all points of a batch that has begun, if the handler takes them at once; false if they are
    /// to be handed over one by one. For sources that have whole batches in memory.
    ///
    /// # Errors
    /// Points outside of a batch, or before `init`.
    pub fn batch_points(&mut self, batch: &Batch) -> Result<bool, AgentError> {
        self.expect_point()?;
        let taken = self.in_batch && self.handler.batch_points(batch);
        if taken {
            self.counts.points_in += batch.len() as u64;
        }
        Ok(taken)
    }

    /// Lets the handler handle the points that it has collected.
    ///
    /// # Errors
    /// A callback that failed; the session is over: see [`Session::fail`].
    pub fn ready(&mut self) -> Result<(), AgentError> {
        let handled = self.handler.ready(&mut self.output).map_err(AgentError::Handler);
        self.settle(handled)
    }

    /// Keeps what a call wrote if the call succeeded, and drops it otherwise.
    #[inline]
    fn settle(&mut self, handled: Result<(), AgentError>) -> Result<(), AgentError> {
        match handled {
            Ok(()) => self.output.commit(),
            Err(_) => self.output.rollback(),
        }
        handled
    }

    /// Tells the daemon why the session ends. Points that were collected are handled first.
    pub fn fail(&mut self, error: &AgentError) {
        // The daemon reads one error only, and this one came first.
        let _ = self.ready();
        self.output.error(error.to_string());
        self.output.commit();
    }

    /// Ends the session after the end of its input.
    ///
    /// # Errors
    /// The error of the handler, if it has one.
    pub fn close(&mut self) -> Result<(), AgentError> {
        self.ready()?;
        let closed = self.handler.close(&mut self.output).map_err(AgentError::Handler);
        self.settle(closed)
    }

    #[inline]
    fn dispatch(&mut self, request: Request<'_>) -> Result<(), AgentError> {
        if !matches!(request, Request::Point(_)) {
            self.ready()?;
            self.heard += u64::from(!matches!(request, Request::Keepalive(_)));
        }
        match request {
            Request::Point(message) => return self.point_message(message),
            Request::Begin(begin) => {
                self.expect_edge(EdgeType::Batch, "a batch")?;
                if self.in_batch {
                    return Err(AgentError::NestedBatch { name: begin.name });
                }
                self.in_batch = true;
                self.counts.batches_in += 1;
                self.handler.begin_batch(begin, &mut self.output)?;
            }
            Request::End(end) => {
                self.expect_edge(EdgeType::Batch, "the end of a batch")?;
                if !self.in_batch {
                    return Err(AgentError::EndWithoutBegin { name: end.name });
                }
                self.in_batch = false;
                self.handler.end_batch(end, &mut self.output)?;
            }
            Request::Keepalive(time) => {
                self.output.respond(Message::Keepalive(KeepaliveResponse { time }));
            }
            Request::Info => self.info(),
            Request::Init(request) => self.init(&request),
            Request::Snapshot => {
                let snapshot = self.handler.snapshot()?;
                self.output.respond(Message::Snapshot(SnapshotResponse { snapshot }));
            }
            Request::Restore(snapshot) => self.restore(snapshot),
        }
        Ok(())
    }

    #[inline]
    fn point_message(&mut self, message: &[u8]) -> Result<(), AgentError> {
        self.expect_point()?;
        self.point.parse(message)?;
        self.counts.points_in += 1;
        self.handler.point(&mut self.point, &mut self.output)?;
        Ok(())
    }

    #[inline]
    fn expect_point(&self) -> Result<(), AgentError> {
        match &self.running {
            Some(info) if (info.wants == EdgeType::Batch) == self.in_batch => Ok(()),
            Some(_) => Err(AgentError::PointOutsideBatch),
            None => Err(AgentError::BeforeInit { what: "a point" }),
        }
    }

    fn expect_edge(&self, edge: EdgeType, what: &'static str) -> Result<(), AgentError> {
        match &self.running {
            Some(info) if info.wants == edge => Ok(()),
            Some(_) => Err(AgentError::WrongEdge { what }),
            None => Err(AgentError::BeforeInit { what }),
        }
    }

    fn info(&mut self) {
        let info = self.handler.info();
        let options = info.options.into_iter().map(|(name, types)| {
            (name, OptionInfo { value_types: types.into_iter().map(i32::from).collect() })
        });
        self.output.respond(Message::Info(InfoResponse {
            wants: info.wants.into(),
            provides: info.provides.into(),
            options: options.collect(),
        }));
    }

    fn init(&mut self, request: &InitRequest) {
        label::set(&request.task_id, &request.node_id);
        let answer = match self.handler.init(request) {
            Ok(()) => {
                let info = self.handler.info();
                self.output.set_provides(info.provides);
                self.running = Some(info);
                self.refused = false;
                InitResponse { success: true, error: String::new() }
            }
            Err(error) => {
                let error = error.to_string();
                log::error!("init is refused: {error}");
                self.refused = true;
                InitResponse { success: false, error }
            }
        };
        self.output.respond(Message::Init(answer));
    }

    fn restore(&mut self, snapshot: &[u8]) {
        let answer = match self.handler.restore(snapshot) {
            Ok(()) => RestoreResponse { success: true, error: String::new() },
            Err(error) => {
                let error = error.to_string();
                log::error!("restore is refused: {error}");
                RestoreResponse { success: false, error }
            }
        };
        self.output.respond(Message::Restore(answer));
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
