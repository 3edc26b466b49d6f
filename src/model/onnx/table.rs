//! Pipelines of operators that change a table of floats in place.
//!
//! That is what scikit-learn mostly exports: scale the columns, weigh them or ask trees, make probabilities of the scores. A single row
//! passes such operators without a tensor for each of them.

use super::kernel::{Kernel, Node, Outputs};
use super::plan::{Plan, Source, Step};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor};
use crate::model::value::{Labels, Maps, Value};
use std::sync::Arc;

/// Rows of floats, and what operators said about them.
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) numbers: Vec<f32>,
    /// The class of each row, once a classifier has chosen it.
    pub(crate) label: Option<Data>,
    /// What the columns stand for, once `ZipMap` has said so.
    pub(crate) keys: Option<Arc<Labels>>,
}

/// What an operator does with a table.
pub(super) type Change = Arc<dyn Fn(&mut Table, &Run<'_>) -> Result<()> + Send + Sync>;

impl Table {
    pub(crate) fn new(rows: usize, columns: usize, numbers: Vec<f32>) -> Self {
        Self { rows, columns, numbers, label: None, keys: None }
    }

    fn of(tensor: &Tensor) -> Result<Self> {
        let (rows, columns) = tensor.table()?;
        Ok(Self::new(rows, columns, tensor.floats()?.into_owned()))
    }

    /// The numbers as a tensor, with the table's rows.
    pub(crate) fn into_tensor(self) -> Result<Tensor> {
        Tensor::new(Shape::new(&[self.rows, self.columns])?, Data::Float(self.numbers))
    }

    /// The outputs of the operator that was the last to change the table.
    pub(super) fn into_outputs(mut self) -> Result<Outputs> {
        let (label, keys, rows) = (self.label.take(), self.keys.take(), self.rows);
        let values = self.into_tensor()?;
        Ok(match (label, keys) {
            (Some(label), _) => Outputs::tensors([Tensor::new(Shape::list(rows), label)?, values]),
            (None, Some(keys)) => Outputs::One(Value::Maps(Box::new(Maps { keys, values }))),
            (None, None) => values.into(),
        })
    }
}

impl Node<'_> {
    /// Remembers what the operator does with a table, for a pipeline.
    fn remember(
        &mut self,
        change: impl Fn(&mut Table, &Run<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Change {
        self.change.insert(Arc::new(change)).clone()
    }

    /// A kernel that changes a table; a list is one row.
    pub(super) fn changing(
        &mut self,
        change: impl Fn(&mut Table, &Run<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Kernel {
        let change = self.remember(change);
        Box::new(move |inputs| {
            let mut table = Table::of(inputs.tensor(0)?)?;
            change(&mut table, inputs.run)?;
            table.into_outputs()
        })
    }

    /// A kernel that changes the rows of a tensor of any rank, which keeps its shape.
    pub(super) fn changing_rows(
        &mut self,
        change: impl Fn(&mut Table, &Run<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Kernel {
        let change = self.remember(change);
        Box::new(move |inputs| {
            let tensor = inputs.tensor(0)?;
            let columns = tensor.shape().last().copied().unwrap_or(1);
            let rows = tensor.len().checked_div(columns).unwrap_or(0);
            let mut table = Table::new(rows, columns, tensor.floats()?.into_owned());
            change(&mut table, inputs.run)?;
            Ok(Tensor::new(*tensor.shape(), Data::Float(table.numbers))?.into())
        })
    }
}

/// A graph that is one row of operators, each of which changes the table of the one before.
pub(super) struct Pipeline {
    /// The changes, each with its step in the plan.
    changes: Vec<(usize, Change)>,
}

impl Pipeline {
    /// The pipeline that a plan is; none where a step does anything else, or where an output is made on the way.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let (mut table, mut label) = (Source::Slot(0), None);
        let mut changes = Vec::with_capacity(plan.steps.len());
        for (at, step) in plan.steps.iter().enumerate() {
            let Step { inputs, outputs, .. } = step;
            if plan.outputs.contains(&table) || inputs[..] != [table] {
                return None;
            }
            table = match outputs[..] {
                [Some(next)] => Source::Slot(next),
                [Some(chosen), Some(next)] if label.is_none() => {
                    label = Some(Source::Slot(chosen));
                    Source::Slot(next)
                }
                _ => return None,
            };
            changes.push((at, step.change.clone()?));
        }
        let outputs = match label {
            Some(label) => plan.outputs[..] == [label, table],
            None => plan.outputs[..] == [table],
        };
        (plan.inputs == 1 && !changes.is_empty() && outputs).then_some(Self { changes })
    }

    /// Runs all steps of the plan on a table.
    pub(super) fn run(&self, plan: &Plan, table: &mut Table, run: &Run<'_>) -> Result<()> {
        for (at, change) in &self.changes {
            let end = |error: ModelError| {
                let step = &plan.steps[*at];
                error.within(&step.operator, &step.name)
            };
            run.spend(256)?;
            change(table, run).map_err(end)?;
        }
        Ok(())
    }
}
