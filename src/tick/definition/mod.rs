//! A node as a script defines it, before it runs.

mod builder;
mod deadman;
pub mod definitions;
mod evaluator;
pub mod handlers;
mod links;
pub mod object;
pub mod query;
mod sharding;
pub mod spec;
mod spread;

pub use builder::Builder;
pub use definitions::Definitions;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::protocol::message::InfoResponse;
use crate::tick::definition::object::Object;
use crate::tick::definition::spec::NodeSpec;
use crate::tick::flow::Edge;

/// A node as the script defines it.
#[derive(Debug)]
pub struct Definition {
    /// The name as the script writes it: `from`, `alert`, `tTest`.
    pub name: String,
    /// What kind of node it is.
    pub kind: NodeKind,
    /// The arguments.
    pub arguments: Vec<Object>,
    /// The properties in the order of the script.
    pub properties: Vec<Property>,
    /// The numbers of its parents.
    pub parents: Vec<usize>,
    /// What flows into it.
    pub wants: Edge,
    /// What flows out of it.
    pub provides: Edge,
    /// Its offset in the script.
    pub at: usize,
}

/// A kind of node.
#[derive(Debug)]
pub enum NodeKind {
    /// `stream` or `batch`.
    Source,
    /// A node of the language.
    Node(&'static NodeSpec),
    /// An output, which hands its input to the outside.
    Output,
    /// A user defined function, and what it declares.
    Udf(Box<InfoResponse>),
}

/// A property and its arguments.
#[derive(Debug, Clone)]
pub struct Property {
    /// The name; a UDF's as written, else as `spec` has it.
    pub name: String,
    /// The handler of an alert that it belongs to.
    pub handler: Option<&'static str>,
    /// The arguments.
    pub arguments: Vec<Object>,
    /// Its offset in the script.
    pub at: usize,
}

/// A property of alerts that no script can write: the id is the measurement and the group's tags.
pub(crate) const PLAIN_ID: &str = "plain id";

/// A property of windows that no script can write: what they hold at the end of the data is sent on.
pub(crate) const CLOSES: &str = "closes at the end";

/// How a node reads its arguments and properties, whose types are already checked.
impl Definition {
    /// Tells whether the node asks a database.
    pub(crate) fn is_query(&self) -> bool {
        self.is_node("query")
    }

    /// Tells whether it is the node of the language with that name.
    pub(crate) fn is_node(&self, name: &str) -> bool {
        self.name == name && matches!(self.kind, NodeKind::Node(_))
    }

    /// Returns the last call of a property that belongs to no handler.
    pub(crate) fn last(&self, name: &str) -> Option<&Property> {
        self.properties.iter().rev().find(|p| p.handler.is_none() && p.name == name)
    }

    /// Returns all calls of a property.
    pub(crate) fn all<'d>(&'d self, name: &'d str) -> impl Iterator<Item = &'d Property> {
        self.properties.iter().filter(move |p| p.handler.is_none() && p.name == name)
    }

    /// Tells whether a property was called.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// Returns the first argument of the last call of a property.
    pub(crate) fn value(&self, name: &str) -> Option<&Object> {
        self.last(name)?.arguments.first()
    }

    pub(crate) fn string(&self, name: &str) -> Option<Rc<str>> {
        self.value(name).and_then(Object::as_string)
    }

    /// Returns all arguments of the last call of a property.
    pub(crate) fn strings(&self, name: &str) -> Vec<Rc<str>> {
        strings(self.last(name).map_or(&[], |property| &property.arguments))
    }

    /// Tells whether the node changes numbers of replicas.
    pub(crate) fn scales(&self) -> bool {
        ["k8sAutoscale", "swarmAutoscale", "ec2Autoscale"].iter().any(|name| self.is_node(name))
    }

    /// Returns the names and values of `.tag()`, sorted; a tag that is named twice has its last value.
    pub(crate) fn tags(&self) -> Vec<(Rc<str>, Rc<str>)> {
        let pair = |property: &Property| match property.arguments.as_slice() {
            [Object::String(name), Object::String(value)] => Some((name.clone(), value.clone())),
            _ => None,
        };
        let tags: BTreeMap<_, _> = self.all("tag").filter_map(pair).collect();
        tags.into_iter().collect()
    }

    pub(crate) fn duration(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Object::as_duration)
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Object::as_int)
    }

    /// Returns the first argument of the node.
    pub(crate) fn argument(&self) -> Option<&Object> {
        self.arguments.first()
    }
}

/// Returns the strings among arguments.
pub(crate) fn strings(arguments: &[Object]) -> Vec<Rc<str>> {
    arguments.iter().filter_map(Object::as_string).collect()
}
