//! A graph made ready to run: names became places, nodes became kernels, constants are computed.

use super::kernel::{Inputs, Kernel, Outputs};
use super::table::Change;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::value::{Value, Values};
use smallvec::SmallVec;

/// The inputs of a step that are passed without an allocation.
const FEW: usize = 8;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An optional input that is left out.
    Absent,
    /// A constant of the plan.
    Constant(u32),
    /// An input of the graph, or what a step made.
    Slot(u32),
}

/// One node of the graph.
pub(super) struct Step {
    pub(super) kernel: Kernel,
    /// What the step does in a pipeline.
    pub(super) change: Option<Change>,
    pub(super) operator: String,
    pub(super) name: String,
    pub(super) inputs: Vec<Source>,
    pub(super) outputs: Vec<Option<u32>>,
    /// Slots that no later step reads.
    pub(super) spent: Vec<u32>,
}

/// A graph that can run.
pub(super) struct Plan {
    pub(super) constants: Vec<Value>,
    /// The inputs are the first slots, in their order.
    pub(super) inputs: usize,
    pub(super) slots: usize,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Source>,
}

/// What a slot holds.
enum Slot<'a> {
    Empty,
    Borrowed(&'a Value),
    Owned(Value),
}

impl Slot<'_> {
    fn get(&self) -> Option<&Value> {
        match self {
            Slot::Empty => None,
            Slot::Borrowed(value) => Some(value),
            Slot::Owned(value) => Some(value),
        }
    }
}

impl Plan {
    /// Runs all steps in their order and gives the outputs in theirs.
    pub(super) fn run(&self, inputs: &[Option<&Value>], run: &Run<'_>) -> Result<Values> {
        if inputs.len() != self.inputs {
            let text = format!("{} inputs for a graph of {}", inputs.len(), self.inputs);
            return Err(ModelError::Data(text));
        }
        let mut slots: SmallVec<[Slot<'_>; 4]> = SmallVec::with_capacity(self.slots);
        slots.extend(inputs.iter().map(|input| input.map_or(Slot::Empty, Slot::Borrowed)));
        slots.resize_with(self.slots, || Slot::Empty);
        for step in &self.steps {
            let outputs = self
                .step(step, &slots, run)
                .map_err(|error| error.within(&step.operator, &step.name))?;
            keep(step, outputs, &mut slots, run)?;
        }
        let outputs = self.outputs.iter().map(|&output| self.take(output, &mut slots)).collect();
        for slot in &slots {
            if let Slot::Owned(value) = slot {
                run.release(value.bytes());
            }
        }
        outputs
    }

    fn step(&self, step: &Step, slots: &[Slot<'_>], run: &Run<'_>) -> Result<Outputs> {
        run.spend(256)?;
        let value = |source: &Source| match *source {
            Source::Absent => None,
            Source::Constant(at) => self.constants.get(at as usize),
            Source::Slot(at) => slots.get(at as usize).and_then(Slot::get),
        };
        let (mut few, many);
        let values = if step.inputs.len() <= FEW {
            few = [None; FEW];
            for (to, source) in few.iter_mut().zip(&step.inputs) {
                *to = value(source);
            }
            &few[..step.inputs.len()]
        } else {
            many = step.inputs.iter().map(value).collect::<Vec<_>>();
            &many[..]
        };
        (step.kernel)(&Inputs::new(values, run))
    }

    /// An output: it is taken out of its slot if no other output is the same.
    fn take(&self, output: Source, slots: &mut [Slot<'_>]) -> Result<Value> {
        let missing = || ModelError::data("an output was not made");
        match output {
            Source::Absent => Err(missing()),
            Source::Constant(at) => self.constants.get(at as usize).cloned().ok_or_else(missing),
            Source::Slot(at) => {
                let twice = self.outputs.iter().filter(|&&other| other == output).count() > 1;
                let slot = slots.get_mut(at as usize).ok_or_else(missing)?;
                match slot {
                    Slot::Owned(_) if !twice => match std::mem::replace(slot, Slot::Empty) {
                        Slot::Owned(value) => Ok(value),
                        _ => Err(missing()),
                    },
                    slot => slot.get().cloned().ok_or_else(missing),
                }
            }
        }
    }
}

fn keep(step: &Step, outputs: Outputs, slots: &mut [Slot<'_>], run: &Run<'_>) -> Result<()> {
    let mut put = |at: Option<u32>, value: Value| -> Result<()> {
        if let Some(slot) = at.and_then(|at| slots.get_mut(at as usize)) {
            run.hold(value.bytes())?;
            *slot = Slot::Owned(value);
        }
        Ok(())
    };
    match outputs {
        Outputs::One(value) => put(step.outputs.first().copied().flatten(), value)?,
        Outputs::Many(values) => {
            for (at, value) in step.outputs.iter().zip(values) {
                put(*at, value)?;
            }
        }
    }
    for &at in &step.spent {
        if let Slot::Owned(value) = std::mem::replace(&mut slots[at as usize], Slot::Empty) {
            run.release(value.bytes());
        }
    }
    Ok(())
}
