//! The script host: a Rhai script as a [`crate::agent::Handler`].
//!
//! Read in this order: [`program`](Program) (compile, call), [`Declaration`] (`info()`, options),
//! `handler.rs` (what happens with a point), `state.rs` (one state for each group, snapshots),
//! `api/` (what a script can touch).

mod api;
mod chunks;
mod codec;
mod declaration;
mod error;
mod expression;
mod groups;
mod guard;
mod handler;
mod host;
mod instance;
mod journal;
mod limits;
mod modules;
mod program;
mod recorder;
mod reload;
mod rescue;
mod state;
mod store;
mod succession;
mod throttle;
mod view;

pub use declaration::{Declaration, OptionSpec, Scope, type_name};
pub use error::{OutputProblem, Problem, ScriptError};
pub use expression::Expression;
pub use handler::ScriptHandler;
pub use program::{Callback, Program, Source};
pub use reload::{Follow, Watcher};
pub use view::{GroupView, SnapshotView};
