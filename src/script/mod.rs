//! The script host: a Rhai script as a [`crate::agent::Handler`].
//!
//! Read in this order: `host/program.rs` (compile, call), `declaration/` (`info()` and the options),
//! `host/handler/` (what happens with a point), `state/` (one state for each group, snapshots),
//! `folder/` (one function for all scripts of a folder), `lint/` (what `check` warns of), `collection/` (objects that
//! hold any values), `api/` (what a script can touch), `engine/` (the interpreter and its limits).

mod api;
mod collection;
pub mod config;
mod declaration;
mod engine;
mod error;
mod expression;
pub mod folder;
pub mod format;
mod formula;
mod host;
mod library;
mod lint;
mod printf;
pub mod reference;
mod state;
pub mod syntax;
mod text;
pub(crate) mod throttle;
mod vocabulary;

pub use crate::nearest::nearest;
pub use api::LOG_TARGET;
pub use declaration::{Declaration, OptionSpec, StateScope, type_name};
pub use error::{OutputProblem, Problem, ScriptError};
pub use expression::Expression;
pub use formula::{Chance, Formula, Formulas, Variable};
pub use host::callback::Callback;
pub use host::handler::{Changed, Chosen, ScriptHandler, WorkerReport};
pub use host::program::Program;
pub use host::reload::{Follow, Watcher};
pub use state::regroup::regroup;
pub use state::view::{GroupView, SnapshotView};
pub use text::ScriptText;
pub use vocabulary::Vocabulary;

/// Whether a script can use this name: an identifier that is not a reserved word.
pub fn is_name(text: &str) -> bool {
    let mut engine = engine::engine(&config::Limits::default(), &crate::agent::Pulse::default());
    engine.set_strict_variables(false);
    rhai::is_valid_identifier(text) && engine.compile(format!("let {text} = 1; {text}")).is_ok()
}
