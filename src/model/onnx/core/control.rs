//! `If`, `Loop` and `Scan`: operators that run a graph.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::super::plan::Plan;
use super::indexing::row;
use super::layout::concat;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor, transpose};
use crate::model::value::Value;
use std::ops::Range;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "If" => branch(node)?,
        "Loop" => repeat(node)?,
        "Scan" => scan(node)?,
        _ => return Ok(None),
    }))
}

/// A graph of a node, and where the values that it takes from outside stand among the inputs.
struct Body {
    plan: Plan,
    captures: Range<usize>,
}

impl Body {
    fn take(node: &mut Node<'_>, name: &str) -> Result<Self> {
        let plan = node.bodies.remove(name);
        let captures = node.captures.remove(name);
        match plan.zip(captures) {
            Some((plan, captures)) => Ok(Self { plan, captures }),
            None => Err(ModelError::Damaged(format!("the graph '{name}' is missing"))),
        }
    }

    /// The inputs that the body has besides what it takes from outside.
    fn own_inputs(&self) -> usize {
        self.plan.inputs - self.captures.len()
    }

    fn run(&self, own: &[Option<&Value>], inputs: &Inputs<'_>) -> Result<Vec<Value>> {
        let mut values = own.to_vec();
        values.extend_from_slice(&inputs.all()[self.captures.clone()]);
        inputs.run.round()?;
        Ok(self.plan.run(&values, inputs.run)?.into_vec())
    }
}

fn branch(node: &mut Node<'_>) -> Result<Kernel> {
    let (yes, no) = (Body::take(node, "then_branch")?, Body::take(node, "else_branch")?);
    if yes.own_inputs() != 0 || no.own_inputs() != 0 {
        return Err(ModelError::damaged("a branch has inputs"));
    }
    Ok(Box::new(move |inputs| {
        let condition = inputs.tensor(0)?.truths()?.first().copied();
        let condition = condition.ok_or_else(|| ModelError::data("an empty condition"))?;
        let body = if condition { &yes } else { &no };
        Ok(Outputs::Many(body.run(&[], inputs)?.into()))
    }))
}

/// The rounds of a loop end after the number that the first input says, or when the body says so.
fn repeat(node: &mut Node<'_>) -> Result<Kernel> {
    let body = Body::take(node, "body")?;
    let carried = body.own_inputs().saturating_sub(2);
    if body.own_inputs() < 2 || body.plan.outputs.len() <= carried {
        return Err(ModelError::damaged("the body of a loop has too few inputs or outputs"));
    }
    let scanned = body.plan.outputs.len() - 1 - carried;
    Ok(Box::new(move |inputs| {
        let rounds = match inputs.optional(0)? {
            Some(rounds) => rounds.single_int()?,
            None => i64::MAX,
        };
        let mut go_on = match inputs.optional(1)? {
            Some(condition) => condition.truths()?.first().copied().unwrap_or(true),
            None => true,
        };
        let mut state: Vec<Value> =
            (0..carried).map(|at| inputs.value(2 + at).cloned()).collect::<Result<_>>()?;
        let mut rows = vec![Vec::new(); scanned];
        let mut held = Held::new(inputs.run);
        let mut round = 0;
        while go_on && round < rounds {
            let (number, condition) = (Tensor::int(round).into(), Tensor::truth(true).into());
            let mut own = vec![Some(&number), Some(&condition)];
            own.extend(state.iter().map(Some));
            let mut outputs = body.run(&own, inputs)?;
            go_on = outputs[0].tensor()?.truths()?.first().copied().unwrap_or(false);
            for (rows, output) in rows.iter_mut().zip(outputs.split_off(1 + carried)) {
                held.add(output.bytes())?;
                rows.push(output.tensor()?.clone());
            }
            outputs.remove(0);
            state = outputs;
            round += 1;
        }
        for rows in rows {
            state.push(stack(&rows, 0, inputs.run)?.into());
        }
        Ok(Outputs::Many(state.into()))
    }))
}

/// Memory that is released when the operator ends.
struct Held<'a> {
    run: &'a Run<'a>,
    bytes: usize,
}

impl<'a> Held<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        Self { run, bytes: 0 }
    }

    fn add(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes;
        self.run.hold(bytes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.run.release(self.bytes);
    }
}

/// Puts tensors of one shape behind each other along a new axis.
fn stack(rows: &[Tensor], axis: i64, run: &Run<'_>) -> Result<Tensor> {
    let Some(first) = rows.first() else {
        return Tensor::new(Shape::list(0), Data::Float(Vec::new()));
    };
    let mut sizes = first.shape().to_vec();
    sizes.insert(0, 1);
    let shape = Shape::new(&sizes)?;
    let rows = rows.iter().map(|row| row.reshaped(shape)).collect::<Result<Vec<_>>>()?;
    let whole = concat(&rows.iter().collect::<Vec<_>>(), 0, run)?;
    let to = whole.shape().axis(axis)?;
    if to == 0 {
        return Ok(whole);
    }
    let mut order: Vec<usize> = (1..whole.shape().len()).collect();
    order.insert(to, 0);
    transpose(&whole, &order, run)
}

/// The attributes of a scan.
struct Scan {
    body: Body,
    states: usize,
    scanned: usize,
    input_axes: Vec<i64>,
    input_backwards: Vec<i64>,
    output_axes: Vec<i64>,
    output_backwards: Vec<i64>,
}

fn scan(node: &mut Node<'_>) -> Result<Kernel> {
    if node.opset < 9 {
        return Err(ModelError::Unsupported("operator Scan of opset 8".into()));
    }
    let scanned = usize::try_from(node.int("num_scan_inputs", 0)).unwrap_or(0);
    let body = Body::take(node, "body")?;
    let states = body.own_inputs().checked_sub(scanned).filter(|_| scanned > 0);
    let states = states.filter(|&states| states <= body.plan.outputs.len());
    let states = states.ok_or_else(|| ModelError::damaged("a scan of too few inputs"))?;
    let scan = Scan {
        body,
        states,
        scanned,
        input_axes: node.ints("scan_input_axes").unwrap_or_default(),
        input_backwards: node.ints("scan_input_directions").unwrap_or_default(),
        output_axes: node.ints("scan_output_axes").unwrap_or_default(),
        output_backwards: node.ints("scan_output_directions").unwrap_or_default(),
    };
    Ok(Box::new(move |inputs| scan.run(inputs)))
}

impl Scan {
    fn run(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        let flag = |list: &[i64], at: usize| list.get(at).is_some_and(|&flag| flag != 0);
        let mut sources = Vec::with_capacity(self.scanned);
        for at in 0..self.scanned {
            let tensor = inputs.tensor(self.states + at)?;
            let axis = tensor.shape().axis(self.input_axes.get(at).copied().unwrap_or(0))?;
            let mut order: Vec<usize> = (0..tensor.shape().len()).filter(|&a| a != axis).collect();
            order.insert(0, axis);
            sources.push(match axis {
                0 => std::borrow::Cow::Borrowed(tensor),
                _ => std::borrow::Cow::Owned(transpose(tensor, &order, inputs.run)?),
            });
        }
        let length = sources[0].shape()[0];
        if sources.iter().any(|source| source.shape()[0] != length) {
            return Err(ModelError::data("the scanned inputs have different lengths"));
        }
        let mut state: Vec<Value> =
            (0..self.states).map(|at| inputs.value(at).cloned()).collect::<Result<_>>()?;
        let mut rows = vec![Vec::new(); self.body.plan.outputs.len() - self.states];
        let mut held = Held::new(inputs.run);
        for step in 0..length {
            let pick = |(at, source): (usize, &std::borrow::Cow<'_, Tensor>)| {
                let back = flag(&self.input_backwards, at);
                row(source, if back { length - 1 - step } else { step }).map(Value::from)
            };
            let picked = sources.iter().enumerate().map(pick).collect::<Result<Vec<_>>>()?;
            let own: Vec<_> = state.iter().chain(&picked).map(Some).collect();
            let mut outputs = self.body.run(&own, inputs)?;
            for (rows, output) in rows.iter_mut().zip(outputs.split_off(self.states)) {
                held.add(output.bytes())?;
                rows.push(output.tensor()?.clone());
            }
            state = outputs;
        }
        for (at, mut rows) in rows.into_iter().enumerate() {
            if flag(&self.output_backwards, at) {
                rows.reverse();
            }
            let axis = self.output_axes.get(at).copied().unwrap_or(0);
            state.push(stack(&rows, axis, inputs.run)?.into());
        }
        Ok(Outputs::Many(state.into()))
    }
}
