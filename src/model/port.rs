//! The inputs and outputs of a model, as it declares them.

use super::tensor::Kind;
use std::fmt;

/// What an input or an output carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// A tensor of one kind of elements.
    Tensor(Kind),
    /// A map from labels to numbers for each row.
    Maps,
    /// A sequence, or something that the model does not declare.
    Other,
}

impl PortKind {
    /// The kind's name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensor(kind) => kind.name(),
            Self::Maps => "maps",
            Self::Other => "sequence",
        }
    }
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name.
    pub name: String,
    /// What it carries.
    pub kind: PortKind,
    /// The sizes of the dimensions, where they are declared; an open size is none.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Port {
    /// A table of floats with an open number of rows.
    pub(crate) fn table(name: &str, columns: usize) -> Self {
        let shape = Some(vec![None, Some(columns)]);
        Self { name: name.into(), kind: PortKind::Tensor(Kind::Float), shape }
    }

    /// Whether a shape is one of those that are declared.
    pub(crate) fn takes(&self, sizes: &[usize]) -> bool {
        self.shape.as_ref().is_none_or(|shape| {
            shape.len() == sizes.len()
                && shape.iter().zip(sizes).all(|(want, size)| want.is_none_or(|want| want == *size))
        })
    }

    /// The shape with `?` for open sizes, as `[?, 5]`.
    pub fn shape_text(&self) -> String {
        let Some(shape) = &self.shape else { return "[…]".into() };
        let size = |size: &Option<usize>| size.map_or_else(|| "?".into(), |size| size.to_string());
        format!("[{}]", shape.iter().map(size).collect::<Vec<String>>().join(", "))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.name, self.kind.name(), self.shape_text())
    }
}
