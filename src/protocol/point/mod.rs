//! A point as an indexed view over its bytes.
//!
//! [`Point::parse`] copies the message once and notes where its parts are; no string and no map is allocated for
//! parts that are not read, and an unmodified point is written back byte for byte. Edits (`edit.rs`) are patched in
//! place or appended, and the replaced part becomes a hole.
//!
//! Names and strings are bytes on the wire: text that is not UTF-8 is passed on unchanged, and read with replacement
//! characters.

use super::ProtocolError;
use super::wire::{BYTES, Cursor, FIXED64, Span, VARINT, WireError};
use std::borrow::Cow;

mod build;
mod edit;
mod entry;
mod field;
pub(crate) mod peek;
mod scan;
mod sorted;
#[cfg(test)]
mod tests;

pub(crate) use build::{EntryHead, PointHead};
pub(crate) use edit::{put_with_field, put_without};
use entry::{Entry, distinct, find, push_entry, text, value_of};
pub use field::{FieldType, FieldValue};
pub(crate) use scan::{scan, scan_time};
pub use sorted::Order;

pub(crate) const TIME: u8 = 1;
pub(crate) const NAME: u8 = 2;
pub(crate) const DATABASE: u8 = 3;
pub(crate) const RETENTION_POLICY: u8 = 4;
pub(crate) const GROUP: u8 = 5;
pub(crate) const DIMENSIONS: u8 = 6;
pub(crate) const TAGS: u8 = 7;
pub(crate) const BY_NAME: u8 = 11;

/// A part that is at most once in a point: its value, and the whole of it with its tag.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    value: Span,
    whole: Span,
}

/// A point of a stream or of a batch.
#[derive(Debug, Default)]
pub struct Point {
    bytes: Vec<u8>,
    fields: Vec<Entry>,
    tags: Vec<Entry>,
    dimensions: Vec<Part>,
    /// Parts of `bytes` that are no longer part of the message, in order.
    holes: Vec<Span>,
    time: i64,
    time_at: Span,
    by_name: bool,
    name: Part,
    database: Part,
    retention_policy: Part,
    group: Part,
}

impl Clone for Point {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Becomes a copy; what was allocated is used again.
    fn clone_from(&mut self, other: &Self) {
        self.bytes.clone_from(&other.bytes);
        self.fields.clone_from(&other.fields);
        self.tags.clone_from(&other.tags);
        self.dimensions.clone_from(&other.dimensions);
        self.holes.clone_from(&other.holes);
        (self.time, self.time_at, self.by_name) = (other.time, other.time_at, other.by_name);
        (self.name, self.database) = (other.name, other.database);
        (self.retention_policy, self.group) = (other.retention_policy, other.group);
    }
}

impl Point {
    /// A point at a time (nanoseconds since the epoch), without name, tags and fields.
    pub fn new(time: i64) -> Self {
        let mut point = Self::default();
        point.set_time(time);
        point
    }

    /// Becomes an empty point at a time; what was allocated is used again.
    pub fn reset(&mut self, time: i64) {
        self.clear();
        self.set_time(time);
    }

    /// Parses one message.
    ///
    /// # Errors
    /// Bytes that are no point.
    pub fn from_message(message: &[u8]) -> Result<Self, ProtocolError> {
        let mut point = Self::default();
        point.parse(message)?;
        Ok(point)
    }

    /// Becomes the point of `message`; what was allocated is used again.
    ///
    /// # Errors
    /// Bytes that are no point; the point is empty then.
    pub fn parse(&mut self, message: &[u8]) -> Result<(), ProtocolError> {
        self.clear();
        self.bytes.extend_from_slice(message);
        let bytes = std::mem::take(&mut self.bytes);
        let indexed = self.index(&bytes);
        self.bytes = bytes;
        indexed.map_err(|e| {
            self.clear();
            ProtocolError::Malformed { message: "Point", reason: e.reason, at: e.at }
        })
    }

    /// Becomes a point with nothing, not even a time; what was allocated is used again.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.tags.clear();
        self.dimensions.clear();
        self.holes.clear();
        self.time = 0;
        self.time_at = Span::default();
        self.by_name = false;
        self.name = Part::default();
        self.database = Part::default();
        self.retention_policy = Part::default();
        self.group = Part::default();
    }

    fn index(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() {
            let start = cursor.at;
            let (number, wire_type) = cursor.tag()?;
            if wire_type != BYTES {
                match (number, wire_type) {
                    (1, VARINT) => {
                        self.time = cursor.varint()? as i64;
                        self.time_at = Span::new(start, cursor.at);
                    }
                    (11, VARINT) => self.by_name = cursor.varint()? != 0,
                    // It would go back to the daemon as it came.
                    (1..=12, _) => return Err(cursor.error("a part of another type")),
                    _ => cursor.skip(wire_type)?,
                }
                continue;
            }
            let value = cursor.span()?;
            let whole = Span::new(start, cursor.at);
            let part = || Part { value, whole };
            match number {
                8 => push_entry(&mut self.fields, bytes, part(), FieldType::Double, FIXED64)?,
                9 => push_entry(&mut self.fields, bytes, part(), FieldType::Int, VARINT)?,
                10 => push_entry(&mut self.fields, bytes, part(), FieldType::String, BYTES)?,
                12 => push_entry(&mut self.fields, bytes, part(), FieldType::Bool, VARINT)?,
                7 => push_entry(&mut self.tags, bytes, part(), FieldType::String, BYTES)?,
                6 => self.dimensions.push(part()),
                2 => self.name = part(),
                3 => self.database = part(),
                4 => self.retention_policy = part(),
                5 => self.group = part(),
                1 | 11 => return Err(cursor.error("a part of another type")),
                _ => {}
            }
        }
        Ok(())
    }

    /// The time in nanoseconds since the epoch; negative before 1970.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The measurement; empty inside a batch.
    pub fn name(&self) -> Cow<'_, str> {
        self.text(self.name.value)
    }

    /// The database; empty inside a batch.
    pub fn database(&self) -> Cow<'_, str> {
        self.text(self.database.value)
    }

    /// The retention policy; empty inside a batch.
    pub fn retention_policy(&self) -> Cow<'_, str> {
        self.text(self.retention_policy.value)
    }

    /// The group's id: a key, not to be parsed.
    pub fn group(&self) -> Cow<'_, str> {
        self.text(self.group.value)
    }

    /// The group's id as it is on the wire.
    pub fn group_bytes(&self) -> &[u8] {
        self.group.value.of(&self.bytes)
    }

    /// True if the point is grouped by its name too.
    pub fn by_name(&self) -> bool {
        self.by_name
    }

    /// The names of the tags the point is grouped by.
    pub fn dimensions(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.dimensions.iter().map(|d| self.text(d.value))
    }

    /// The tags, in the order of the wire.
    pub fn tags(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        distinct(&self.tags, &self.bytes).map(|t| (self.text(t.name), self.text(t.value)))
    }

    /// The value of a tag.
    pub fn tag(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = find(&self.tags, &self.bytes, name.as_bytes())?;
        Some(self.text(self.tags[found].value))
    }

    /// The fields, in the order of the wire.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'_, str>, FieldValue<'_>)> {
        distinct(&self.fields, &self.bytes).map(|f| (self.text(f.name), self.value(f)))
    }

    /// The number of fields.
    pub fn field_count(&self) -> usize {
        distinct(&self.fields, &self.bytes).count()
    }

    /// The value of a field.
    #[inline]
    pub fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.find_field(name).map(|i| self.value(&self.fields[i]))
    }

    #[inline]
    fn find_field(&self, name: &str) -> Option<usize> {
        find(&self.fields, &self.bytes, name.as_bytes())
    }

    fn value(&self, entry: &Entry) -> FieldValue<'_> {
        value_of(&self.bytes, entry)
    }

    fn text(&self, span: Span) -> Cow<'_, str> {
        text(span.of(&self.bytes))
    }
}

/// Two points are equal if they say the same, whatever the order of their parts.
impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        let same_field = |(name, value): (Cow<'_, str>, FieldValue<'_>)| {
            other.field(&name).is_some_and(|theirs| match (&value, &theirs) {
                (FieldValue::Double(a), FieldValue::Double(b)) => a.to_bits() == b.to_bits(),
                _ => value == theirs,
            })
        };
        self.time == other.time
            && self.by_name == other.by_name
            && self.group_bytes() == other.group_bytes()
            && self.name() == other.name()
            && self.database() == other.database()
            && self.retention_policy() == other.retention_policy()
            && self.dimensions().eq(other.dimensions())
            && self.tags().count() == other.tags().count()
            && self.tags().all(|(name, value)| other.tag(&name) == Some(value))
            && self.field_count() == other.field_count()
            && self.fields().all(same_field)
    }
}
