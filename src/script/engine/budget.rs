//! The limits of one call, which are the same for the interpreter and for the native functions that it calls.

use crate::agent::Pulse;
use crate::model::Run;
use crate::script::config::Limits;
use crate::stats::Progress;
use std::fmt;
use std::time::Duration;

/// The limits of one call, and the pulse that tells when its time is up.
pub(crate) struct Budget {
    pulse: Pulse,
    call_timeout: Duration,
    memory: u64,
    array: usize,
    model: u64,
    stop: Box<dyn Fn() -> bool>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("call_timeout", &self.call_timeout).finish_non_exhaustive()
    }
}

impl Budget {
    pub(crate) fn new(limits: &Limits, pulse: &Pulse) -> Self {
        let watched = pulse.clone();
        Self {
            pulse: pulse.clone(),
            call_timeout: limits.call_timeout,
            memory: limits.memory,
            array: limits.array,
            model: limits.model,
            stop: Box::new(move || watched.expired()),
        }
    }

    /// True while the call may continue.
    #[inline]
    pub(super) fn lasts(&self) -> bool {
        !self.pulse.expired()
    }

    /// Why the call must end, once it must.
    #[cold]
    pub(crate) fn spent(&self) -> Option<String> {
        let Self { call_timeout, memory, .. } = self;
        match () {
            () if !self.pulse.expired() => None,
            () if self.pulse.is_greedy() => Some(format!(
                "the call takes more than {memory} bytes of memory; does a value grow without end? ([limits] memory)"
            )),
            () if self.pulse.is_ending() => {
                Some("the call was stopped, because the process was asked to end".into())
            }
            () => Some(format!(
                "the call takes longer than {call_timeout:?}; is there an endless loop? \
                 ([limits] call_timeout)"
            )),
        }
    }

    /// The progress that a long native function asks.
    pub(crate) fn progress(&self) -> Progress<'_> {
        let memory = if self.memory == 0 { u64::MAX } else { self.memory };
        Progress::new(&*self.stop, usize::try_from(memory).unwrap_or(usize::MAX))
    }

    /// The account of a run of a model.
    pub(crate) fn model_run(&self) -> Run<'_> {
        let memory = if self.memory == 0 { u64::MAX } else { self.memory };
        Run::new(&*self.stop, usize::try_from(memory).unwrap_or(usize::MAX))
    }

    /// The most bytes of a model's file; 0 is no limit.
    pub(crate) fn model(&self) -> u64 {
        self.model
    }

    /// The most elements of an array, and of a series.
    pub(crate) fn array(&self) -> usize {
        if self.array == 0 { usize::MAX } else { self.array }
    }
}
