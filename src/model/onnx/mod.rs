//! ONNX models: read from their protocol buffers, compiled to a plan, run.
//!
//! Opsets 9 to 22 and `ai.onnx.ml` 1 to 5 are read; older and newer ones are tried, since most
//! operators are the same in all of them.

mod compile;
mod core;
mod functions;
mod kernel;
mod ml;
mod plan;
mod proto;
mod roles;
mod table;
mod tensor_proto;
mod wire;

use super::error::{ModelError, Result};
use super::port::{Port, PortKind};
use super::run::Run;
use super::value::{Labels, Value, Values};
use plan::Plan;
use proto::ValueInfo;
use table::Pipeline;
pub(super) use table::Table;

/// A graph that is ready to run, with what it says about itself.
pub(super) struct Onnx {
    plan: Plan,
    /// The plan as a pipeline, where it is one.
    pipeline: Option<Pipeline>,
    pub(super) producer: String,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) labels: Option<Labels>,
    pub(super) features: Option<Vec<String>>,
    pub(super) operators: Vec<String>,
    pub(super) opset: i64,
}

impl Onnx {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let model = proto::model(bytes)?;
        let Some(mut graph) = model.graph else {
            return Err(ModelError::damaged("it has no graph"));
        };
        if graph.outputs.is_empty() {
            return Err(ModelError::damaged("its graph has no outputs"));
        }
        functions::inline(&mut graph, &model.functions)?;
        let labels = roles::labels(&graph);
        let is_constant =
            |info: &ValueInfo| graph.initializers.iter().any(|(n, _)| *n == info.name);
        let inputs = graph.inputs.iter().filter(|info| !is_constant(info)).map(port).collect();
        let outputs = graph.outputs.iter().map(|info| roles::output(&graph, info)).collect();
        let mut compiler = compile::Compiler::new(&model.opsets);
        let plan = compiler.model(graph)?;
        Ok(Self {
            pipeline: Pipeline::of(&plan),
            plan,
            producer: model.producer,
            inputs,
            outputs,
            labels,
            features: roles::features(&model.metadata),
            operators: compiler.operators.into_iter().collect(),
            opset: model.opsets.get("").copied().unwrap_or(0),
        })
    }

    /// Whether the graph is a pipeline.
    pub(super) fn is_pipeline(&self) -> bool {
        self.pipeline.is_some()
    }

    /// Runs a pipeline on a table; other graphs leave it as it is.
    pub(super) fn change(&self, table: &mut Table, run: &Run<'_>) -> Result<()> {
        self.pipeline.iter().try_for_each(|pipeline| pipeline.run(&self.plan, table, run))
    }

    pub(super) fn run(&self, inputs: &[Option<&Value>], run: &Run<'_>) -> Result<Values> {
        self.plan.run(inputs, run)
    }
}

fn port(info: &ValueInfo) -> Port {
    let kind = tensor_proto::kind(info.element).map_or(PortKind::Other, PortKind::Tensor);
    let shape = info.shape.clone().filter(|shape| shape.len() <= super::tensor::MAX_RANK);
    Port { name: info.name.clone(), kind, shape }
}
