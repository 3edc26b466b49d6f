//! From a graph to a plan: each name is resolved, each node gets its kernel, and whatever depends
//! on constants alone is computed once.

use super::kernel::{ABSENT, Inputs, Node, Outputs, unknown};
use super::plan::{Plan, Source, Step};
use super::proto::{GraphProto, NodeProto};
use super::{core, ml};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Work that may be spent on constants at load, and the bytes that they may take.
const FOLD_WORK: u64 = 1 << 24;
const FOLD_BYTES: usize = 64 << 20;

/// A constant up to this size is copied into the graphs that use it.
const COPIED: usize = 1 << 16;

/// Makes plans, and remembers what the model asked for.
pub(super) struct Compiler<'m> {
    opsets: &'m BTreeMap<String, i64>,
    /// The operators that the model uses, with their domains.
    pub(super) operators: BTreeSet<String>,
    unsupported: BTreeSet<String>,
    run: Run<'static>,
}

impl<'m> Compiler<'m> {
    pub(super) fn new(opsets: &'m BTreeMap<String, i64>) -> Self {
        Self {
            opsets,
            operators: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            run: Run::short(FOLD_WORK, FOLD_BYTES),
        }
    }

    /// Makes the plan of the outermost graph.
    ///
    /// # Errors
    /// Unsupported operators, all of them by name; names that nothing makes; bad attributes.
    pub(super) fn model(&mut self, graph: GraphProto) -> Result<Plan> {
        let plan = self.graph(graph, Vec::new());
        if self.unsupported.is_empty() {
            return plan;
        }
        let names: Vec<_> = self.unsupported.iter().map(String::as_str).collect();
        let word = if names.len() == 1 { "operator" } else { "operators" };
        Err(ModelError::Unsupported(format!("{word} {}", names.join(", "))))
    }

    /// Makes the plan of a graph whose last inputs are the values `captured` from outside.
    fn graph(&mut self, graph: GraphProto, captured: Vec<Captured>) -> Result<Plan> {
        let mut scope = Scope::default();
        scope.elements.extend(graph.elements);
        let constant: HashSet<&str> = graph.initializers.iter().map(|(n, _)| n.as_str()).collect();
        for input in graph.inputs.iter().filter(|input| !constant.contains(input.name.as_str())) {
            scope.slot(&input.name)?;
        }
        for Captured { name, value, element } in captured {
            scope.elements.insert(name.clone(), element);
            match value {
                Some(value) => scope.constant(&name, value)?,
                None => scope.slot(&name).map(|_| ())?,
            }
        }
        scope.inputs = scope.slots;
        for (name, tensor) in graph.initializers {
            scope.constant(&name, tensor.into())?;
        }
        for node in graph.nodes {
            self.node(node, &mut scope)?;
        }
        let outputs = graph.outputs.iter().map(|output| scope.find(&output.name));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        Ok(scope.finish(outputs))
    }

    fn node(&mut self, mut proto: NodeProto, scope: &mut Scope) -> Result<()> {
        let (operator, name) = (proto.operator.clone(), proto.name.clone());
        let result = self.place(&mut proto, scope);
        result.map_err(|error| match error {
            // Names that nobody makes are a fault of the graph, not of an operator.
            error @ ModelError::Damaged(_) => error,
            error => error.within(&operator, &name),
        })
    }

    fn place(&mut self, proto: &mut NodeProto, scope: &mut Scope) -> Result<()> {
        let dot = if proto.domain.is_empty() { "" } else { "." };
        self.operators.insert(format!("{}{dot}{}", proto.domain, proto.operator));
        let mut inputs = proto
            .inputs
            .iter()
            .map(|name| if name.is_empty() { Ok(Source::Absent) } else { scope.find(name) })
            .collect::<Result<Vec<_>>>()?;
        if let ("", "Identity", [source], [output]) =
            (&*proto.domain, &*proto.operator, &inputs[..], &proto.outputs[..])
            && *source != Source::Absent
        {
            scope.elements.insert(output.clone(), scope.element(&proto.inputs[0]));
            return scope.define(output, *source);
        }
        let opset = self.opsets.get(&proto.domain).copied().unwrap_or(1);
        let mut node = Node::new(proto, opset);
        node.elements = proto.inputs.iter().map(|name| scope.element(name)).collect();
        self.bodies(&mut node, &mut inputs, scope)?;
        node.constants = inputs.iter().map(|&input| scope.value(input)).collect();
        let foldable = node.bodies.is_empty() && node.constants.iter().all(Option::is_some);
        let made = match proto.domain.as_str() {
            "" => core::kernel(&mut node),
            "ai.onnx.ml" => ml::kernel(&mut node),
            "com.microsoft" => core::contributed(&mut node),
            _ => Ok(None),
        };
        let kernel = match made {
            Ok(Some(kernel)) => kernel,
            Ok(None) | Err(ModelError::Unsupported(_)) => {
                let ModelError::Unsupported(what) = (match made {
                    Err(error) => error,
                    _ => unknown(&node, &proto.domain),
                }) else {
                    return Ok(());
                };
                self.unsupported.insert(what.trim_start_matches("operator ").into());
                return proto.outputs.iter().try_for_each(|name| scope.slot(name).map(|_| ()));
            }
            Err(error) => return Err(error),
        };
        if foldable {
            let values = std::mem::take(&mut node.constants);
            if let Ok(outputs) = kernel(&Inputs::new(&values, &self.run)) {
                if let [output] = &proto.outputs[..] {
                    scope.elements.insert(output.clone(), element(&node));
                }
                return self.fold(outputs, &proto.outputs, scope);
            }
        }
        let change = node.change.take();
        drop(node);
        let outputs = proto
            .outputs
            .iter()
            .map(|name| if name.is_empty() { Ok(None) } else { scope.slot(name).map(Some) })
            .collect::<Result<Vec<_>>>()?;
        let (operator, name) = (proto.operator.clone(), proto.name.clone());
        scope.steps.push(Step {
            kernel,
            change,
            operator,
            name,
            inputs,
            outputs,
            spent: Vec::new(),
        });
        Ok(())
    }

    /// Compiles the graphs of a node; what they read from outside becomes inputs of the node.
    fn bodies(
        &mut self,
        node: &mut Node<'_>,
        inputs: &mut Vec<Source>,
        scope: &Scope,
    ) -> Result<()> {
        let names: Vec<String> = node.attributes.keys().cloned().collect();
        for name in names {
            let Some(graph) = node.attributes.get_mut(&name).and_then(|a| a.graph.take()) else {
                continue;
            };
            let (mut captured, start) = (Vec::new(), inputs.len());
            for free in free_names(&graph) {
                let source = scope.find(&free)?;
                let value = scope.value(source).filter(|value| value.bytes() <= COPIED).cloned();
                if value.is_none() {
                    inputs.push(source);
                }
                let element = scope.element(&free);
                captured.push(Captured { name: free, value, element });
            }
            node.captures.insert(name.clone(), start..inputs.len());
            let plan = self.graph(graph, captured)?;
            node.bodies.insert(name, plan);
        }
        Ok(())
    }

    fn fold(&self, outputs: Outputs, names: &[String], scope: &mut Scope) -> Result<()> {
        let values = match outputs {
            Outputs::One(value) => vec![value],
            Outputs::Many(values) => values.into_vec(),
        };
        for (name, value) in names.iter().zip(values).filter(|(name, _)| !name.is_empty()) {
            self.run.hold(value.bytes())?;
            scope.constant(name, value)?;
        }
        Ok(())
    }
}

/// A name that a graph reads from outside, with its value where it is known.
struct Captured {
    name: String,
    value: Option<Value>,
    element: i64,
}

/// `TensorProto.DataType` of the constant that a node makes; 0 where it says nothing about it.
fn element(node: &Node<'_>) -> i64 {
    match node.operator.as_str() {
        "Constant" => node.attributes.get("value").map_or(0, |value| value.element),
        "Cast" => node.int("to", 0),
        "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" => {
            node.elements.first().copied().unwrap_or(0)
        }
        _ => 0,
    }
}

/// The names that are known at some point of a graph.
#[derive(Default)]
struct Scope {
    names: HashMap<String, Source>,
    /// `TensorProto.DataType` of constants.
    elements: HashMap<String, i64>,
    constants: Vec<Value>,
    steps: Vec<Step>,
    inputs: u32,
    slots: u32,
}

impl Scope {
    fn find(&self, name: &str) -> Result<Source> {
        self.names.get(name).copied().ok_or_else(|| {
            ModelError::Damaged(format!("'{name}' is read, but nothing has made it by then"))
        })
    }

    fn element(&self, name: &str) -> i64 {
        if name.is_empty() { ABSENT } else { self.elements.get(name).copied().unwrap_or(0) }
    }

    fn value(&self, source: Source) -> Option<&Value> {
        match source {
            Source::Constant(at) => self.constants.get(at as usize),
            _ => None,
        }
    }

    fn define(&mut self, name: &str, source: Source) -> Result<()> {
        match self.names.insert(name.into(), source) {
            None => Ok(()),
            Some(_) => Err(ModelError::Damaged(format!("'{name}' is made twice"))),
        }
    }

    fn slot(&mut self, name: &str) -> Result<u32> {
        let slot = self.slots;
        self.define(name, Source::Slot(slot))?;
        self.slots += 1;
        Ok(slot)
    }

    fn constant(&mut self, name: &str, value: Value) -> Result<()> {
        self.define(name, Source::Constant(self.constants.len() as u32))?;
        self.constants.push(value);
        Ok(())
    }

    /// Notes after which step each slot is no longer needed.
    fn finish(mut self, outputs: Vec<Source>) -> Plan {
        let mut seen: HashSet<u32> = outputs.iter().filter_map(|&output| slot_of(output)).collect();
        for step in self.steps.iter_mut().rev() {
            let read = step.inputs.iter().filter_map(|&input| slot_of(input));
            let made = step.outputs.iter().filter_map(|&output| output);
            for slot in read.chain(made).collect::<Vec<_>>() {
                if slot >= self.inputs && seen.insert(slot) {
                    step.spent.push(slot);
                }
            }
        }
        Plan {
            constants: self.constants,
            inputs: self.inputs as usize,
            slots: self.slots as usize,
            steps: self.steps,
            outputs,
        }
    }
}

fn slot_of(source: Source) -> Option<u32> {
    match source {
        Source::Slot(slot) => Some(slot),
        _ => None,
    }
}

/// The names that a graph reads and does not make itself, in a fixed order.
fn free_names(graph: &GraphProto) -> BTreeSet<String> {
    let mut free = BTreeSet::new();
    for node in &graph.nodes {
        free.extend(node.inputs.iter().filter(|name| !name.is_empty()).cloned());
        for body in node.attributes.values().filter_map(|attribute| attribute.graph.as_ref()) {
            free.extend(free_names(body));
        }
    }
    free.extend(graph.outputs.iter().map(|output| output.name.clone()));
    let inputs = graph.inputs.iter().map(|input| &input.name);
    let constants = graph.initializers.iter().map(|(name, _)| name);
    let made = graph.nodes.iter().flat_map(|node| &node.outputs);
    for name in inputs.chain(constants).chain(made) {
        free.remove(name);
    }
    free
}
