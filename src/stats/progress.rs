//! How a caller stops a long computation, and bounds its memory.

use std::cell::Cell;
use std::fmt;

use super::error::{Result, StatsError};

/// The number of small steps between two checks whether the caller wants to stop.
const STEPS: u32 = 4096;

/// What a long computation asks while it runs: whether to continue, and whether it may allocate more memory.
///
/// This module knows neither scripts nor watchdogs: the caller passes a closure.
///
/// ```
/// use rhai_udf::stats::{Progress, StatsError, series::rolling_median};
///
/// let values = vec![1.0; 10_000];
/// assert_eq!(rolling_median(&values, 10, &Progress::free()).unwrap().len(), 10_000);
/// let stop = || true;
/// let error = rolling_median(&values, 10, &Progress::new(&stop, usize::MAX)).unwrap_err();
/// assert_eq!(error, StatsError::Interrupted);
/// ```
pub struct Progress<'a> {
    stop: Option<&'a dyn Fn() -> bool>,
    memory: usize,
    steps: Cell<u32>,
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl Progress<'static> {
    /// Never interrupts a computation, and allows any amount of memory.
    pub const fn free() -> Progress<'static> {
        Progress { stop: None, memory: usize::MAX, steps: Cell::new(0) }
    }
}

impl<'a> Progress<'a> {
    /// Ends a computation once `stop` gives true, and refuses one that needs more than `memory` bytes.
    pub fn new(stop: &'a dyn Fn() -> bool, memory: usize) -> Progress<'a> {
        Progress { stop: Some(stop), memory, steps: Cell::new(0) }
    }

    /// Called before a step that takes a microsecond or more: [`StatsError::Interrupted`] if the caller wants to stop.
    #[inline]
    pub fn check(&self) -> Result<()> {
        match self.stop {
            Some(stop) if stop() => Err(StatsError::Interrupted),
            _ => Ok(()),
        }
    }

    /// Called once for `n` steps of some nanoseconds; it asks the caller every few thousand steps.
    #[inline]
    pub fn steps(&self, n: usize) -> Result<()> {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let steps = self.steps.get().saturating_add(n);
        if steps < STEPS {
            self.steps.set(steps);
            return Ok(());
        }
        self.steps.set(0);
        self.check()
    }

    /// Called before `bytes` are allocated for `name`: [`StatsError::Memory`] if that is too much.
    pub fn room(&self, name: &'static str, bytes: usize) -> Result<()> {
        if bytes <= self.memory {
            return Ok(());
        }
        Err(StatsError::Memory { name, needed: bytes, limit: self.memory })
    }

    /// [`room`](Progress::room) for `n` numbers.
    pub(crate) fn room_for(&self, name: &'static str, n: usize) -> Result<()> {
        self.room(name, n.saturating_mul(size_of::<f64>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_every_few_thousand_steps() {
        let looks = Cell::new(0);
        let stop = || {
            looks.set(looks.get() + 1);
            looks.get() > 2
        };
        let progress = Progress::new(&stop, 80);
        let done = (0..1_000_000).take_while(|_| progress.steps(1).is_ok()).count();
        assert_eq!((done, looks.get()), (3 * STEPS as usize - 1, 3));
        assert_eq!(progress.room_for("x", 10), Ok(()));
        let error = progress.room_for("the window", 11).unwrap_err().to_string();
        assert_eq!(error, "the window needs about 88 bytes of memory, and the limit is 80 bytes");
        assert!((0..100_000).all(|_| Progress::free().steps(9000).is_ok()));
    }
}
