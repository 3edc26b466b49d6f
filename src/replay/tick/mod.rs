//! TICKscript: the language in which Kapacitor's tasks are written, and the nodes it replays.
//!
//! Read in this order: [`lexer`], [`ast`] and [`parser`] (a script becomes a tree), [`lambda`] with
//! [`functions`] (its expressions, evaluated on points), [`template`] (the texts of alerts),
//! [`program`] with [`spec`] (the tree becomes nodes and properties), [`flow`] (what flows between
//! nodes), [`udf`] (the boundary to functions; [`transport`] in memory, [`external`] as a process or
//! a server, [`registry`] by name), [`graph`] (the nodes, running), `nodes` (one each) and [`files`]
//! (where their effects go).

pub mod alert_event;
pub mod ast;
pub mod definition;
pub mod duration;
pub mod error;
pub mod external;
pub mod files;
pub mod flow;
pub mod functions;
pub mod graph;
pub mod lambda;
#[cfg(test)]
mod language_tests;
pub mod lexer;
mod links;
mod nodes;
pub mod object;
mod operators;
pub mod parser;
#[cfg(test)]
mod pipeline_tests;
pub mod program;
pub mod registry;
#[cfg(test)]
mod replay_tests;
pub mod spec;
pub mod template;
mod template_exec;
mod template_functions;
#[cfg(test)]
mod template_tests;
pub mod template_value;
mod text;
pub mod transport;
pub mod udf;

pub use error::{Place, Source, TickError};
pub use files::Files;
pub use graph::{Collected, Graph, Query, Task};
pub use program::parse_value;
pub use registry::{Program as UdfProgram, Registry};
