//! Operators that change the kind of elements, or make constants of a kind.

use super::super::kernel::{Kernel, Node};
use super::super::tensor_proto::{kind, name, to_half};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Kind, Shape, Tensor};
use std::sync::Arc;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "Cast" => {
            let to = node.int("to", 1);
            if kind(to).is_none() {
                return Err(ModelError::Unsupported(format!("operator Cast to {}", name(to))));
            }
            Box::new(move |inputs| {
                inputs.run.room(inputs.tensor(0)?.len(), 8)?;
                Ok(cast(inputs.tensor(0)?, to)?.into())
            })
        }
        "CastLike" => Box::new(|inputs| {
            let to = match inputs.tensor(1)?.data().kind() {
                Kind::Float => 1,
                Kind::Double => 11,
                Kind::Int => 7,
                Kind::Bool => 9,
                Kind::Text => 8,
            };
            Ok(cast(inputs.tensor(0)?, to)?.into())
        }),
        "Constant" => {
            let tensor = constant(node)?;
            Box::new(move |_| Ok(tensor.clone().into()))
        }
        "EyeLike" => {
            let (k, to) = (node.int("k", 0), node.int("dtype", 1));
            Box::new(move |inputs| {
                let tensor = inputs.tensor(0)?;
                let (rows, columns) = tensor.table()?;
                inputs.run.room(tensor.len(), 8)?;
                let one = |at: usize| (at % columns) as i64 - (at / columns) as i64 == k;
                let ones = (0..rows * columns).map(one).collect();
                let ones = Tensor::new(Shape::table(rows, columns), Data::Bool(ones))?;
                Ok(cast(&ones, to)?.into())
            })
        }
        _ => return Ok(None),
    }))
}

fn constant(node: &mut Node<'_>) -> Result<Tensor> {
    if let Some(tensor) = node.tensor("value").or(node.tensor("sparse_value")) {
        return Ok(tensor.clone());
    }
    if let Some(ints) = node.ints("value_ints") {
        return Ok(Tensor::ints(ints));
    }
    let texts = node.texts("value_strings");
    let floats = node.floats("value_floats")?;
    if node.has("value_int") {
        Ok(Tensor::int(node.int("value_int", 0)))
    } else if node.has("value_float") {
        Tensor::new(Shape::SCALAR, Data::Float(vec![node.float("value_float", 0.0)]))
    } else if node.has("value_string") {
        let text = node.text("value_string", "");
        Tensor::new(Shape::SCALAR, Data::Text(vec![text.into()]))
    } else if node.has("value_strings") {
        let texts: Vec<Arc<str>> = texts.into_iter().map(Arc::from).collect();
        Tensor::new(Shape::list(texts.len()), Data::Text(texts))
    } else if node.has("value_floats") {
        Tensor::new(Shape::list(floats.len()), Data::Float(floats))
    } else {
        Err(ModelError::damaged("a constant without a value"))
    }
}

/// Converts elements to a `TensorProto.DataType`.
pub(super) fn cast(tensor: &Tensor, to: i64) -> Result<Tensor> {
    let data = match kind(to) {
        Some(Kind::Float) => Data::Float(floats(tensor, to)?),
        Some(Kind::Double) => Data::Double(match tensor.data() {
            Data::Text(v) => v.iter().map(|x| number(x)).collect::<Result<_>>()?,
            _ => tensor.doubles()?.into_owned(),
        }),
        Some(Kind::Int) => Data::Int(ints(tensor, to)?),
        Some(Kind::Bool) => Data::Bool(tensor.truths()?.into_owned()),
        Some(Kind::Text) => Data::Text(texts(tensor)),
        None => return Err(ModelError::Data(format!("a cast to {}", name(to)))),
    };
    Tensor::new(*tensor.shape(), data)
}

fn floats(tensor: &Tensor, to: i64) -> Result<Vec<f32>> {
    let mut values: Vec<f32> = match tensor.data() {
        Data::Text(v) => v.iter().map(|x| number(x).map(|x| x as f32)).collect::<Result<_>>()?,
        _ => tensor.floats()?.into_owned(),
    };
    match to {
        10 => values.iter_mut().for_each(|x| *x = to_half(*x)),
        16 => values.iter_mut().for_each(|x| *x = to_brain(*x)),
        _ => {}
    }
    Ok(values)
}

/// The nearest float that has only the upper 16 bits.
fn to_brain(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let bits = x.to_bits();
    let odd = bits >> 16 & 1;
    f32::from_bits(bits.wrapping_add(0x7fff + odd) & 0xffff_0000)
}

fn ints(tensor: &Tensor, to: i64) -> Result<Vec<i64>> {
    let mut values: Vec<i64> = match tensor.data() {
        Data::Text(v) => v.iter().map(|x| whole(x)).collect::<Result<_>>()?,
        _ => tensor.integers()?.into_owned(),
    };
    let narrow: fn(i64) -> i64 = match to {
        2 => |x| (x as u8).into(),
        3 => |x| (x as i8).into(),
        4 => |x| (x as u16).into(),
        5 => |x| (x as i16).into(),
        6 => |x| (x as i32).into(),
        12 => |x| (x as u32).into(),
        _ => return Ok(values),
    };
    values.iter_mut().for_each(|x| *x = narrow(*x));
    Ok(values)
}

fn number(text: &str) -> Result<f64> {
    let error = || ModelError::Data(format!("'{text}' is no number"));
    text.trim().parse().map_err(|_| error())
}

fn whole(text: &str) -> Result<i64> {
    match text.trim().parse() {
        Ok(value) => Ok(value),
        Err(_) => number(text).map(|x| x as i64),
    }
}

fn texts(tensor: &Tensor) -> Vec<Arc<str>> {
    match tensor.data() {
        Data::Text(v) => v.clone(),
        Data::Int(v) => v.iter().map(|x| x.to_string().into()).collect(),
        Data::Bool(v) => v.iter().map(|&x| if x { "1" } else { "0" }.into()).collect(),
        Data::Float(v) => v.iter().map(|&x| digits(x.into(), 8).into()).collect(),
        Data::Double(v) => v.iter().map(|&x| digits(x, 17).into()).collect(),
    }
}

/// A number as C's `%.8g` writes it, with the given number of digits.
fn digits(x: f64, precision: usize) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "INF" } else { "-INF" }.into();
    }
    let scientific = format!("{x:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    trim(&format!("{x:.*}", (precision as i32 - 1 - exponent).max(0) as usize))
}
