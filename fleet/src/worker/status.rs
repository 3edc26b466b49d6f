//! The heartbeat that a worker sends each second.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// The worker.
    pub(crate) worker: String,
    /// When it began, in nanoseconds since the epoch: of two with one name, the later one leaves.
    #[serde(default)]
    pub(crate) began: u64,
    /// The layout that it knows.
    pub(crate) generation: u64,
    /// Whether it is handing over its partitions and takes no others.
    pub(crate) leaving: bool,
    /// Its partitions.
    pub(crate) partitions: Vec<PartitionStatus>,
    /// The counters since it began.
    pub(crate) counters: Counters,
}

/// The counters of a worker since it began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Partitions that were taken over.
    pub(crate) takeovers: u64,
    /// Writes that were refused since another worker has the partition.
    pub(crate) fenced: u64,
    /// Gaps in the input or the journal.
    pub(crate) gaps: u64,
    /// Errors of servers that were tried again.
    pub(crate) retries: u64,
    /// Errors that stopped a partition.
    pub(crate) stops: u64,
}

/// The stage of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// It is being taken over.
    #[default]
    Starting,
    /// It has stopped and waits for an operator.
    Stopped,
    /// It repeats the messages whose output is already in the journal.
    Replaying,
    /// It is running.
    Running,
}

/// The status of a partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartitionStatus {
    /// Its number.
    pub(crate) number: u32,
    /// What it does.
    pub(crate) stage: Stage,
    /// Why it is stopped.
    pub(crate) why: Option<String>,
    /// The version that runs.
    pub(crate) version: String,
    /// The current version if the partition refuses it, with the reason.
    pub(crate) refused: Option<(String, String)>,
    /// The last message of the input that was played.
    pub(crate) position: u64,
    /// Messages that wait.
    pub(crate) lag: u64,
    /// How long the oldest of them has waited, in seconds.
    pub(crate) lag_seconds: f64,
    /// When the last checkpoint was stored, in seconds since the epoch.
    pub(crate) checkpoint_at: f64,
    /// Its bytes.
    pub(crate) checkpoint_bytes: u64,
    /// The last message that it holds.
    pub(crate) checkpoint_position: u64,
    /// Of the outlet: how far each journal is copied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) copied: BTreeMap<u32, u64>,
    /// The last record of output in its journal.
    #[serde(default)]
    pub(crate) written: u64,
    /// Points that were played.
    pub(crate) points_in: u64,
    /// Points that came out and were written.
    pub(crate) points_out: u64,
    /// Alerts that came out and were written.
    pub(crate) alerts_out: u64,
    /// Lines of the input that were not valid points.
    pub(crate) bad_lines: u64,
    /// Seconds that the script and its engine took.
    pub(crate) busy_seconds: f64,
    /// Seconds that the last takeover took, until new output could be written.
    pub(crate) takeover_seconds: f64,
}

/// Seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
