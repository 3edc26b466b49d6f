//! `TensorProto`: the constants of a model, in all the ways in which they are written down.

use super::wire::{chunks, fields};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Kind, Shape, Tensor};
use std::sync::Arc;

/// The most elements that a sparse tensor is unfolded to.
const SPARSE_LIMIT: usize = 1 << 22;

/// The kind in which elements of a `TensorProto.DataType` are kept.
pub(super) fn kind(element: i64) -> Option<Kind> {
    Some(match element {
        1 | 10 | 16 => Kind::Float,
        2..=7 | 12 | 13 => Kind::Int,
        8 => Kind::Text,
        9 => Kind::Bool,
        11 => Kind::Double,
        _ => return None,
    })
}

/// The name of a `TensorProto.DataType`.
pub(super) fn name(element: i64) -> String {
    let known = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    let name = usize::try_from(element).ok().and_then(|at| known.get(at));
    name.map_or_else(|| format!("element type {element}"), ToString::to_string)
}

/// The fields of a `TensorProto` as they were written.
#[derive(Default)]
struct Written<'a> {
    sizes: Vec<i64>,
    element: i64,
    name: String,
    floats: Vec<f32>,
    ints: Vec<i64>,
    doubles: Vec<f64>,
    texts: Vec<Arc<str>>,
    raw: Option<&'a [u8]>,
}

/// The `TensorProto.DataType` of a tensor, of which [`tensor`] keeps only the kind.
pub(super) fn element(bytes: &[u8]) -> Result<i64> {
    let mut element = 0;
    for entry in fields(bytes) {
        if let (2, field) = entry? {
            element = field.int()?;
        }
    }
    Ok(element)
}

/// The smallest and the largest number of a narrow integer type.
pub(super) fn range(element: i64) -> Option<(i64, i64)> {
    Some(match element {
        2 => (0, 255),
        3 => (-128, 127),
        4 => (0, 65_535),
        5 => (-32_768, 32_767),
        21 => (0, 15),
        22 => (-8, 7),
        _ => return None,
    })
}

/// Reads a tensor and its name.
pub(super) fn tensor(bytes: &[u8]) -> Result<(String, Tensor)> {
    let written = read(bytes)?;
    let shape = Shape::signed(&written.sizes)?;
    let name = written.name.clone();
    let data = written.data()?;
    if data.len() != shape.elements() {
        let text = format!("tensor '{name}' of shape {shape} has {} elements", data.len());
        return Err(ModelError::Damaged(text));
    }
    Ok((name, Tensor::new(shape, data)?))
}

fn read(bytes: &[u8]) -> Result<Written<'_>> {
    let mut written = Written::default();
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            1 => field.ints(&mut written.sizes)?,
            2 => written.element = field.int()?,
            4 => field.floats(&mut written.floats)?,
            5 | 7 | 11 => field.ints(&mut written.ints)?,
            6 => written.texts.push(field.text()?.into()),
            8 => written.name = field.text()?,
            9 => written.raw = Some(field.bytes()?),
            10 => field.doubles(&mut written.doubles)?,
            13 => return Err(elsewhere()),
            14 if field.int()? == 1 => return Err(elsewhere()),
            _ => {}
        }
    }
    Ok(written)
}

fn elsewhere() -> ModelError {
    ModelError::Unsupported(
        "weights in a second file (save it as one file: onnx.save(onnx.load(\"a.onnx\"), \
         \"b.onnx\"), or torch.onnx.export(…, external_data=False))"
            .into(),
    )
}

impl Written<'_> {
    fn data(self) -> Result<Data> {
        let Some(kind) = kind(self.element) else {
            return Err(ModelError::Unsupported(format!("tensors of {}", name(self.element))));
        };
        if let Some(raw) = self.raw {
            return raw_data(self.element, raw);
        }
        Ok(match kind {
            Kind::Float if self.element == 10 => {
                Data::Float(self.ints.iter().map(|&bits| half(bits as u16)).collect())
            }
            Kind::Float if self.element == 16 => {
                Data::Float(self.ints.iter().map(|&bits| brain(bits as u16)).collect())
            }
            Kind::Float => Data::Float(self.floats),
            Kind::Double => Data::Double(self.doubles),
            Kind::Int => Data::Int(self.ints),
            Kind::Bool => Data::Bool(self.ints.iter().map(|&i| i != 0).collect()),
            Kind::Text => Data::Text(self.texts),
        })
    }
}

fn raw_data(element: i64, raw: &[u8]) -> Result<Data> {
    macro_rules! ints {
        ($type:ty) => {
            Data::Int(chunks(raw)?.iter().map(|b| <$type>::from_le_bytes(*b) as i64).collect())
        };
    }
    Ok(match element {
        1 => Data::Float(chunks(raw)?.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        2 => ints!(u8),
        3 => ints!(i8),
        4 => ints!(u16),
        5 => ints!(i16),
        6 => ints!(i32),
        7 => ints!(i64),
        9 => Data::Bool(raw.iter().map(|&b| b != 0).collect()),
        10 => Data::Float(chunks(raw)?.iter().map(|b| half(u16::from_le_bytes(*b))).collect()),
        11 => Data::Double(chunks(raw)?.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        12 => ints!(u32),
        13 => ints!(u64),
        16 => Data::Float(chunks(raw)?.iter().map(|b| brain(u16::from_le_bytes(*b))).collect()),
        _ => return Err(ModelError::damaged("a tensor of strings with raw bytes")),
    })
}

/// The value of a half precision float.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => libm::ldexpf(fraction, -24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => libm::ldexpf(fraction + 1024.0, exponent - 25),
    }
}

/// The nearest half precision float, as a 32 bit float; ties go to the even one.
pub(super) fn to_half(value: f32) -> f32 {
    let size = value.abs();
    if !value.is_finite() || size == 0.0 {
        return value;
    }
    let exponent = libm::ilogbf(size).max(-14);
    let rounded = libm::ldexpf(libm::ldexpf(size, 10 - exponent).round_ties_even(), exponent - 10);
    let rounded = if rounded > 65504.0 { f32::INFINITY } else { rounded };
    rounded.copysign(value)
}

fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Reads a sparse tensor and unfolds it.
pub(super) fn sparse(bytes: &[u8]) -> Result<(String, Tensor)> {
    let (mut values, mut indices, mut sizes) = (None, None, Vec::new());
    for entry in fields(bytes) {
        match entry? {
            (1, field) => values = Some(tensor(field.bytes()?)?),
            (2, field) => indices = Some(tensor(field.bytes()?)?.1),
            (3, field) => field.ints(&mut sizes)?,
            _ => {}
        }
    }
    let (Some((name, values)), Some(indices)) = (values, indices) else {
        return Err(ModelError::damaged("a sparse tensor without values or indices"));
    };
    let shape = Shape::signed(&sizes)?;
    let total = shape.elements();
    let (Data::Float(given), true) = (values.data(), total <= SPARSE_LIMIT) else {
        return Err(ModelError::Unsupported("sparse tensors that are no floats, or large".into()));
    };
    let rank = if indices.shape().len() == 2 { shape.len() } else { 1 };
    let places = indices.integers()?;
    if rank == 0 || places.len() != given.len() * rank {
        return Err(ModelError::damaged(format!("sparse tensor '{name}' has other indices")));
    }
    let strides = shape.strides();
    let mut dense = vec![0.0; total];
    for (place, &value) in places.chunks_exact(rank).zip(given) {
        let at = match place {
            [at] => Some(*at),
            many => many.iter().zip(strides).try_fold(0i64, |sum, (&at, stride)| {
                sum.checked_add(at.checked_mul(stride as i64)?)
            }),
        };
        let target = at.and_then(|at| dense.get_mut(usize::try_from(at).ok()?));
        *target.ok_or_else(|| ModelError::damaged("a sparse index beyond its tensor"))? = value;
    }
    Ok((name, Tensor::new(shape, Data::Float(dense))?))
}
