//! What happens with a request: the right callback, with the right `this`.

use super::api::{LentPoint, Options, SharedBatch};
use super::declaration::{Declaration, Scope};
use super::error::{OutputProblem, ScriptError};
use super::host::Emission;
use super::program::{Callback, Program, Source};
use super::state::{Group, Groups, Origin};
use crate::agent::{Handler, HandlerError, Info, Output, Pulse};
use crate::config::{Config, OnSnapshot};
use crate::protocol::message::{BeginBatch, EdgeType, EndBatch, InitRequest};
use crate::protocol::{Batch, Point};
use rhai::{Dynamic, EvalAltResult, Map};
use std::path::Path;
use std::rc::Rc;

/// A script as a handler.
#[derive(Debug)]
pub struct ScriptHandler {
    program: Result<Box<Program>, ScriptError>,
    config: Config,
    options: Dynamic,
    origin: Origin,
    groups: Groups,
    point: LentPoint,
    /// The id of the group at hand.
    id: Vec<u8>,
    batch: Rc<Batch>,
    /// Bare points emitted inside the batch at hand, for its end.
    pending: Option<Batch>,
}

impl ScriptHandler {
    /// Loads a script. One that is broken still makes a handler: it answers `info` as well as it
    /// can and refuses `init` with the script's problems.
    pub fn load(path: &Path, config: Config, pulse: &Pulse) -> Self {
        let program =
            Source::read(path).and_then(|source| Program::load(source, &config.limits, pulse));
        Self::new(program, config)
    }

    /// A handler of a program that may have failed to load.
    pub fn new(program: Result<Program, ScriptError>, config: Config) -> Self {
        let origin = Origin { script: String::new(), options: String::new() };
        Self {
            program: program.map(Box::new),
            config,
            options: Dynamic::UNIT,
            origin,
            groups: Groups::default(),
            point: LentPoint::default(),
            id: Vec::new(),
            batch: Rc::default(),
            pending: None,
        }
    }

    /// The program, or why there is none.
    ///
    /// # Errors
    /// The problems of a script that could not be loaded.
    pub fn program(&self) -> Result<&Program, &ScriptError> {
        self.program.as_deref()
    }

    /// Fixes what `now()` gives, in nanoseconds since the epoch; for a replay.
    pub fn set_now(&self, now: i64) {
        if let Ok(program) = &self.program {
            program.host().now.set(Some(now));
        }
    }

    /// The number of groups that have state.
    pub fn group_count(&self) -> usize {
        self.groups.map.len()
    }

    /// Runs a data callback with the state of its group and lends it the output.
    fn call(
        &mut self,
        callback: Callback,
        id: &[u8],
        time: i64,
        argument: Dynamic,
        emission: Emission,
        output: &mut Output,
    ) -> Result<Emission, ScriptError> {
        let Self { program, options, groups, .. } = self;
        let program = program.as_mut().map_err(|e| e.clone())?;
        let id = match program.declaration().scope {
            Scope::Group => id,
            Scope::Task => b"",
        };
        if !groups.map.contains_key(id) {
            let state = first_state(program, options, id)?;
            groups.map.insert(id.into(), Group { state, seen: time });
        }
        let group = groups.map.get_mut(id).expect("it was there or is there now");
        group.seen = group.seen.max(time);
        let host = program.host().clone();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        host.emission.replace(emission);
        let result = program.call(callback, Some(&mut group.state), Some(argument), options);
        let emission = host.emission.take();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        match result {
            Ok(_) => Ok(emission),
            Err(error) => Err(call_error(program, callback, id, &error)),
        }
    }

    /// Runs a callback inside a batch; what it emits waits for the end of the batch.
    fn batch_call(
        &mut self,
        callback: Callback,
        time: i64,
        argument: Dynamic,
        output: &mut Output,
    ) -> Result<(), ScriptError> {
        let meta = self.batch.clone();
        let emission = Emission::Batch { meta: meta.clone(), pending: self.pending.take() };
        let group = meta.group.as_bytes();
        match self.call(callback, group, time, argument, emission, output)? {
            Emission::Batch { pending, .. } => self.pending = pending,
            Emission::Closed | Emission::Stream => {}
        }
        Ok(())
    }

    /// The batch, for a change: a copy if the script kept it.
    fn batch_mut(&mut self) -> &mut Batch {
        if Rc::get_mut(&mut self.batch).is_none() {
            self.batch = Rc::default();
        }
        Rc::get_mut(&mut self.batch).expect("it is not shared")
    }

    fn wants_batches(&self) -> bool {
        self.program.as_ref().is_ok_and(|p| p.declaration().wants == EdgeType::Batch)
    }

    /// Takes the states of another version through `migrate`, where the script has it.
    fn migrate(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let program = self.program.as_mut().map_err(|e| e.clone())?;
        if !program.has(Callback::Migrate) {
            log::info!(
                "snapshot: made by version {}, taken over by {} as it is",
                origin.script,
                program.hash()
            );
            return Ok(());
        }
        for (id, group) in &mut self.groups.map {
            let old = std::mem::take(&mut group.state);
            group.state = program
                .call(Callback::Migrate, None, Some(old), &self.options)
                .map_err(|e| call_error(program, Callback::Migrate, id, &e))?;
        }
        Ok(())
    }

    fn has(&self, callback: Callback) -> bool {
        self.program.as_ref().is_ok_and(|program| program.has(callback))
    }
}

fn call_error(
    program: &Program,
    callback: Callback,
    id: &[u8],
    error: &EvalAltResult,
) -> ScriptError {
    ScriptError::Call {
        callback: callback.name(),
        group: (!id.is_empty()).then(|| String::from_utf8_lossy(id).into_owned()),
        problem: program.problem(error),
    }
}

/// The state of a group that is seen for the first time.
fn first_state(
    program: &mut Program,
    options: &Dynamic,
    id: &[u8],
) -> Result<Dynamic, ScriptError> {
    if !program.has(Callback::State) {
        return Ok(Map::new().into());
    }
    match program.call(Callback::State, None, None, options) {
        Ok(state) if state.is_unit() => Ok(Map::new().into()),
        Ok(state) => Ok(state),
        Err(error) => Err(call_error(program, Callback::State, id, &error)),
    }
}

impl Handler for ScriptHandler {
    fn info(&mut self) -> Info {
        match &self.program {
            Ok(program) => program.declaration().info(),
            Err(error) => {
                log::error!("{error}");
                Declaration::default().info()
            }
        }
    }

    fn init(&mut self, request: &InitRequest) -> Result<(), HandlerError> {
        let program = self.program.as_mut().map_err(|e| e.clone())?;
        let map = program.declaration().bind(request).map_err(ScriptError::Options)?;
        self.origin = Origin {
            script: program.hash().into(),
            options: Dynamic::from(map.clone()).to_string(),
        };
        self.options = Dynamic::from(Options(Rc::new(map)));
        if program.has(Callback::Init)
            && let Err(error) = program.call(Callback::Init, None, None, &self.options)
        {
            return Err(call_error(program, Callback::Init, b"", &error).into());
        }
        log::info!(
            "script {}: version {} runs task '{}', node '{}', options {}",
            program.source().path.display(),
            program.hash(),
            request.task_id,
            request.node_id,
            self.origin.options
        );
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        let program = self.program.as_ref().map_err(|e| e.clone())?;
        let snapshot = self.groups.snapshot(&self.origin, program.registry());
        Ok(snapshot.map_err(|e| ScriptError::State(e.to_string()))?)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        let program = self.program.as_ref().map_err(|e| e.clone())?;
        match Groups::restore(snapshot, program.registry()) {
            Ok((groups, origin)) => {
                log::info!(
                    "snapshot: restored {} groups of version {}",
                    groups.map.len(),
                    origin.script
                );
                self.groups = groups;
                if origin.script != self.origin.script {
                    self.migrate(&origin)?;
                }
                Ok(())
            }
            Err(error) if self.config.state.on_snapshot == OnSnapshot::Fresh => {
                log::warn!("snapshot: {error}; starting fresh ([state] on_snapshot = \"fresh\")");
                self.groups = Groups::default();
                Ok(())
            }
            Err(error) => Err(ScriptError::Snapshot(error.to_string()).into()),
        }
    }

    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        self.pending = None;
        self.batch_mut().begin(begin);
        if self.has(Callback::BeginBatch) {
            let batch = Dynamic::from(SharedBatch::new(self.batch.metadata()));
            self.batch_call(Callback::BeginBatch, i64::MIN, batch, output)?;
        }
        Ok(())
    }

    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        let in_batch = self.wants_batches();
        if in_batch && !self.has(Callback::Point) {
            self.batch_mut().push(point);
            return Ok(());
        }
        let time = point.time();
        let mut id = std::mem::take(&mut self.id);
        id.clear();
        id.extend_from_slice(point.group_bytes());
        let argument = Dynamic::from(self.point.lend(point));
        let result = if in_batch {
            self.batch_call(Callback::Point, time, argument, output)
        } else {
            self.call(Callback::Point, &id, time, argument, Emission::Stream, output).map(drop)
        };
        self.id = id;
        Ok(result?)
    }

    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        let batch = self.batch_mut();
        batch.end(end);
        let time = batch.tmax;
        if self.has(Callback::EndBatch) {
            let batch = Dynamic::from(SharedBatch(self.batch.clone()));
            self.batch_call(Callback::EndBatch, time, batch, output)?;
        }
        if let Some(mut pending) = self.pending.take() {
            pending.end(self.batch.end_message());
            output.batch(&pending).map_err(|e| OutputProblem(e.to_string()))?;
        }
        Ok(())
    }
}
