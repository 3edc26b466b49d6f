//! TICKscript: the language in which Kapacitor's tasks are written, and the nodes it replays.
//!
//! Read in this order: [`lexer`], [`ast`] and [`parser`] (a script becomes a tree), [`lambda`] with
//! [`functions`] (its expressions, evaluated on points), [`template`] (the texts of alerts).

pub mod ast;
pub mod duration;
pub mod error;
pub mod functions;
pub mod lambda;
#[cfg(test)]
mod language_tests;
pub mod lexer;
pub mod parser;
pub mod template;
mod template_exec;
mod template_functions;
#[cfg(test)]
mod template_tests;
pub mod template_value;
mod text;

pub use error::{Place, Source, TickError};
