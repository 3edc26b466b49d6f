//! The outcome of a replay, kept for comparison: each change of an alert's level, and each value of the output. It
//! can be written into a file and read by another process.

use super::trace::Taps;
use crate::protocol::{FieldValue, Point};
use crate::tick::alert::Level;
use crate::tick::flow::{LevelChange, Message};
use ahash::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Values that are kept, some 40 bytes each; those beyond are counted.
const MOST: usize = 4_000_000;

/// The outcome of a replay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Changes of levels, in the order in which they came.
    pub steps: Vec<Step>,
    /// The series of the values.
    pub series: Vec<Series>,
    /// The values, in the order in which they came.
    pub values: Vec<Value>,
    /// The number of values that were not kept, because there were too many.
    pub left_out: u64,
}

/// A change of the level of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The alert, by its number among those of the task.
    pub alert: usize,
    /// The use of the function that it watches; may be empty.
    pub udf: String,
    /// The group, by its measurement and tags.
    pub group: String,
    /// The time in nanoseconds.
    pub time: i64,
    /// The new level.
    pub level: Level,
}

/// A field of a group's output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Series {
    /// The use of the function; may be empty.
    pub udf: String,
    /// The group, by its measurement and tags.
    pub group: String,
    /// The field.
    pub field: String,
}

/// A value of the output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Value {
    /// The number of its series.
    pub series: u32,
    /// The time in nanoseconds.
    pub time: i64,
    /// The value.
    pub cell: Cell,
}

/// A value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Cell {
    /// A double.
    Double(f64),
    /// An integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(Box<str>),
}

impl Cell {
    fn of(value: &FieldValue<'_>) -> Self {
        match value {
            FieldValue::Double(value) => Self::Double(*value),
            FieldValue::Int(value) => Self::Int(*value),
            FieldValue::Bool(value) => Self::Bool(*value),
            FieldValue::String(text) => Self::Text(text.as_ref().into()),
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            Self::Int(value) => Some(*value as f64),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Outcome {
    /// Writes it into a file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        postcard::to_io(self, &mut file).map_err(std::io::Error::other)?;
        file.flush()
    }

    /// Reads it from a file.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds something else.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        postcard::from_bytes(&std::fs::read(path)?).map_err(std::io::Error::other)
    }

    /// Adds the outcome of other parts of the task on the same data.
    pub(super) fn add(&mut self, other: Self) {
        let first = self.series.len() as u32;
        self.steps.extend(other.steps);
        self.series.extend(other.series);
        let room = MOST.saturating_sub(self.values.len());
        self.left_out += other.left_out + other.values.len().saturating_sub(room) as u64;
        let moved = other.values.into_iter().take(room);
        self.values.extend(moved.map(|value| Value { series: value.series + first, ..value }));
    }
}

/// Records the outcome of a graph while it runs.
pub(super) struct Recorder {
    taps: Taps,
    outcome: Outcome,
    /// The fields of each place and group, by the names of the fields.
    places: HashMap<(usize, Box<[u8]>), Place, RandomState>,
}

/// A group at a place.
struct Place {
    udf: String,
    group: String,
    fields: Vec<(String, u32)>,
}

impl Recorder {
    pub(super) fn new(taps: Taps) -> Self {
        Self { taps, outcome: Outcome::default(), places: HashMap::default() }
    }

    /// Takes a message that reaches an output node; false if the node is not observed.
    pub(super) fn take(&mut self, node: usize, message: &Message) -> bool {
        let Some((tap, is_input)) = self.taps.place(node) else { return false };
        if is_input {
            return true;
        }
        let key = (tap, message.group_bytes().into());
        let Self { taps, outcome, places } = self;
        let place = places.entry(key).or_insert_with(|| Place {
            udf: taps.udf(tap).to_owned(),
            group: title(message),
            fields: Vec::new(),
        });
        match message {
            Message::Point(point) => record(place, outcome, point),
            Message::Batch(batch) => batch.points().for_each(|p| record(place, outcome, &p)),
        }
        true
    }

    /// Takes the level of an alert.
    pub(super) fn level(&mut self, change: &LevelChange<'_>) {
        let Some((alert, udf)) = self.taps.alert(change.node) else { return };
        if change.previous != change.level {
            self.outcome.steps.push(Step {
                alert,
                udf: udf.to_owned(),
                group: title(change.message),
                time: change.time,
                level: change.level,
            });
        }
    }

    pub(super) fn finish(self) -> Outcome {
        self.outcome
    }
}

fn record(place: &mut Place, outcome: &mut Outcome, point: &Point) {
    for (i, (name, value)) in point.fields().enumerate() {
        if outcome.values.len() >= MOST {
            outcome.left_out += 1;
            continue;
        }
        let known = match place.fields.get(i) {
            Some((field, series)) if *field == *name => Some(*series),
            _ => place.fields.iter().find(|(field, _)| *field == *name).map(|(_, series)| *series),
        };
        let series = known.unwrap_or_else(|| {
            let (udf, group) = (place.udf.clone(), place.group.clone());
            outcome.series.push(Series { udf, group, field: name.to_string() });
            let series = outcome.series.len() as u32 - 1;
            place.fields.push((name.into_owned(), series));
            series
        });
        outcome.values.push(Value { series, time: point.time(), cell: Cell::of(&value) });
    }
}

/// The measurement and the tags of a group.
fn title(message: &Message) -> String {
    let mut text = message.name().into_owned();
    for (name, value) in message.group_tags() {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}
