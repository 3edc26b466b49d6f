//! A script as a processor of Telegraf: lines of line protocol in, lines out.
//!
//! It uses the same path as the daemon: [`Input`] turns lines into the requests that the daemon would send, through
//! the graph of groups and windows that a replay has, and [`Output`] turns the answers into lines; between
//! them is the agent, on one thread or on workers. A state is asked for as the daemon asks for a
//! snapshot, so it is that of all groups and windows at one place of the data.

mod cutter;
mod input;
mod output;
mod shaping;
mod state;

pub use input::Input;
pub use output::Output;
pub use state::{Kept, StateKeeper};

use crate::agent::Control;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The state that both ends of a processor and its signals share.
#[derive(Clone, Debug, Default)]
pub struct Desk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The session that is to be woken.
    control: Control,
    /// The input must end.
    ends: AtomicBool,
    /// The state must be saved.
    due: AtomicBool,
    /// Why nothing can be processed.
    refused: Mutex<Option<String>>,
    lines: AtomicU64,
    bad: AtomicU64,
    written: AtomicU64,
    /// Points that could not be written, since no field of theirs has a value that line protocol knows.
    empty: AtomicU64,
}

/// The counts of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Points read.
    pub lines: u64,
    /// Lines that are not points.
    pub bad: u64,
    /// Points written.
    pub written: u64,
    /// Points that no line can hold: all of their fields are NaN or infinite.
    pub empty: u64,
}

impl Desk {
    /// What passes requests to the session.
    pub fn control(&self) -> &Control {
        &self.0.control
    }

    /// Ends the input: everything that was read is processed, and the state is written.
    pub fn end(&self) {
        self.0.ends.store(true, Ordering::SeqCst);
        self.0.control.wake();
    }

    /// Asks for the state to be saved.
    pub fn keep_state(&self) {
        self.0.due.store(true, Ordering::SeqCst);
        self.0.control.wake();
    }

    /// Why the script refused its options or its state, if it did.
    pub fn refused(&self) -> Option<String> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what went through so far.
    pub fn passed(&self) -> Passed {
        let Shared { lines, bad, written, empty, .. } = &*self.0;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Passed { lines: of(lines), bad: of(bad), written: of(written), empty: of(empty) }
    }

    fn refuse(&self, why: String) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.end();
    }

    fn ends(&self) -> bool {
        self.0.ends.load(Ordering::SeqCst)
    }

    fn takes_due(&self) -> bool {
        self.0.due.swap(false, Ordering::SeqCst)
    }
}
