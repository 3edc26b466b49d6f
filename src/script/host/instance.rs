//! A version of a script at work: its program, the options it is bound to, and its states.

use crate::agent::Output;
use crate::protocol::message::{EdgeType, InitRequest};
use crate::protocol::{Batch, Point};
use crate::script::api::{Options, SharedBatch, SharedPoint};
use crate::script::declaration::StateScope;
use crate::script::error::ScriptError;
use crate::script::host::Emission;
use crate::script::host::journal::{Entry, Message};
use crate::script::host::program::{Callback, Program};
use crate::script::state::checkpoint::Progress;
use crate::script::state::groups::{Bounds, Group, Groups};
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
}

/// A data callback that is to be run.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    pub(crate) callback: Callback,
    /// The group, as the daemon names it.
    pub(crate) group: &'c [u8],
    /// The data's time; `i64::MIN` if it is not known yet.
    pub(crate) time: i64,
    pub(crate) argument: Dynamic,
}

/// A call that failed, with what had been emitted before it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ScriptError,
    pub(crate) emission: Emission,
}

impl Instance {
    /// A program that is not bound to options yet.
    pub(crate) fn new(program: Program, bounds: Bounds) -> Self {
        let origin = Origin { script: program.hash().into(), options: String::new() };
        Self { program, options: Dynamic::UNIT, origin, groups: Groups::new(bounds) }
    }

    /// Binds the options and runs `init`.
    pub(crate) fn bind(&mut self, request: &InitRequest) -> Result<(), ScriptError> {
        let map = self.program.declaration().bind(request).map_err(ScriptError::Options)?;
        self.origin.options = Dynamic::from(map.clone()).to_string();
        self.options = Dynamic::from(Options(Rc::new(map)));
        if self.program.has(Callback::Init) {
            let ran = self.program.call(Callback::Init, None, None, &self.options);
            ran.map(drop).map_err(|error| self.error(Callback::Init, b"", &error))?;
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

    /// Runs a data callback with the state of its group, and lends it the output.
    #[inline]
    pub(crate) fn attempt(
        &mut self,
        call: Call<'_>,
        emission: Emission,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let key = self.key(call.group);
        let place = match self.place(key, call.time) {
            Ok(place) => place,
            Err(error) => return Err(Box::new(Failure { error, emission })),
        };
        let Self { program, options, groups, .. } = self;
        let group = groups.at(place);
        group.seen = group.seen.max(call.time);
        let host = program.host().clone();
        let emitted = emission.len();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        host.emission.replace(emission);
        let result =
            program.call(call.callback, Some(&mut group.state), Some(call.argument), options);
        let mut emission = host.emission.take();
        std::mem::swap(&mut *host.output.borrow_mut(), output);
        groups.advance(call.time);
        match result {
            Ok(_) => Ok(emission),
            Err(error) => {
                emission.truncate(emitted);
                Err(Box::new(Failure { error: self.error(call.callback, key, &error), emission }))
            }
        }
    }

    /// The place of a group's state, made if it is new or was not seen for too long.
    #[inline]
    fn place(&mut self, key: &[u8], time: i64) -> Result<usize, ScriptError> {
        if let Some(place) = self.groups.find(key) {
            if !self.groups.has_outlived(place, time) {
                self.groups.touch(place);
                return Ok(place);
            }
            self.groups.outlive(place);
        }
        let state = self.first_state(key)?;
        Ok(self.groups.insert(key, Group::new(state, time)))
    }

    /// The state of a group that is seen for the first time.
    fn first_state(&mut self, key: &[u8]) -> Result<Dynamic, ScriptError> {
        if !self.program.has(Callback::State) {
            return Ok(Map::new().into());
        }
        match self.program.call(Callback::State, None, None, &self.options) {
            Ok(state) if state.is_unit() => Ok(Map::new().into()),
            Ok(state) => Ok(state),
            Err(error) => Err(self.error(Callback::State, key, &error)),
        }
    }

    /// Takes a state of another version, or of other options, through `migrate`.
    pub(crate) fn migrate(&mut self, key: &[u8], old: Dynamic) -> Result<Dynamic, ScriptError> {
        self.program.pulse().renew();
        self.program
            .call(Callback::Migrate, None, Some(old), &self.options)
            .map_err(|error| self.error(Callback::Migrate, key, &error))
    }

    fn error(&self, callback: Callback, key: &[u8], error: &EvalAltResult) -> ScriptError {
        ScriptError::Call {
            callback: callback.name(),
            group: (!key.is_empty()).then(|| String::from_utf8_lossy(key).into_owned()),
            problem: self.program.call_problem(callback, error).into(),
        }
    }

    /// An output for what nobody shall see.
    pub(crate) fn scrap(&self) -> Output {
        Output::new(self.program.declaration().provides)
    }

    /// Runs a message again with its output thrown away.
    pub(crate) fn again(
        &mut self,
        entry: &Entry,
        from: Progress,
        scrap: &mut Output,
    ) -> Result<(), ScriptError> {
        self.program.host().asked.set(entry.now);
        match &entry.message {
            Message::Point(bytes) => {
                let point = Point::from_message(bytes).unwrap_or_default();
                let (call, emission) = self.point_call(&entry.group, point);
                self.once_more(call, emission, scrap)?;
            }
            Message::Batch(batch) => {
                let to = Progress { begun: true, points: batch.len() };
                let pending = self.batch_again(batch, from, to, None, scrap)?;
                if self.program.has(Callback::EndBatch) {
                    let call = Call {
                        callback: Callback::EndBatch,
                        group: batch.group.as_bytes(),
                        time: batch.tmax,
                        argument: Dynamic::from(SharedBatch(batch.clone())),
                    };
                    let emission = Emission::Batch { meta: batch.clone(), pending };
                    self.once_more(call, emission, scrap)?;
                }
            }
        }
        Ok(())
    }

    /// The call for one point of a stream: to `point`, or to `points` with a chunk of one.
    pub(crate) fn point_call<'c>(&self, group: &'c [u8], point: Point) -> (Call<'c>, Emission) {
        let time = point.time();
        if self.program.has(Callback::Point) {
            let argument = Dynamic::from(SharedPoint::new(point));
            return (Call { callback: Callback::Point, group, time, argument }, Emission::Stream);
        }
        let mut batch = Batch::default();
        batch.describe(&point);
        batch.tmax = time;
        batch.push(&point);
        let argument = Dynamic::from(SharedBatch::new(batch));
        (Call { callback: Callback::Points, group, time, argument }, Emission::Chunk)
    }

    /// Runs a part of a batch again; what it emits is added to `pending`.
    pub(crate) fn batch_again(
        &mut self,
        batch: &Rc<Batch>,
        from: Progress,
        to: Progress,
        mut pending: Option<Batch>,
        scrap: &mut Output,
    ) -> Result<Option<Batch>, ScriptError> {
        let meta = Rc::new(batch.metadata());
        if to.begun && !from.begun && self.program.has(Callback::BeginBatch) {
            let call = Call {
                callback: Callback::BeginBatch,
                group: meta.group.as_bytes(),
                time: i64::MIN,
                argument: Dynamic::from(SharedBatch(meta.clone())),
            };
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
            let call = Call {
                callback: Callback::Point,
                group: meta.group.as_bytes(),
                time: point.time(),
                argument: Dynamic::from(SharedPoint::new(point)),
            };
            let emission = Emission::Batch { meta: meta.clone(), pending };
            pending = self.once_more(call, emission, scrap)?.pending();
        }
        Ok(pending)
    }

    fn once_more(
        &mut self,
        call: Call<'_>,
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
