//! Operators that make one element out of many: sums, means, extremes, running sums.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor, transpose};

/// What a reduction makes out of a list of numbers, and of integers where that is something else.
#[derive(Clone, Copy)]
struct Reduction {
    doubles: fn(&[f64]) -> f64,
    ints: Option<fn(&[i64]) -> i64>,
    /// What rounds each step to single precision, where onnxruntime does.
    floats: Option<fn(&[f32]) -> f32>,
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    if let Some(reduction) = reduction(&node.operator) {
        let axes = node.ints("axes");
        let (keep, noop) = (node.flag("keepdims", true), node.flag("noop_with_empty_axes", false));
        return Ok(Some(Box::new(move |inputs| {
            let axes = inputs.ints_or(1, &axes)?.unwrap_or_default();
            reduce(inputs, reduction, &axes, keep, noop)
        })));
    }
    if node.operator == "CumSum" {
        let (exclusive, reverse) = (node.flag("exclusive", false), node.flag("reverse", false));
        return Ok(Some(Box::new(move |inputs| cumulate(inputs, exclusive, reverse))));
    }
    Ok(None)
}

fn reduction(operator: &str) -> Option<Reduction> {
    let made = |doubles, ints| Some(Reduction { doubles, ints, floats: None });
    match operator {
        "ReduceSum" => made(sum, Some(|v| v.iter().fold(0, |a, &b| a.wrapping_add(b)))),
        "ReduceMean" => made(|v| sum(v) / v.len() as f64, None),
        "ReduceMax" => made(
            |v| {
                v.iter()
                    .copied()
                    .fold(f64::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
            },
            Some(|v| v.iter().copied().max().unwrap_or(i64::MIN)),
        ),
        "ReduceMin" => made(
            |v| {
                v.iter()
                    .copied()
                    .fold(f64::INFINITY, |a, b| if b < a || b.is_nan() { b } else { a })
            },
            Some(|v| v.iter().copied().min().unwrap_or(i64::MAX)),
        ),
        "ReduceProd" => {
            made(|v| v.iter().product(), Some(|v| v.iter().fold(1, |a, &b| a.wrapping_mul(b))))
        }
        "ReduceSumSquare" => Some(Reduction {
            doubles: |v| v.iter().map(|x| x * x).sum(),
            ints: None,
            floats: Some(|v| v.iter().map(|x| x * x).sum()),
        }),
        "ReduceL1" => made(|v| v.iter().map(|x| x.abs()).sum(), None),
        "ReduceL2" => made(|v| libm::sqrt(v.iter().map(|x| x * x).sum()), None),
        "ReduceLogSum" => made(|v| libm::log(sum(v)), None),
        "ReduceLogSumExp" => made(log_sum_exp, None),
        _ => None,
    }
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + libm::log(values.iter().map(|x| libm::exp(x - largest)).sum())
}

fn reduce(
    inputs: &Inputs<'_>,
    reduction: Reduction,
    axes: &[i64],
    keep: bool,
    noop: bool,
) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let from = *tensor.shape();
    if axes.is_empty() && noop {
        return Ok(tensor.clone().into());
    }
    let mut gone = vec![axes.is_empty(); from.len()];
    for &axis in axes {
        gone[from.axis(axis)?] = true;
    }
    let kept = (0..from.len()).filter(|&axis| !gone[axis]);
    let order: Vec<usize> = kept.chain((0..from.len()).filter(|&axis| gone[axis])).collect();
    let turned;
    let tensor = if order.is_sorted() {
        tensor
    } else {
        turned = transpose(tensor, &order, inputs.run)?;
        &turned
    };
    let sizes: Vec<usize> = match keep {
        true => (0..from.len()).map(|axis| if gone[axis] { 1 } else { from[axis] }).collect(),
        false => (0..from.len()).filter(|&axis| !gone[axis]).map(|axis| from[axis]).collect(),
    };
    let shape = Shape::new(&sizes)?;
    let width: usize = (0..from.len()).filter(|&axis| gone[axis]).map(|axis| from[axis]).product();
    inputs.run.room(shape.elements().saturating_add(tensor.len()), 8)?;
    let data = match (tensor.data(), reduction) {
        (Data::Int(v), Reduction { ints: Some(f), .. }) => {
            Data::Int(lists(v, width, shape.elements()).map(f).collect())
        }
        (Data::Float(v), Reduction { floats: Some(f), .. }) => {
            Data::Float(lists(v, width, shape.elements()).map(f).collect())
        }
        _ => {
            let v = tensor.doubles()?;
            let made = lists(&v, width, shape.elements()).map(reduction.doubles);
            match tensor.data() {
                Data::Double(_) => Data::Double(made.collect()),
                Data::Int(_) => Data::Int(made.map(|x| x as i64).collect()),
                _ => Data::Float(made.map(|x| x as f32).collect()),
            }
        }
    };
    Ok(Tensor::new(shape, data)?.into())
}

/// `count` lists of `width` elements each, which may be none.
fn lists<T>(values: &[T], width: usize, count: usize) -> impl Iterator<Item = &[T]> {
    (0..count).map(move |at| &values[at * width..(at + 1) * width])
}

fn cumulate(inputs: &Inputs<'_>, exclusive: bool, reverse: bool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(inputs.tensor(1)?.single_int()?)?;
    let (outer, size, inner) = tensor.shape().around(axis);
    inputs.run.room(tensor.len(), 8)?;
    let walk = || {
        (0..outer * inner).flat_map(move |line| {
            (0..size).map(move |step| {
                let at = if reverse { size - 1 - step } else { step };
                (step == 0, (line / inner * size + at) * inner + line % inner)
            })
        })
    };
    let data = match tensor.data() {
        Data::Int(v) => Data::Int(sums(v, walk(), exclusive, i64::wrapping_add)),
        Data::Double(v) => Data::Double(sums(v, walk(), exclusive, |a, b| a + b)),
        Data::Float(v) => Data::Float(sums(v, walk(), exclusive, |a, b| a + b)),
        _ => return Err(ModelError::data("numbers are wanted")),
    };
    Ok(Tensor::new(*tensor.shape(), data)?.into())
}

/// Running sums along lines: each place comes with a flag for the start of a line.
fn sums<T: Copy + Default>(
    values: &[T],
    places: impl Iterator<Item = (bool, usize)>,
    exclusive: bool,
    add: impl Fn(T, T) -> T,
) -> Vec<T> {
    let (mut out, mut sum) = (values.to_vec(), T::default());
    for (first, at) in places {
        let before = if first { T::default() } else { sum };
        sum = add(before, values[at]);
        out[at] = if exclusive { before } else { sum };
    }
    out
}
