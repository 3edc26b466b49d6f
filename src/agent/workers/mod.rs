//! One session on several threads: the groups of its data are spread over workers, each with a handler of
//! its own.
//!
//! This thread reads. It looks at the group of each message only (`route.rs`), appends the message to the
//! chunk of the worker that has the group, and hands chunks over through bounded channels. What the
//! daemon asks for all groups (a snapshot, a restore, options), and what other threads ask for (a report, a
//! new version), is asked of all workers at one place of the stream: each answers after the data before that place,
//! and nothing continues before all have answered. Only bytes and reports cross threads.
//!
//! The [`Lead`] is one more handler, on this thread. It takes no data: it knows the declaration and the options,
//! splits and merges snapshots, and determines which groups are removed.

mod change;
mod common;
mod crew;
mod route;
mod worker;

use super::channel::Channel;
use super::{
    AgentError, AgentOptions, Counts, Handler, HandlerError, Watch, Watchdog, converse, end,
};
use crew::Crew;
use std::io::{Read, Write};

/// Sessions are spread over so many workers at most.
pub const MOST: usize = crate::protocol::owners::MOST_WORKERS;

/// The result of trying a changed program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It is the version that runs.
    Same,
    /// It can take over, with the states of so many groups; the version is named.
    Ready(String, usize),
    /// It is refused; the line for the log.
    Refused(String),
}

/// A handler for some of the groups. In addition to the work of a [`Handler`] it takes part in changes that all
/// workers make, or none.
pub trait Member: Handler {
    /// The status of one worker, for operators.
    type Report: Send + 'static;

    /// The version of the program that runs.
    fn version(&self) -> String;

    /// The status, for operators.
    fn part(&self) -> Self::Report;

    /// Removes a group, if it exists. Points that were collected have been handled before.
    fn forget(&mut self, group: &[u8]);

    /// Tries the changed program, and keeps it at hand.
    fn try_change(&mut self) -> Trial;

    /// Takes the program that was tried, or drops it.
    fn settle_change(&mut self, take: bool);

    /// True once after the program went back to the version before it.
    fn went_back(&mut self) -> bool;

    /// Goes back to the previous version, because another worker did.
    fn go_back(&mut self);
}

/// A place in the data of a group that its state's age depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A point of a stream.
    Point,
    /// The begin of a batch.
    Begin,
    /// A point of a batch.
    BatchPoint,
    /// The end of a batch.
    End,
}

/// The handler of the reading thread.
pub trait Lead: Member {
    /// Says, once `init` was accepted, whether groups can be on several workers.
    fn spreads(&self) -> bool;

    /// The status of all workers, for operators.
    fn describe(&self, parts: &[Self::Report]) -> String;

    /// The input has ended: logs what went wrong and did not stop the task.
    fn ended(&self, parts: &[Self::Report]);

    /// Cuts a snapshot into one for each worker, as `owner` says for a group; `None` if it cannot be read.
    fn split(
        &mut self,
        snapshot: &[u8],
        workers: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Option<Vec<Vec<u8>>>;

    /// The workers have taken their parts of a snapshot.
    fn restored(&mut self, parts: &[Self::Report]);

    /// Makes one snapshot of those of all workers, and keeps it where snapshots are kept. `end`: the
    /// input has ended.
    ///
    /// # Errors
    /// A state that is too large.
    fn join(&mut self, parts: &[Vec<u8>], end: bool) -> Result<Vec<u8>, HandlerError>;

    /// True if states are kept at the end of the input.
    fn keeps_end(&self) -> bool;

    /// True if groups can be removed, so that [`Lead::arrive`] must be called.
    fn forgets(&self) -> bool;

    /// Notes data of a group, and adds the groups that are removed because of it.
    fn arrive(&mut self, arrival: Arrival, group: &[u8], time: i64, gone: &mut Vec<Vec<u8>>);

    /// True once after the program has changed.
    fn has_changed(&mut self) -> bool;
}

/// Runs a session on several workers, as [`super::run`] does on this thread alone. `recruit` makes the
/// handler of a worker on the worker's own thread.
///
/// # Errors
/// As [`super::run`].
pub fn run<L: Lead>(
    reader: impl Read,
    writer: impl Write + Send + 'static,
    lead: L,
    workers: usize,
    recruit: impl Fn(usize) -> L + Clone + Send + 'static,
    options: &AgentOptions,
) -> Result<Counts, AgentError> {
    let channel = Channel::new(writer);
    let pulse = lead.pulse();
    let watch = Watch {
        keepalive: Some((channel.clone(), options.keepalive)),
        budget: options.call_timeout,
        memory: options.memory,
        control: options.control.clone(),
    };
    let _watchdog = Watchdog::start(pulse.clone(), watch).map_err(AgentError::Watchdog)?;
    let mut crew = Crew::new(lead, recruit, workers.clamp(1, MOST), &channel, options);
    let result = converse(reader, &channel, &mut crew, &pulse, &options.control);
    end(&channel, &mut crew, result)
}
