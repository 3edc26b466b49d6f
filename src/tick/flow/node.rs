//! What a node is, and what it writes to.

use std::rc::Rc;

use super::memory::Memory;
use super::message::Pool;
use super::outside::Outside;
use super::signal::{Flowing, News, Signal};
use super::unseen::Unseen;
use crate::protocol::{Batch, Point};
use crate::tick::error::{Result, TickError};
use crate::tick::udf::Answers;

/// A message or signal of a node, with the item of the data that it belongs to.
pub type Sent = (u64, Flowing);

/// The number of messages that functions wrote, and of points that no `|from()` selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Points, those of batches included.
    pub points: u64,
    /// Batches.
    pub batches: u64,
    /// Points that a `|from()` selected, counted once for each `|from()`.
    pub taken: u64,
    /// Points of the stream that no `|from()` selected.
    pub passed_by: u64,
}

/// What a node writes to.
pub struct Outbox<'o> {
    /// The messages for the children, in order.
    pub messages: &'o mut Vec<Sent>,
    /// The item of the data that the node is given.
    pub item: u64,
    /// Where effects go.
    pub outside: &'o mut dyn Outside,
    /// Whether errors of the node are not reported.
    pub quiet: bool,
    /// The node's name (`alert2`).
    pub node: &'o str,
    /// The node's number.
    pub number: usize,
    /// Points to be used again.
    pub pool: &'o mut Pool,
    /// What is counted.
    pub tally: &'o mut Tally,
}

impl Outbox<'_> {
    /// Sends a message or a signal to the children.
    pub fn send(&mut self, message: impl Into<Flowing>) {
        self.messages.push((self.item, message.into()));
    }

    /// Reports an error that drops a point but does not end the replay.
    pub fn diagnose(&mut self, error: &TickError) {
        if !self.quiet {
            self.outside.diagnose(self.node, error);
        }
    }

    /// Returns what a function writes its answers to.
    pub fn answers(&mut self) -> Answers<'_> {
        Answers { messages: self.messages, item: self.item, pool: self.pool }
    }
}

/// A node of the pipeline.
pub trait Node {
    /// Takes a point of a stream; `port` tells which parent it comes from. A node that keeps no
    /// point gives it back to [`Outbox::pool`].
    ///
    /// # Errors
    /// What ends the replay.
    fn point(&mut self, port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()>;

    /// Takes a batch.
    ///
    /// # Errors
    /// What ends the replay.
    fn batch(&mut self, port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()>;

    /// Takes a signal: passes it on unless the node uses it.
    ///
    /// A node that keeps something for each group forgets the group that is deleted; it does not
    /// tell its children of a group that it does not know.
    ///
    /// # Errors
    /// What ends the replay.
    fn signal(&mut self, _port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        if signal.news != News::Deleted || self.forget(&signal) {
            out.send(signal);
        }
        Ok(())
    }

    /// Forgets the group of a signal; returns whether the node knew the group, or keeps nothing for
    /// groups.
    fn forget(&mut self, _signal: &Signal) -> bool {
        true
    }

    /// Tells the node the time that the data has reached, before the node acts or is given anything of that time.
    /// Only nodes that act by themselves are told.
    fn reached(&mut self, _time: i64) {}

    /// Returns the time at which the node wants to act by itself.
    fn due(&self) -> Option<i64> {
        None
    }

    /// Acts at the time that it asked for by [`Node::due`].
    ///
    /// # Errors
    /// What ends the replay.
    fn act(&mut self, _time: i64, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes a captured request, as the daemon sent it; only functions can.
    ///
    /// # Errors
    /// What ends the replay.
    fn frame(&mut self, _frame: &[u8], _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    /// Handles the points that it has collected, now that a chunk of the data has been handed over.
    ///
    /// # Errors
    /// What ends the replay.
    fn settle(&mut self, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    /// Waits for the answers to all messages that it was given; only functions answer later.
    ///
    /// # Errors
    /// What ends the replay.
    fn catch_up(&mut self, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    /// Tells the node that the data has ended.
    ///
    /// # Errors
    /// What ends the replay.
    fn finish(&mut self, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    /// Names everything that the node remembers from one message to the next, to save or restore it; afterwards the
    /// node continues as if nothing had happened. There is no default, so that no node can omit it; a node that
    /// remembers nothing has an empty implementation. What a function remembers is its [`Node::snapshot`].
    ///
    /// # Errors
    /// See [`Memory`].
    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()>;

    /// Returns the states of a function as a snapshot; `None` for what is none.
    ///
    /// # Errors
    /// What the function reports.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Starts a function again, from a snapshot.
    ///
    /// # Errors
    /// A function that does not start or refuses the snapshot.
    fn restart(&mut self, _snapshot: &[u8]) -> Result<()> {
        Ok(())
    }

    /// Takes a snapshot of a function apart, as [`crate::tick::udf::Udf::split`] does.
    ///
    /// # Errors
    /// A function whose groups cannot be told apart.
    fn split(
        &mut self,
        _snapshot: &[u8],
        _parts: usize,
        _owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        Ok(None)
    }

    /// Makes one snapshot of a function of several, as [`crate::tick::udf::Udf::join`] does.
    ///
    /// # Errors
    /// Snapshots that cannot be put together.
    fn join(&mut self, snapshots: &[Vec<u8>]) -> Result<Vec<u8>> {
        Ok(snapshots.first().cloned().unwrap_or_default())
    }

    /// Returns the names that the node was given and that nothing in the data had.
    fn unseen(&self) -> Vec<Unseen> {
        Vec::new()
    }
}
