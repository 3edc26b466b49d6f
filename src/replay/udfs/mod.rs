//! How the functions of a task are run: [`registry`] knows them by name, [`local`] runs a handler in
//! memory, [`external`] talks to another program.

pub mod external;
pub mod local;
pub mod registry;

pub use registry::{UdfCommand, UdfRegistry};
