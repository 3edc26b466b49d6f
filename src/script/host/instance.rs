//! A running version of a script: its program, the options it is bound to, and its states.

use crate::agent::Output;
use crate::protocol::message::{EdgeType, InitRequest};
use crate::protocol::{Batch, Point};
use crate::script::api::{Options, SharedBatch, SharedPoint};
use crate::script::declaration::StateScope;
use crate::script::engine::growth::total;
use crate::script::error::ScriptError;
use crate::script::host::callback::Callback;
use crate::script::host::journal::{Entry, PastMessage};
use crate::script::host::program::Program;
use crate::script::host::{Emission, Host};
use crate::script::state::bounds::Bounds;
use crate::script::state::checkpoint::Progress;
use crate::script::state::groups::{Group, Groups, PointsWait};
use crate::script::state::snapshot::Origin;
use rhai::{Dynamic, EvalAltResult, Map};
use std::rc::Rc;

/// A program with its options and the states of its groups.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) program: Program,
    pub(crate) options: Dynamic,
    pub(crate) origin: Origin,
    pub(crate) groups: Groups,
    host: Rc<Host>,
    /// Calls until the size of a state is checked.
    unlooked: usize,
}

/// Calls between two checks of the size of a state; for a long state, more.
const LOOK: usize = 64;

/// A state with more items takes too long to walk through after each step.
const LONG: usize = 512;

/// A data callback that is to be run.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callback: Callback,
    /// The place of the group's state.
    pub(crate) place: usize,
    pub(crate) argument: Dynamic,
}

/// A call that failed, with what had been emitted before it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ScriptError,
    pub(crate) emission: Emission,
}

/// Adds advice about an option that is missing because the daemon does not know it.
fn hinted(mut problems: Vec<String>) -> Vec<String> {
    let missing = problems.iter().any(|problem| problem.contains(" is missing; it takes "));
    if missing && !problems.iter().any(|problem| problem.contains("restart kapacitord")) {
        problems.push(
            "if kapacitord says that there is no such property, restart it: it reads info() only when it starts"
                .into(),
        );
    }
    problems
}

impl Instance {
    /// A program that is not bound to options yet.
    pub(crate) fn new(program: Program, bounds: Bounds) -> Self {
        let file = program.source().path.file_name().unwrap_or_default();
        let file = file.to_string_lossy().into_owned();
        let origin = Origin { script: program.hash().into(), options: String::new(), file };
        let host = program.host().clone();
        Self {
            program,
            options: Dynamic::UNIT,
            origin,
            groups: Groups::new(bounds),
            host,
            unlooked: LOOK,
        }
    }

    /// Binds the options and runs `init`.
    pub(crate) fn bind(&mut self, request: &InitRequest) -> Result<(), ScriptError> {
        let bound = self.program.declaration().bind(request);
        let map = bound.map_err(|problems| ScriptError::Options(hinted(problems)))?;
        self.origin.options = Dynamic::from(map.clone()).to_string();
        self.program.know_options(&map);
        self.options = Dynamic::from(Options(Rc::new(map)));
        if self.program.has(Callback::Init) {
            let ran = self.program.call(Callback::Init, None, None, &self.options);
            ran.map(drop).map_err(|error| self.error_of(Callback::Init, b"", &error))?;
        }
        Ok(())
    }

    /// The key of the state that a group's data goes to.
    #[inline]
    pub(crate) fn key<'i>(&self, group: &'i [u8]) -> &'i [u8] {
        match self.program.declaration().scope {
            StateScope::Group => group,
            StateScope::Task => b"",
        }
    }

    /// Notes that data of a group has arrived, and gives the place of its state.
    ///
    /// # Errors
    /// See [`Groups::arrive`].
    #[inline]
    pub(crate) fn arrive(&mut self, group: &[u8], time: i64) -> Result<usize, PointsWait> {
        let key = self.key(group);
        self.groups.arrive(key, time)
    }

    /// As [`Instance::arrive`], where no points wait.
    pub(crate) fn arrive_alone(&mut self, group: &[u8], time: i64) -> usize {
        self.arrive(group, time).unwrap_or_else(|PointsWait| {
            self.groups.end_waiting();
            let key = self.key(group);
            self.groups.insert(key, Group::new(None, time))
        })
    }

    /// Runs a data callback with the state of its group, and lends it the output.
    #[inline]
    pub(crate) fn attempt(
        &mut self,
        call: Call,
        emission: Emission,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let Call { callback, place, argument } = call;
        if self.groups.at(place).state.is_none() {
            match self.first_state(place) {
                Ok(state) => self.groups.at(place).state = Some(state),
                Err(error) => return Err(Box::new(Failure { error, emission })),
            }
        }
        let Self { program, options, groups, host, .. } = self;
        let emitted = emission.len();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        host.emission.replace(emission);
        let result =
            program.call(callback, groups.at(place).state.as_mut(), Some(argument), options);
        let mut emission = host.emission.take();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        let result = match result {
            Ok(_) if self.unlooked > 0 => {
                self.unlooked -= 1;
                return Ok(emission);
            }
            Ok(_) => self.look(place),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => Ok(emission),
            Err(error) => {
                emission.truncate(emitted);
                Err(Box::new(Failure { error: self.error(callback, place, &error), emission }))
            }
        }
    }

    /// Checks the size of a state: a long state is no longer counted after each step, but rarely, here, so that the
    /// cost is negligible.
    #[cold]
    fn look(&mut self, place: usize) -> Result<(), Box<EvalAltResult>> {
        self.unlooked = LOOK;
        let Some(state) = &self.groups.at(place).state else { return Ok(()) };
        if !self.program.walks() {
            let steps = total(state, usize::MAX).steps();
            self.unlooked = LOOK.max(steps / 16);
            return self.program.sizes().check(state);
        }
        if total(state, LONG).steps() >= LONG {
            self.program.stop_walking();
        }
        Ok(())
    }

    /// The state of a group that has none yet.
    #[cold]
    fn first_state(&mut self, place: usize) -> Result<Dynamic, ScriptError> {
        let state = self.new_state();
        state.map_err(|error| self.error(Callback::State, place, &error))
    }

    /// The result of `state(opt)`.
    pub(crate) fn new_state(&mut self) -> Result<Dynamic, Box<EvalAltResult>> {
        if !self.program.has(Callback::State) {
            return Ok(Map::new().into());
        }
        let state = self.program.call(Callback::State, None, None, &self.options)?;
        Ok(if state.is_unit() { Map::new().into() } else { state })
    }

    /// Takes a state of another version, or of other options, through `migrate`.
    pub(crate) fn migrate(&mut self, key: &[u8], old: Dynamic) -> Result<Dynamic, ScriptError> {
        self.program.pulse().renew();
        self.program
            .call(Callback::Migrate, None, Some(old), &self.options)
            .map_err(|error| self.error_of(Callback::Migrate, key, &error))
    }

    fn error(&self, callback: Callback, place: usize, error: &EvalAltResult) -> ScriptError {
        self.error_of(callback, self.groups.id(place), error)
    }

    fn error_of(&self, callback: Callback, key: &[u8], error: &EvalAltResult) -> ScriptError {
        ScriptError::Call {
            callback: callback.name(),
            group: (!key.is_empty()).then(|| String::from_utf8_lossy(key).into_owned()),
            problem: self.program.call_problem(callback, error).into(),
        }
    }

    /// An output that is dropped, for calls that are run again.
    pub(crate) fn scrap(&self) -> Output {
        Output::new(self.program.declaration().provides)
    }

    /// Handles a message again as if it had just arrived, with its output thrown away.
    pub(crate) fn again(&mut self, entry: &Entry, scrap: &mut Output) -> Result<(), ScriptError> {
        let place = match &entry.message {
            PastMessage::Point(bytes) => {
                let time = Point::from_message(bytes).map_or(i64::MIN, |point| point.time());
                self.arrive_alone(&entry.group, time)
            }
            PastMessage::Chunk(batch) => {
                let times = batch.points().map(|point| point.time());
                times
                    .map(|time| self.arrive_alone(&entry.group, time))
                    .last()
                    .unwrap_or_else(|| self.arrive_alone(&entry.group, i64::MIN))
            }
            PastMessage::Batch(batch) => self.arrive_alone(&entry.group, batch.tmax),
        };
        self.again_at(place, entry, Progress::default(), scrap)
    }

    /// Runs the calls of a message again with the state at a place, their output thrown away.
    pub(crate) fn again_at(
        &mut self,
        place: usize,
        entry: &Entry,
        from: Progress,
        scrap: &mut Output,
    ) -> Result<(), ScriptError> {
        self.host.asked.set(entry.now);
        match &entry.message {
            PastMessage::Point(bytes) => {
                let point = Point::from_message(bytes).unwrap_or_default();
                self.point_again(place, point, scrap)
            }
            PastMessage::Chunk(batch) => self.chunk_again(place, batch, scrap),
            PastMessage::Batch(batch) => {
                let to = Progress { begun: true, points: batch.len() };
                let pending = self.batch_again(place, batch, from, to, None, scrap)?;
                if self.program.has(Callback::EndBatch) {
                    let argument = Dynamic::from(SharedBatch(batch.clone()));
                    let call = Call { callback: Callback::EndBatch, place, argument };
                    let emission = Emission::Batch { meta: batch.clone(), pending };
                    self.once_more(call, emission, scrap)?;
                }
                Ok(())
            }
        }
    }

    fn point_again(
        &mut self,
        place: usize,
        point: Point,
        scrap: &mut Output,
    ) -> Result<(), ScriptError> {
        let (call, emission) = self.point_call(place, point);
        self.once_more(call, emission, scrap).map(drop)
    }

    fn chunk_again(
        &mut self,
        place: usize,
        batch: &Rc<Batch>,
        scrap: &mut Output,
    ) -> Result<(), ScriptError> {
        if !self.program.has(Callback::Points) {
            return batch.points().try_for_each(|point| self.point_again(place, point, scrap));
        }
        let argument = Dynamic::from(SharedBatch(batch.clone()));
        let call = Call { callback: Callback::Points, place, argument };
        self.once_more(call, Emission::Chunk, scrap).map(drop)
    }

    /// The call for one point of a stream: to `point`, or to `points` with a chunk of one.
    pub(crate) fn point_call(&self, place: usize, point: Point) -> (Call, Emission) {
        if self.program.has(Callback::Point) {
            let argument = Dynamic::from(SharedPoint::new(point));
            return (Call { callback: Callback::Point, place, argument }, Emission::Stream);
        }
        let mut batch = Batch::default();
        batch.hold(&point);
        let argument = Dynamic::from(SharedBatch::new(batch));
        (Call { callback: Callback::Points, place, argument }, Emission::Chunk)
    }

    /// Runs a part of a batch again; what it emits is added to `pending`.
    pub(crate) fn batch_again(
        &mut self,
        place: usize,
        batch: &Rc<Batch>,
        from: Progress,
        to: Progress,
        mut pending: Option<Batch>,
        scrap: &mut Output,
    ) -> Result<Option<Batch>, ScriptError> {
        let meta = Rc::new(batch.metadata());
        if to.begun && !from.begun && self.program.has(Callback::BeginBatch) {
            let argument = Dynamic::from(SharedBatch(meta.clone()));
            let call = Call { callback: Callback::BeginBatch, place, argument };
            let emission = Emission::Batch { meta: meta.clone(), pending };
            pending = self.once_more(call, emission, scrap)?.pending();
        }
        if !self.program.has(Callback::Point) {
            return Ok(pending);
        }
        for i in from.points..to.points {
            let mut point = Point::default();
            if !batch.read(i, &mut point).unwrap_or(false) {
                break;
            }
            let argument = Dynamic::from(SharedPoint::new(point));
            let call = Call { callback: Callback::Point, place, argument };
            let emission = Emission::Batch { meta: meta.clone(), pending };
            pending = self.once_more(call, emission, scrap)?.pending();
        }
        Ok(pending)
    }

    fn once_more(
        &mut self,
        call: Call,
        emission: Emission,
        scrap: &mut Output,
    ) -> Result<Emission, ScriptError> {
        self.program.pulse().renew();
        let result = self.attempt(call, emission, scrap);
        scrap.commit();
        scrap.clear();
        result.map_err(|failure| failure.error)
    }

    /// True if it reads batches.
    pub(crate) fn wants_batches(&self) -> bool {
        self.program.declaration().wants == EdgeType::Batch
    }

    /// True if it writes batches.
    pub(crate) fn provides_batches(&self) -> bool {
        self.program.declaration().provides == EdgeType::Batch
    }
}
