//! A point as an indexed view over its bytes.
//!
//! [`Point::parse`] copies the message once and notes where its parts are; no string and no map is
//! allocated for what nobody reads, and an unmodified point is written back byte for byte. Edits
//! (`edit.rs`) are patched in place or appended, and the replaced part becomes a hole.
//!
//! Names and strings are bytes on the wire: what is no UTF-8 is passed on unharmed and read with
//! replacement characters.

use super::ProtocolError;
use super::wire::{BYTES, Cursor, FIXED64, Span, VARINT, WireError};
use std::borrow::Cow;
use std::collections::HashMap;

mod build;
mod edit;
mod field;
pub(crate) mod peek;
mod sorted;
#[cfg(test)]
mod tests;

pub(crate) use build::{EntryHead, PointHead};
pub(crate) use edit::{put_with_field, put_without};
pub use field::{FieldType, FieldValue};
pub use sorted::Order;

pub(crate) const TIME: u8 = 1;
pub(crate) const NAME: u8 = 2;
pub(crate) const DATABASE: u8 = 3;
pub(crate) const RETENTION_POLICY: u8 = 4;
pub(crate) const GROUP: u8 = 5;
pub(crate) const DIMENSIONS: u8 = 6;
pub(crate) const TAGS: u8 = 7;
pub(crate) const BY_NAME: u8 = 11;

/// A field or tag: where its name, its value and the whole entry are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name: Span,
    /// Empty where the value is the default and was left out.
    value: Span,
    whole: Span,
    kind: FieldType,
}

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
            let part = Part { value, whole: Span::new(start, cursor.at) };
            let (kind, wanted) = match number {
                1 | 11 => return Err(cursor.error("a part of another type")),
                8 => (FieldType::Double, FIXED64),
                9 => (FieldType::Int, VARINT),
                10 => (FieldType::String, BYTES),
                12 => (FieldType::Bool, VARINT),
                7 => {
                    self.tags.push(map_entry(bytes, part, FieldType::String, BYTES)?);
                    continue;
                }
                6 => {
                    self.dimensions.push(part);
                    continue;
                }
                2 => {
                    self.name = part;
                    continue;
                }
                3 => {
                    self.database = part;
                    continue;
                }
                4 => {
                    self.retention_policy = part;
                    continue;
                }
                5 => {
                    self.group = part;
                    continue;
                }
                _ => continue,
            };
            self.fields.push(map_entry(bytes, part, kind, wanted)?);
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

/// The name and value of a map entry.
#[inline]
fn map_entry(bytes: &[u8], part: Part, kind: FieldType, wanted: u8) -> Result<Entry, WireError> {
    match common_entry(bytes, part, kind, wanted) {
        Some(entry) => Ok(entry),
        None => any_entry(bytes, part, kind, wanted),
    }
}

/// An entry as every encoder writes it: a short name, then a double or a short string.
#[inline]
fn common_entry(bytes: &[u8], part: Part, kind: FieldType, wanted: u8) -> Option<Entry> {
    let start = part.value.start as usize;
    let [NAME_TAG, len, rest @ ..] = bytes.get(start..part.value.end())? else { return None };
    let len = usize::from(*len);
    if len >= 0x80 || rest.len() <= len || rest[len] != 2 << 3 | wanted {
        return None;
    }
    let name = Span { start: part.value.start + 2, len: len as u32 };
    let at = part.value.start + 3 + len as u32;
    let room = rest.len() - len - 1;
    let value = match wanted {
        FIXED64 if room == 8 => Span { start: at, len: 8 },
        VARINT if is_varint(&rest[len + 1..]) => Span { start: at, len: room as u32 },
        BYTES if room > 0 && rest[len + 1] < 0x80 && usize::from(rest[len + 1]) == room - 1 => {
            Span { start: at + 1, len: room as u32 - 1 }
        }
        _ => return None,
    };
    Some(Entry { name, value, whole: part.whole, kind })
}

/// True if the bytes are one varint of at most nine bytes.
#[inline]
fn is_varint(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        Some((last, rest)) => *last < 0x80 && rest.len() < 9 && rest.iter().all(|b| *b >= 0x80),
        None => false,
    }
}

/// The tag of a map entry's name: field 1, length-delimited.
const NAME_TAG: u8 = 1 << 3 | BYTES;

/// An entry with its parts in any order, left out, or longer.
#[cold]
fn any_entry(bytes: &[u8], part: Part, kind: FieldType, wanted: u8) -> Result<Entry, WireError> {
    let mut entry =
        Entry { name: Span::default(), value: Span::default(), whole: part.whole, kind };
    let mut cursor = Cursor { bytes: &bytes[..part.value.end()], at: part.value.start as usize };
    while !cursor.is_empty() {
        match cursor.tag()? {
            (1, BYTES) => entry.name = cursor.span()?,
            (2, wire_type) if wire_type == wanted => {
                let start = cursor.at;
                match wanted {
                    BYTES => entry.value = cursor.span()?,
                    _ => {
                        cursor.skip(wanted)?;
                        entry.value = Span::new(start, cursor.at);
                    }
                }
            }
            (1 | 2, _) => return Err(cursor.error("a map entry of another type")),
            (_, wire_type) => cursor.skip(wire_type)?,
        }
    }
    Ok(entry)
}

/// Finds a field in a message that was parsed before, without an index: its value, and in `places`
/// every entry of that name.
pub(crate) fn scan<'m>(
    message: &'m [u8],
    name: &str,
    places: &mut Vec<Span>,
) -> Option<FieldValue<'m>> {
    places.clear();
    let name = name.as_bytes();
    let mut best: Option<Entry> = None;
    let mut cursor = Cursor::new(message);
    while let Some(&tag) = message.get(cursor.at) {
        let start = cursor.at;
        let (kind, wanted) = match tag {
            FIELDS_DOUBLE => (FieldType::Double, FIXED64),
            FIELDS_INT => (FieldType::Int, VARINT),
            FIELDS_STRING => (FieldType::String, BYTES),
            FIELDS_BOOL => (FieldType::Bool, VARINT),
            _ => {
                let Ok((_, wire_type)) = cursor.tag() else { break };
                if cursor.skip(wire_type).is_err() {
                    break;
                }
                continue;
            }
        };
        cursor.at += 1;
        let Ok(value) = cursor.span() else { break };
        if is_other_name(value.of(message), name) {
            continue;
        }
        let part = Part { value, whole: Span::new(start, cursor.at) };
        let Ok(entry) = map_entry(message, part, kind, wanted) else { continue };
        if entry.name.of(message) != name {
            continue;
        }
        places.push(entry.whole);
        if best.is_none_or(|best| entry.kind >= best.kind) {
            best = Some(entry);
        }
    }
    best.map(|entry| value_of(message, &entry))
}

/// Finds the time in a message that was parsed before, without an index.
pub(crate) fn scan_time(message: &[u8]) -> i64 {
    let mut time = 0;
    let mut cursor = Cursor::new(message);
    while !cursor.is_empty() {
        let Ok((number, wire_type)) = cursor.tag() else { break };
        if (number, wire_type) != (u32::from(TIME), VARINT) {
            if cursor.skip(wire_type).is_err() {
                break;
            }
        } else if let Ok(value) = cursor.varint() {
            time = value as i64;
        }
    }
    time
}

/// True if an entry as every encoder writes it has another name; anything else is looked at closely.
#[inline]
fn is_other_name(entry: &[u8], name: &[u8]) -> bool {
    match entry {
        [NAME_TAG, len, rest @ ..] if *len < 0x80 => {
            let len = usize::from(*len);
            let other = len != name.len() || rest.get(..len).is_some_and(|n| n != name);
            // One value after the name, and nothing else.
            other
                && match rest.get(len..) {
                    Some([0x11, value @ ..]) => value.len() == 8,
                    Some([0x10, value @ ..]) => is_varint(value),
                    Some([0x12, value @ ..]) => {
                        value.first().is_some_and(|n| usize::from(*n) == value.len() - 1)
                    }
                    _ => false,
                }
        }
        _ => false,
    }
}

const FIELDS_DOUBLE: u8 = 8 << 3 | BYTES;
const FIELDS_INT: u8 = 9 << 3 | BYTES;
const FIELDS_STRING: u8 = 10 << 3 | BYTES;
const FIELDS_BOOL: u8 = 12 << 3 | BYTES;

/// Reads a text; what is no UTF-8 becomes replacement characters.
#[inline]
fn text(bytes: &[u8]) -> Cow<'_, str> {
    // This is faster for text that is UTF-8 than `from_utf8_lossy` alone.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[inline]
fn value_of<'m>(bytes: &'m [u8], entry: &Entry) -> FieldValue<'m> {
    let raw = entry.value.of(bytes);
    match entry.kind {
        FieldType::String => FieldValue::String(text(raw)),
        FieldType::Int => FieldValue::Int(Cursor::new(raw).varint().unwrap_or(0) as i64),
        FieldType::Double => {
            FieldValue::Double(raw.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes)))
        }
        FieldType::Bool => FieldValue::Bool(Cursor::new(raw).varint().unwrap_or(0) != 0),
    }
}

/// The entry that counts of those with this name: of the type that the daemon prefers, the last.
#[inline]
fn find(entries: &[Entry], bytes: &[u8], name: &[u8]) -> Option<usize> {
    let mut found: Option<usize> = None;
    for (i, entry) in entries.iter().enumerate() {
        if entry.name.of(bytes) == name && found.is_none_or(|f| entry.kind >= entries[f].kind) {
            found = Some(i);
        }
    }
    found
}

/// The entries that count, each name once, in the order of the wire.
fn distinct<'e>(entries: &'e [Entry], bytes: &'e [u8]) -> impl Iterator<Item = &'e Entry> {
    /// More entries than this are told apart by a table.
    const FEW: usize = 64;
    let table = (entries.len() > FEW).then(|| {
        let mut table: HashMap<&[u8], usize> = HashMap::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let best = table.entry(entry.name.of(bytes)).or_insert(i);
            if entry.kind >= entries[*best].kind {
                *best = i;
            }
        }
        table
    });
    entries.iter().enumerate().filter_map(move |(i, entry)| {
        let name = entry.name.of(bytes);
        let counts = match &table {
            Some(table) => table.get(name).copied(),
            None => find(entries, bytes, name),
        };
        (counts == Some(i)).then_some(entry)
    })
}
