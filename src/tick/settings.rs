//! The name of a task, and what it is given from outside.

use super::definition::object::Object;
use crate::protocol::group::Shard;
use std::collections::BTreeMap;

/// The name of a task, and what it is given from outside.
#[derive(Debug, Clone, Default)]
pub struct TaskSettings {
    /// The task's id, which alerts and UDFs see.
    pub id: String,
    /// Variables given from outside, which replace the script's.
    pub variables: BTreeMap<String, Object>,
    /// How many replicas autoscale nodes find at the beginning, by the names of resources.
    pub replicas: BTreeMap<String, i64>,
    /// The database and retention policy of data that has none; by default those of the script's first `dbrp`.
    pub dbrp: Option<(String, String)>,
    /// The part of the groups that is played; `None` for all.
    pub shard: Option<Shard>,
}
