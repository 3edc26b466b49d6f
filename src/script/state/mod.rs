//! The states of all groups: in memory, as bytes, and in files.
//!
//! [`groups`] holds them in the order in which they were last seen; [`codec`] writes a script's
//! values, [`snapshot`] those of all groups; [`fit`] says whether they are what a script expects; [`store`] keeps snapshots in a folder; [`view`] shows
//! a snapshot to people.

pub(super) mod bounds;
pub(super) mod checkpoint;
pub(super) mod codec;
pub(super) mod fit;
pub(super) mod groups;
mod id;
pub(super) mod regroup;
pub(super) mod snapshot;
pub(super) mod store;
pub(super) mod view;
