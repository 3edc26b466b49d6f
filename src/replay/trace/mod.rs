//! The course of a replay, as values that can be drawn: for each group the fields of its input, the fields of
//! the output and the levels of its alerts over time; thresholds, as far as conditions say them, and
//! labels. Everything is kept in bounded memory and without losing a spike (see `series`), whatever
//! the length of the data.
//!
//! A task is traced if its [`Show`](super::effects::Show) has [`TraceSettings`]; after
//! [`Player::finish`](super::Player::finish) the trace is taken by
//! [`Player::take_trace`](super::Player::take_trace):
//!
//! ```text
//! task.show.trace = Some(TraceSettings::default());
//! let mut player = Player::start(Task::Script(task), writers)?;
//! player.play(&mut *source, &mut |_| {})?;
//! player.finish(&anomalies)?;
//! let trace = player.take_trace();
//! let json = serde_json::to_string(&trace)?;
//! ```
//!
//! As JSON, times are milliseconds since the epoch, and `null` among the values breaks the line:
//!
//! ```json
//! { "groups": [ {
//!     "id": "host=a", "name": "cpu", "tags": { "host": "a" },
//!     "inputs":  [ { "udf": "", "field": "idle", "named": true, "count": 86400,
//!                    "times": [1451606400000, …], "values": [81.5, null, …] } ],
//!     "outputs": [ { "udf": "", "field": "sigmas", … as an input … } ],
//!     "fields_left_out": 0,
//!     "alerts": [ { "udf": "", "began": 3, "worst": "CRITICAL", "open": false,
//!                   "intervals": [ { "level": "CRITICAL", "from": 1451610300000, "to": 1451610600000 } ] } ] } ],
//!   "groups_left_out": 0,
//!   "thresholds": [ { "udf": "", "field": "sigmas", "level": "CRITICAL", "value": 4.5 } ],
//!   "labels": [ { "from": 1451610300000, "to": 1451610900000 } ] }
//! ```
//!
//! The worst groups come first: those with the highest level, then those whose alerts began most often.
//! `udf` tells several uses of functions apart and is empty where there is one. `named` fields are those
//! that the task names. Fields that a function passes on unchanged are inputs only. `began` counts all
//! alerts, also where intervals that are close to each other were drawn together.

mod json;
mod levels;
mod series;
mod taps;
#[cfg(test)]
mod tests;
mod tracer;

pub use levels::LevelInterval;
pub use series::Sample;
pub(super) use taps::Taps;
pub(super) use tracer::Tracer;

use super::quality::Interval;
use crate::tick::alert::Level;
use serde::Serialize;
use std::collections::BTreeSet;

/// How a task is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// How many columns of pixels a series is drawn in: of each, at most four values are kept twice.
    pub columns: usize,
    /// If set, only data within these times is kept, for a closer look at a part.
    pub span: Option<Interval>,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self { columns: 1000, span: None }
    }
}

/// The trace of a replay, as values that can be drawn.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Trace {
    /// The groups, the worst first.
    pub groups: Vec<TracedGroup>,
    /// The number of groups that were left out, because there were too many.
    pub groups_left_out: u64,
    /// Where conditions of alerts compare a field with a number.
    pub thresholds: Vec<Threshold>,
    /// The fields that the task names.
    #[serde(skip)]
    pub named: BTreeSet<String>,
    /// Where the true anomalies are.
    #[serde(serialize_with = "json::intervals")]
    pub labels: Vec<Interval>,
}

/// A group.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TracedGroup {
    /// Its id, as the daemon makes it; empty if nothing is grouped.
    pub id: String,
    /// The measurement of its first data.
    pub name: String,
    /// The tags that it is grouped by.
    #[serde(serialize_with = "json::tags")]
    pub tags: Vec<(String, String)>,
    /// The fields of the input, those that the task names first.
    pub inputs: Vec<TracedField>,
    /// The fields of the output.
    pub outputs: Vec<TracedField>,
    /// The number of fields that were left out, because there were too many.
    pub fields_left_out: u64,
    /// Its alerts.
    pub alerts: Vec<TracedAlert>,
}

/// A field over time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TracedField {
    /// Tells several uses of functions apart; may be empty.
    pub udf: String,
    /// The field.
    pub field: String,
    /// Whether the task names it.
    pub named: bool,
    /// How many values there were.
    pub count: u64,
    /// What is left of them, in the order of their times; not a number where the line is broken.
    #[serde(flatten, serialize_with = "json::samples")]
    pub samples: Vec<Sample>,
}

/// The level of an alert of a group over time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TracedAlert {
    /// The use of the function whose output it watches; may be empty.
    pub udf: String,
    /// How often it became not OK.
    pub began: u64,
    /// The worst level.
    #[serde(serialize_with = "json::level")]
    pub worst: Level,
    /// Whether it is not OK at the end.
    pub open: bool,
    /// When it was not OK.
    #[serde(serialize_with = "json::levels")]
    pub intervals: Vec<LevelInterval>,
}

/// A number that a condition of an alert compares a field with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// The use of the function whose output is watched; may be empty.
    pub udf: String,
    /// The field.
    pub field: String,
    /// The level of the condition.
    #[serde(serialize_with = "json::level")]
    pub level: Level,
    /// The number.
    pub value: f64,
}

impl TracedGroup {
    /// The name of the group: its measurement and its tags.
    pub fn title(&self) -> String {
        let tags = self.tags.iter().map(|(name, value)| format!("{name}={value}"));
        let parts = std::iter::once(self.name.clone()).filter(|name| !name.is_empty()).chain(tags);
        parts.collect::<Vec<_>>().join(" ")
    }

    /// Its severity: its worst level, and how often alerts began.
    pub fn badness(&self) -> (Level, u64) {
        let worst = self.alerts.iter().map(|alert| alert.worst).max().unwrap_or_default();
        (worst, self.alerts.iter().map(|alert| alert.began).sum())
    }
}

impl Trace {
    /// Adds what other parts of the task did with the same data.
    pub(super) fn add(&mut self, other: Self) {
        for group in other.groups {
            match self.groups.iter_mut().find(|known| known.id == group.id) {
                Some(known) => {
                    known.inputs.extend(group.inputs);
                    known.outputs.extend(group.outputs);
                    known.alerts.extend(group.alerts);
                    known.fields_left_out += group.fields_left_out;
                }
                None => self.groups.push(group),
            }
        }
        self.groups_left_out = self.groups_left_out.max(other.groups_left_out);
        for threshold in other.thresholds {
            if !self.thresholds.contains(&threshold) {
                self.thresholds.push(threshold);
            }
        }
        self.named.extend(other.named);
        self.sort();
    }

    /// Adds true anomalies.
    pub(super) fn add_labels(&mut self, labels: &[Interval]) {
        self.labels.extend_from_slice(labels);
        self.labels.sort_unstable();
        self.labels.dedup();
    }

    /// Puts the worst groups first, else in the order of their ids; and of inputs those that the task names.
    fn sort(&mut self) {
        for group in &mut self.groups {
            for field in &mut group.inputs {
                field.named |= self.named.contains(&field.field);
            }
            group.inputs.sort_by(|a, b| b.named.cmp(&a.named).then_with(|| a.field.cmp(&b.field)));
        }
        self.groups.sort_by(|a, b| b.badness().cmp(&a.badness()).then_with(|| a.id.cmp(&b.id)));
    }

    /// The first and the last time of all that is drawn; `None` if there is nothing.
    pub fn span(&self) -> Option<Interval> {
        let mut span: Option<Interval> = None;
        let mut meet = |time: i64| {
            let span = span.get_or_insert(Interval { from: time, to: time });
            *span = Interval { from: span.from.min(time), to: span.to.max(time) };
        };
        for group in &self.groups {
            for field in group.inputs.iter().chain(&group.outputs) {
                field.samples.first().iter().for_each(|(time, _)| meet(*time));
                field.samples.last().iter().for_each(|(time, _)| meet(*time));
            }
            for interval in group.alerts.iter().flat_map(|alert| &alert.intervals) {
                meet(interval.from);
                meet(interval.to);
            }
        }
        span
    }
}
