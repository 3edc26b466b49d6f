//! A node as a script defines it, before it runs.

pub mod definitions;
mod links;
pub mod object;
pub mod spec;

pub use definitions::Definitions;

use crate::protocol::message::InfoResponse;
use crate::tick::definition::object::Object;
use crate::tick::definition::spec::Spec;
use crate::tick::flow::Edge;

/// A node as the script defines it.
#[derive(Debug)]
pub struct Definition {
    /// The name as the script writes it: `from`, `alert`, `tTest`.
    pub name: String,
    /// What kind of node it is.
    pub kind: Kind,
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
pub enum Kind {
    /// `stream` or `batch`.
    Source,
    /// A node of the language.
    Node(&'static Spec),
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
