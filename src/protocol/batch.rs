//! A batch: its metadata, and its points as the bytes in which they arrived.
//!
//! [`Batch::column`] reads one field of all points into a native column. Points are passed on without being decoded;
//! a column that is not read costs nothing.

use super::message::{BeginBatch, EndBatch};
use super::point::{FieldType, FieldValue, put_with_field, put_without, scan, scan_time};
use super::{Point, ProtocolError};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The values of one field, a value for each point.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Doubles, or ints and doubles mixed; NaN where a point has none.
    Double(Vec<f64>),
    /// Ints, one for every point.
    Int(Vec<i64>),
    /// Strings; empty where a point has none.
    String(Vec<Arc<str>>),
    /// Booleans; false where a point has none.
    Bool(Vec<bool>),
}

/// A column cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// No point has the field.
    #[error("no point of the batch has a field '{field}'; the points have the fields {}", list(.present))]
    Missing {
        /// The field asked for.
        field: String,
        /// The fields of the first point, with their types.
        present: Vec<String>,
    },
    /// The field is text in one point and a number in another.
    #[error("field '{field}' is {first} in one point of the batch and {other} in another")]
    Mixed {
        /// The field asked for.
        field: String,
        /// Its type in the first point that has it.
        first: FieldType,
        /// Its type in a later one.
        other: FieldType,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        names => names.join(", "),
    }
}

/// Sets a text, using its memory again.
fn set_text(text: &mut String, to: &str) {
    if text != to {
        text.clear();
        text.push_str(to);
    }
}

/// A batch of points.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The measurement.
    pub name: String,
    /// The group's id: a key, not to be parsed.
    pub group: String,
    /// The tags of the group.
    pub tags: BTreeMap<String, String>,
    /// True if the batch is grouped by its name too.
    pub by_name: bool,
    /// The time of the batch, in nanoseconds since the epoch: the end of its window.
    pub tmax: i64,
    /// The number of points announced at the beginning, 0 if unknown.
    pub size: i64,
    bytes: Vec<u8>,
    points: Vec<Range<usize>>,
}

impl Batch {
    /// Starts a batch; what an earlier one allocated is used again.
    pub fn begin(&mut self, begin: BeginBatch) {
        let BeginBatch { name, group, tags, size, by_name } = begin;
        (self.name, self.group, self.tags) = (name, group, tags);
        (self.size, self.by_name, self.tmax) = (size, by_name, 0);
        self.bytes.clear();
        self.points.clear();
    }

    /// Takes the metadata that the points of a group have in common from one of them.
    pub fn describe(&mut self, point: &Point) {
        set_text(&mut self.name, &point.name());
        set_text(&mut self.group, &point.group());
        self.by_name = point.by_name();
        let tag = |name: &str| point.tag(name).unwrap_or_default();
        let same = point.dimensions().count() == self.tags.len()
            && point.dimensions().all(|d| self.tags.get(&*d).is_some_and(|v| *v == *tag(&d)));
        if !same {
            self.tags = point.dimensions().map(|d| (d.to_string(), tag(&d).into_owned())).collect();
        }
    }

    /// Makes this a batch of one point, with its metadata and time. Memory is used again.
    pub fn hold(&mut self, point: &Point) {
        self.clear_points();
        self.describe(point);
        self.tmax = point.time();
        self.push(point);
    }

    /// Takes the metadata of the end, because the daemon takes name, tags and time from there.
    pub fn end(&mut self, end: EndBatch) {
        self.tmax = end.tmax;
        self.name = end.name;
        self.tags = end.tags;
        self.group = end.group;
        self.by_name |= end.by_name;
    }

    /// Appends a point.
    pub fn push(&mut self, point: &Point) {
        let start = self.bytes.len();
        point.put_message(&mut self.bytes);
        self.points.push(start..self.bytes.len());
    }

    /// Appends a point of a stream as the daemon sends the points of a batch: without name,
    /// dimensions, database and retention policy.
    pub fn push_as_member(&mut self, point: &Point) {
        let start = self.bytes.len();
        point.put_member(&mut self.bytes);
        self.points.push(start..self.bytes.len());
    }

    /// Appends all points of another batch.
    pub(crate) fn extend(&mut self, other: &Self) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.points.iter().map(|range| start + range.start..start + range.end);
        self.points.extend(moved);
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// True if there are no points.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The bytes of the points' messages in memory.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all points, keeping the metadata.
    pub fn clear_points(&mut self) {
        self.bytes.clear();
        self.points.clear();
    }

    /// The message of a point.
    pub fn message(&self, i: usize) -> Option<&[u8]> {
        self.points.get(i).map(|range| &self.bytes[range.clone()])
    }

    /// Reads a point into `point`; false if there is none at `i`.
    ///
    /// # Errors
    /// None for a batch that was filled with [`Batch::push`].
    pub fn read(&self, i: usize, point: &mut Point) -> Result<bool, ProtocolError> {
        match self.message(i) {
            Some(message) => point.parse(message).map(|()| true),
            None => Ok(false),
        }
    }

    /// The points, one after the other.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        self.points
            .iter()
            .map(|range| Point::from_message(&self.bytes[range.clone()]).unwrap_or_default())
    }

    /// The batch with only those points for which `keep` is true.
    #[must_use]
    pub fn select(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let mut selected = self.metadata();
        for (i, range) in self.points.iter().enumerate().filter(|(i, _)| keep(*i)) {
            debug_assert!(i < self.len());
            let start = selected.bytes.len();
            selected.bytes.extend_from_slice(&self.bytes[range.clone()]);
            selected.points.push(start..selected.bytes.len());
        }
        selected
    }

    /// Drops the points from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.points.truncate(len);
        self.bytes.truncate(self.points.last().map_or(0, |range| range.end));
    }

    /// About how many bytes it takes.
    pub fn size_in_memory(&self) -> usize {
        self.bytes.len() + self.points.len() * size_of::<Range<usize>>() + self.name.len()
    }

    /// A batch without points and with the same metadata.
    #[must_use]
    pub fn metadata(&self) -> Self {
        Self {
            name: self.name.clone(),
            group: self.group.clone(),
            tags: self.tags.clone(),
            by_name: self.by_name,
            tmax: self.tmax,
            size: 0,
            bytes: Vec::new(),
            points: Vec::new(),
        }
    }

    /// The batch as it is known at its begin: the metadata and the announced size.
    #[must_use]
    pub fn head(&self) -> Self {
        Self { size: self.size, ..self.metadata() }
    }

    /// The times of the points, in nanoseconds since the epoch.
    pub fn times(&self) -> Vec<i64> {
        self.points.iter().map(|range| scan_time(&self.bytes[range.clone()])).collect()
    }

    /// One field of all points.
    ///
    /// # Errors
    /// A field that no point has, or that mixes text, booleans and numbers.
    pub fn column(&self, field: &str) -> Result<Column, ColumnError> {
        let mut builder = ColumnBuilder { field, column: None, absent: 0 };
        let mut places = Vec::new();
        for range in &self.points {
            builder.push(scan(&self.bytes[range.clone()], field, &mut places))?;
        }
        builder.column.ok_or_else(|| ColumnError::Missing {
            field: field.into(),
            present: self.field_names(),
        })
    }

    /// Sets one field of all points: `value` gives that of each, `None` takes the field away.
    pub fn set_column<'v>(
        &mut self,
        field: &str,
        mut value: impl FnMut(usize) -> Option<FieldValue<'v>>,
    ) {
        let mut places = Vec::new();
        let room = self.bytes.len() + self.points.len() * (field.len() + 16);
        let mut bytes = Vec::with_capacity(room);
        for (i, range) in self.points.iter_mut().enumerate() {
            let message = &self.bytes[range.clone()];
            let start = bytes.len();
            scan(message, field, &mut places);
            match value(i) {
                Some(value) => put_with_field(&mut bytes, message, &places, field, &value),
                None => put_without(&mut bytes, message, &places),
            }
            *range = start..bytes.len();
        }
        self.bytes = bytes;
    }

    /// The fields of the first point, as `name (type)`.
    pub fn field_names(&self) -> Vec<String> {
        let first = self.points().next().unwrap_or_default();
        first.fields().map(|(name, value)| format!("{name} ({})", value.field_type())).collect()
    }

    /// The message that begins this batch, with the true number of points.
    pub fn begin_message(&self) -> BeginBatch {
        BeginBatch {
            name: self.name.clone(),
            group: self.group.clone(),
            tags: self.tags.clone(),
            size: self.len() as i64,
            by_name: self.by_name,
        }
    }

    /// The message that ends this batch.
    pub fn end_message(&self) -> EndBatch {
        EndBatch {
            name: self.name.clone(),
            group: self.group.clone(),
            tmax: self.tmax,
            tags: self.tags.clone(),
            by_name: self.by_name,
        }
    }
}

/// Collects values, widening ints to doubles where both occur or a value is absent.
struct ColumnBuilder<'f> {
    field: &'f str,
    column: Option<Column>,
    /// Points without the field before the first that has it.
    absent: usize,
}

impl ColumnBuilder<'_> {
    #[inline]
    fn push(&mut self, value: Option<FieldValue<'_>>) -> Result<(), ColumnError> {
        match (self.column.as_mut(), value) {
            (Some(Column::Double(values)), Some(FieldValue::Double(value))) => values.push(value),
            (Some(Column::Double(values)), Some(FieldValue::Int(value))) => {
                values.push(value as f64);
            }
            (Some(Column::Double(values)), None) => values.push(f64::NAN),
            (Some(Column::Int(values)), Some(FieldValue::Int(value))) => values.push(value),
            (Some(Column::Int(values)), value @ (None | Some(FieldValue::Double(_)))) => {
                let mut widened: Vec<f64> = values.iter().map(|v| *v as f64).collect();
                widened.push(value.and_then(|v| v.as_double()).unwrap_or(f64::NAN));
                self.column = Some(Column::Double(widened));
            }
            (Some(Column::String(values)), Some(FieldValue::String(value))) => {
                values.push(value.into());
            }
            (Some(Column::String(values)), None) => values.push("".into()),
            (Some(Column::Bool(values)), Some(FieldValue::Bool(value))) => values.push(value),
            (Some(Column::Bool(values)), None) => values.push(false),
            (Some(column), Some(value)) => {
                return Err(ColumnError::Mixed {
                    field: self.field.into(),
                    first: column.field_type(),
                    other: value.field_type(),
                });
            }
            (None, None) => self.absent += 1,
            (None, Some(value)) => self.column = Some(Column::first(self.absent, value)),
        }
        Ok(())
    }
}

impl Column {
    fn first(absent: usize, value: FieldValue<'_>) -> Self {
        fn after<T: Clone>(absent: usize, filler: T, value: T) -> Vec<T> {
            let mut values = vec![filler; absent];
            values.push(value);
            values
        }
        match value {
            FieldValue::Double(value) => Self::Double(after(absent, f64::NAN, value)),
            FieldValue::Int(value) if absent > 0 => {
                Self::Double(after(absent, f64::NAN, value as f64))
            }
            FieldValue::Int(value) => Self::Int(vec![value]),
            FieldValue::String(value) => Self::String(after(absent, "".into(), value.into())),
            FieldValue::Bool(value) => Self::Bool(after(absent, false, value)),
        }
    }

    /// The type of the values.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Double(_) => FieldType::Double,
            Self::Int(_) => FieldType::Int,
            Self::String(_) => FieldType::String,
            Self::Bool(_) => FieldType::Bool,
        }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Double(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// True if there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
