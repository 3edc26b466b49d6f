//! What was acknowledged and not played yet, and the bound of its bytes.

use crate::http::Refusal;
use crate::protocol::line::Precision;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

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
    /// When it arrived, for points without a time.
    pub now: i64,
    /// Whole lines.
    pub pieces: VecDeque<Vec<u8>>,
    /// What the pieces use.
    pub(super) share: Share,
}

/// Takes the requests that were checked, from many threads at once.
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
}

impl Taker for Queue {
    fn take(&self, delivery: Delivery) -> Result<(), Refusal> {
        match self.push(delivery) {
            true => Ok(()),
            false => Err(Refusal::new(503, "the listener is ending")),
        }
    }

    fn ended(&self) {
        self.close();
    }
}

impl Queue {
    /// Adds a request; false if nothing is played any more.
    pub(super) fn push(&self, delivery: Delivery) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.deliveries.push_back(delivery);
        self.changed.notify_one();
        true
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

    /// Waits for a request; false if none will come.
    pub(super) fn wait(&self) -> bool {
        let empty = |waiting: &mut Waiting| waiting.deliveries.is_empty() && !waiting.closed;
        let waiting = self.changed.wait_while(self.lock(), empty);
        !waiting.unwrap_or_else(PoisonError::into_inner).deliveries.is_empty()
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
            now: 0,
            pieces: VecDeque::new(),
            share: ByteBudget::new(1).share(),
        };
        assert!(queue.push(delivery()) && queue.wait());
        queue.close();
        assert!(!queue.push(delivery()), "not acknowledged");
        assert!(queue.wait() && queue.pop().is_some());
        assert!(!queue.wait() && queue.pop().is_none());
    }
}
