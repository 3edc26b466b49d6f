//! Operators of quantized models: integers with a scale and a zero point.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::matmul::multiply;
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor};

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let axis = node.int("axis", 1);
    if node.int("block_size", 0) != 0 {
        return Err(ModelError::Unsupported(format!("operator {} with blocks", node.operator)));
    }
    Ok(Some(match node.operator.as_str() {
        "DequantizeLinear" => Box::new(move |inputs| dequantize(inputs, axis)),
        "QuantizeLinear" => {
            let range = node.quantized_range(2)?;
            Box::new(move |inputs| quantize(inputs, axis, range))
        }
        "DynamicQuantizeLinear" => Box::new(dynamic),
        "MatMulInteger" => Box::new(|inputs| {
            let a = shifted(inputs.tensor(0)?, inputs.optional(2)?, false)?;
            let b = shifted(inputs.tensor(1)?, inputs.optional(3)?, true)?;
            Ok(multiply(&a, &b, true, inputs.run)?.into())
        }),
        _ => return Ok(None),
    }))
}

/// For each element, the place of its scale: one for all, or one for each step along the axis.
fn scale_places(tensor: &Tensor, scales: &Tensor, axis: i64) -> Result<(usize, usize)> {
    if scales.len() == 1 {
        return Ok((1, 1));
    }
    let axis = tensor.shape().axis(axis)?;
    let (_, size, inner) = tensor.shape().around(axis);
    if scales.len() != size || size == 0 {
        return Err(ModelError::Data(format!("{} scales for {size} channels", scales.len())));
    }
    Ok((inner.max(1), size))
}

fn zeros(inputs: &Inputs<'_>, count: usize) -> Result<Vec<i64>> {
    match inputs.optional(2)? {
        Some(zero) if zero.len() == count => Ok(zero.integers()?.into_owned()),
        Some(zero) => Err(ModelError::Data(format!("{} zero points", zero.len()))),
        None => Ok(vec![0; count]),
    }
}

fn dequantize(inputs: &Inputs<'_>, axis: i64) -> Result<Outputs> {
    let (tensor, scales) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let (inner, size) = scale_places(tensor, scales, axis)?;
    inputs.run.room(tensor.len(), 4)?;
    let (zero, scales) = (zeros(inputs, scales.len())?, scales.floats()?);
    let real = |(at, &x): (usize, &i64)| {
        let channel = at / inner % size;
        x.wrapping_sub(zero[channel]) as f32 * scales[channel]
    };
    let out = tensor.integers()?.iter().enumerate().map(real).collect();
    Ok(Tensor::new(*tensor.shape(), Data::Float(out))?.into())
}

fn quantize(inputs: &Inputs<'_>, axis: i64, (low, high): (i64, i64)) -> Result<Outputs> {
    let (tensor, scales) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let (inner, size) = scale_places(tensor, scales, axis)?;
    inputs.run.room(tensor.len(), 8)?;
    let (zero, scales) = (zeros(inputs, scales.len())?, scales.floats()?);
    let whole = |(at, x): (usize, &f32)| {
        let channel = at / inner % size;
        let steps = (x / scales[channel]).round_ties_even() as i64;
        steps.saturating_add(zero[channel]).clamp(low, high)
    };
    let out = tensor.floats()?.iter().enumerate().map(whole).collect();
    Ok(Tensor::new(*tensor.shape(), Data::Int(out))?.into())
}

/// Quantizes to 8 bits by the range of the values, and gives scale and zero point along.
fn dynamic(inputs: &Inputs<'_>) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    inputs.run.room(tensor.len(), 8)?;
    let values = tensor.floats()?;
    let low = values.iter().copied().fold(0.0f32, f32::min);
    let high = values.iter().copied().fold(0.0f32, f32::max);
    let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
    let zero = (-low / scale).clamp(0.0, 255.0).round_ties_even();
    let whole = |x: &f32| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0) as i64;
    let quantized = Tensor::new(*tensor.shape(), Data::Int(values.iter().map(whole).collect()))?;
    let scale = Tensor::new(Shape::SCALAR, Data::Float(vec![scale]))?;
    Ok(Outputs::tensors([quantized, scale, Tensor::int(zero as i64)]))
}

/// A matrix without its zero points: one for all, or one for each row or column.
fn shifted(tensor: &Tensor, zero: Option<&Tensor>, by_column: bool) -> Result<Tensor> {
    let Some(zero) = zero else { return Ok(tensor.clone()) };
    let (zero, shape) = (zero.integers()?, tensor.shape());
    let columns = shape.last().copied().unwrap_or(1).max(1);
    let rows = (tensor.len() / columns).max(1);
    if ![1, if by_column { columns } else { rows }].contains(&zero.len()) {
        return Err(ModelError::Data(format!("{} zero points for {shape}", zero.len())));
    }
    let place = |at: usize| match zero.len() {
        1 => 0,
        _ if by_column => at % columns,
        _ => at / columns,
    };
    let moved = |(at, &x): (usize, &i64)| x.wrapping_sub(zero[place(at)]);
    let out = tensor.integers()?.iter().enumerate().map(moved).collect();
    Tensor::new(*shape, Data::Int(out))
}
