//! Operators that look at shapes or change them without moving elements.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor, gather, within};

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let axes = node.ints("axes");
    Ok(Some(match node.operator.as_str() {
        "Identity" => Box::new(|inputs| Ok(Outputs::One(inputs.value(0)?.clone()))),
        "Dropout" => dropout(node.outputs),
        "Shape" => shape(node.int("start", 0), node.int("end", i64::MAX)),
        "Size" => Box::new(|inputs| Ok(Tensor::int(inputs.tensor(0)?.len() as i64).into())),
        "Reshape" => {
            let (keep_zero, old) = (node.flag("allowzero", false), node.ints("shape"));
            Box::new(move |inputs| {
                let to = inputs.ints_or(1, &old)?.unwrap_or_default();
                Ok(reshape(inputs.tensor(0)?, &to, keep_zero)?.into())
            })
        }
        "Flatten" => {
            let axis = node.int("axis", 1);
            Box::new(move |inputs| Ok(flatten(inputs.tensor(0)?, axis)?.into()))
        }
        "Squeeze" => Box::new(move |inputs| squeeze(inputs, &axes)),
        "Unsqueeze" => Box::new(move |inputs| unsqueeze(inputs, &axes)),
        "ConstantOfShape" => {
            let zero = Tensor::new(Shape::list(1), Data::Float(vec![0.0]))?;
            let value = node.tensor("value").cloned().unwrap_or(zero);
            if value.is_empty() {
                return Err(ModelError::damaged("an empty value to fill a shape with"));
            }
            Box::new(move |inputs| {
                let shape = Shape::signed(&inputs.tensor(0)?.integers()?)?;
                let total = shape.elements();
                inputs.run.room(total, value.data().width() + size_of::<usize>())?;
                Ok(Tensor::new(shape, gather(value.data(), &vec![0; total]))?.into())
            })
        }
        "Range" => Box::new(range),
        _ => return Ok(None),
    }))
}

/// Nothing is dropped outside of training: the mask says that everything is kept.
fn dropout(outputs: usize) -> Kernel {
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        if outputs < 2 {
            return Ok(tensor.clone().into());
        }
        let mask = Tensor::new(*tensor.shape(), Data::Bool(vec![true; tensor.len()]))?;
        Ok(Outputs::tensors([tensor.clone(), mask]))
    })
}

fn shape(start: i64, end: i64) -> Kernel {
    Box::new(move |inputs| {
        let shape = inputs.tensor(0)?.shape();
        let rank = shape.len() as i64;
        let at = |x: i64| if x < 0 { x.saturating_add(rank) } else { x }.clamp(0, rank) as usize;
        let sizes = shape.get(at(start)..at(end)).unwrap_or_default();
        Ok(Tensor::ints(sizes.iter().map(|&size| size as i64).collect()).into())
    })
}

/// In `to`, -1 is whatever remains, and 0 is the size that was there before.
pub(super) fn reshape(tensor: &Tensor, to: &[i64], keep_zero: bool) -> Result<Tensor> {
    let from = tensor.shape();
    let error = || ModelError::Data(format!("shape {from} cannot become {to:?}"));
    let mut sizes = Vec::with_capacity(to.len());
    let mut open = None;
    for (at, &size) in to.iter().enumerate() {
        sizes.push(match size {
            0 if !keep_zero => *from.get(at).ok_or_else(error)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            size => usize::try_from(size).map_err(|_| error())?,
        });
    }
    if let Some(open) = open {
        let known = Shape::new(&sizes)?.elements();
        sizes[open] = tensor.len().checked_div(known).unwrap_or(0);
    }
    let shape = Shape::new(&sizes)?;
    if shape.elements() != tensor.len() {
        return Err(error());
    }
    tensor.reshaped(shape)
}

fn flatten(tensor: &Tensor, axis: i64) -> Result<Tensor> {
    let shape = tensor.shape();
    let rank = shape.len();
    let axis = if axis == rank as i64 { Some(rank) } else { within(axis, rank) };
    let axis = axis.ok_or_else(|| ModelError::Data(format!("an axis beyond shape {shape}")))?;
    let rows = shape[..axis].iter().product();
    let columns = shape[axis..].iter().product();
    tensor.reshaped(Shape::new(&[rows, columns])?)
}

fn squeeze(inputs: &Inputs<'_>, axes: &Option<Vec<i64>>) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let shape = tensor.shape();
    let mut sizes: Vec<Option<usize>> = shape.iter().map(|&size| Some(size)).collect();
    match inputs.ints_or(1, axes)? {
        Some(axes) => {
            for axis in axes {
                let at = shape.axis(axis)?;
                if shape[at] != 1 {
                    let text = format!("axis {axis} of shape {shape} is not of size 1");
                    return Err(ModelError::Data(text));
                }
                sizes[at] = None;
            }
        }
        None => sizes.iter_mut().for_each(|size| *size = size.filter(|&size| size != 1)),
    }
    let sizes: Vec<usize> = sizes.into_iter().flatten().collect();
    Ok(tensor.reshaped(Shape::new(&sizes)?)?.into())
}

fn unsqueeze(inputs: &Inputs<'_>, axes: &Option<Vec<i64>>) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axes = inputs.ints_or(1, axes)?.unwrap_or_default();
    let rank = tensor.shape().len() + axes.len();
    let mut new = vec![false; rank];
    for axis in axes {
        let at = within(axis, rank);
        let at = at.ok_or_else(|| ModelError::Data(format!("axis {axis} of {rank}")))?;
        if std::mem::replace(&mut new[at], true) {
            return Err(ModelError::Data(format!("axis {axis} is named twice")));
        }
    }
    let mut old = tensor.shape().iter();
    let sizes: Vec<usize> =
        new.iter().map(|&new| if new { 1 } else { old.next().copied().unwrap_or(1) }).collect();
    Ok(tensor.reshaped(Shape::new(&sizes)?)?.into())
}

fn range(inputs: &Inputs<'_>) -> Result<Outputs> {
    let (start, limit, delta) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
    let one = |tensor: &Tensor| -> Result<f64> {
        let first = tensor.doubles()?.first().copied();
        first.ok_or_else(|| ModelError::data("an empty tensor for a bound"))
    };
    let (from, to, by) = (one(start)?, one(limit)?, one(delta)?);
    let count = ((to - from) / by).ceil();
    if by == 0.0 || !count.is_finite() {
        return Err(ModelError::Data(format!("a range from {from} to {to} by {by}")));
    }
    let count = count.max(0.0) as usize;
    inputs.run.room(count, 8)?;
    let data = match start.data() {
        Data::Int(_) => {
            let (from, by) = (start.single_int()?, delta.single_int()?);
            let value = |i: usize| from.wrapping_add((i as i64).wrapping_mul(by));
            Data::Int((0..count).map(value).collect())
        }
        Data::Double(_) => Data::Double((0..count).map(|i| from + i as f64 * by).collect()),
        _ => {
            let (from, by) = (from as f32, by as f32);
            Data::Float((0..count).map(|i| from + i as f32 * by).collect())
        }
    };
    Ok(Tensor::new(Shape::list(count), data)?.into())
}
