//! The interface of an algorithm. The script host is one implementation; a handler written in Rust runs on the same
//! agent and shows the cost of the protocol alone.

use super::{Output, Pulse};
use crate::protocol::message::{BeginBatch, EdgeType, EndBatch, InitRequest, ValueType};
use crate::protocol::{Batch, Point};
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
/// Only `info`, `init` and `point` must be written. The defaults of the other methods make a UDF without state, which
/// does nothing at the beginning and the end of a batch.
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

    /// A point of the stream or of the current batch. The handler may move the point out; the memory that it leaves
    /// behind is reused for the next point.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError>;

    /// A batch begins. Only handlers that want batches are asked.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        let _ = (begin, output);
        Ok(())
    }

    /// Takes all points of the batch that has begun at once, and returns true; false if they are to be
    /// handed over one by one, as a daemon sends them. Asked by sources that have whole batches, such
    /// as a replay.
    fn batch_points(&mut self, batch: &Batch) -> bool {
        let _ = batch;
        false
    }

    /// The current batch ends.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        let _ = (end, output);
        Ok(())
    }

    /// The state, as bytes that `restore` will understand. Empty where there is none.
    ///
    /// # Errors
    /// A state that cannot be stored.
    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        Ok(Vec::new())
    }

    /// Takes the state of an earlier run; it may come from another program. A handler that does not
    /// define this starts fresh, and a warning says so if there was a state.
    ///
    /// # Errors
    /// A snapshot that is refused: the task will not start.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        if !snapshot.is_empty() {
            let (name, size) = (self.name(), snapshot.len());
            log::warn!("{name} keeps no state: the daemon's snapshot of {size} bytes is ignored");
        }
        Ok(())
    }

    /// Called when nothing more has arrived, or before a request that needs all earlier points to be handled: points
    /// that the handler has collected to handle them together are handled now.
    ///
    /// # Errors
    /// Whatever should end the session.
    fn ready(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        let _ = output;
        Ok(())
    }

    /// Called between two messages and never inside a batch, after [`super::Control::wake`].
    fn between(&mut self) {}

    /// The pulse that the handler looks at while a call is long. The agent reads it once, before the
    /// first message; its watchdog then marks it as expired when a call is over its budget
    /// ([`super::AgentOptions`]). A handler without one is never told, and its calls are never stopped.
    fn pulse(&self) -> Pulse {
        Pulse::default()
    }

    /// The name of the program for status reports: that of its file, unless the handler says another.
    fn name(&self) -> String {
        let path = std::env::args_os().next().map(std::path::PathBuf::from).unwrap_or_default();
        path.file_name().map_or_else(|| "udf".into(), |name| name.to_string_lossy().into_owned())
    }

    /// The handler's part of the status report, for operators.
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

    fn batch_points(&mut self, batch: &Batch) -> bool {
        (**self).batch_points(batch)
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

    fn pulse(&self) -> Pulse {
        (**self).pulse()
    }

    fn name(&self) -> String {
        (**self).name()
    }

    fn status(&self) -> String {
        (**self).status()
    }

    fn close(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        (**self).close(output)
    }
}
