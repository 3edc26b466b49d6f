//! Operators that pick or put elements by their indices: gather, slice, scatter, compress.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::arithmetic::same_kind;
use super::layout::section;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor, gather, within};

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let axis = node.int("axis", 0);
    Ok(Some(match node.operator.as_str() {
        "Gather" => Box::new(move |inputs| {
            Ok(gather_blocks(inputs.tensor(0)?, inputs.tensor(1)?, axis, inputs.run)?.into())
        }),
        "GatherElements" => Box::new(move |inputs| gather_elements(inputs, axis)),
        "GatherND" => {
            if node.int("batch_dims", 0) != 0 {
                return Err(ModelError::Unsupported("operator GatherND with batch_dims".into()));
            }
            Box::new(gather_nd)
        }
        "Slice" => slice(node),
        "ScatterElements" | "Scatter" => {
            let reduction = Reduction::read(node)?;
            Box::new(move |inputs| scatter_elements(inputs, axis, reduction))
        }
        "ScatterND" => {
            let reduction = Reduction::read(node)?;
            Box::new(move |inputs| scatter_nd(inputs, reduction))
        }
        "Compress" => {
            let axis = node.has("axis").then_some(axis);
            Box::new(move |inputs| compress(inputs, axis))
        }
        "OneHot" => {
            let axis = node.int("axis", -1);
            Box::new(move |inputs| one_hot(inputs, axis))
        }
        _ => return Ok(None),
    }))
}

fn index(at: i64, size: usize) -> Result<usize> {
    within(at, size).ok_or_else(|| ModelError::Data(format!("index {at} of {size} elements")))
}

fn gather_blocks(tensor: &Tensor, at: &Tensor, axis: i64, run: &Run<'_>) -> Result<Tensor> {
    let axis = tensor.shape().axis(axis)?;
    let (outer, size, inner) = tensor.shape().around(axis);
    let indices = at.integers()?;
    let places = indices.iter().map(|&at| index(at, size)).collect::<Result<Vec<_>>>()?;
    let mut sizes = tensor.shape()[..axis].to_vec();
    sizes.extend_from_slice(at.shape());
    sizes.extend_from_slice(&tensor.shape()[axis + 1..]);
    let shape = Shape::new(&sizes)?;
    run.room(shape.elements(), tensor.data().width())?;
    let mut data = tensor.data().none_like();
    for block in 0..outer {
        for place in &places {
            let from = (block * size + place) * inner;
            data.append(tensor.data(), from..from + inner)?;
        }
    }
    Tensor::new(shape, data)
}

/// For each element of the indices, its place in `to` when one axis is replaced by the index.
fn element_places(to: &Shape, indices: &Tensor, axis: usize) -> Result<Vec<usize>> {
    let shape = indices.shape();
    let fits = shape.len() == to.len() && (0..to.len()).all(|at| at == axis || shape[at] <= to[at]);
    if !fits {
        return Err(ModelError::Data(format!("indices of shape {shape} for a tensor of {to}")));
    }
    let (own, strides) = (to.strides(), shape.strides());
    let integers = indices.integers()?;
    let place = |(at, &value): (usize, &i64)| {
        let chosen = index(value, to[axis])?;
        let position = |d: usize| if d == axis { chosen } else { at / strides[d] % shape[d] };
        Ok((0..to.len()).map(|d| position(d) * own[d]).sum())
    };
    integers.iter().enumerate().map(place).collect()
}

fn gather_elements(inputs: &Inputs<'_>, axis: i64) -> Result<Outputs> {
    let (tensor, at) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let axis = tensor.shape().axis(axis)?;
    inputs.run.room(at.len(), tensor.data().width() + size_of::<usize>())?;
    let places = element_places(tensor.shape(), at, axis)?;
    Ok(Tensor::new(*at.shape(), gather(tensor.data(), &places))?.into())
}

/// The starts of the blocks that the rows of `at` name, and the size of a block.
fn block_places(shape: &Shape, at: &Tensor) -> Result<(Vec<usize>, usize, usize)> {
    let width = at.shape().last().copied().unwrap_or(0);
    if width == 0 || width > shape.len() {
        let text = format!("indices of shape {} for a tensor of {shape}", at.shape());
        return Err(ModelError::Data(text));
    }
    let strides = shape.strides();
    let integers = at.integers()?;
    let place = |row: &[i64]| {
        row.iter()
            .enumerate()
            .try_fold(0, |sum, (axis, &value)| Ok(sum + index(value, shape[axis])? * strides[axis]))
    };
    let places = integers.chunks_exact(width).map(place).collect::<Result<_>>()?;
    Ok((places, width, shape[width..].iter().product()))
}

fn gather_nd(inputs: &Inputs<'_>) -> Result<Outputs> {
    let (tensor, at) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let (places, width, block) = block_places(tensor.shape(), at)?;
    let mut sizes = at.shape()[..at.shape().len() - 1].to_vec();
    sizes.extend_from_slice(&tensor.shape()[width..]);
    let shape = Shape::new(&sizes)?;
    inputs.run.room(shape.elements(), tensor.data().width())?;
    let mut data = tensor.data().none_like();
    for place in places {
        data.append(tensor.data(), place..place + block)?;
    }
    Ok(Tensor::new(shape, data)?.into())
}

/// Start, end, axis and step of each cut are attributes before opset 10, and inputs after.
fn slice(node: &mut Node<'_>) -> Kernel {
    let (starts, ends, axes) = (node.ints("starts"), node.ints("ends"), node.ints("axes"));
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let shape = tensor.shape();
        let starts = inputs.ints_or(1, &starts)?.unwrap_or_default();
        let ends = inputs.ints_or(2, &ends)?.unwrap_or_default();
        let axes = inputs.ints_or(3, &axes)?;
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = inputs.ints_or(4, &None)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()].iter().any(|&length| length != starts.len()) {
            return Err(ModelError::data("starts, ends, axes and steps of different lengths"));
        }
        let mut cuts: Vec<Cut> = shape.iter().map(|&size| Cut::whole(size)).collect();
        for at in 0..starts.len() {
            let axis = shape.axis(axes[at])?;
            cuts[axis] = Cut::new(starts[at], ends[at], steps[at], shape[axis])?;
        }
        let sizes: Vec<usize> = cuts.iter().map(|cut| cut.count).collect();
        let to = Shape::new(&sizes)?;
        inputs.run.room(to.elements(), tensor.data().width() + size_of::<usize>())?;
        let (own, strides) = (shape.strides(), to.strides());
        let place = |at: usize, axis: usize| {
            let cut = &cuts[axis];
            let step = (at / strides[axis] % to[axis]) as i64;
            (cut.start + step * cut.step) as usize * own[axis]
        };
        let places: Vec<usize> =
            (0..to.elements()).map(|at| (0..to.len()).map(|axis| place(at, axis)).sum()).collect();
        Ok(Tensor::new(to, gather(tensor.data(), &places))?.into())
    })
}

/// The part of an axis that is kept.
struct Cut {
    start: i64,
    step: i64,
    count: usize,
}

impl Cut {
    fn whole(size: usize) -> Self {
        Self { start: 0, step: 1, count: size }
    }

    fn new(start: i64, end: i64, step: i64, size: usize) -> Result<Self> {
        let size = size as i64;
        let from_end = |x: i64| if x < 0 { x.saturating_add(size) } else { x };
        let (start, length) = match step {
            0 => return Err(ModelError::data("a step of 0")),
            1.. => {
                let start = from_end(start).clamp(0, size);
                (start, from_end(end).clamp(0, size) - start)
            }
            _ => {
                let start = from_end(start).clamp(-1, size - 1);
                (start, start - from_end(end).clamp(-1, size - 1))
            }
        };
        let stride = step.unsigned_abs();
        let count = (length.max(0) as u64).div_ceil(stride) as usize;
        // A step as long as the axis never takes a second element.
        Ok(Self { start, step: step.clamp(-size.max(1), size.max(1)), count })
    }
}

/// What happens where an element is put to a place that already has one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reduction {
    Replace,
    Add,
    Multiply,
    Smaller,
    Larger,
}

impl Reduction {
    fn read(node: &Node<'_>) -> Result<Self> {
        Ok(match node.text("reduction", "none").as_str() {
            "none" => Self::Replace,
            "add" => Self::Add,
            "mul" => Self::Multiply,
            "min" => Self::Smaller,
            "max" => Self::Larger,
            other => return Err(ModelError::damaged(format!("the reduction '{other}'"))),
        })
    }

    fn numbers(self, old: f64, new: f64) -> f64 {
        match self {
            Self::Replace => new,
            Self::Add => old + new,
            Self::Multiply => old * new,
            Self::Smaller => old.min(new),
            Self::Larger => old.max(new),
        }
    }
}

/// Puts the updates to their places, in their order.
fn put(tensor: &Tensor, places: &[usize], updates: &Tensor, how: Reduction) -> Result<Tensor> {
    same_kind(tensor, updates)?;
    if places.len() != updates.len() {
        let text = format!("{} updates for {} places", updates.len(), places.len());
        return Err(ModelError::Data(text));
    }
    let mut data = tensor.data().clone();
    match (&mut data, updates.data()) {
        (Data::Float(to), Data::Float(from)) => {
            combine(to, places, from, |old, new| how.numbers((*old).into(), (*new).into()) as f32)
        }
        (Data::Double(to), Data::Double(from)) => {
            combine(to, places, from, |old, new| how.numbers(*old, *new));
        }
        (Data::Int(to), Data::Int(from)) => combine(to, places, from, |old, new| match how {
            Reduction::Replace => *new,
            Reduction::Add => old.wrapping_add(*new),
            Reduction::Multiply => old.wrapping_mul(*new),
            Reduction::Smaller => *old.min(new),
            Reduction::Larger => *old.max(new),
        }),
        (Data::Bool(to), Data::Bool(from)) => combine(to, places, from, |_, new| *new),
        (Data::Text(to), Data::Text(from)) => combine(to, places, from, |_, new| new.clone()),
        _ => {}
    }
    Tensor::new(*tensor.shape(), data)
}

fn combine<T>(to: &mut [T], places: &[usize], from: &[T], with: impl Fn(&T, &T) -> T) {
    for (&at, new) in places.iter().zip(from) {
        to[at] = with(&to[at], new);
    }
}

fn scatter_elements(inputs: &Inputs<'_>, axis: i64, how: Reduction) -> Result<Outputs> {
    let (tensor, at, updates) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
    let axis = tensor.shape().axis(axis)?;
    inputs.run.room(tensor.len() + at.len(), 16)?;
    let places = element_places(tensor.shape(), at, axis)?;
    Ok(put(tensor, &places, updates, how)?.into())
}

fn scatter_nd(inputs: &Inputs<'_>, how: Reduction) -> Result<Outputs> {
    let (tensor, at, updates) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
    let (starts, _, block) = block_places(tensor.shape(), at)?;
    inputs.run.room(tensor.len().saturating_add(starts.len().saturating_mul(block)), 16)?;
    let places: Vec<usize> = starts.iter().flat_map(|&from| from..from + block).collect();
    Ok(put(tensor, &places, updates, how)?.into())
}

fn compress(inputs: &Inputs<'_>, axis: Option<i64>) -> Result<Outputs> {
    let (tensor, condition) = (inputs.tensor(0)?, inputs.tensor(1)?.truths()?);
    let flat;
    let (tensor, axis) = match axis {
        Some(axis) => (tensor, axis),
        None => {
            flat = tensor.reshaped(Shape::list(tensor.len()))?;
            (&flat, 0)
        }
    };
    let chosen: Vec<i64> =
        (0..).zip(condition.iter()).filter(|(_, keep)| **keep).map(|(at, _)| at).collect();
    Ok(gather_blocks(tensor, &Tensor::ints(chosen), axis, inputs.run)?.into())
}

fn one_hot(inputs: &Inputs<'_>, axis: i64) -> Result<Outputs> {
    let (indices, values) = (inputs.tensor(0)?, inputs.tensor(2)?);
    let depth = usize::try_from(inputs.tensor(1)?.single_int()?).unwrap_or(0);
    if values.len() != 2 || depth == 0 {
        return Err(ModelError::data("a depth above 0 and two values are wanted"));
    }
    let rank = indices.shape().len() + 1;
    let axis = within(axis, rank).ok_or_else(|| ModelError::Data(format!("axis {axis}")))?;
    let mut sizes = indices.shape().to_vec();
    sizes.insert(axis, depth);
    let shape = Shape::new(&sizes)?;
    inputs.run.room(shape.elements(), values.data().width() + size_of::<usize>())?;
    let inner: usize = indices.shape()[axis..].iter().product();
    let integers = indices.integers()?;
    let hot = |at: usize| {
        let (outer, class, rest) = (at / (depth * inner), at / inner % depth, at % inner);
        usize::from(within(integers[outer * inner + rest], depth) == Some(class))
    };
    let places: Vec<usize> = (0..shape.elements()).map(hot).collect();
    Ok(Tensor::new(shape, gather(values.data(), &places))?.into())
}

/// A row of a tensor along its first axis, for `Loop` and `Scan`.
pub(super) fn row(tensor: &Tensor, at: usize) -> Result<Tensor> {
    let inner: usize = tensor.shape()[1..].iter().product();
    let shape = Shape::new(&tensor.shape()[1..])?;
    Tensor::new(shape, section(tensor.data(), at * inner..(at + 1) * inner))
}
