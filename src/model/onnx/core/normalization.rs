//! Operators that bring activations to a common scale.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor};
use std::borrow::Cow;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let epsilon = node.float("epsilon", 1e-5);
    Ok(Some(match node.operator.as_str() {
        "BatchNormalization" => Box::new(move |inputs| batch(inputs, epsilon)),
        "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
            let (axis, mean) = (node.int("axis", -1), node.operator == "LayerNormalization");
            Box::new(move |inputs| layer(inputs, axis, epsilon, mean))
        }
        "InstanceNormalization" => Box::new(move |inputs| groups(inputs, None, epsilon)),
        "GroupNormalization" => {
            let count = node.int("num_groups", 1).clamp(1, 1 << 20) as usize;
            let per_channel = node.opset >= 21;
            Box::new(move |inputs| groups(inputs, Some((count, per_channel)), epsilon))
        }
        "LpNormalization" => {
            let (axis, p) = (node.int("axis", -1), node.int("p", 2));
            Box::new(move |inputs| lp(inputs, axis, p))
        }
        "MeanVarianceNormalization" => return Ok(None),
        _ => return Ok(None),
    }))
}

fn channels<'a>(inputs: &Inputs<'a>, at: usize, count: usize) -> Result<Cow<'a, [f32]>> {
    let values = inputs.tensor(at)?.floats()?;
    if values.len() != count {
        let text = format!("input {at} has {} elements, there are {count} channels", values.len());
        return Err(ModelError::Data(text));
    }
    Ok(values)
}

/// Scales each channel by statistics that were learnt.
fn batch(inputs: &Inputs<'_>, epsilon: f32) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let shape = *tensor.shape();
    let (count, inner) = match shape[..] {
        [] => return Err(ModelError::data("a scalar")),
        [count] => (count, 1),
        [_, count, ref rest @ ..] => (count, rest.iter().product()),
    };
    let parts = [1, 2, 3, 4].map(|at| channels(inputs, at, count));
    let [scale, bias, mean, variance] = parts;
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    inputs.run.room(tensor.len(), 4)?;
    let factors: Vec<f32> =
        scale.iter().zip(variance.iter()).map(|(s, v)| s / libm::sqrtf(v + epsilon)).collect();
    let scaled = |(at, x): (usize, &f32)| {
        let c = at / inner % count;
        (x - mean[c]) * factors[c] + bias[c]
    };
    let out = tensor.floats()?.iter().enumerate().map(scaled).collect();
    Ok(Tensor::new(shape, Data::Float(out))?.into())
}

/// The mean and one over the standard deviation of some values; the mean is 0 when not wanted.
fn moments(values: &[f32], epsilon: f32, with_mean: bool) -> (f32, f32) {
    let n = values.len() as f64;
    let mean = if with_mean { values.iter().map(|&x| f64::from(x)).sum::<f64>() / n } else { 0.0 };
    let square = |&x: &f32| (f64::from(x) - mean) * (f64::from(x) - mean);
    let variance = values.iter().map(square).sum::<f64>() / n;
    (mean as f32, (1.0 / libm::sqrt(variance + f64::from(epsilon))) as f32)
}

fn layer(inputs: &Inputs<'_>, axis: i64, epsilon: f32, with_mean: bool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let shape = *tensor.shape();
    let axis = shape.axis(axis)?;
    let width: usize = shape[axis..].iter().product();
    let scale = channels(inputs, 1, width)?;
    let bias = match inputs.optional(2)? {
        Some(_) => Some(channels(inputs, 2, width)?),
        None => None,
    };
    inputs.run.room(tensor.len(), 4)?;
    let mut out = tensor.floats()?.into_owned();
    let (mut means, mut deviations) = (Vec::new(), Vec::new());
    for row in out.chunks_mut(width.max(1)) {
        let (mean, inverse) = moments(row, epsilon, with_mean);
        for (at, x) in row.iter_mut().enumerate() {
            *x = (*x - mean) * inverse * scale[at] + bias.as_ref().map_or(0.0, |bias| bias[at]);
        }
        means.push(mean);
        deviations.push(inverse);
    }
    let mut sizes = shape.to_vec();
    sizes[axis..].fill(1);
    let small = Shape::new(&sizes)?;
    let out = Tensor::new(shape, Data::Float(out))?;
    if small.elements() != means.len() {
        return Ok(out.into());
    }
    let means = Tensor::new(small, Data::Float(means))?;
    let deviations = Tensor::new(small, Data::Float(deviations))?;
    let outputs = [out, means, deviations];
    Ok(if with_mean { Outputs::tensors(outputs) } else { first(outputs) })
}

fn first([out, ..]: [Tensor; 3]) -> Outputs {
    Outputs::One(out.into())
}

/// Scales groups of channels by their own statistics; without groups, each channel is one.
fn groups(inputs: &Inputs<'_>, count: Option<(usize, bool)>, epsilon: f32) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let shape = *tensor.shape();
    let [_, c, ref rest @ ..] = shape[..] else {
        return Err(ModelError::data("channels are wanted"));
    };
    let inner: usize = rest.iter().product();
    let (count, per_channel) = count.unwrap_or((c, true));
    if c % count.max(1) != 0 || tensor.is_empty() {
        return Err(ModelError::Data(format!("{count} groups of {c} channels")));
    }
    let factors = if per_channel { c } else { count };
    let (scale, bias) = (channels(inputs, 1, factors)?, channels(inputs, 2, factors)?);
    inputs.run.room(tensor.len(), 4)?;
    let width = c / count * inner;
    let mut out = tensor.floats()?.into_owned();
    for (group, values) in out.chunks_mut(width).enumerate() {
        let (mean, inverse) = moments(values, epsilon, true);
        for (at, x) in values.iter_mut().enumerate() {
            let channel = group % count * (c / count) + at / inner;
            let factor = if per_channel { channel } else { group % count };
            *x = (*x - mean) * inverse * scale[factor] + bias[factor];
        }
    }
    Ok(Tensor::new(shape, Data::Float(out))?.into())
}

fn lp(inputs: &Inputs<'_>, axis: i64, p: i64) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(axis)?;
    let (outer, size, inner) = tensor.shape().around(axis);
    inputs.run.room(tensor.len(), 4)?;
    let mut out = tensor.floats()?.into_owned();
    for line in 0..outer * inner {
        let at = |step: usize| (line / inner * size + step) * inner + line % inner;
        let values = (0..size).map(|step| out[at(step)]);
        let norm = match p {
            1 => values.map(f32::abs).sum(),
            _ => libm::sqrtf(values.map(|x| x * x).sum()),
        };
        if norm != 0.0 {
            (0..size).for_each(|step| out[at(step)] /= norm);
        }
    }
    Ok(Tensor::new(*tensor.shape(), Data::Float(out))?.into())
}
