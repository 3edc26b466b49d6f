//! The messages of ONNX, read from the wire: a model, its graph, nodes and their attributes.
//!
//! Field numbers are those of `onnx.proto`. What evaluation does not need (documentation, value
//! types inside the graph, training information) is skipped.

use super::tensor_proto::{element, sparse, tensor};
use super::wire::{Field, fields};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::Tensor;
use std::collections::BTreeMap;

/// How deep graphs may lie in graphs.
const DEPTH: usize = 12;

/// `ModelProto`.
#[derive(Default)]
pub(super) struct ModelProto {
    pub(super) producer: String,
    pub(super) opsets: BTreeMap<String, i64>,
    pub(super) graph: Option<GraphProto>,
    pub(super) functions: Vec<FunctionProto>,
    pub(super) metadata: Vec<(String, String)>,
}

/// `GraphProto`.
#[derive(Clone, Default)]
pub(super) struct GraphProto {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<(String, Tensor)>,
    /// `TensorProto.DataType` of the initializers.
    pub(super) elements: Vec<(String, i64)>,
    pub(super) inputs: Vec<ValueInfo>,
    pub(super) outputs: Vec<ValueInfo>,
}

/// `NodeProto`.
#[derive(Clone, Default)]
pub(super) struct NodeProto {
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) name: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

/// `AttributeProto`: whichever of the values is meant is set.
#[derive(Clone, Default)]
pub(super) struct Attribute {
    pub(super) float: f32,
    pub(super) int: i64,
    pub(super) text: String,
    pub(super) tensor: Option<Tensor>,
    /// `TensorProto.DataType` of the tensor.
    pub(super) element: i64,
    pub(super) graph: Option<GraphProto>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) texts: Vec<String>,
    /// Inside a function: the name of the caller's attribute that stands here.
    pub(super) refers_to: String,
}

/// `FunctionProto`: an operator that the model brings along, made of others.
#[derive(Clone, Default)]
pub(super) struct FunctionProto {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) defaults: BTreeMap<String, Attribute>,
}

/// `ValueInfoProto`: the name and the type of an input or output.
#[derive(Clone, Default)]
pub(super) struct ValueInfo {
    pub(super) name: String,
    /// `TensorProto.DataType`; 0 for what is no tensor.
    pub(super) element: i64,
    pub(super) shape: Option<Vec<Option<usize>>>,
}

/// Reads a whole model.
pub(super) fn model(bytes: &[u8]) -> Result<ModelProto> {
    let mut model = ModelProto::default();
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            2 => model.producer = field.text()?,
            7 => model.graph = Some(graph(field.bytes()?, DEPTH)?),
            8 => {
                let (domain, version) = opset(field.bytes()?)?;
                // A list that names a domain twice means the larger version.
                let entry = model.opsets.entry(domain).or_insert(version);
                *entry = version.max(*entry);
            }
            14 => model.metadata.push(pair(field.bytes()?)?),
            25 => model.functions.push(function(field.bytes()?)?),
            _ => {}
        }
    }
    Ok(model)
}

/// The domain's usual name: the standard operators have an empty one.
fn domain(name: String) -> String {
    if name == "ai.onnx" { String::new() } else { name }
}

fn opset(bytes: &[u8]) -> Result<(String, i64)> {
    let (mut name, mut version) = (String::new(), 0);
    for entry in fields(bytes) {
        match entry? {
            (1, field) => name = field.text()?,
            (2, field) => version = field.int()?,
            _ => {}
        }
    }
    Ok((domain(name), version))
}

fn pair(bytes: &[u8]) -> Result<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    for entry in fields(bytes) {
        match entry? {
            (1, field) => key = field.text()?,
            (2, field) => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn graph(bytes: &[u8], depth: usize) -> Result<GraphProto> {
    if depth == 0 {
        return Err(ModelError::damaged(format!("graphs lie more than {DEPTH} deep in graphs")));
    }
    let mut graph = GraphProto::default();
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            1 => graph.nodes.push(node(field.bytes()?, depth)?),
            5 => {
                let (name, tensor) = tensor(field.bytes()?)?;
                graph.elements.push((name.clone(), element(field.bytes()?)?));
                graph.initializers.push((name, tensor));
            }
            11 => graph.inputs.push(value_info(field.bytes()?)?),
            12 => graph.outputs.push(value_info(field.bytes()?)?),
            15 => graph.initializers.push(sparse(field.bytes()?)?),
            _ => {}
        }
    }
    Ok(graph)
}

fn node(bytes: &[u8], depth: usize) -> Result<NodeProto> {
    let mut node = NodeProto::default();
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            1 => node.inputs.push(field.text()?),
            2 => node.outputs.push(field.text()?),
            3 => node.name = field.text()?,
            4 => node.operator = field.text()?,
            5 => {
                let (name, attribute) = attribute(field.bytes()?, depth)?;
                node.attributes.insert(name, attribute);
            }
            7 => node.domain = domain(field.text()?),
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(bytes: &[u8], depth: usize) -> Result<(String, Attribute)> {
    let (mut name, mut attribute) = (String::new(), Attribute::default());
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            1 => name = field.text()?,
            2 => attribute.float = field.float()?,
            3 => attribute.int = field.int()?,
            4 => attribute.text = field.text()?,
            5 => {
                attribute.tensor = Some(tensor(field.bytes()?)?.1);
                attribute.element = element(field.bytes()?)?;
            }
            6 => attribute.graph = Some(graph(field.bytes()?, depth - 1)?),
            7 => field.floats(&mut attribute.floats)?,
            8 => field.ints(&mut attribute.ints)?,
            9 => attribute.texts.push(field.text()?),
            21 => attribute.refers_to = field.text()?,
            22 => attribute.tensor = Some(sparse(field.bytes()?)?.1),
            _ => {}
        }
    }
    Ok((name, attribute))
}

fn function(bytes: &[u8]) -> Result<FunctionProto> {
    let mut function = FunctionProto::default();
    for entry in fields(bytes) {
        let (number, field) = entry?;
        match number {
            1 => function.name = field.text()?,
            4 => function.inputs.push(field.text()?),
            5 => function.outputs.push(field.text()?),
            7 => function.nodes.push(node(field.bytes()?, DEPTH)?),
            10 => function.domain = domain(field.text()?),
            11 => {
                let (name, attribute) = attribute(field.bytes()?, DEPTH)?;
                function.defaults.insert(name, attribute);
            }
            _ => {}
        }
    }
    Ok(function)
}

fn value_info(bytes: &[u8]) -> Result<ValueInfo> {
    let mut info = ValueInfo::default();
    for entry in fields(bytes) {
        match entry? {
            (1, field) => info.name = field.text()?,
            (2, field) => value_type(field.bytes()?, &mut info)?,
            _ => {}
        }
    }
    Ok(info)
}

fn value_type(bytes: &[u8], info: &mut ValueInfo) -> Result<()> {
    for entry in fields(bytes) {
        // Sequences, maps and optional values keep the element type 0.
        let (1, field) = entry? else { continue };
        for entry in fields(field.bytes()?) {
            match entry? {
                (1, field) => info.element = field.int()?,
                (2, field) => info.shape = Some(dimensions(field)?),
                _ => {}
            }
        }
    }
    Ok(())
}

fn dimensions(field: Field<'_>) -> Result<Vec<Option<usize>>> {
    let mut sizes = Vec::new();
    for entry in fields(field.bytes()?) {
        let (1, dimension) = entry? else { continue };
        let mut size = None;
        for entry in fields(dimension.bytes()?) {
            if let (1, value) = entry? {
                size = usize::try_from(value.int()?).ok().filter(|&size| size > 0);
            }
        }
        sizes.push(size);
    }
    Ok(sizes)
}
