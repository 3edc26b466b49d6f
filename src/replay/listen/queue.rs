//! The points that were acknowledged and not played yet, and the bound of their bytes.

use super::journal::{Journal, JournalError};
use crate::http::Refusal;
use crate::protocol::line::Precision;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bytes that may be in memory at a time.
#[derive(Debug)]
pub(super) struct ByteBudget {
    limit: u64,
    used: AtomicU64,
}

/// A share of a [`ByteBudget`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl ByteBudget {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0) })
    }

    /// A share of nothing.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl ByteBudget {
    /// Returns how many bytes are taken.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Takes more; false, and nothing is taken, if there is not so much left.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let ByteBudget { limit, used } = &*self.budget;
        let more = |used: u64| used.checked_add(bytes).filter(|sum| sum <= limit);
        let grown = used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok();
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// Gives some of it back.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// The lines of a request, checked.
#[derive(Debug)]
pub struct Delivery {
    /// The database that they are written to.
    pub database: String,
    /// The retention policy.
    pub policy: Arc<str>,
    /// The unit of their times.
    pub precision: Precision,
    /// The size of each time tells its unit, in place of `precision`.
    pub by_size: bool,
    /// When it arrived, for points without a time.
    pub now: i64,
    /// How many points its lines hold.
    pub points: u64,
    /// Whole lines.
    pub pieces: VecDeque<Vec<u8>>,
    /// What the pieces use.
    pub(super) share: Share,
}

/// Receives the checked requests, from many threads at once.
pub trait Taker: Send + Sync + std::fmt::Debug {
    /// Takes a request; it is acknowledged once this returns.
    ///
    /// # Errors
    /// What the sender is answered if it cannot be taken.
    fn take(&self, delivery: Delivery) -> Result<(), Refusal>;

    /// No more requests will come.
    fn ended(&self) {}
}

/// Requests in the order in which they were acknowledged.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    closed: bool,
    journal: Option<Journal>,
}

/// The result of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Points wait.
    Points,
    /// Nothing came in time.
    Nothing,
    /// The listener has ended.
    End,
}

impl Taker for Queue {
    fn take(&self, delivery: Delivery) -> Result<(), Refusal> {
        self.push(delivery)
    }

    fn ended(&self) {
        self.close();
    }
}

impl Queue {
    /// A queue whose points are also written to a journal.
    pub(super) fn kept(journal: Journal) -> Self {
        let waiting = Waiting { journal: Some(journal), ..Waiting::default() };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    /// Adds a request.
    ///
    /// # Errors
    /// Nothing is played any more, or it cannot be kept.
    pub(super) fn push(&self, delivery: Delivery) -> Result<(), Refusal> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refusal::new(503, "the listener is ending"));
        }
        if let Some(journal) = &mut waiting.journal {
            // The order in the journal is that of the queue.
            journal.append(&delivery).map_err(|error| Refusal::new(503, error.to_string()))?;
        }
        waiting.deliveries.push_back(delivery);
        self.changed.notify_one();
        Ok(())
    }

    /// Adds points that an earlier process has acknowledged.
    pub(super) fn put_back(&self, deliveries: Vec<Delivery>) {
        self.lock().deliveries.extend(deliveries);
    }

    /// Begins a new part of the journal, because everything played so far is in a checkpoint.
    pub(super) fn turn_journal(&self, played: u64) -> Result<(), JournalError> {
        match &mut self.lock().journal {
            Some(journal) => journal.turn(played),
            None => Ok(()),
        }
    }

    /// Returns how many bytes the journal has.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.lock().journal.as_ref().map_or(0, Journal::bytes)
    }

    /// Nothing more will be added.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes the next request, if one waits.
    pub(super) fn pop(&self) -> Option<Delivery> {
        self.lock().deliveries.pop_front()
    }

    /// Waits for a request, so long at most.
    pub(super) fn wait(&self, most: Duration) -> Arrival {
        let empty = |waiting: &mut Waiting| waiting.deliveries.is_empty() && !waiting.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), most, empty);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (waiting.deliveries.is_empty(), waiting.closed) {
            (false, _) => Arrival::Points,
            (true, true) => Arrival::End,
            (true, false) => Arrival::Nothing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_exceeded_and_always_given_back() {
        let budget = ByteBudget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert!(a.grow(60) && !b.grow(41) && b.grow(40) && !a.grow(1));
        assert!(!a.grow(u64::MAX));
        a.shrink(10);
        assert!(b.grow(10));
        drop(a);
        assert!(b.grow(50) && !b.grow(1));
        drop(b);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_in_the_queue_is_taken_after_it_was_closed() {
        let queue = Queue::default();
        let delivery = || Delivery {
            database: "d".into(),
            policy: "p".into(),
            precision: Precision::default(),
            by_size: false,
            now: 0,
            points: 1,
            pieces: VecDeque::new(),
            share: ByteBudget::new(1).share(),
        };
        let soon = Duration::from_millis(1);
        assert_eq!(queue.wait(soon), Arrival::Nothing);
        assert!(queue.push(delivery()).is_ok());
        assert_eq!(queue.wait(soon), Arrival::Points);
        queue.close();
        assert!(queue.push(delivery()).is_err(), "not acknowledged");
        assert!(queue.wait(soon) == Arrival::Points && queue.pop().is_some());
        assert!(queue.wait(soon) == Arrival::End && queue.pop().is_none());
    }
}
