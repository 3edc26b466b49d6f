//! Operators of quantized models: integers with a scale and a zero point.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::conv::convolve_whole;
use super::matmul::multiply;
use super::window::Window;
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
            let a = shifted(inputs.tensor(0)?, inputs.optional(2)?, By::Row)?;
            let b = shifted(inputs.tensor(1)?, inputs.optional(3)?, By::Column)?;
            Ok(multiply(&a, &b, true, inputs.run)?.into())
        }),
        "QLinearMatMul" => {
            let range = node.quantized_range(7)?;
            Box::new(move |inputs| {
                let a = shifted(inputs.tensor(0)?, inputs.optional(2)?, By::Row)?;
                let b = shifted(inputs.tensor(3)?, inputs.optional(5)?, By::Column)?;
                let sums = multiply(&a, &b, true, inputs.run)?;
                let columns = sums.shape().last().copied().unwrap_or(1);
                requantize(inputs, &sums, [1, 4, 6, 7], columns, 1, range)
            })
        }
        "ConvInteger" => {
            let (window, groups) = (Window::read(node)?, groups(node)?);
            Box::new(move |inputs| {
                let x = shifted(inputs.tensor(0)?, inputs.optional(2)?, By::Nothing)?;
                let w = shifted(inputs.tensor(1)?, inputs.optional(3)?, By::First)?;
                Ok(whole_convolution(x, w, None, &window, groups, inputs)?.into())
            })
        }
        "QLinearConv" => {
            let (window, groups) = (Window::read(node)?, groups(node)?);
            let range = node.quantized_range(7)?;
            Box::new(move |inputs| {
                let x = shifted(inputs.tensor(0)?, inputs.optional(2)?, By::Nothing)?;
                let w = shifted(inputs.tensor(3)?, inputs.optional(5)?, By::First)?;
                let bias = inputs.optional(8)?.cloned();
                let sums = whole_convolution(x, w, bias, &window, groups, inputs)?;
                let channels = sums.shape().get(1).copied().unwrap_or(1);
                let inner = sums.shape().get(2..).map_or(1, |sizes| sizes.iter().product());
                requantize(inputs, &sums, [1, 4, 6, 7], channels, inner, range)
            })
        }
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

/// What has a zero point of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    Row,
    Column,
    /// Each step along the first axis.
    First,
}

/// A tensor without its zero points: one for all, or one for each part.
fn shifted(tensor: &Tensor, zero: Option<&Tensor>, by: By) -> Result<Tensor> {
    let Some(zero) = zero else { return Ok(tensor.clone()) };
    let (zero, shape) = (zero.integers()?, tensor.shape());
    let columns = shape.last().copied().unwrap_or(1).max(1);
    let first = shape.first().copied().unwrap_or(1).max(1);
    let (parts, inner) = match by {
        By::Nothing => (1, 1),
        By::Row => ((tensor.len() / columns).max(1), columns),
        By::Column => (columns, 1),
        By::First => (first, (tensor.len() / first).max(1)),
    };
    if ![1, parts].contains(&zero.len()) {
        return Err(ModelError::Data(format!("{} zero points for {shape}", zero.len())));
    }
    let place = |at: usize| if zero.len() == 1 { 0 } else { at / inner % parts };
    let moved = |(at, &x): (usize, &i64)| x.wrapping_sub(zero[place(at)]);
    let out = tensor.integers()?.iter().enumerate().map(moved).collect();
    Tensor::new(*shape, Data::Int(out))
}

/// A convolution of integers: doubles hold sums of their products exactly.
fn whole_convolution(
    x: Tensor,
    w: Tensor,
    bias: Option<Tensor>,
    window: &Window,
    groups: usize,
    inputs: &Inputs<'_>,
) -> Result<Tensor> {
    let real = |tensor: Tensor| {
        let data = tensor.integers()?.iter().map(|&x| x as f64).collect();
        Tensor::new(*tensor.shape(), Data::Double(data))
    };
    let sums = convolve_whole(&real(x)?, &real(w)?, window, groups, inputs.run)?;
    let shape = *sums.shape();
    let channels = shape.get(1).copied().unwrap_or(1).max(1);
    let inner: usize = shape.get(2..).map_or(1, |sizes| sizes.iter().product()).max(1);
    let bias = bias.map(|bias| bias.integers().map(std::borrow::Cow::into_owned)).transpose()?;
    if bias.as_ref().is_some_and(|bias| bias.len() != channels) {
        return Err(ModelError::data("a bias of another size than the channels"));
    }
    let whole = |(at, &x): (usize, &f64)| {
        let bias = bias.as_ref().map_or(0, |bias| bias[at / inner % channels]);
        (x as i64).saturating_add(bias)
    };
    let out = sums.doubles()?.iter().enumerate().map(whole).collect();
    Tensor::new(shape, Data::Int(out))
}

fn groups(node: &Node<'_>) -> Result<usize> {
    let groups = usize::try_from(node.int("group", 1)).ok().filter(|&groups| groups > 0);
    groups.ok_or_else(|| ModelError::damaged("no groups of channels"))
}

/// Sums of products of integers as integers of another scale. The places are those of the scales of
/// the two factors and of the result, and of the zero point of the result.
fn requantize(
    inputs: &Inputs<'_>,
    sums: &Tensor,
    [a, b, y, zero]: [usize; 4],
    parts: usize,
    inner: usize,
    (low, high): (i64, i64),
) -> Result<Outputs> {
    let scale = |at: usize| inputs.tensor(at)?.floats();
    let (a, b, y, zero) = (scale(a)?, scale(b)?, scale(y)?, inputs.tensor(zero)?.single_int()?);
    let ([a], [y]) = (&a[..], &y[..]) else {
        return Err(ModelError::Unsupported(
            "a quantized product with several scales of its first factor".into(),
        ));
    };
    if ![1, parts].contains(&b.len()) {
        return Err(ModelError::Data(format!("{} scales for {parts} parts", b.len())));
    }
    let factor: Vec<f32> = b.iter().map(|b| a * b / y).collect();
    let narrow = |(at, &sum): (usize, &i64)| {
        let factor = factor[if factor.len() == 1 { 0 } else { at / inner.max(1) % parts }];
        let steps = (sum as f32 * factor).round_ties_even() as i64;
        steps.saturating_add(zero).clamp(low, high)
    };
    let out = sums.integers()?.iter().enumerate().map(narrow).collect();
    Ok(Tensor::new(*sums.shape(), Data::Int(out))?.into())
}
