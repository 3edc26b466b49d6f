//! Nodes that are defined without a script, by code that knows what a script would define.

use super::definitions::Definitions;
use super::object::Object;
use super::spec::{self, Provides};
use super::{Definition, NodeKind, Property};
use crate::protocol::message::InfoResponse;
use crate::tick::flow::Edge;

/// Defines nodes one after the other: parents before children.
#[derive(Debug)]
pub struct Builder {
    definitions: Vec<Definition>,
}

impl Builder {
    /// Begins with `stream` or `batch`, which is node 0.
    pub fn new(edge: Edge) -> Self {
        let mut builder = Self { definitions: Vec::new() };
        let name = edge.to_string();
        builder.push(&name, NodeKind::Source, &[], Vec::new(), (Vec::new(), edge, edge));
        builder
    }

    /// Adds a node of the language with properties, which are not checked; returns its number.
    ///
    /// # Panics
    /// A name that the language does not have.
    pub fn node(
        &mut self,
        parent: usize,
        name: &str,
        arguments: &[Object],
        properties: &[(&str, Vec<Object>)],
    ) -> usize {
        let spec = spec::find(name).expect("the language has the node");
        let wants = self.definitions[parent].provides;
        let provides = match spec.provides {
            Provides::Stream => Edge::Stream,
            Provides::Batch => Edge::Batch,
            Provides::Same => wants,
        };
        let properties = properties.iter().map(|(name, arguments)| property(name, arguments));
        let edges = (vec![parent], wants, provides);
        self.push(spec.name, NodeKind::Node(spec), arguments, properties.collect(), edges)
    }

    /// Adds a function with its options; returns its number.
    pub fn udf(
        &mut self,
        parent: usize,
        name: &str,
        info: InfoResponse,
        options: Vec<(String, Vec<Object>)>,
    ) -> usize {
        let edges = (vec![parent], info.wants().into(), info.provides().into());
        let properties = options.iter().map(|(name, arguments)| property(name, arguments));
        self.push(name, NodeKind::Udf(Box::new(info)), &[], properties.collect(), edges)
    }

    /// Adds an output, which hands its input to the outside; returns its number.
    pub fn output(&mut self, parent: usize) -> usize {
        let edge = self.definitions[parent].provides;
        self.push("output", NodeKind::Output, &[], Vec::new(), (vec![parent], edge, edge))
    }

    fn push(
        &mut self,
        name: &str,
        kind: NodeKind,
        arguments: &[Object],
        properties: Vec<Property>,
        (parents, wants, provides): (Vec<usize>, Edge, Edge),
    ) -> usize {
        self.definitions.push(Definition {
            name: name.to_owned(),
            kind,
            arguments: arguments.to_vec(),
            properties,
            parents,
            wants,
            provides,
            at: 0,
        });
        self.definitions.len() - 1
    }
}

impl From<Builder> for Definitions {
    fn from(builder: Builder) -> Self {
        Self { definitions: builder.definitions, dbrps: Vec::new() }
    }
}

fn property(name: &str, arguments: &[Object]) -> Property {
    Property { name: name.to_owned(), handler: None, arguments: arguments.to_vec(), at: 0 }
}
