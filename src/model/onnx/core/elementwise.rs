//! Operators on single elements: functions of mathematics, activations, tests.
//!
//! Functions come from `libm`, so that each machine gives the same bits.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::math::{exp, log_sum_exp, sigmoid, softmax};
use crate::model::tensor::{Data, Tensor, transpose};

/// A function for floats, and the one for doubles where precision matters.
type Functions = (fn(f32) -> f32, fn(f64) -> f64);

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    if let Some((float, double)) = function(&node.operator) {
        return Ok(Some(Box::new(move |inputs| apply(inputs, float, double))));
    }
    if let Some(kernel) = activation(node) {
        return Ok(Some(kernel));
    }
    Ok(Some(match node.operator.as_str() {
        "Clip" => clip(node),
        "Softmax" | "LogSoftmax" | "Hardmax" => softmax_along(node),
        "IsNaN" => test(|x| x.is_nan()),
        "IsInf" => {
            let (positive, negative) =
                (node.flag("detect_positive", true), node.flag("detect_negative", true));
            test(move |x| x.is_infinite() && if x > 0.0 { positive } else { negative })
        }
        _ => return Ok(None),
    }))
}

fn function(operator: &str) -> Option<Functions> {
    Some(match operator {
        "Neg" => (|x| -x, |x| -x),
        "Abs" => (f32::abs, f64::abs),
        "Sqrt" => (libm::sqrtf, libm::sqrt),
        "Exp" => (exp, libm::exp),
        "Log" => (libm::logf, libm::log),
        "Sign" => (sign, |x| f64::from(sign(x as f32))),
        "Floor" => (f32::floor, f64::floor),
        "Ceil" => (f32::ceil, f64::ceil),
        "Round" => (f32::round_ties_even, f64::round_ties_even),
        "Reciprocal" => (|x| 1.0 / x, |x| 1.0 / x),
        "Erf" => (libm::erff, libm::erf),
        "Sin" => (libm::sinf, libm::sin),
        "Cos" => (libm::cosf, libm::cos),
        "Tan" => (libm::tanf, libm::tan),
        "Asin" => (libm::asinf, libm::asin),
        "Acos" => (libm::acosf, libm::acos),
        "Atan" => (libm::atanf, libm::atan),
        "Sinh" => (libm::sinhf, libm::sinh),
        "Cosh" => (libm::coshf, libm::cosh),
        "Asinh" => (libm::asinhf, libm::asinh),
        "Acosh" => (libm::acoshf, libm::acosh),
        "Atanh" => (libm::atanhf, libm::atanh),
        "Tanh" => (libm::tanhf, libm::tanh),
        "Relu" => (
            |x| if x > 0.0 || x.is_nan() { x } else { 0.0 },
            |x| if x > 0.0 || x.is_nan() { x } else { 0.0 },
        ),
        "Sigmoid" => (sigmoid, |x| 1.0 / (1.0 + libm::exp(-x))),
        "Softplus" => (softplus, |x| f64::from(softplus(x as f32))),
        "Softsign" => (|x| x / (1.0 + x.abs()), |x| x / (1.0 + x.abs())),
        "BitwiseNot" => (|x| x, |x| x),
        _ => return None,
    })
}

fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// ln(1 + exp(x)), which is x itself where exp(x) would overflow.
fn softplus(x: f32) -> f32 {
    if x > 0.0 { x + libm::log1pf(exp(-x)) } else { libm::log1pf(exp(x)) }
}

fn apply(inputs: &Inputs<'_>, f: fn(f32) -> f32, d: fn(f64) -> f64) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    inputs.run.room(tensor.len(), tensor.data().width())?;
    let data = match tensor.data() {
        Data::Double(v) => Data::Double(v.iter().map(|&x| d(x)).collect()),
        Data::Int(v) => Data::Int(v.iter().map(|&x| d(x as f64) as i64).collect()),
        _ => Data::Float(tensor.floats()?.iter().map(|&x| f(x)).collect()),
    };
    Ok(Tensor::new(*tensor.shape(), data)?.into())
}

/// A kernel from a function that needs the node's attributes.
fn map(f: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Kernel {
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        inputs.run.room(tensor.len(), tensor.data().width())?;
        let data = match tensor.data() {
            Data::Double(v) => Data::Double(v.iter().map(|&x| f(x as f32).into()).collect()),
            _ => Data::Float(tensor.floats()?.iter().map(|&x| f(x)).collect()),
        };
        Ok(Tensor::new(*tensor.shape(), data)?.into())
    })
}

fn activation(node: &Node<'_>) -> Option<Kernel> {
    let alpha = |default| node.float("alpha", default);
    Some(match node.operator.as_str() {
        "LeakyRelu" => {
            let a = alpha(0.01);
            map(move |x| if x < 0.0 { a * x } else { x })
        }
        "Elu" => {
            let a = alpha(1.0);
            map(move |x| if x < 0.0 { a * libm::expm1f(x) } else { x })
        }
        "Celu" => {
            let a = alpha(1.0);
            map(move |x| x.max(0.0) + (a * libm::expm1f(x / a)).min(0.0))
        }
        "Selu" => {
            let (a, g) = (alpha(1.673_263_2), node.float("gamma", 1.050_701));
            map(move |x| g * if x <= 0.0 { a * libm::expm1f(x) } else { x })
        }
        "ThresholdedRelu" => {
            let a = alpha(1.0);
            map(move |x| if x > a { x } else { 0.0 })
        }
        "HardSigmoid" => {
            let (a, b) = (alpha(0.2), node.float("beta", 0.5));
            map(move |x| (a * x + b).clamp(0.0, 1.0))
        }
        "HardSwish" => map(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Mish" => map(|x| x * libm::tanhf(softplus(x))),
        "Swish" => {
            let a = alpha(1.0);
            map(move |x| x * sigmoid(a * x))
        }
        "QuickGelu" => {
            let a = alpha(1.702);
            map(move |x| x * sigmoid(a * x))
        }
        "Gelu" if node.text("approximate", "none") == "tanh" => {
            map(|x| 0.5 * x * (1.0 + libm::tanhf(0.797_884_6 * (x + 0.044_715 * x * x * x))))
        }
        "Gelu" => map(|x| 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))),
        "Shrink" => {
            let (lambda, bias) = (node.float("lambd", 0.5), node.float("bias", 0.0));
            map(move |x| {
                if x < -lambda {
                    x + bias
                } else if x > lambda {
                    x - bias
                } else {
                    0.0
                }
            })
        }
        _ => return None,
    })
}

fn test(f: impl Fn(f64) -> bool + Send + Sync + 'static) -> Kernel {
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let truths = tensor.doubles()?.iter().map(|&x| f(x)).collect();
        Ok(Tensor::new(*tensor.shape(), Data::Bool(truths))?.into())
    })
}

/// The bounds are attributes before opset 11, and inputs after.
fn clip(node: &Node<'_>) -> Kernel {
    let low = node.has("min").then(|| f64::from(node.float("min", 0.0)));
    let high = node.has("max").then(|| f64::from(node.float("max", 0.0)));
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let bound = |at: usize, default: Option<f64>| -> Result<Option<f64>> {
            let Some(bound) = inputs.optional(at)? else { return Ok(default) };
            let first = bound.doubles()?.first().copied();
            first.map(Some).ok_or_else(|| ModelError::data("an empty tensor for a bound"))
        };
        let low = bound(1, low)?.unwrap_or(f64::NEG_INFINITY);
        let high = bound(2, high)?.unwrap_or(f64::INFINITY);
        let clip = |x: f64| {
            let x = if x < low { low } else { x };
            if x > high { high } else { x }
        };
        let data = match tensor.data() {
            Data::Double(v) => Data::Double(v.iter().map(|&x| clip(x)).collect()),
            Data::Int(v) => Data::Int(v.iter().map(|&x| clip(x as f64) as i64).collect()),
            _ => Data::Float(tensor.floats()?.iter().map(|&x| clip(x.into()) as f32).collect()),
        };
        Ok(Tensor::new(*tensor.shape(), data)?.into())
    })
}

/// Before opset 13 everything from the axis on is one row; since then the axis alone is.
fn softmax_along(node: &Node<'_>) -> Kernel {
    let old = node.opset < 13;
    let axis = node.int("axis", if old { 1 } else { -1 });
    let row: fn(&mut [f32]) = match node.operator.as_str() {
        "Softmax" => softmax,
        "LogSoftmax" => |row| {
            let sum = log_sum_exp(row);
            row.iter_mut().for_each(|x| *x -= sum);
        },
        _ => |row| {
            let best = crate::model::math::argmax(row);
            row.iter_mut().enumerate().for_each(|(at, x)| *x = f32::from(u8::from(at == best)));
        },
    };
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let shape = *tensor.shape();
        let last = shape.len().saturating_sub(1);
        let axis = if old && axis == shape.len() as i64 { last } else { shape.axis(axis)? };
        inputs.run.room(tensor.len(), 4)?;
        if !old && axis != last {
            let mut order: Vec<usize> = (0..shape.len()).collect();
            order.swap(axis, last);
            let turned = transpose(tensor, &order, inputs.run)?;
            let mut v = turned.floats()?.into_owned();
            v.chunks_mut(shape[axis].max(1)).for_each(row);
            let turned = Tensor::new(*turned.shape(), Data::Float(v))?;
            return Ok(transpose(&turned, &order, inputs.run)?.into());
        }
        let width: usize = shape[axis..].iter().product();
        let mut v = tensor.floats()?.into_owned();
        v.chunks_mut(width.max(1)).for_each(row);
        let data = match tensor.data() {
            Data::Double(_) => Data::Double(v.iter().map(|&x| x.into()).collect()),
            _ => Data::Float(v),
        };
        Ok(Tensor::new(shape, data)?.into())
    })
}
