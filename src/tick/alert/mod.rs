//! What an alert says: its [`Level`], the [`AlertEvent`] with its texts, and data as the daemon's JSON.

mod event;
mod level;
pub(crate) mod row;
pub(crate) mod texts;

pub use event::AlertEvent;
pub use level::Level;
