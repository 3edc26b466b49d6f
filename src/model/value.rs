//! The values that flow between operators: tensors, and ONNX's other types such as sequences.

use super::error::{ModelError, Result};
use super::tensor::{Data, Shape, Tensor};
use smallvec::SmallVec;
use std::sync::Arc;

/// The names of classes: integers or strings.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// Integers.
    Ints(Vec<i64>),
    /// Strings.
    Texts(Vec<Arc<str>>),
}

impl Labels {
    /// The number of classes.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(v) => v.len(),
            Self::Texts(v) => v.len(),
        }
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels as strings.
    pub fn texts(&self) -> Vec<Arc<str>> {
        match self {
            Self::Ints(v) => v.iter().map(|i| i.to_string().into()).collect(),
            Self::Texts(v) => v.clone(),
        }
    }

    /// The labels at the given places, which must be inside.
    pub(crate) fn pick(&self, places: impl Iterator<Item = usize>) -> Tensor {
        let data = self.data(places);
        Tensor::new(Shape::list(data.len()), data).expect("a label for each place")
    }

    /// The same as elements alone.
    pub(crate) fn data(&self, places: impl Iterator<Item = usize>) -> Data {
        match self {
            Self::Ints(v) => Data::Int(places.map(|at| v[at]).collect()),
            Self::Texts(v) => Data::Text(places.map(|at| v[at].clone()).collect()),
        }
    }
}

/// A map from labels to numbers for each row, as `ZipMap` makes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// The keys that all maps have.
    pub keys: Arc<Labels>,
    /// The values: a row for each map, a column for each key.
    pub values: Tensor,
}

/// What an operator reads and makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A tensor; boxed, since values are handed on often.
    Tensor(Box<Tensor>),
    /// A map for each row.
    Maps(Box<Maps>),
    /// A list of tensors.
    Sequence(Vec<Tensor>),
}

/// What a run makes: few values need no allocation.
pub(crate) type Values = SmallVec<[Value; 2]>;

impl Value {
    /// The tensor, where it is one.
    ///
    /// # Errors
    /// A value that is no tensor.
    pub fn tensor(&self) -> Result<&Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            _ => Err(ModelError::data("maps or a sequence where a tensor is wanted")),
        }
    }

    pub(crate) fn sequence(&self) -> Result<&[Tensor]> {
        match self {
            Self::Sequence(tensors) => Ok(tensors),
            _ => Err(ModelError::data("a tensor where a sequence is wanted")),
        }
    }

    /// The number of bytes that the elements take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Tensor(tensor) => tensor.bytes(),
            Self::Maps(maps) => maps.values.bytes(),
            Self::Sequence(tensors) => {
                tensors.iter().map(|t| t.bytes() + size_of::<Tensor>()).sum()
            }
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(Box::new(tensor))
    }
}
