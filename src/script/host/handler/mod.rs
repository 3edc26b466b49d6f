//! What happens with a request: the right callback, with the right `this`.

mod keeping;

use crate::agent::{Control, Handler, HandlerError, Info, Output, Pulse};
use crate::protocol::message::{BeginBatch, EndBatch, InitRequest};
use crate::protocol::{Batch, Point};
use crate::script::api::{LentPoint, SharedBatch};
use crate::script::config::{Config, OnError};
use crate::script::declaration::Declaration;
use crate::script::error::{OutputProblem, ScriptError};
use crate::script::host::Emission;
use crate::script::host::chunks::{Chunk, Chunks};
use crate::script::host::flight_recorder::FlightRecorder;
use crate::script::host::guard::Guard;
use crate::script::host::instance::{Call, Failure, Instance};
use crate::script::host::program::{Callback, Program, ScriptText};
use crate::script::host::reload::{Follow, Watcher};
use crate::script::state::groups::Bounds;
use crate::script::state::store::Store;
use crate::script::throttle::{Throttle, held_back};
use rhai::Dynamic;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// While calls take less than this, every 16th is timed only.
const FAST: Duration = Duration::from_micros(200);

/// A script as a handler.
#[derive(Debug)]
pub struct ScriptHandler {
    instance: Result<Box<Instance>, ScriptError>,
    config: Config,
    /// What `info` is answered with when there is no program.
    last_info: Info,
    request: Option<InitRequest>,
    point: LentPoint,
    /// The id of the group at hand.
    id: Vec<u8>,
    /// Points that wait for `points`.
    chunks: Chunks,
    batch: Rc<Batch>,
    /// Bare points emitted inside the batch at hand, for its end.
    pending: Option<Batch>,
    /// The batch at hand failed at its beginning.
    dropped: bool,
    guard: Option<Guard>,
    follow: Option<Follow>,
    store: Option<Store>,
    errors: Errors,
    timing: Timing,
}

/// Calls that failed and did not stop the task.
#[derive(Debug, Default)]
struct Errors {
    count: u64,
    throttle: Throttle,
}

/// The slowest call; fast ones are looked at now and then.
#[derive(Debug, Default)]
struct Timing {
    slowest: Duration,
    skip: u32,
}

impl ScriptHandler {
    /// Loads a script. One that is broken still makes a handler: it answers `info` as well as it
    /// can and refuses `init` with the script's problems.
    pub fn load(path: &Path, config: Config, pulse: &Pulse) -> Self {
        let source = ScriptText::read(path);
        let text = source.as_ref().map(|source| source.text.clone()).unwrap_or_default();
        let program = source.and_then(|source| Program::load(source, &config.limits, pulse));
        let mut handler = Self::new(program, config);
        handler.know_declaration(path, &text);
        handler
    }

    /// A handler that answers `info` as well as it can and refuses `init` with `error`.
    pub fn refusing(path: &Path, error: ScriptError) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut handler = Self::new(Err(error), Config::default());
        handler.know_declaration(path, &text);
        handler
    }

    /// A handler of a program that may have failed to load.
    pub fn new(program: Result<Program, ScriptError>, config: Config) -> Self {
        let recorder = FlightRecorder::new(&config.record);
        let guarded = config.on_error != OnError::Stop || config.reload.watch || recorder.is_some();
        let store = config.state.dir.as_ref().map(|dir| Store::new(dir, config.state.keep));
        Self {
            instance: program.map(|program| Box::new(Instance::new(program, Bounds::of(&config)))),
            last_info: Declaration::default().info(),
            request: None,
            point: LentPoint::default(),
            id: Vec::new(),
            chunks: Chunks::default(),
            batch: Rc::default(),
            pending: None,
            dropped: false,
            guard: guarded.then(|| Guard::new(&config, recorder)),
            follow: None,
            store,
            errors: Errors::default(),
            timing: Timing::default(),
            config,
        }
    }

    /// Follows changes of the script and its modules; `control` belongs to the session.
    pub fn watch(&mut self, watcher: &Watcher, control: &Control) {
        let Ok(instance) = &self.instance else { return };
        let control = control.clone();
        self.follow = Some(watcher.follow(&instance.program.texts(), move || control.wake()));
        if self.guard.is_none() {
            self.guard = Some(Guard::new(&self.config, None));
        }
    }

    /// The program, or why there is none.
    ///
    /// # Errors
    /// The problems of a script that could not be loaded.
    pub fn program(&self) -> Result<&Program, &ScriptError> {
        self.instance.as_ref().map(|instance| &instance.program)
    }

    /// Fixes what `now()` gives, in nanoseconds since the epoch; for a replay.
    pub fn set_now(&self, now: i64) {
        if let Ok(instance) = &self.instance {
            instance.program.host().now.set(Some(now));
        }
    }

    /// The number of groups that have state.
    pub fn group_count(&self) -> usize {
        self.instance.as_ref().map_or(0, |instance| instance.groups.len())
    }

    /// Runs a data callback with the state of its group and lends it the output.
    #[inline]
    fn call(
        &mut self,
        call: Call<'_>,
        emission: Emission,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let instance = match &mut self.instance {
            Ok(instance) => instance,
            Err(error) => return Err(Box::new(Failure { error: error.clone(), emission })),
        };
        let began = self.timing.begin();
        let result = match &mut self.guard {
            None => instance.attempt(call, emission, output),
            Some(guard) => guard.call(instance, call, emission, &self.batch, output),
        };
        if let Some(began) = began {
            self.timing.end(began);
        }
        result
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
        let call = Call { callback, group: meta.group.as_bytes(), time, argument };
        match self.call(call, emission, output) {
            Ok(emission) => {
                self.pending = emission.pending();
                Ok(())
            }
            Err(failure) => {
                self.pending = failure.emission.pending();
                Err(failure.error)
            }
        }
    }

    /// What becomes of a point or a batch whose call failed: an error for the daemon, or a line in
    /// the log. True if it is to be passed on.
    fn settle(
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
    fn passes(&self) -> bool {
        self.instance.as_ref().is_ok_and(|i| i.wants_batches() == i.provides_batches())
    }

    /// The batch, for a change: a copy if the script kept it.
    fn batch_mut(&mut self) -> &mut Batch {
        if Rc::get_mut(&mut self.batch).is_none() {
            self.batch = Rc::default();
        }
        Rc::get_mut(&mut self.batch).expect("it is not shared")
    }

    #[inline]
    fn wants_batches(&self) -> bool {
        self.instance.as_ref().is_ok_and(|instance| instance.wants_batches())
    }

    #[inline]
    fn has(&self, callback: Callback) -> bool {
        self.instance.as_ref().is_ok_and(|instance| instance.program.has(callback))
    }

    /// The message at hand has been handled.
    fn finish(&mut self, group: &[u8], batch: bool) {
        if let (Some(guard), Ok(instance)) = (&mut self.guard, &mut self.instance) {
            guard.finish(instance, group, batch.then_some(&self.batch));
        }
    }

    /// A point of a batch: kept for the batch's end, given to `point`, or both.
    fn batch_point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        let has_point = self.has(Callback::Point);
        if !has_point || self.guard.is_some() {
            self.batch_mut().push(point);
        }
        if !has_point || self.dropped {
            return Ok(());
        }
        let time = point.time();
        let argument = Dynamic::from(self.point.lend(point));
        let Err(error) = self.batch_call(Callback::Point, time, argument, output) else {
            return Ok(());
        };
        if self.settle("the point", error, output)? {
            let mut original = Point::default();
            let last = self.batch.len().saturating_sub(1);
            if self.batch.read(last, &mut original).unwrap_or(false) {
                let meta = &self.batch;
                self.pending.get_or_insert_with(|| meta.metadata()).push(&original);
            }
        }
        Ok(())
    }

    /// A point of a stream.
    #[inline]
    fn stream_point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        let time = point.time();
        let mut id = std::mem::take(&mut self.id);
        id.clear();
        id.extend_from_slice(point.group_bytes());
        if let Some(guard) = &mut self.guard {
            guard.take_point(point);
        }
        let (call, emission) = match &self.instance {
            Ok(instance) if !instance.program.has(Callback::Point) => {
                instance.point_call(&id, std::mem::take(point))
            }
            _ => {
                let argument = Dynamic::from(self.point.lend(point));
                let call = Call { callback: Callback::Point, group: &id, time, argument };
                (call, Emission::Stream)
            }
        };
        let mut result = Ok(());
        if let Err(failure) = self.call(call, emission, output) {
            result = match self.settle("the point", failure.error, output) {
                Ok(true) => self.pass_point(output),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
        }
        if self.guard.is_some() {
            self.finish(&id, false);
        }
        self.id = id;
        result
    }

    /// Points are handed over by the chunk where the script can take them so and no call has to be
    /// undone or recorded.
    #[inline]
    fn chunked(&self) -> bool {
        self.guard.is_none() && self.has(Callback::Points)
    }

    /// Keeps a point back until no more has arrived, or enough.
    #[inline]
    fn keep_back(&mut self, point: &Point, output: &mut Output) -> Result<(), HandlerError> {
        let Ok(instance) = &self.instance else { return Ok(()) };
        if self.chunks.push(instance.key(point.group_bytes()), point) {
            self.run_chunks(output)?;
        }
        Ok(())
    }

    #[cold]
    fn run_chunks(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        let (chunks, order) = self.chunks.take();
        let mut pieces = Vec::with_capacity(chunks.len());
        // Each point of the chunks has given one point so far.
        let mut one_each = true;
        for Chunk { group, batch } in chunks {
            let (start, points) = output.written();
            let expected = points + batch.len() as u64;
            let lone = batch.len() == 1 && self.has(Callback::Point);
            let point = lone.then(|| batch.points().next()).flatten();
            let (call, emission) = match (&self.instance, point) {
                (Ok(instance), Some(point)) => instance.point_call(&group, point),
                _ => {
                    let time = batch.tmax;
                    let argument = Dynamic::from(SharedBatch(batch));
                    let callback = Callback::Points;
                    (Call { callback, group: &group, time, argument }, Emission::Chunk)
                }
            };
            self.call(call, emission, output).map_err(|failure| failure.error)?;
            // What the groups before it wrote stays if a later one fails.
            output.commit();
            let (end, points) = output.written();
            pieces.push(start..end);
            one_each &= points == expected;
        }
        if one_each && pieces.len() > 1 {
            output.interleave(&pieces, &order);
        }
        self.chunks.give_back(order);
        Ok(())
    }

    fn pass_point(&self, output: &mut Output) -> Result<(), HandlerError> {
        let message = self.guard.as_ref().map(Guard::point).unwrap_or_default();
        output.point(&Point::from_message(message)?)?;
        Ok(())
    }
}

impl Timing {
    #[inline]
    fn begin(&mut self) -> Option<Instant> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        Some(Instant::now())
    }

    fn end(&mut self, began: Instant) {
        let took = began.elapsed();
        self.slowest = self.slowest.max(took);
        self.skip = if took < FAST { 15 } else { 0 };
    }
}

impl Handler for ScriptHandler {
    fn info(&mut self) -> Info {
        match &self.instance {
            Ok(instance) => instance.program.declaration().info(),
            Err(error) => {
                log::error!("{error}");
                self.last_info.clone()
            }
        }
    }

    fn init(&mut self, request: &InitRequest) -> Result<(), HandlerError> {
        let instance = self.instance.as_mut().map_err(|e| e.clone())?;
        instance.bind(request)?;
        self.request = Some(request.clone());
        if let Some(guard) = &mut self.guard {
            guard.record_init(request);
        }
        log::info!(
            "script {}: version {} runs task '{}', node '{}', options {}",
            instance.program.source().path.display(),
            instance.program.hash(),
            request.task_id,
            request.node_id,
            instance.origin.options
        );
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        self.take_snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        self.take_back(snapshot)
    }

    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        self.pending = None;
        self.dropped = false;
        self.batch_mut().begin(begin);
        if self.has(Callback::BeginBatch) {
            let batch = Dynamic::from(SharedBatch::new(self.batch.head()));
            if let Err(error) = self.batch_call(Callback::BeginBatch, i64::MIN, batch, output) {
                self.settle("the batch", error, output)?;
                self.dropped = true;
            }
        }
        Ok(())
    }

    #[inline]
    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        if self.chunked() {
            self.keep_back(point, output)
        } else if self.wants_batches() {
            self.batch_point(point, output)
        } else {
            self.stream_point(point, output)
        }
    }

    fn ready(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        if self.chunks.is_empty() { Ok(()) } else { self.run_chunks(output) }
    }

    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        let batch = self.batch_mut();
        batch.end(end);
        let time = batch.tmax;
        let mut pass = self.dropped && self.config.on_error == OnError::Pass && self.passes();
        if !self.dropped && self.has(Callback::EndBatch) {
            let batch = Dynamic::from(SharedBatch(self.batch.clone()));
            if let Err(error) = self.batch_call(Callback::EndBatch, time, batch, output) {
                pass = self.settle("the batch", error, output)?;
                self.pending = None;
            }
        }
        if pass {
            output.batch(&self.batch).map_err(|e| OutputProblem(e.to_string()))?;
        } else if let Some(mut pending) = self.pending.take() {
            pending.end(self.batch.end_message());
            output.batch(&pending).map_err(|e| OutputProblem(e.to_string()))?;
        }
        if self.guard.is_some() {
            let batch = self.batch.clone();
            self.finish(batch.group.as_bytes(), true);
        }
        Ok(())
    }

    fn between(&mut self) {
        if self.follow.as_ref().is_some_and(Follow::take_changed) {
            self.reload();
        }
    }

    fn status(&self) -> String {
        self.describe()
    }

    fn close(&mut self, _: &mut Output) -> Result<(), HandlerError> {
        self.end();
        Ok(())
    }
}
