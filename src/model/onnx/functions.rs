//! Functions that a model brings along: each call is replaced by the function's nodes.

use super::proto::{Attribute, FunctionProto, GraphProto, NodeProto};
use crate::model::error::{ModelError, Result};
use std::collections::{BTreeMap, HashMap};

/// The nodes that all calls together may become, and how deep calls may lie in each other.
const NODES: usize = 200_000;
const DEPTH: usize = 32;

/// Replaces the calls in a graph and in the graphs of its nodes.
pub(super) fn inline(graph: &mut GraphProto, functions: &[FunctionProto]) -> Result<()> {
    if functions.is_empty() {
        return Ok(());
    }
    let table = functions.iter().map(|f| ((f.domain.clone(), f.name.clone()), f)).collect();
    Inliner { table, calls: 0, nodes: 0 }.graph(graph, DEPTH)
}

struct Inliner<'f> {
    table: HashMap<(String, String), &'f FunctionProto>,
    calls: usize,
    nodes: usize,
}

impl Inliner<'_> {
    fn graph(&mut self, graph: &mut GraphProto, depth: usize) -> Result<()> {
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for mut node in std::mem::take(&mut graph.nodes) {
            for attribute in node.attributes.values_mut() {
                if let Some(body) = &mut attribute.graph {
                    self.graph(body, depth)?;
                }
            }
            self.node(node, depth, &mut nodes)?;
        }
        graph.nodes = nodes;
        Ok(())
    }

    fn node(&mut self, node: NodeProto, depth: usize, to: &mut Vec<NodeProto>) -> Result<()> {
        let key = (node.domain.clone(), node.operator.clone());
        let Some(function) = self.table.get(&key).copied() else {
            to.push(node);
            return Ok(());
        };
        self.calls += 1;
        self.nodes += function.nodes.len();
        if depth == 0 || self.nodes > NODES {
            let text = format!("function '{}' calls itself, or too many others", function.name);
            return Err(ModelError::Damaged(text));
        }
        let names = renaming(function, &node, self.calls);
        for mut inner in function.nodes.iter().cloned() {
            rename(&mut inner, &names);
            give_attributes(&mut inner, &node.attributes, &function.defaults);
            for attribute in inner.attributes.values_mut() {
                if let Some(body) = &mut attribute.graph {
                    self.graph(body, depth - 1)?;
                }
            }
            self.node(inner, depth - 1, to)?;
        }
        Ok(())
    }
}

/// Inner names to outer ones: those of the caller, else unique ones.
fn renaming(function: &FunctionProto, call: &NodeProto, number: usize) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for inner in made(&function.nodes).into_iter().filter(|name| !name.is_empty()) {
        names.insert(inner.clone(), format!("{}#{number}/{inner}", function.name));
    }
    for (at, output) in function.outputs.iter().enumerate() {
        if let Some(outer) = call.outputs.get(at).filter(|outer| !outer.is_empty()) {
            names.insert(output.clone(), outer.clone());
        }
    }
    for (at, input) in function.inputs.iter().enumerate() {
        names.insert(input.clone(), call.inputs.get(at).cloned().unwrap_or_default());
    }
    names
}

/// The names that nodes and the graphs inside of them make. Those of the graphs are among them
/// because a caller may use the same names for what it puts into the function.
fn made(nodes: &[NodeProto]) -> Vec<&String> {
    let mut names: Vec<&String> = nodes.iter().flat_map(|node| &node.outputs).collect();
    let attributes = nodes.iter().flat_map(|node| node.attributes.values());
    for graph in attributes.filter_map(|attribute| attribute.graph.as_ref()) {
        names.extend(graph.inputs.iter().map(|input| &input.name));
        names.extend(graph.initializers.iter().map(|(name, _)| name));
        names.extend(made(&graph.nodes));
    }
    names
}

fn rename(node: &mut NodeProto, names: &HashMap<String, String>) {
    for name in node.inputs.iter_mut().chain(&mut node.outputs) {
        if let Some(outer) = names.get(name) {
            name.clone_from(outer);
        }
    }
    for graph in node.attributes.values_mut().filter_map(|a| a.graph.as_mut()) {
        graph.nodes.iter_mut().for_each(|node| rename(node, names));
        let ports = graph.outputs.iter_mut().chain(&mut graph.inputs).map(|port| &mut port.name);
        let constants = graph.initializers.iter_mut().map(|(name, _)| name);
        let elements = graph.elements.iter_mut().map(|(name, _)| name);
        for name in ports.chain(constants).chain(elements) {
            if let Some(outer) = names.get(name) {
                name.clone_from(outer);
            }
        }
    }
}

/// Puts the caller's attributes, or their defaults, where the function refers to them.
fn give_attributes(
    node: &mut NodeProto,
    given: &BTreeMap<String, Attribute>,
    defaults: &BTreeMap<String, Attribute>,
) {
    let mut absent = Vec::new();
    for (name, attribute) in &mut node.attributes {
        if !attribute.refers_to.is_empty() {
            match given.get(&attribute.refers_to).or_else(|| defaults.get(&attribute.refers_to)) {
                Some(value) => *attribute = value.clone(),
                None => absent.push(name.clone()),
            }
        }
        if let Some(graph) = &mut attribute.graph {
            graph.nodes.iter_mut().for_each(|node| give_attributes(node, given, defaults));
        }
    }
    for name in absent {
        node.attributes.remove(&name);
    }
}
