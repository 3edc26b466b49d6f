//! What an algorithm implements. The script host is one implementation; a native one runs on the
//! same agent and is the floor that the benchmarks compare with.

use super::Output;
use crate::protocol::Point;
use crate::protocol::message::{BeginBatch, EdgeType, EndBatch, InitRequest, ValueType};
use std::collections::BTreeMap;

/// Why a callback failed; its text reaches the daemon's log.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// What a UDF declares: its edges and options.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The edge it reads.
    pub wants: EdgeType,
    /// The edge it writes.
    pub provides: EdgeType,
    /// Each option with the types of its arguments.
    pub options: BTreeMap<String, Vec<ValueType>>,
}

impl Info {
    /// A declaration without options.
    pub fn new(wants: EdgeType, provides: EdgeType) -> Self {
        Self { wants, provides, options: BTreeMap::new() }
    }
}

/// A UDF's algorithm. All calls come from one thread.
///
/// An error of `init` or `restore` is answered as such and stops the task; an error of the data
/// callbacks is sent to the daemon and ends the session. What a failed call wrote is dropped.
pub trait Handler {
    /// The declaration. Asked once when the daemon starts, and at the start of each session.
    fn info(&mut self) -> Info;

    /// Takes the options of one use in a TICKscript.
    ///
    /// # Errors
    /// Options that are missing or wrong; the text should name all of them.
    fn init(&mut self, request: &InitRequest) -> Result<(), HandlerError>;

    /// The state, as bytes that `restore` will understand.
    ///
    /// # Errors
    /// A state that cannot be stored.
    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError>;

    /// Takes the state of an earlier run; it may come from another program.
    ///
    /// # Errors
    /// A snapshot that is refused: the task will not start.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError>;

    /// A batch begins.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError>;

    /// A point of the stream or of the current batch. The handler may take it out of its place:
    /// what is left is used for the next one.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError>;

    /// Nothing more has arrived, or what has is to be settled: points that a handler keeps back to
    /// handle them together are handled now.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn ready(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        let _ = output;
        Ok(())
    }

    /// The current batch ends.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError>;

    /// Called between two messages and never inside a batch, after [`super::Control::wake`].
    fn between(&mut self) {}

    /// What an operator wants to know of it, for the status report.
    fn status(&self) -> String {
        String::new()
    }

    /// The input has ended; the last chance to write.
    ///
    /// # Errors
    /// Whatever the operator should know.
    fn close(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        let _ = output;
        Ok(())
    }
}

impl<H: Handler + ?Sized> Handler for Box<H> {
    fn info(&mut self) -> Info {
        (**self).info()
    }

    fn init(&mut self, request: &InitRequest) -> Result<(), HandlerError> {
        (**self).init(request)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        (**self).snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        (**self).restore(snapshot)
    }

    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        (**self).begin_batch(begin, output)
    }

    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        (**self).point(point, output)
    }

    fn ready(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        (**self).ready(output)
    }

    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        (**self).end_batch(end, output)
    }

    fn between(&mut self) {
        (**self).between();
    }

    fn status(&self) -> String {
        (**self).status()
    }

    fn close(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        (**self).close(output)
    }
}
