//! A running script: the compiled program, its states and its reloads.
//!
//! [`program`] compiles a script and calls its [`callback`]s, whose bodies [`body`] and [`rewrite`] prepare;
//! [`instance`] is a program with its options and states; [`handler`] takes the daemon's requests; [`guard`] and
//! [`journal`] undo failed calls; [`reload`] and [`succession`] bring in a new version.

mod body;
pub(super) mod callback;
mod chunks;
mod constants;
mod flight_recorder;
mod guard;
pub(super) mod handler;
mod instance;
mod journal;
mod lent;
mod literal;
pub(super) mod program;
pub(super) mod reload;
mod rescue;
mod rewrite;
mod succession;

pub(super) use lent::{Emission, Host};
