//! The interface to the store of the streams: numbered messages, writes that are fenced by the number of the last
//! message, and reading from a number on. NATS JetStream is one implementation; another store, such as Kafka, would
//! have to do only this.
//!
//! All calls block their thread; the transport repeats none by itself, because only the caller knows what to do about
//! a message that may have been stored.

mod inbox;
#[cfg(test)]
mod memory;
mod nats;
mod reading;
mod trimming;

#[cfg(test)]
pub(crate) use memory::Memory;
pub(crate) use nats::Nats;

use crate::error::Result;
use crate::message::Record;
use async_nats::HeaderMap;
use bytes::Bytes;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// A write that was sent; asking it waits for the number that the message got.
pub(crate) type Ticket = Box<dyn FnOnce() -> Result<u64> + Send>;

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The number of the first message; one more than the last if there is none.
    pub(crate) first: u64,
    /// The number of the last message that there ever was; 0 if there never was one.
    pub(crate) last: u64,
    /// How many messages there are.
    pub(crate) messages: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// How a stream is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamPlan {
    /// Its name.
    pub(crate) name: String,
    /// The subjects that it stores.
    pub(crate) subjects: Vec<String>,
    /// How many servers keep it.
    pub(crate) replicas: usize,
    /// Bytes at most; 0 for any.
    pub(crate) bytes: u64,
    /// What happens when it is full: the oldest go, or new ones are refused.
    pub(crate) forgets: bool,
    /// Only the last message of each subject is kept.
    pub(crate) only_last: bool,
}

/// Streams.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Makes a stream, or finds it as it is planned.
    fn create(&self, plan: &StreamPlan) -> Result<()>;

    /// Seals a stream: it never accepts messages again.
    fn seal(&self, stream: &str) -> Result<()>;

    /// Removes a stream, if it is there.
    fn delete(&self, stream: &str) -> Result<()>;

    /// The names of all streams.
    fn streams(&self) -> Result<Vec<String>>;

    /// Says what a stream holds; `None` if it is not there.
    fn ends(&self, stream: &str) -> Result<Option<Ends>>;

    /// Returns the message of a number; `None` if it is gone or never was.
    fn get(&self, stream: &str, sequence: u64) -> Result<Option<Record>>;

    /// Returns the last message of a subject. What it says may be a moment old.
    fn last_of(&self, stream: &str, subject: &str) -> Result<Option<Record>>;

    /// Sends a message to a stream. With `after`, it is stored only if the last message of the whole stream has
    /// this number.
    fn append(
        &self,
        stream: &str,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        after: Option<u64>,
    ) -> Result<Ticket>;

    /// Reads a stream from a number on.
    fn read(&self, stream: &str, from: u64) -> Box<dyn Reading>;

    /// Removes the messages below a number, or begins to remove them: messages that stay for a while do no harm.
    fn forget(&self, stream: &str, below: u64) -> Result<()>;

    /// Bytes of a message at most, its headers included.
    fn largest(&self) -> usize;

    /// Sends a message to all listeners; nothing is stored.
    fn tell(&self, subject: String, payload: Bytes) -> Result<()>;

    /// Sends a message to all listeners, and collects their answers as long as the receiver is held.
    fn ask(&self, subject: String, payload: Bytes) -> Result<Receiver<Heard>>;

    /// Listens.
    fn listen(&self, subject: String) -> Result<Receiver<Heard>>;
}

/// A message that was sent without being stored.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// The bytes.
    pub(crate) payload: Bytes,
    /// Where an answer is awaited.
    pub(crate) reply: Option<String>,
}

/// A stream that is being read.
pub(crate) trait Reading {
    /// Waits for messages; none come back when none arrived in that time. They come in order, and are complete,
    /// whichever server is down. If numbers are left out, the stream does not have these messages.
    fn next(&mut self, wait: Duration) -> Result<Vec<Record>>;
}
