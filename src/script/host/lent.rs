//! What the functions of a script can use while a callback runs: the output, the time, and a note of the missing field.

use crate::agent::{Output, OutputError, Pulse};
use crate::protocol::message::EdgeType;
use crate::protocol::{Batch, Point};
use crate::script::config::Limits;
use crate::script::engine::Budget;
use crate::script::library::Library;
use rhai::{EvalAltResult, Position};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::rc::Rc;

/// Names of missing fields that are kept.
const MISSED: usize = 100;

/// Shared between the handler and the functions that a script calls.
#[derive(Debug)]
pub(crate) struct Host {
    /// The handler's output while a data callback runs.
    pub(crate) output: RefCell<Output>,
    pub(crate) emission: RefCell<Emission>,
    note: RefCell<Note>,
    /// Fields that were read and did not exist, to report typing errors.
    missed: RefCell<BTreeSet<String>>,
    /// The script, for log lines.
    pub(crate) script: PathBuf,
    /// The time that `now()` gives; `None`: the machine's clock.
    pub(crate) now: Cell<Option<i64>>,
    /// The value of `now()` for the current message.
    pub(crate) asked: Cell<Option<i64>>,
    /// The limits of a call.
    pub(crate) budget: Budget,
    /// The trained models.
    pub(crate) library: Rc<Library>,
}

/// Where emitted points go.
#[derive(Debug, Default)]
pub(crate) enum Emission {
    /// `init`, `state`, `migrate`, `info`: nothing can be emitted.
    #[default]
    Closed,
    /// A point of a stream is being handled.
    Stream,
    /// A chunk of points of a stream is being handled.
    Chunk,
    /// A batch is being handled: its metadata, and the bare points emitted so far.
    Batch {
        /// Name, tags and time that emitted points take where they have none.
        meta: Rc<Batch>,
        /// Emitted points of a UDF that provides batches; `None` until the first.
        pending: Option<Batch>,
    },
}

impl Emission {
    /// Bare points that wait for the end of the batch; `None` before the first.
    pub(crate) fn pending(self) -> Option<Batch> {
        match self {
            Self::Batch { pending, .. } => pending,
            Self::Closed | Self::Stream | Self::Chunk => None,
        }
    }

    /// The number of points that wait.
    #[inline]
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::Batch { pending, .. } => pending.as_ref().map(Batch::len),
            Self::Closed | Self::Stream | Self::Chunk => None,
        }
    }

    /// Drops everything that was emitted since [`Emission::len`] returned `len`.
    pub(crate) fn truncate(&mut self, len: Option<usize>) {
        if let Self::Batch { pending, .. } = self {
            match (len, pending.as_mut()) {
                (Some(len), Some(batch)) => batch.truncate(len),
                _ => *pending = None,
            }
        }
    }
}

/// Why something cannot be emitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmitError {
    #[error("emit can be called in point, points, begin_batch and end_batch only")]
    Closed,
    #[error(
        "this script provides batches: emit a batch, made with new_batch(#{{...}}, [points]) or \
         batch.select(...)"
    )]
    PointOnBatchEdge,
    #[error("this script provides a stream: emit points, one or an array of them")]
    BatchOnStreamEdge,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Host {
    /// A host without limits for native functions.
    pub(crate) fn new(script: PathBuf) -> Self {
        Self::with_budget(script, Budget::new(&Limits::default(), &Pulse::default()))
    }

    pub(crate) fn with_budget(script: PathBuf, budget: Budget) -> Self {
        Self {
            library: Rc::new(Library::new(&script, budget.model())),
            budget,
            output: RefCell::new(Output::new(EdgeType::Stream)),
            emission: RefCell::new(Emission::Closed),
            note: RefCell::default(),
            missed: RefCell::default(),
            script,
            now: Cell::new(None),
            asked: Cell::new(None),
        }
    }

    /// An error, before it is made, for an array or a series of more elements than one may have.
    pub(crate) fn room_in_array(
        &self,
        function: &str,
        len: usize,
    ) -> Result<(), Box<EvalAltResult>> {
        let most = self.budget.array();
        if len <= most {
            return Ok(());
        }
        let text = format!("{function}: {len} elements are more than {most} ([limits] array)");
        Err(Box::new(EvalAltResult::ErrorRuntime(text.into(), Position::NONE)))
    }

    /// Removes the notes and requests of an earlier call.
    pub(crate) fn reset(&self) {
        self.note.borrow_mut().set = false;
    }

    /// Emits one point.
    pub(crate) fn emit_point(&self, point: &Point) -> Result<(), EmitError> {
        let mut output = self.output.borrow_mut();
        match &mut *self.emission.borrow_mut() {
            Emission::Closed => Err(EmitError::Closed),
            Emission::Stream | Emission::Chunk if output.provides() == EdgeType::Batch => {
                Err(EmitError::PointOnBatchEdge)
            }
            Emission::Stream | Emission::Chunk => Ok(output.point(point)?),
            Emission::Batch { meta, pending } if output.provides() == EdgeType::Batch => {
                pending.get_or_insert_with(|| meta.metadata()).push(point);
                Ok(())
            }
            Emission::Batch { meta, .. } => Ok(output.point(&in_stream(point, meta))?),
        }
    }

    /// Emits a list of points; an empty one makes an empty batch.
    pub(crate) fn emit_none(&self) -> Result<(), EmitError> {
        match &mut *self.emission.borrow_mut() {
            Emission::Closed => Err(EmitError::Closed),
            Emission::Batch { meta, pending }
                if self.output.borrow().provides() == EdgeType::Batch =>
            {
                pending.get_or_insert_with(|| meta.metadata());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Emits a batch.
    pub(crate) fn emit_batch(&self, batch: &Batch) -> Result<(), EmitError> {
        let mut output = self.output.borrow_mut();
        match &*self.emission.borrow() {
            Emission::Closed => Err(EmitError::Closed),
            Emission::Chunk if output.provides() == EdgeType::Stream => {
                Ok(output.points_of(batch)?)
            }
            _ if output.provides() == EdgeType::Stream => Err(EmitError::BatchOnStreamEdge),
            _ => Ok(output.batch(batch)?),
        }
    }

    /// Remembers a field that was read and does not exist, so that a later error can name it.
    pub(crate) fn miss(&self, field: &str, point: &Point) {
        let mut note = self.note.borrow_mut();
        note.set = true;
        note.text.clear();
        let _ = write!(note.text, "field '{field}' is missing; the point has ");
        describe_fields(point, &mut note.text);
        let mut missed = self.missed.borrow_mut();
        if missed.len() < MISSED && !missed.contains(field) {
            missed.insert(field.to_owned());
        }
    }

    /// The fields that were read and not there.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.missed.borrow().iter().cloned().collect()
    }

    /// Remembers why something else is `()`.
    pub(crate) fn note(&self, text: &str) {
        let mut note = self.note.borrow_mut();
        note.set = true;
        note.text.clear();
        note.text.push_str(text);
    }

    /// Why a value may be `()` in this call.
    pub(crate) fn reason(&self) -> Option<String> {
        let note = self.note.borrow();
        note.set.then(|| note.text.clone())
    }
}

/// Why the last `()` was given; the buffer is used again.
#[derive(Debug, Default)]
struct Note {
    text: String,
    set: bool,
}

/// `bed (double), air (double)`.
pub(crate) fn describe_fields(point: &Point, out: &mut String) {
    for (i, (name, value)) in point.fields().enumerate() {
        let comma = if i > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}{name} ({})", value.field_type());
    }
    if point.field_count() == 0 {
        out.push_str("no fields");
    }
}

/// A point as it goes into a stream: with the name and tags of the batch that it came from.
pub(crate) fn in_stream<'a>(point: &'a Point, batch: &Batch) -> std::borrow::Cow<'a, Point> {
    let mut point = std::borrow::Cow::Borrowed(point);
    if point.name().is_empty() && !batch.name.is_empty() {
        point.to_mut().set_name(&batch.name);
    }
    for (name, value) in &batch.tags {
        if point.tag(name).is_none() {
            point.to_mut().set_tag(name, value);
        }
    }
    if point.dimensions().next().is_none() && !batch.tags.is_empty() {
        point.to_mut().set_dimensions(batch.tags.keys());
    }
    if batch.by_name && !point.by_name() {
        point.to_mut().set_by_name(true);
    }
    if point.group_bytes().is_empty() && !batch.group.is_empty() {
        point.to_mut().set_group(&batch.group);
    }
    point
}
