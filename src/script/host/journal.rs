//! The last messages, kept so that a state can be brought back: to before a call that failed, or
//! forward again under another version.
//!
//! Copying a group's state before every call would copy its windows on every push, since native
//! objects are copied when one of two owners changes them. So a group's state is remembered every
//! [`CALLS`] calls, and the messages since are run again when a call has failed.

use crate::protocol::Batch;
use std::collections::VecDeque;
use std::rc::Rc;

/// Points and batches that are run again at most when a call has failed.
pub(crate) const CALLS: u32 = 64;

/// Messages that are kept.
const MESSAGES: usize = 2048;

/// Bytes that are kept.
const BYTES: usize = 8 << 20;

/// A message as it came.
#[derive(Debug)]
pub(crate) enum PastMessage {
    /// A point of a stream: its bytes.
    Point(Vec<u8>),
    /// Points of a group that were handled by one call.
    Chunk(Rc<Batch>),
    /// A whole batch.
    Batch(Rc<Batch>),
}

/// A message that was handled.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: PastMessage,
    /// The group; empty where the task has one state.
    pub(crate) group: Vec<u8>,
    /// The value of `now()` while it was handled, if it was called.
    pub(crate) now: Option<i64>,
    /// A call of it failed.
    pub(crate) failed: bool,
    /// A checkpoint of its group begins here.
    pub(crate) opened: bool,
}

impl Entry {
    fn size(&self) -> usize {
        self.group.len()
            + match &self.message {
                PastMessage::Point(bytes) => bytes.len(),
                PastMessage::Chunk(batch) | PastMessage::Batch(batch) => batch.size_in_memory(),
            }
    }
}

/// The last messages, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The number of the current message: how many were handled before it.
    next: u64,
    /// Memory of removed entries, for the next point.
    spare: Option<(Vec<u8>, Vec<u8>)>,
}

impl Journal {
    /// The number of the current message.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest message that is here.
    pub(crate) fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    /// Empty memory for a point and its group.
    pub(crate) fn memory(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut a, mut b) = self.spare.take().unwrap_or_default();
        a.clear();
        b.clear();
        (a, b)
    }

    /// Appends a message; calls `gone` for each that has to make room and opened a checkpoint.
    pub(crate) fn push(&mut self, entry: Entry, mut gone: impl FnMut(&[u8], u64)) {
        self.bytes += entry.size();
        self.entries.push_back(entry);
        self.next += 1;
        while self.entries.len() > MESSAGES || self.bytes > BYTES {
            let number = self.first();
            let Some(entry) = self.entries.pop_front() else { break };
            self.bytes -= entry.size();
            if entry.opened {
                gone(&entry.group, number);
            }
            if let PastMessage::Point(bytes) = entry.message {
                self.spare = Some((bytes, entry.group));
            }
        }
    }

    /// The messages from a number on, with their numbers.
    pub(crate) fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let first = self.first();
        let skip = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        (first..).zip(&self.entries).skip(skip)
    }

    /// The last messages, at most `count`, oldest first.
    pub(crate) fn last(&self, count: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().skip(self.entries.len().saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(i: usize, size: usize) -> Entry {
        Entry {
            message: PastMessage::Point(vec![0; size]),
            group: i.to_string().into_bytes(),
            now: None,
            failed: false,
            opened: i.is_multiple_of(2),
        }
    }

    #[test]
    fn it_is_bounded_and_says_which_checkpoints_went() {
        let mut journal = Journal::default();
        let mut gone = Vec::new();
        for i in 0..MESSAGES + 10 {
            journal.push(entry(i, 8), |_, number| gone.push(number));
        }
        assert_eq!(gone, [0, 2, 4, 6, 8]);
        assert_eq!((journal.first(), journal.next()), (10, MESSAGES as u64 + 10));
        let numbers: Vec<u64> = journal.since(journal.next() - 2).map(|(n, _)| n).collect();
        assert_eq!(numbers, [journal.next() - 2, journal.next() - 1]);
        assert_eq!(journal.last(3).count(), 3);
        journal.push(entry(0, BYTES * 2), |_, _| {});
        assert_eq!((journal.entries.len(), journal.bytes), (0, 0));
    }
}
