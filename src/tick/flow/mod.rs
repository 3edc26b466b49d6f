//! What flows between nodes, and what a node is.
//!
//! The flow is pushed: a source hands a message to a node, which hands what it makes of it to its
//! children. Groups are kept apart by each node. Only windows, joins and functions that take chunks
//! hold messages back, so the memory does not depend on the length of the data.

mod by_group;
mod memory;
mod message;
mod node;
mod outside;
mod remote;
mod scope;
mod signal;
mod unseen;
pub mod words;

pub use by_group::ByGroup;
pub use memory::{Common, Memory, Remembered};
pub use message::{Edge, Message, Pool};
pub use node::{Node, Outbox, Sent, Tally};
pub use outside::{LevelChange, Outside, Write};
pub use remote::{HttpPost, PostTarget, Scaling};
pub use scope::{PointScope, field_value, set_field};
pub use signal::{Flowing, Group, News, Signal};
pub use unseen::{NameKind, Names, Unseen, Wanted};
