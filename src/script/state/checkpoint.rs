//! A group's state as it was some calls ago, which is restored when a call fails; `host/journal.rs` holds the
//! messages since.

use rhai::Dynamic;

/// An earlier state of a group.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// `this`.
    pub(crate) state: Dynamic,
    /// The number of the message that came next.
    pub(crate) number: u64,
    /// Inside that batch: the calls that had been made already.
    pub(crate) progress: Progress,
    /// Points and batches since.
    pub(crate) calls: u32,
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// `begin_batch` has been called.
    pub(crate) begun: bool,
    /// Points that `point` has been called with.
    pub(crate) points: usize,
}
