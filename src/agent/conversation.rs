//! The interface between the loop of the agent and a session.

use super::{AgentError, Counts, Handler, Output, Session};
use crate::protocol::frame::Located;
use std::time::Duration;

/// A session for the loop: one on this thread, or one whose groups are spread over workers.
pub(super) trait Conversation {
    /// Handles points that were collected, because nothing more has arrived.
    fn ready(&mut self) -> Result<(), AgentError>;
    /// Handles a frame. No other block is read before [`Conversation::ready`] was called.
    fn handle(&mut self, frame: Located<'_>) -> Result<(), AgentError>;
    /// What is answered here.
    fn output(&mut self) -> &mut Output;
    /// Where `init` was refused, the number of requests so far that were not keepalives.
    fn refused(&self) -> Option<u64>;
    fn in_batch(&self) -> bool;
    /// Does the work that must not be done inside a batch.
    fn between(&mut self) -> Result<(), AgentError>;
    /// The status in one line.
    fn report(&mut self, uptime: Duration) -> Result<String, AgentError>;
    /// The input has ended.
    fn close(&mut self) -> Result<(), AgentError>;
    /// Tells the daemon why the session ends.
    fn fail(&mut self, error: &AgentError);
    fn counts(&mut self) -> Counts;
}

impl<H: Handler> Conversation for Session<H> {
    fn ready(&mut self) -> Result<(), AgentError> {
        Session::ready(self)
    }

    #[inline]
    fn handle(&mut self, frame: Located<'_>) -> Result<(), AgentError> {
        Session::handle(self, frame.bytes())
    }

    fn output(&mut self) -> &mut Output {
        Session::output(self)
    }

    fn refused(&self) -> Option<u64> {
        Session::refused(self)
    }

    fn in_batch(&self) -> bool {
        Session::in_batch(self)
    }

    fn between(&mut self) -> Result<(), AgentError> {
        Session::between(self)
    }

    fn report(&mut self, uptime: Duration) -> Result<String, AgentError> {
        Ok(Session::report(self, uptime))
    }

    fn close(&mut self) -> Result<(), AgentError> {
        Session::close(self)
    }

    fn fail(&mut self, error: &AgentError) {
        Session::fail(self, error);
    }

    fn counts(&mut self) -> Counts {
        Session::counts(self)
    }
}
