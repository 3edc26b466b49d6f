//! Operators that move whole blocks of elements: transpose, concatenate, split, repeat, pad.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::arithmetic::same_kind;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{
    Data, MAX_RANK, Shape, Tensor, gather, map_kind, offsets, transpose, within,
};
use crate::model::value::Value;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let axis = node.int("axis", 0);
    Ok(Some(match node.operator.as_str() {
        "Transpose" => {
            let order = node.ints("perm");
            Box::new(move |inputs| {
                let tensor = inputs.tensor(0)?;
                let order = permutation(order.as_deref(), tensor.shape().len())?;
                Ok(transpose(tensor, &order, inputs.run)?.into())
            })
        }
        "Concat" => Box::new(move |inputs| {
            let tensors: Result<Vec<_>> = (0..inputs.len()).map(|at| inputs.tensor(at)).collect();
            Ok(concat(&tensors?, axis, inputs.run)?.into())
        }),
        "Split" => {
            let (sizes, outputs) = (node.ints("split"), node.outputs);
            Box::new(move |inputs| split(inputs, &sizes, axis, outputs))
        }
        "Expand" => Box::new(|inputs| {
            let tensor = inputs.tensor(0)?;
            let to = Shape::signed(&inputs.tensor(1)?.integers()?)?;
            let shape = tensor.shape().broadcast(&to)?;
            let width = tensor.data().width() + size_of::<usize>();
            inputs.run.room(shape.elements(), width)?;
            let positions = offsets(tensor.shape(), &shape);
            Ok(Tensor::new(shape, gather(tensor.data(), &positions))?.into())
        }),
        "Tile" => Box::new(tile),
        "Pad" => pad(node),
        "DepthToSpace" => depth_to_space(node),
        "ReverseSequence" => {
            let (batch, time) = (node.int("batch_axis", 1), node.int("time_axis", 0));
            Box::new(move |inputs| reverse(inputs, batch, time))
        }
        _ => return Ok(None),
    }))
}

/// The order of the dimensions: reversed where the node does not say it.
fn permutation(order: Option<&[i64]>, rank: usize) -> Result<Vec<usize>> {
    let Some(order) = order else { return Ok((0..rank).rev().collect()) };
    let mut seen = vec![false; rank];
    let error = || ModelError::Data(format!("{order:?} is no order of {rank} dimensions"));
    if order.len() != rank {
        return Err(error());
    }
    order
        .iter()
        .map(|&axis| {
            let at = within(axis, rank).filter(|&at| !std::mem::replace(&mut seen[at], true));
            at.ok_or_else(error)
        })
        .collect()
}

/// Puts tensors behind each other along an axis.
pub(super) fn concat(tensors: &[&Tensor], axis: i64, run: &Run<'_>) -> Result<Tensor> {
    let first = *tensors.first().ok_or_else(|| ModelError::data("nothing to put together"))?;
    let axis = first.shape().axis(axis)?;
    let mut size = 0;
    for tensor in tensors {
        same_kind(first, tensor)?;
        let same = tensor.shape().len() == first.shape().len()
            && (0..first.shape().len())
                .all(|at| at == axis || tensor.shape()[at] == first.shape()[at]);
        if !same {
            let text = format!("shapes {} and {} side by side", first.shape(), tensor.shape());
            return Err(ModelError::Data(text));
        }
        size += tensor.shape()[axis];
    }
    let shape = first.shape().with(axis, size)?;
    run.room(shape.elements(), first.data().width())?;
    let (outer, _, _) = shape.around(axis);
    let mut data = first.data().none_like();
    for block in 0..outer {
        for tensor in tensors {
            let width = tensor.len() / outer;
            data.append(tensor.data(), block * width..(block + 1) * width)?;
        }
    }
    Tensor::new(shape, data)
}

fn split(
    inputs: &Inputs<'_>,
    sizes: &Option<Vec<i64>>,
    axis: i64,
    outputs: usize,
) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(axis)?;
    let total = tensor.shape()[axis];
    let sizes = match inputs.ints_or(1, sizes)? {
        Some(sizes) => sizes,
        None => {
            let each = total.div_ceil(outputs.max(1));
            (0..outputs).map(|at| total.saturating_sub(at * each).min(each) as i64).collect()
        }
    };
    let parts = pieces(tensor, axis, &sizes, inputs.run)?;
    Ok(Outputs::Many(parts.into_iter().map(Value::from).collect()))
}

/// Cuts a tensor along an axis into pieces of the given sizes.
pub(super) fn pieces(
    tensor: &Tensor,
    axis: usize,
    sizes: &[i64],
    run: &Run<'_>,
) -> Result<Vec<Tensor>> {
    let (outer, total, inner) = tensor.shape().around(axis);
    let sum = sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size.try_into().ok()?));
    if sum != Some(total) {
        let text = format!("{total} elements cannot be cut into pieces of {sizes:?}");
        return Err(ModelError::Data(text));
    }
    run.room(tensor.len(), tensor.data().width())?;
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let size = size as usize;
        let mut data = tensor.data().none_like();
        for block in 0..outer {
            let from = (block * total + start) * inner;
            data.append(tensor.data(), from..from + size * inner)?;
        }
        parts.push(Tensor::new(tensor.shape().with(axis, size)?, data)?);
        start += size;
    }
    Ok(parts)
}

fn tile(inputs: &Inputs<'_>) -> Result<Outputs> {
    let (tensor, repeats) = (inputs.tensor(0)?, inputs.tensor(1)?.integers()?);
    if repeats.len() != tensor.shape().len() {
        return Err(ModelError::Data(format!("{repeats:?} repeats of shape {}", tensor.shape())));
    }
    let sizes: Option<Vec<usize>> = tensor
        .shape()
        .iter()
        .zip(repeats.iter())
        .map(|(&size, &repeat)| size.checked_mul(usize::try_from(repeat).ok()?))
        .collect();
    let sizes = sizes.ok_or_else(|| ModelError::Data(format!("{repeats:?} repeats")))?;
    let shape = Shape::new(&sizes)?;
    inputs.run.room(shape.elements(), tensor.data().width() + size_of::<usize>())?;
    let (from, own, strides) = (tensor.shape(), tensor.shape().strides(), shape.strides());
    let positions: Vec<usize> = (0..shape.elements())
        .map(|at| {
            let place = |axis: usize| at / strides[axis] % shape[axis] % from[axis] * own[axis];
            (0..shape.len()).map(place).sum()
        })
        .collect();
    Ok(Tensor::new(shape, gather(tensor.data(), &positions))?.into())
}

/// Pads with a constant, by mirroring, by repeating the edge, or by going round.
fn pad(node: &mut Node<'_>) -> Kernel {
    let mode = node.text("mode", "constant");
    let old = node.ints("pads");
    let old_value = node.float("value", 0.0);
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let shape = *tensor.shape();
        let pads = inputs.ints_or(1, &old)?.unwrap_or_default();
        let axes: Vec<usize> = match inputs.optional(3)? {
            Some(axes) => {
                axes.integers()?.iter().map(|&axis| shape.axis(axis)).collect::<Result<_>>()?
            }
            None => (0..shape.len()).collect(),
        };
        let (sizes, before) = padded(&shape, &axes, &pads)?;
        let to = Shape::new(&sizes)?;
        inputs.run.room(to.elements(), tensor.data().width() + 2 * size_of::<usize>())?;
        let (own, strides) = (shape.strides(), to.strides());
        let place = |at: usize| -> Option<usize> {
            (0..to.len()).try_fold(0, |sum, axis| {
                let index = (at / strides[axis] % to[axis]) as i64 - before[axis];
                Some(sum + source(index, shape[axis] as i64, &mode)? * own[axis])
            })
        };
        let places: Vec<Option<usize>> = (0..to.elements()).map(place).collect();
        let filler = match inputs.optional(2)? {
            Some(value) if !value.is_empty() => {
                same_kind(tensor, value)?;
                value.data().clone()
            }
            _ => zero_of(tensor.data(), old_value),
        };
        let mut pool = tensor.data().clone();
        pool.append(&filler, 0..1)?;
        let positions: Vec<usize> =
            places.into_iter().map(|place| place.unwrap_or(tensor.len())).collect();
        Ok(Tensor::new(to, gather(&pool, &positions))?.into())
    })
}

fn zero_of(data: &Data, value: f32) -> Data {
    match data {
        Data::Float(_) => Data::Float(vec![value]),
        Data::Double(_) => Data::Double(vec![value.into()]),
        Data::Int(_) => Data::Int(vec![value as i64]),
        Data::Bool(_) => Data::Bool(vec![false]),
        Data::Text(_) => Data::Text(vec!["".into()]),
    }
}

/// The sizes after padding, and how much is put before each dimension.
fn padded(shape: &Shape, axes: &[usize], pads: &[i64]) -> Result<(Vec<usize>, [i64; MAX_RANK])> {
    let error = || ModelError::Data(format!("shape {shape} cannot be padded by {pads:?}"));
    if pads.len() != 2 * axes.len() {
        return Err(error());
    }
    let (mut sizes, mut before) = (shape.to_vec(), [0; MAX_RANK]);
    for (at, &axis) in axes.iter().enumerate() {
        let (left, right) = (pads[at], pads[at + axes.len()]);
        let size = (shape[axis] as i64).checked_add(left).and_then(|s| s.checked_add(right));
        let size = size.and_then(|size| usize::try_from(size).ok());
        sizes[axis] = size.ok_or_else(error)?;
        before[axis] = left;
    }
    Ok((sizes, before))
}

/// The element that stands at an index which may lie outside; none is the filler.
fn source(index: i64, size: i64, mode: &str) -> Option<usize> {
    if (0..size).contains(&index) {
        return Some(index as usize);
    }
    if size == 0 {
        return None;
    }
    match mode {
        "edge" => Some(index.clamp(0, size - 1) as usize),
        "wrap" => Some(index.rem_euclid(size) as usize),
        "reflect" if size == 1 => Some(0),
        "reflect" => {
            let period = 2 * (size - 1);
            let at = index.rem_euclid(period);
            Some(if at < size { at } else { period - at } as usize)
        }
        _ => None,
    }
}

/// Moves blocks of channels into height and width.
fn depth_to_space(node: &Node<'_>) -> Kernel {
    let block = node.int("blocksize", 1).clamp(1, 1 << 16) as usize;
    let column_first = node.text("mode", "DCR") == "CRD";
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let [n, c, h, w] = tensor.shape()[..] else {
            return Err(ModelError::data("four dimensions are wanted"));
        };
        let depth = c / (block * block);
        let (sizes, order) = if column_first {
            ([n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3])
        } else {
            ([n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2])
        };
        let turned = transpose(&tensor.reshaped(Shape::new(&sizes)?)?, &order, inputs.run)?;
        Ok(turned.reshaped(Shape::new(&[n, depth, h * block, w * block])?)?.into())
    })
}

/// Part of a tensor's elements, for operators of other files.
pub(super) fn section(data: &Data, range: std::ops::Range<usize>) -> Data {
    map_kind!(data, v => v[range].to_vec())
}

/// Turns the first elements of each line round, as many as the line's length says.
fn reverse(inputs: &Inputs<'_>, batch: i64, time: i64) -> Result<Outputs> {
    let (tensor, lengths) = (inputs.tensor(0)?, inputs.tensor(1)?.integers()?);
    let shape = *tensor.shape();
    let (batch, time) = (shape.axis(batch)?, shape.axis(time)?);
    let (_, lines, within) = shape.around(batch);
    let (_, steps, inner) = shape.around(time);
    let length = |line: usize| usize::try_from(lengths[line]).ok().filter(|&n| n <= steps);
    if lengths.len() != lines || !(0..lines).all(|line| length(line).is_some()) {
        return Err(ModelError::data("lengths of sequences that do not fit the input"));
    }
    inputs.run.room(tensor.len(), 8)?;
    let places: Vec<usize> = (0..tensor.len())
        .map(|at| {
            let (line, step) = (at / within.max(1) % lines, at / inner.max(1) % steps);
            match length(line) {
                Some(length) if step < length => at + (length - 1) * inner - 2 * step * inner,
                _ => at,
            }
        })
        .collect();
    Ok(Tensor::new(shape, gather(tensor.data(), &places))?.into())
}
