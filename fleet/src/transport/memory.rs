//! Streams in memory, for tests: a message arrives only when its sender waits for it, as on a very slow network.

use super::{Ends, Heard, Reading, StreamPlan, Ticket, Transport};
use crate::error::{FleetError, Result};
use crate::message::Record;
use async_nats::HeaderMap;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A stream: its records by number, and the number of the last one that there ever was.
#[derive(Default)]
struct Stored {
    records: BTreeMap<u64, Record>,
    last: u64,
}

type Streams = Arc<Mutex<BTreeMap<String, Stored>>>;

/// A message that is on its way.
struct Sent {
    stream: String,
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
    after: Option<u64>,
}

/// Streams in memory.
#[derive(Default)]
pub(crate) struct Memory {
    streams: Streams,
}

impl Memory {
    fn with<T>(&self, stream: &str, look: impl FnOnce(&mut Stored) -> T) -> T {
        look(self.streams.lock().unwrap().entry(stream.to_owned()).or_default())
    }

    /// The subjects of a stream's messages, in their order.
    pub(crate) fn subjects(&self, stream: &str) -> Vec<String> {
        self.with(stream, |own| own.records.values().map(|r| r.subject.clone()).collect())
    }
}

/// What a server does with a message.
fn store(streams: &Streams, sent: Sent) -> Result<u64> {
    let mut streams = streams.lock().unwrap();
    let stream = streams.entry(sent.stream.clone()).or_default();
    if sent.after.is_some_and(|after| after != stream.last) {
        return Err(FleetError::Fenced { journal: sent.stream });
    }
    stream.last += 1;
    let Sent { subject, headers, payload, .. } = sent;
    let record = Record { sequence: stream.last, subject, headers, payload, stored: 0 };
    stream.records.insert(stream.last, record);
    Ok(stream.last)
}

impl Transport for Memory {
    fn create(&self, plan: &StreamPlan) -> Result<()> {
        self.with(&plan.name, |_| Ok(()))
    }

    fn seal(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn delete(&self, stream: &str) -> Result<()> {
        self.streams.lock().unwrap().remove(stream);
        Ok(())
    }

    fn streams(&self) -> Result<Vec<String>> {
        Ok(self.streams.lock().unwrap().keys().cloned().collect())
    }

    fn ends(&self, stream: &str) -> Result<Option<Ends>> {
        self.with(stream, |own| {
            let first = own.records.keys().next().copied().unwrap_or(own.last + 1);
            let messages = own.records.len() as u64;
            Ok(Some(Ends { first, last: own.last, messages, bytes: 0 }))
        })
    }

    fn get(&self, stream: &str, sequence: u64) -> Result<Option<Record>> {
        self.with(stream, |own| Ok(own.records.get(&sequence).cloned()))
    }

    fn last_of(&self, stream: &str, subject: &str) -> Result<Option<Record>> {
        self.with(stream, |own| {
            Ok(own.records.values().rev().find(|record| record.subject == subject).cloned())
        })
    }

    fn append(
        &self,
        stream: &str,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        after: Option<u64>,
    ) -> Result<Ticket> {
        let sent = Sent { stream: stream.into(), subject, headers, payload, after };
        let streams = self.streams.clone();
        Ok(Box::new(move || store(&streams, sent)))
    }

    fn read(&self, stream: &str, from: u64) -> Box<dyn Reading> {
        Box::new(MemoryReading { streams: self.streams.clone(), stream: stream.into(), next: from })
    }

    fn forget(&self, stream: &str, below: u64) -> Result<()> {
        self.with(stream, |own| own.records.retain(|number, _| *number >= below));
        Ok(())
    }

    fn largest(&self) -> usize {
        1 << 20
    }

    fn tell(&self, _: String, _: Bytes) -> Result<()> {
        Ok(())
    }

    fn ask(&self, _: String, _: Bytes) -> Result<Receiver<Heard>> {
        Ok(channel().1)
    }

    fn listen(&self, _: String) -> Result<Receiver<Heard>> {
        Ok(channel().1)
    }
}

struct MemoryReading {
    streams: Streams,
    stream: String,
    next: u64,
}

impl Reading for MemoryReading {
    fn next(&mut self, _: Duration) -> Result<Vec<Record>> {
        let mut streams = self.streams.lock().unwrap();
        let own = streams.entry(self.stream.clone()).or_default();
        let new: Vec<Record> = own.records.range(self.next..).map(|(_, r)| r.clone()).collect();
        self.next = new.last().map_or(self.next, |record| record.sequence + 1);
        Ok(new)
    }
}
