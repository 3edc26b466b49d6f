//! What flows between nodes, and what a node is.
//!
//! Messages are pushed: a source hands a message to a node, and the node hands its results to its children. Each node
//! separates the groups itself. Only windows, joins and functions that handle chunks keep messages, so the memory
//! does not depend on the length of the data.

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
