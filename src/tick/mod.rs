//! TICKscript: the language in which Kapacitor's tasks are written, and the task graph itself.
//!
//! This module uses the protocol only. How functions are run ([`udf::Udfs`]) and where effects go
//! ([`flow::Outside`]) is handed in by whoever plays data through a [`Graph`].
//!
//! Read in this order: [`syntax`] (a script becomes a tree), [`lambda`] (its expressions, evaluated
//! on points), [`template`] (the texts of alerts), [`definition`] (the tree becomes nodes with their
//! properties), [`flow`] (what flows between nodes), [`udf`] (the boundary to functions), `nodes`
//! (one file each) and [`graph`] (the nodes, running).

pub mod alert;
pub mod condition;
pub mod definition;
pub mod error;
pub mod flow;
pub mod graph;
pub mod lambda;
#[cfg(test)]
pub(crate) mod language_tests;
mod nodes;
mod settings;
pub mod syntax;
pub mod template;
#[cfg(test)]
mod tests;
mod text;
pub mod udf;

pub use definition::definitions::parse_value;
pub use definition::query::Query;
pub use error::{Place, TickError, TickText};
pub use graph::{Collected, CollectedEvent, Graph, NodeIdentity, NodeState, Resumed};
pub(crate) use nodes::reduce;
pub use settings::TaskSettings;
