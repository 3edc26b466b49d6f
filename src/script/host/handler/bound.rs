//! A script that runs in a task: calls, and the handling of failed calls.

use super::batch::BatchAtHand;
use super::stream::StreamAtHand;
use crate::agent::{HandlerError, Output};
use crate::protocol::message::InitRequest;
use crate::script::config::{Config, OnError};
use crate::script::error::ScriptError;
use crate::script::host::Emission;
use crate::script::host::callback::Callback;
use crate::script::host::flight_recorder::FlightRecorder;
use crate::script::host::guard::Guard;
use crate::script::host::instance::{Call, Failure, Instance};
use crate::script::host::program::Program;
use crate::script::state::bounds::Bounds;
use crate::script::state::store::Store;
use crate::script::throttle::{Throttle, held_back};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// While calls take less than this, every 16th is timed only.
const FAST: Duration = Duration::from_micros(200);

/// A script with the options of a task.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) instance: Box<Instance>,
    pub(super) request: InitRequest,
    pub(super) config: Rc<Config>,
    pub(super) guard: Option<Guard>,
    pub(super) store: Option<Store>,
    pub(super) wants_batches: bool,
    pub(super) stream: StreamAtHand,
    pub(super) batch: BatchAtHand,
    pub(super) errors: Errors,
    pub(super) timing: Timing,
}

/// Calls that failed and did not stop the task.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) count: u64,
    throttle: Throttle,
}

/// The slowest call; fast ones are measured only from time to time.
#[derive(Debug, Default)]
pub(super) struct Timing {
    pub(super) slowest: Duration,
    skip: u32,
}

impl Bound {
    /// Binds a program to the options of a task.
    ///
    /// # Errors
    /// Options that the script refuses, with the program.
    pub(super) fn new(
        program: Program,
        request: &InitRequest,
        config: &Rc<Config>,
        store: Option<Store>,
        watched: bool,
    ) -> Result<Self, (Box<Program>, ScriptError)> {
        let mut instance = Box::new(Instance::new(program, Bounds::of(config)));
        if let Err(error) = instance.bind(request) {
            return Err((Box::new(instance.program), error));
        }
        let recorder = FlightRecorder::new(&config.record, request);
        let watched = watched || config.reload.watch;
        let chunks = instance.program.has(Callback::Points);
        let guarded = config.on_error != OnError::Stop || watched || recorder.is_some() || chunks;
        // For a script that is spread over workers, the reading thread logs it.
        let level = config.record.worker.map_or(log::Level::Info, |_| log::Level::Debug);
        log::log!(
            level,
            "script {}: version {} runs task '{}', node '{}', options {}",
            instance.program.source().path.display(),
            instance.program.hash(),
            request.task_id,
            request.node_id,
            instance.origin.options
        );
        Ok(Self {
            wants_batches: instance.wants_batches(),
            instance,
            request: request.clone(),
            guard: guarded.then(|| Guard::new(config, recorder, watched)),
            config: config.clone(),
            store,
            stream: StreamAtHand::default(),
            batch: BatchAtHand::default(),
            errors: Errors::default(),
            timing: Timing::default(),
        })
    }

    /// The script may be replaced while it runs.
    pub(super) fn watched(&mut self) {
        let config = &self.config;
        self.guard.get_or_insert_with(|| Guard::new(config, None, true)).keep_all();
    }

    /// Runs a data callback with the state of its group and lends it the output.
    #[inline]
    pub(super) fn call(
        &mut self,
        call: Call,
        emission: Emission,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let began = self.timing.begin();
        let result = match &mut self.guard {
            None => self.instance.attempt(call, emission, output),
            Some(guard) => {
                guard.call(&mut self.instance, call, emission, &self.batch.batch, output)
            }
        };
        if let Some(began) = began {
            self.timing.end(began);
        }
        result
    }

    /// Handles a point or a batch whose call failed: with an error for the daemon, or with a line in the log. True if
    /// it must be passed on.
    pub(super) fn settle(
        &mut self,
        what: &str,
        error: ScriptError,
        output: &mut Output,
    ) -> Result<bool, HandlerError> {
        if self.config.on_error == OnError::Stop {
            return Err(error.into());
        }
        output.rollback();
        self.errors.count += 1;
        let pass = self.config.on_error == OnError::Pass && self.passes();
        if let Some(held) = self.errors.throttle.pass() {
            let done = if pass { "is passed on unchanged" } else { "is dropped" };
            log::error!(
                "{error}: {what} {done}; {} errors in all{}",
                self.errors.count,
                held_back(held)
            );
        }
        Ok(pass)
    }

    /// True if the edges let a point or a batch pass.
    pub(super) fn passes(&self) -> bool {
        self.wants_batches == self.instance.provides_batches()
    }

    #[inline]
    pub(super) fn has(&self, callback: Callback) -> bool {
        self.instance.program.has(callback)
    }
}

impl Timing {
    #[inline]
    pub(super) fn begin(&mut self) -> Option<Instant> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        Some(Instant::now())
    }

    pub(super) fn end(&mut self, began: Instant) {
        let took = began.elapsed();
        self.slowest = self.slowest.max(took);
        self.skip = if took < FAST { 15 } else { 0 };
    }
}
