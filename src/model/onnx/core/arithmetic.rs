//! Operators on pairs of elements: arithmetic, comparison, logic, choice.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Kind, Tensor, kinds, offsets, zip};
use std::cmp::Ordering;

/// An arithmetic operator on the three kinds of numbers.
#[derive(Clone, Copy)]
struct Arithmetic {
    float: fn(f32, f32) -> f32,
    double: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> i64,
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    if let Some(arithmetic) = arithmetic(node) {
        return Ok(Some(Box::new(move |inputs| fold(inputs, arithmetic))));
    }
    Ok(Some(match node.operator.as_str() {
        "Mean" => Box::new(mean),
        "Equal" => Box::new(equal),
        "Less" => compare(|order| order == Ordering::Less),
        "LessOrEqual" => compare(|order| order != Ordering::Greater),
        "Greater" => compare(|order| order == Ordering::Greater),
        "GreaterOrEqual" => compare(|order| order != Ordering::Less),
        "And" => logic(|a, b| a & b),
        "Or" => logic(|a, b| a | b),
        "Xor" => logic(|a, b| a ^ b),
        "Not" => Box::new(|inputs| {
            let tensor = inputs.tensor(0)?;
            let truths = tensor.truths()?.iter().map(|x| !x).collect();
            Ok(Tensor::new(*tensor.shape(), Data::Bool(truths))?.into())
        }),
        "Where" => Box::new(choose),
        "PRelu" => Box::new(|inputs| {
            let prelu = Arithmetic {
                float: |x, slope| if x < 0.0 { x * slope } else { x },
                double: |x, slope| if x < 0.0 { x * slope } else { x },
                int: |x, slope| if x < 0 { x.wrapping_mul(slope) } else { x },
            };
            Ok(apply(inputs.tensor(0)?, inputs.tensor(1)?, prelu, inputs.run)?.into())
        }),
        _ => return Ok(None),
    }))
}

fn arithmetic(node: &Node<'_>) -> Option<Arithmetic> {
    let made = |float, double, int| Arithmetic { float, double, int };
    Some(match node.operator.as_str() {
        "Add" | "Sum" => made(|a, b| a + b, |a, b| a + b, i64::wrapping_add),
        "Sub" => made(|a, b| a - b, |a, b| a - b, i64::wrapping_sub),
        "Mul" => made(|a, b| a * b, |a, b| a * b, i64::wrapping_mul),
        "Div" => made(|a, b| a / b, |a, b| a / b, |a, b| a.checked_div(b).unwrap_or(0)),
        "Pow" => made(power, power_double, power_int),
        "Max" => made(max, max, i64::max),
        "Min" => made(min, min, i64::min),
        "Mod" if node.flag("fmod", false) => {
            made(libm::fmodf, libm::fmod, |a, b| a.checked_rem(b).unwrap_or(0))
        }
        "Mod" => made(floor_mod, floor_mod_double, |a, b| {
            let rest = a.checked_rem(b).unwrap_or(0);
            if rest != 0 && (rest < 0) != (b < 0) { rest.wrapping_add(b) } else { rest }
        }),
        "BitwiseAnd" => made(|a, _| a, |a, _| a, |a, b| a & b),
        "BitwiseOr" => made(|a, _| a, |a, _| a, |a, b| a | b),
        "BitwiseXor" => made(|a, _| a, |a, _| a, |a, b| a ^ b),
        _ => return None,
    })
}

fn floor_mod(a: f32, b: f32) -> f32 {
    let rest = libm::fmodf(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn floor_mod_double(a: f64, b: f64) -> f64 {
    let rest = libm::fmod(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn power(a: f32, b: f32) -> f32 {
    if b == 2.0 { a * a } else { libm::powf(a, b) }
}

fn power_double(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { libm::pow(a, b) }
}

fn power_int(a: i64, b: i64) -> i64 {
    match u32::try_from(b) {
        Ok(b) => a.wrapping_pow(b),
        // A negative power is a fraction, cut off to an integer; a huge one has overflowed.
        Err(_) if b < 0 => match a {
            1 => 1,
            -1 => 1 - 2 * (b & 1),
            _ => 0,
        },
        Err(_) => 0,
    }
}

/// The larger one; NaN where one of them is NaN.
fn max<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[expect(clippy::eq_op, reason = "NaN is not equal to itself")]
    if a > b || a != a { a } else { b }
}

fn min<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[expect(clippy::eq_op, reason = "NaN is not equal to itself")]
    if a < b || a != a { a } else { b }
}

fn fold(inputs: &Inputs<'_>, arithmetic: Arithmetic) -> Result<Outputs> {
    let first = inputs.tensor(0)?;
    if inputs.len() == 1 {
        return Ok(first.clone().into());
    }
    let mut sum = apply(first, inputs.tensor(1)?, arithmetic, inputs.run)?;
    for at in 2..inputs.len() {
        sum = apply(&sum, inputs.tensor(at)?, arithmetic, inputs.run)?;
    }
    Ok(sum.into())
}

fn mean(inputs: &Inputs<'_>) -> Result<Outputs> {
    let add = Arithmetic { float: |a, b| a + b, double: |a, b| a + b, int: i64::wrapping_add };
    let mut sum = inputs.tensor(0)?.clone();
    for at in 1..inputs.len() {
        sum = apply(&sum, inputs.tensor(at)?, add, inputs.run)?;
    }
    let count = inputs.len() as f32;
    let mean = sum.floats()?.iter().map(|x| x / count).collect();
    Ok(Tensor::new(*sum.shape(), Data::Float(mean))?.into())
}

/// Adds two tensors.
pub(super) fn add(a: &Tensor, b: &Tensor, run: &Run<'_>) -> Result<Tensor> {
    let add = Arithmetic { float: |a, b| a + b, double: |a, b| a + b, int: i64::wrapping_add };
    apply(a, b, add, run)
}

fn apply(a: &Tensor, b: &Tensor, arithmetic: Arithmetic, run: &Run<'_>) -> Result<Tensor> {
    let (s, t) = (a.shape(), b.shape());
    let (shape, data) = match (a.data(), b.data()) {
        (Data::Float(x), Data::Float(y)) => {
            let f = arithmetic.float;
            let (shape, v) = zip((x, s), (y, t), run, |a, b| f(*a, *b))?;
            (shape, Data::Float(v))
        }
        (Data::Int(x), Data::Int(y)) => {
            let f = arithmetic.int;
            let (shape, v) = zip((x, s), (y, t), run, |a, b| f(*a, *b))?;
            (shape, Data::Int(v))
        }
        (Data::Double(_), _) | (_, Data::Double(_)) => {
            let f = arithmetic.double;
            let (x, y) = (a.doubles()?, b.doubles()?);
            let (shape, v) = zip((&x, s), (&y, t), run, |a, b| f(*a, *b))?;
            (shape, Data::Double(v))
        }
        _ => {
            let f = arithmetic.float;
            let (x, y) = (a.floats()?, b.floats()?);
            let (shape, v) = zip((&x, s), (&y, t), run, |a, b| f(*a, *b))?;
            (shape, Data::Float(v))
        }
    };
    Tensor::new(shape, data)
}

fn equal(inputs: &Inputs<'_>) -> Result<Outputs> {
    let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let (s, t) = (a.shape(), b.shape());
    let (shape, truths) = match (a.data(), b.data()) {
        (Data::Text(x), Data::Text(y)) => zip((x, s), (y, t), inputs.run, |a, b| a == b)?,
        (Data::Bool(x), Data::Bool(y)) => zip((x, s), (y, t), inputs.run, |a, b| a == b)?,
        (Data::Int(x), Data::Int(y)) => zip((x, s), (y, t), inputs.run, |a, b| a == b)?,
        _ => {
            let (x, y) = (a.doubles()?, b.doubles()?);
            zip((&x, s), (&y, t), inputs.run, |a, b| a == b)?
        }
    };
    Ok(Tensor::new(shape, Data::Bool(truths))?.into())
}

/// Comparisons are false where one side is NaN.
fn compare(holds: fn(Ordering) -> bool) -> Kernel {
    Box::new(move |inputs| {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (s, t) = (a.shape(), b.shape());
        let (shape, truths) = match (a.data(), b.data()) {
            (Data::Int(x), Data::Int(y)) => {
                zip((x, s), (y, t), inputs.run, |a, b| holds(a.cmp(b)))?
            }
            _ => {
                let (x, y) = (a.doubles()?, b.doubles()?);
                zip((&x, s), (&y, t), inputs.run, |a, b| a.partial_cmp(b).is_some_and(holds))?
            }
        };
        Ok(Tensor::new(shape, Data::Bool(truths))?.into())
    })
}

fn logic(f: fn(bool, bool) -> bool) -> Kernel {
    Box::new(move |inputs| {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (x, y) = (a.truths()?, b.truths()?);
        let (shape, v) = zip((&x, a.shape()), (&y, b.shape()), inputs.run, |a, b| f(*a, *b))?;
        Ok(Tensor::new(shape, Data::Bool(v))?.into())
    })
}

fn choose(inputs: &Inputs<'_>) -> Result<Outputs> {
    let (condition, yes, no) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
    let shape = condition.shape().broadcast(yes.shape())?.broadcast(no.shape())?;
    inputs.run.room(shape.elements(), yes.data().width() + 3 * size_of::<usize>())?;
    let truths = condition.truths()?;
    let at = offsets(condition.shape(), &shape).into_iter();
    let sides = offsets(yes.shape(), &shape).into_iter().zip(offsets(no.shape(), &shape));
    let places = at.zip(sides).map(|(at, (y, n))| if truths[at] { (true, y) } else { (false, n) });
    macro_rules! pick {
        ($kind:path, $yes:expr, $no:expr) => {{
            let (yes, no) = ($yes, $no);
            $kind(
                places.map(|(first, at)| if first { &yes[at] } else { &no[at] }.clone()).collect(),
            )
        }};
    }
    let data = match (yes.data(), no.data()) {
        (Data::Int(y), Data::Int(n)) => pick!(Data::Int, y, n),
        (Data::Bool(y), Data::Bool(n)) => pick!(Data::Bool, y, n),
        (Data::Text(y), Data::Text(n)) => pick!(Data::Text, y, n),
        (y, n) if y.kind() == Kind::Text || n.kind() == Kind::Text => {
            return Err(kinds(y.kind(), n.kind()));
        }
        (Data::Double(_), _) | (_, Data::Double(_)) => {
            pick!(Data::Double, yes.doubles()?, no.doubles()?)
        }
        _ => pick!(Data::Float, yes.floats()?, no.floats()?),
    };
    let tensor = Tensor::new(shape, data)?;
    Ok(tensor.into())
}

/// Refuses two tensors whose kinds differ where an operator has to put them side by side.
pub(super) fn same_kind(a: &Tensor, b: &Tensor) -> std::result::Result<(), ModelError> {
    let (a, b) = (a.data().kind(), b.data().kind());
    if a == b { Ok(()) } else { Err(kinds(a, b)) }
}
