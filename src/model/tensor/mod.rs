//! Tensors: a shape and the elements in row-major order.
//!
//! Five kinds of elements are enough: the narrow integers of a model are kept as 64 bits and its
//! half precision floats as 32 bits; a cast to the narrow type rounds or wraps as it has to.

mod shape;
mod walk;

pub(crate) use shape::within;
pub use shape::{MAX_RANK, Shape};
pub(crate) use walk::{gather, offsets, transpose, zip};

use super::error::{ModelError, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// The kind of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats of 32 bits.
    Float,
    /// Floats of 64 bits.
    Double,
    /// Integers of 64 bits.
    Int,
    /// True or false.
    Bool,
    /// Strings.
    Text,
}

impl Kind {
    /// The kind's name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Double => "double",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Text => "string",
        }
    }
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats of 32 bits.
    Float(Vec<f32>),
    /// Floats of 64 bits.
    Double(Vec<f64>),
    /// Integers.
    Int(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Strings.
    Text(Vec<Arc<str>>),
}

/// Runs an expression on the vector of whatever kind the data is.
macro_rules! each_kind {
    ($data:expr, $vector:ident => $body:expr) => {
        match $data {
            $crate::model::tensor::Data::Float($vector) => $body,
            $crate::model::tensor::Data::Double($vector) => $body,
            $crate::model::tensor::Data::Int($vector) => $body,
            $crate::model::tensor::Data::Bool($vector) => $body,
            $crate::model::tensor::Data::Text($vector) => $body,
        }
    };
}

/// Makes data of the same kind from the vector of whatever kind the data is.
macro_rules! map_kind {
    ($data:expr, $vector:ident => $body:expr) => {
        match $data {
            $crate::model::tensor::Data::Float($vector) => {
                $crate::model::tensor::Data::Float($body)
            }
            $crate::model::tensor::Data::Double($vector) => {
                $crate::model::tensor::Data::Double($body)
            }
            $crate::model::tensor::Data::Int($vector) => $crate::model::tensor::Data::Int($body),
            $crate::model::tensor::Data::Bool($vector) => $crate::model::tensor::Data::Bool($body),
            $crate::model::tensor::Data::Text($vector) => $crate::model::tensor::Data::Text($body),
        }
    };
}

pub(crate) use map_kind;

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        each_kind!(self, v => v.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of the elements.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Float,
            Self::Double(_) => Kind::Double,
            Self::Int(_) => Kind::Int,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
        }
    }

    /// The bytes of one element.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Float(_) => 4,
            Self::Double(_) | Self::Int(_) => 8,
            Self::Bool(_) => 1,
            Self::Text(_) => 16,
        }
    }

    /// No elements of the same kind.
    pub(crate) fn none_like(&self) -> Self {
        map_kind!(self, _v => Vec::new())
    }

    /// Appends a range of another's elements; the kinds must be the same.
    pub(crate) fn append(&mut self, other: &Self, range: std::ops::Range<usize>) -> Result<()> {
        match (self, other) {
            (Self::Float(to), Self::Float(from)) => to.extend_from_slice(&from[range]),
            (Self::Double(to), Self::Double(from)) => to.extend_from_slice(&from[range]),
            (Self::Int(to), Self::Int(from)) => to.extend_from_slice(&from[range]),
            (Self::Bool(to), Self::Bool(from)) => to.extend_from_slice(&from[range]),
            (Self::Text(to), Self::Text(from)) => to.extend_from_slice(&from[range]),
            (to, from) => return Err(kinds(to.kind(), from.kind())),
        }
        Ok(())
    }
}

pub(crate) fn kinds(a: Kind, b: Kind) -> ModelError {
    ModelError::Data(format!("a tensor of {} and one of {}", a.name(), b.name()))
}

/// A shape and as many elements as it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// Puts elements into a shape.
    ///
    /// # Errors
    /// Another number of elements than the shape has.
    pub fn new(shape: Shape, data: Data) -> Result<Self> {
        if data.len() != shape.elements() {
            let text = format!("{} elements for a tensor of shape {shape}", data.len());
            return Err(ModelError::Data(text));
        }
        Ok(Self { shape, data })
    }

    /// A list of integers, as shapes and indices are passed around.
    pub(crate) fn ints(values: Vec<i64>) -> Self {
        Self { shape: Shape::list(values.len()), data: Data::Int(values) }
    }

    /// A single truth value.
    pub(crate) fn truth(value: bool) -> Self {
        Self { shape: Shape::SCALAR, data: Data::Bool(vec![value]) }
    }

    /// A single integer.
    pub(crate) fn int(value: i64) -> Self {
        Self { shape: Shape::SCALAR, data: Data::Int(vec![value]) }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements, without the shape.
    pub fn into_data(self) -> Data {
        self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The number of bytes that the elements take.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() * self.data.width()
    }

    /// The same elements in another shape.
    pub(crate) fn reshaped(&self, shape: Shape) -> Result<Self> {
        Self::new(shape, self.data.clone())
    }

    /// Rows and columns; a list is one row.
    pub(crate) fn table(&self) -> Result<(usize, usize)> {
        match self.shape[..] {
            [columns] => Ok((1, columns)),
            [rows, columns] => Ok((rows, columns)),
            _ => {
                let text = format!("a tensor of shape {}; rows and columns are wanted", self.shape);
                Err(ModelError::Data(text))
            }
        }
    }

    /// The elements as 32 bit floats.
    pub(crate) fn floats(&self) -> Result<Cow<'_, [f32]>> {
        Ok(match &self.data {
            Data::Float(v) => v.into(),
            Data::Double(v) => v.iter().map(|&x| x as f32).collect(),
            Data::Int(v) => v.iter().map(|&x| x as f32).collect(),
            Data::Bool(v) => v.iter().map(|&x| f32::from(u8::from(x))).collect(),
            Data::Text(_) => return Err(no_number()),
        })
    }

    /// The elements as 64 bit floats.
    pub(crate) fn doubles(&self) -> Result<Cow<'_, [f64]>> {
        Ok(match &self.data {
            Data::Double(v) => v.into(),
            Data::Float(v) => v.iter().map(|&x| x.into()).collect(),
            Data::Int(v) => v.iter().map(|&x| x as f64).collect(),
            Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            Data::Text(_) => return Err(no_number()),
        })
    }

    /// The elements as integers; floats are cut off.
    pub(crate) fn integers(&self) -> Result<Cow<'_, [i64]>> {
        Ok(match &self.data {
            Data::Int(v) => v.into(),
            Data::Float(v) => v.iter().map(|&x| x as i64).collect(),
            Data::Double(v) => v.iter().map(|&x| x as i64).collect(),
            Data::Bool(v) => v.iter().map(|&x| i64::from(x)).collect(),
            Data::Text(_) => return Err(no_number()),
        })
    }

    /// The elements as truth values: a number is true when it is not zero.
    pub(crate) fn truths(&self) -> Result<Cow<'_, [bool]>> {
        Ok(match &self.data {
            Data::Bool(v) => v.into(),
            Data::Int(v) => v.iter().map(|&x| x != 0).collect(),
            Data::Float(v) => v.iter().map(|&x| x != 0.0).collect(),
            Data::Double(v) => v.iter().map(|&x| x != 0.0).collect(),
            Data::Text(_) => return Err(no_number()),
        })
    }

    /// The first element as an integer: sizes and counts come as tensors of one element.
    pub(crate) fn single_int(&self) -> Result<i64> {
        let values = self.integers()?;
        values.first().copied().ok_or_else(|| ModelError::data("an empty tensor for a number"))
    }
}

fn no_number() -> ModelError {
    ModelError::data("strings where numbers are wanted")
}
