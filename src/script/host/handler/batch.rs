//! What happens with batches.

use super::bound::Bound;
use crate::agent::{HandlerError, Output};
use crate::protocol::message::{BeginBatch, EndBatch};
use crate::protocol::{Batch, Point};
use crate::script::api::{LentPoint, SharedBatch};
use crate::script::config::OnError;
use crate::script::error::{OutputProblem, ScriptError};
use crate::script::host::Emission;
use crate::script::host::callback::Callback;
use crate::script::host::instance::Call;
use rhai::Dynamic;
use std::rc::Rc;

/// The batch that has begun.
#[derive(Debug, Default)]
pub(super) struct BatchAtHand {
    pub(super) batch: Rc<Batch>,
    lent: LentPoint,
    /// Bare points emitted inside the batch, for its end.
    pending: Option<Batch>,
    /// It failed at its beginning.
    dropped: bool,
}

impl BatchAtHand {
    /// The batch, for a change; a new one if the script kept it.
    fn change(&mut self) -> &mut Batch {
        if Rc::get_mut(&mut self.batch).is_none() {
            self.batch = Rc::default();
        }
        Rc::get_mut(&mut self.batch).expect("it is not shared")
    }
}

impl Bound {
    /// A batch begins.
    pub(super) fn begin_batch(
        &mut self,
        begin: BeginBatch,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        self.batch.pending = None;
        self.batch.dropped = false;
        self.batch.change().begin(begin);
        self.instance.program.host().asked.set(None);
        if self.has(Callback::BeginBatch) {
            let batch = Dynamic::from(SharedBatch::new(self.batch.batch.head()));
            if let Err(error) = self.batch_call(Callback::BeginBatch, i64::MIN, batch, output) {
                self.settle("the batch", error, output)?;
                self.batch.dropped = true;
            }
        }
        Ok(())
    }

    /// All points of a batch at once, if they are only kept for the batch's end.
    pub(super) fn batch_points(&mut self, batch: &Batch) -> bool {
        let kept = !self.has(Callback::Point);
        if kept {
            self.batch.change().extend(batch);
        }
        kept
    }

    /// A point of a batch: kept for the batch's end, given to `point`, or both.
    pub(super) fn batch_point(
        &mut self,
        point: &mut Point,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        let has_point = self.has(Callback::Point);
        if !has_point || self.guard.is_some() {
            self.batch.change().push(point);
        }
        if !has_point || self.batch.dropped {
            return Ok(());
        }
        let time = point.time();
        let argument = Dynamic::from(self.batch.lent.lend(point));
        let Err(error) = self.batch_call(Callback::Point, time, argument, output) else {
            return Ok(());
        };
        if self.settle("the point", error, output)? {
            let BatchAtHand { batch, pending, .. } = &mut self.batch;
            let mut original = Point::default();
            let last = batch.len().saturating_sub(1);
            if batch.read(last, &mut original).unwrap_or(false) {
                pending.get_or_insert_with(|| batch.metadata()).push(&original);
            }
        }
        Ok(())
    }

    /// The batch ends.
    pub(super) fn end_batch(
        &mut self,
        end: EndBatch,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        let batch = self.batch.change();
        batch.end(end);
        let time = batch.tmax;
        let mut pass = self.batch.dropped && self.config.on_error == OnError::Pass && self.passes();
        if !self.batch.dropped && self.has(Callback::EndBatch) {
            let batch = Dynamic::from(SharedBatch(self.batch.batch.clone()));
            if let Err(error) = self.batch_call(Callback::EndBatch, time, batch, output) {
                pass = self.settle("the batch", error, output)?;
                self.batch.pending = None;
            }
        }
        let written = if pass {
            output.batch(&self.batch.batch)
        } else if let Some(mut pending) = self.batch.pending.take() {
            pending.end(self.batch.batch.end_message());
            output.batch(&pending)
        } else {
            Ok(())
        };
        written.map_err(|error| OutputProblem(error.to_string()))?;
        if let Some(guard) = &mut self.guard {
            let batch = self.batch.batch.clone();
            guard.finish(&mut self.instance, batch.group.as_bytes(), Some(&batch));
            guard.record_settled(&self.instance);
        }
        Ok(())
    }

    /// Runs a callback inside a batch; what it emits waits for the end of the batch.
    fn batch_call(
        &mut self,
        callback: Callback,
        time: i64,
        argument: Dynamic,
        output: &mut Output,
    ) -> Result<(), ScriptError> {
        let meta = self.batch.batch.clone();
        let place = self.instance.arrive_alone(meta.group.as_bytes(), time);
        let emission = Emission::Batch { meta, pending: self.batch.pending.take() };
        let (emission, result) =
            match self.call(Call { callback, place, argument }, emission, output) {
                Ok(emission) => (emission, Ok(())),
                Err(failure) => (failure.emission, Err(failure.error)),
            };
        self.batch.pending = emission.pending();
        result
    }
}
