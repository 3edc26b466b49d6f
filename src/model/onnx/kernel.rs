//! An operator at run time: a closure over its attributes, from inputs to outputs.

use super::plan::Plan;
use super::proto::{Attribute, NodeProto};
use super::table::Change;
use super::tensor_proto::{name, range};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::Tensor;
use crate::model::value::{Labels, Value, Values};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An operator with its attributes, ready to be applied.
pub(super) type Kernel = Box<dyn Fn(&Inputs<'_>) -> Result<Outputs> + Send + Sync>;

/// What an operator reads.
pub(super) struct Inputs<'a> {
    values: &'a [Option<&'a Value>],
    /// The account of the run.
    pub(super) run: &'a Run<'a>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(values: &'a [Option<&'a Value>], run: &'a Run<'a>) -> Self {
        Self { values, run }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// All inputs as they are.
    pub(super) fn all(&self) -> &'a [Option<&'a Value>] {
        self.values
    }

    /// An input that may be no tensor.
    pub(super) fn value(&self, at: usize) -> Result<&'a Value> {
        let value = self.values.get(at).copied().flatten();
        value.ok_or_else(|| ModelError::Data(format!("input {at} is missing")))
    }

    /// A tensor that must be there.
    pub(super) fn tensor(&self, at: usize) -> Result<&'a Tensor> {
        self.value(at)?.tensor()
    }

    /// A tensor that may be left out.
    pub(super) fn optional(&self, at: usize) -> Result<Option<&'a Tensor>> {
        self.values.get(at).copied().flatten().map(Value::tensor).transpose()
    }

    /// Integers from an input, else from the attribute that older operators had.
    pub(super) fn ints_or(
        &self,
        at: usize,
        attribute: &Option<Vec<i64>>,
    ) -> Result<Option<Vec<i64>>> {
        match self.optional(at)? {
            Some(tensor) => Ok(Some(tensor.integers()?.into_owned())),
            None => Ok(attribute.clone()),
        }
    }
}

/// What an operator makes.
pub(super) enum Outputs {
    /// The only output.
    One(Value),
    /// All outputs, in their order.
    Many(Values),
}

impl From<Tensor> for Outputs {
    fn from(tensor: Tensor) -> Self {
        Self::One(tensor.into())
    }
}

impl Outputs {
    pub(super) fn tensors<const N: usize>(tensors: [Tensor; N]) -> Self {
        Self::Many(tensors.into_iter().map(Value::from).collect())
    }
}

/// A node while its kernel is made: attributes are taken out of it.
pub(super) struct Node<'a> {
    pub(super) operator: String,
    pub(super) opset: i64,
    pub(super) outputs: usize,
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// `TensorProto.DataType` of the inputs, where they are constants.
    pub(super) elements: Vec<i64>,
    /// The inputs whose values are known already.
    pub(super) constants: Vec<Option<&'a Value>>,
    /// The graphs of the attributes, compiled, by the attributes' names.
    pub(super) bodies: BTreeMap<String, Plan>,
    /// How many of the inputs belong to the bodies; they stand at the end.
    pub(super) captures: BTreeMap<String, std::ops::Range<usize>>,
    /// What the kernel does with a table, where it is an operator of pipelines.
    pub(super) change: Option<Change>,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &mut NodeProto, opset: i64) -> Self {
        Self {
            operator: proto.operator.clone(),
            opset,
            outputs: proto.outputs.len(),
            attributes: std::mem::take(&mut proto.attributes),
            elements: Vec::new(),
            constants: Vec::new(),
            bodies: BTreeMap::new(),
            captures: BTreeMap::new(),
            change: None,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attributes.get(name).map_or(default, |attribute| attribute.int)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name, default.into()) != 0
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attributes.get(name).map_or(default, |attribute| attribute.float)
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.attributes.get(name).map_or_else(|| default.into(), |a| a.text.clone())
    }

    /// A list of integers; none where the attribute is not there.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attributes.get(name).map(|attribute| attribute.ints.clone())
    }

    /// A list of integers, moved out: lists of trees are too long to be copied, and nothing else reads them.
    pub(super) fn take_ints(&mut self, name: &str) -> Vec<i64> {
        let attribute = self.attributes.get_mut(name);
        attribute.map(|attribute| std::mem::take(&mut attribute.ints)).unwrap_or_default()
    }

    /// A list of strings; it is taken out of the node.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let attribute = self.attributes.get_mut(name);
        attribute.map(|attribute| std::mem::take(&mut attribute.texts)).unwrap_or_default()
    }

    /// A list of floats, taken out of the node; newer models write it as a tensor under
    /// `NAME_as_tensor`.
    pub(super) fn floats(&mut self, name: &str) -> Result<Vec<f32>> {
        if let Some(attribute) = self.attributes.get_mut(name).filter(|a| !a.floats.is_empty()) {
            return Ok(std::mem::take(&mut attribute.floats));
        }
        match self.tensor(&format!("{name}_as_tensor")) {
            Some(tensor) => Ok(tensor.floats()?.into_owned()),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.attributes.get(name).and_then(|attribute| attribute.tensor.as_ref())
    }

    /// Class labels from one of two attributes; they may be empty.
    pub(super) fn labels(&mut self, ints: &str, texts: &str) -> Labels {
        let names = self.texts(texts);
        match self.ints(ints) {
            Some(ints) if !ints.is_empty() => Labels::Ints(ints),
            _ => Labels::Texts(names.into_iter().map(Arc::from).collect()),
        }
    }

    /// The value of an input, where it is known already and is a tensor.
    pub(super) fn constant(&self, at: usize) -> Option<&'a Tensor> {
        self.constants.get(at).copied().flatten().and_then(|value| value.tensor().ok())
    }
}

impl Node<'_> {
    /// The range of the integers that an operator makes: that of the type of its zero point, or by
    /// `output_dtype`, or else 8 bits without a sign. Tensors do not keep narrow types.
    pub(super) fn quantized_range(&self, zero: usize) -> Result<(i64, i64)> {
        let element = match self.constants.get(zero) {
            Some(_) if self.elements.get(zero).is_some_and(|&element| element != ABSENT) => {
                self.elements[zero]
            }
            _ => match self.int("output_dtype", 0) {
                0 => 2,
                element => element,
            },
        };
        range(element).ok_or_else(|| {
            let text = match element {
                0 => "a zero point that is computed".into(),
                element => format!("a zero point of {}", name(element)),
            };
            ModelError::Unsupported(format!("operator {} with {text}", self.operator))
        })
    }
}

/// The element type of an input that is left out.
pub(super) const ABSENT: i64 = -1;

/// An operator that is not there.
pub(super) fn unknown(node: &Node<'_>, domain: &str) -> ModelError {
    let dot = if domain.is_empty() { "" } else { "." };
    ModelError::Unsupported(format!("operator {domain}{dot}{}", node.operator))
}
