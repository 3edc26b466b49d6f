//! The limits of one run of a model: memory, time, rounds of loops.
//!
//! Operators tell the run what they are about to do; the run asks its caller every so often whether
//! to stop, so that a long product or an endless loop can be stopped from outside.

use super::error::{ModelError, Result};
use std::cell::Cell;

/// Work between two questions whether to stop, in multiplications or moved elements.
const STRIDE: u64 = 1 << 17;

/// The rounds that all loops of one run may take together.
const ROUNDS: u64 = 2_000_000;

/// The account of one run.
pub struct Run<'a> {
    stop: &'a dyn Fn() -> bool,
    memory: usize,
    held: Cell<usize>,
    unseen: Cell<u64>,
    allowance: Cell<u64>,
    rounds: Cell<u64>,
}

impl<'a> Run<'a> {
    /// A run that ends once `stop` gives true, and whose tensors may take `memory` bytes at the
    /// same time.
    pub fn new(stop: &'a dyn Fn() -> bool, memory: usize) -> Self {
        Self {
            stop,
            memory,
            held: Cell::new(0),
            unseen: Cell::new(0),
            allowance: Cell::new(u64::MAX),
            rounds: Cell::new(0),
        }
    }

    /// A run that ends after a fixed amount of work: constants are computed with it at load.
    pub(crate) fn short(work: u64, memory: usize) -> Run<'static> {
        let run = Run::new(&|| false, memory);
        run.allowance.set(work);
        run
    }

    /// Accounts for work that is about to be done.
    pub(crate) fn spend(&self, work: usize) -> Result<()> {
        let work = work as u64;
        let left = self.allowance.get().checked_sub(work).ok_or(ModelError::Stopped)?;
        if left < u64::MAX / 2 {
            self.allowance.set(left);
        }
        let unseen = self.unseen.get().saturating_add(work);
        if unseen < STRIDE {
            self.unseen.set(unseen);
            return Ok(());
        }
        self.check()
    }

    /// Asks the caller now.
    fn check(&self) -> Result<()> {
        self.unseen.set(0);
        if (self.stop)() { Err(ModelError::Stopped) } else { Ok(()) }
    }

    /// Accounts for a round of a loop.
    pub(crate) fn round(&self) -> Result<()> {
        self.rounds.set(self.rounds.get() + 1);
        if self.rounds.get() > ROUNDS {
            let text = format!("its loops took more than {ROUNDS} rounds");
            return Err(ModelError::Data(text));
        }
        self.spend(64)
    }

    /// Refuses to make `elements` of `width` bytes each where the memory would not do.
    pub(crate) fn room(&self, elements: usize, width: usize) -> Result<()> {
        let bytes = elements.checked_mul(width).and_then(|b| b.checked_add(self.held.get()));
        match bytes {
            Some(bytes) if bytes <= self.memory => self.spend(elements),
            _ => Err(ModelError::Memory { limit: self.memory }),
        }
    }

    /// Notes that a tensor of so many bytes is kept.
    pub(crate) fn hold(&self, bytes: usize) -> Result<()> {
        self.held.set(self.held.get().saturating_add(bytes));
        if self.held.get() > self.memory {
            return Err(ModelError::Memory { limit: self.memory });
        }
        Ok(())
    }

    /// Notes that a tensor of so many bytes is gone.
    pub(crate) fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }
}
