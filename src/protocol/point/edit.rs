//! Changing a point, and writing it.
//!
//! A value that takes as many bytes as before is patched; anything else is appended to the message
//! (protobuf does not care for order) and what it replaces becomes a hole.

use super::{
    BY_NAME, DATABASE, DIMENSIONS, Entry, FieldType, FieldValue, GROUP, NAME, Part, Point,
    RETENTION_POLICY, Span, TAGS, TIME, find,
};
use crate::protocol::wire::{
    BYTES, Cursor, FIXED64, VARINT, put_bytes, put_int, put_varint, varint_len,
};

/// The tag of `point` in a request and in a response: field 17, length-delimited.
const POINT_TAG: [u8; 2] = [0x8a, 0x01];

#[inline]
fn put_frame_head(out: &mut Vec<u8>, len: usize) {
    put_varint(out, (POINT_TAG.len() + varint_len(len as u64) + len) as u64);
    out.extend_from_slice(&POINT_TAG);
    put_varint(out, len as u64);
}

/// A value whose text may be of any bytes.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    Text(&'a [u8]),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl<'a> From<&'a FieldValue<'_>> for Raw<'a> {
    fn from(value: &'a FieldValue<'_>) -> Self {
        match value {
            FieldValue::String(text) => Self::Text(text.as_bytes()),
            FieldValue::Int(value) => Self::Int(*value),
            FieldValue::Double(value) => Self::Double(*value),
            FieldValue::Bool(value) => Self::Bool(*value),
        }
    }
}

/// Appends a map entry.
#[inline]
pub(super) fn put_entry(out: &mut Vec<u8>, map: u8, name: &[u8], value: Raw<'_>) -> Entry {
    let value_len = match value {
        Raw::Double(_) => 8,
        Raw::Bool(_) => 1,
        Raw::Int(value) => varint_len(value as u64),
        Raw::Text(text) => varint_len(text.len() as u64) + text.len(),
    };
    let len = 1 + varint_len(name.len() as u64) + name.len() + 1 + value_len;
    let start = out.len();
    out.push(map << 3 | BYTES);
    put_varint(out, len as u64);
    put_bytes(out, 1, name);
    let name = Span::new(out.len() - name.len(), out.len());
    let (kind, value_len) = match value {
        Raw::Double(value) => {
            out.push(2 << 3 | FIXED64);
            out.extend_from_slice(&value.to_le_bytes());
            (FieldType::Double, value_len)
        }
        Raw::Bool(value) => {
            out.extend_from_slice(&[2 << 3 | VARINT, u8::from(value)]);
            (FieldType::Bool, value_len)
        }
        Raw::Int(value) => {
            put_int(out, 2, value as u64);
            (FieldType::Int, value_len)
        }
        Raw::Text(text) => {
            put_bytes(out, 2, text);
            (FieldType::String, text.len())
        }
    };
    let end = out.len();
    Entry { name, value: Span::new(end - value_len, end), whole: Span::new(start, end), kind }
}

/// Appends a message with a field set; `places` holds every entry of that name in it.
pub(crate) fn put_with_field(
    out: &mut Vec<u8>,
    message: &[u8],
    places: &[Span],
    name: &str,
    value: &FieldValue<'_>,
) {
    put_without(out, message, places);
    put_entry(out, value.field_type().map_number(), name.as_bytes(), value.into());
}

/// Appends a message without some of its parts, which are in order.
pub(crate) fn put_without(out: &mut Vec<u8>, message: &[u8], parts: &[Span]) {
    let mut at = 0;
    for part in parts {
        out.extend_from_slice(&message[at..part.start as usize]);
        at = part.end();
    }
    out.extend_from_slice(&message[at..]);
}

/// Parts of a message that are left out without an allocation.
const FEW: usize = 16;

impl Point {
    /// Sets the time, in nanoseconds since the epoch.
    pub fn set_time(&mut self, time: i64) {
        self.time = time;
        self.hole(self.time_at);
        let start = self.bytes.len();
        put_int(&mut self.bytes, TIME, time as u64);
        self.time_at = Span::new(start, self.bytes.len());
    }

    /// Sets the measurement.
    pub fn set_name(&mut self, name: &str) {
        self.name = self.replace(self.name, NAME, name);
    }

    /// Sets the database.
    pub fn set_database(&mut self, database: &str) {
        self.database = self.replace(self.database, DATABASE, database);
    }

    /// Sets the retention policy.
    pub fn set_retention_policy(&mut self, retention_policy: &str) {
        self.retention_policy =
            self.replace(self.retention_policy, RETENTION_POLICY, retention_policy);
    }

    /// Sets the group's id.
    pub fn set_group(&mut self, group: &str) {
        self.group = self.replace(self.group, GROUP, group);
    }

    /// Sets whether the point is grouped by its name too.
    pub fn set_by_name(&mut self, by_name: bool) {
        if by_name != self.by_name {
            self.by_name = by_name;
            put_int(&mut self.bytes, BY_NAME, u64::from(by_name));
        }
    }

    /// Sets the names of the tags that the point is grouped by.
    pub fn set_dimensions<S: AsRef<str>>(&mut self, dimensions: impl IntoIterator<Item = S>) {
        let mut parts = std::mem::take(&mut self.dimensions);
        parts.drain(..).for_each(|part| self.hole(part.whole));
        for dimension in dimensions {
            parts.push(self.replace(Part::default(), DIMENSIONS, dimension.as_ref()));
        }
        self.dimensions = parts;
    }

    /// Sets a tag.
    pub fn set_tag(&mut self, name: &str, value: &str) {
        if find(&self.tags, &self.bytes, name.as_bytes()).is_some() {
            self.remove_tag(name);
        }
        let entry = self.append(TAGS, name, &FieldValue::from(value));
        self.tags.push(entry);
    }

    /// Removes a tag; false if there was none of that name.
    pub fn remove_tag(&mut self, name: &str) -> bool {
        let tags = std::mem::take(&mut self.tags);
        let (tags, removed) = self.without(tags, name);
        self.tags = tags;
        removed
    }

    /// Sets a field; another type moves it to the map of that type.
    pub fn set_field<'v>(&mut self, name: &str, value: impl Into<FieldValue<'v>>) {
        let value = value.into();
        let map = value.field_type().map_number();
        let Some(found) = self.find_field(name) else {
            let entry = self.append(map, name, &value);
            self.fields.push(entry);
            return;
        };
        let named = |f: &&Entry| f.name.of(&self.bytes) == name.as_bytes();
        if self.fields.iter().filter(named).count() > 1 {
            self.remove_field(name);
            let entry = self.append(map, name, &value);
            self.fields.push(entry);
        } else if !self.patch(found, &value) {
            self.hole(self.fields[found].whole);
            self.fields[found] = self.append(map, name, &value);
        }
    }

    /// Removes a field; false if there was none of that name.
    pub fn remove_field(&mut self, name: &str) -> bool {
        let fields = std::mem::take(&mut self.fields);
        let (fields, removed) = self.without(fields, name);
        self.fields = fields;
        removed
    }

    /// Takes every entry of a name out of the message.
    fn without(&mut self, mut entries: Vec<Entry>, name: &str) -> (Vec<Entry>, bool) {
        let before = entries.len();
        let mut i = 0;
        while i < entries.len() {
            if entries[i].name.of(&self.bytes) == name.as_bytes() {
                let entry = entries.remove(i);
                self.hole(entry.whole);
            } else {
                i += 1;
            }
        }
        let removed = entries.len() < before;
        (entries, removed)
    }

    /// Removes all fields.
    pub fn clear_fields(&mut self) {
        let mut entries = std::mem::take(&mut self.fields);
        entries.drain(..).for_each(|entry| self.hole(entry.whole));
        self.fields = entries;
    }

    /// The length of the message.
    pub fn message_len(&self) -> usize {
        self.bytes.len() - self.holes.iter().map(|h| h.len as usize).sum::<usize>()
    }

    /// Appends the message.
    pub fn put_message(&self, out: &mut Vec<u8>) {
        put_without(out, &self.bytes, &self.holes);
    }

    /// Appends a frame with the point: it is the same in a request and in a response.
    pub fn put_frame(&self, out: &mut Vec<u8>) {
        put_frame_head(out, self.message_len());
        self.put_message(out);
    }

    /// Appends the message without what the points of a batch do not have: name, database, retention
    /// policy, dimensions.
    pub(crate) fn put_member(&self, out: &mut Vec<u8>) {
        let named = [self.name.whole, self.database.whole, self.retention_policy.whole];
        let dimensions = self.dimensions.iter().map(|d| d.whole);
        let parts = named.into_iter().chain(dimensions).chain(self.holes.iter().copied());
        let parts = parts.filter(|span| span.len > 0);
        let (mut few, mut many) = ([Span::default(); FEW], Vec::new());
        let mut count = 0;
        for part in parts {
            match few.get_mut(count) {
                Some(place) => *place = part,
                None => many.push(part),
            }
            count += 1;
        }
        let left_out = if many.is_empty() {
            &mut few[..count]
        } else {
            many.extend(few);
            &mut many[..]
        };
        left_out.sort_unstable_by_key(|span| span.start);
        put_without(out, &self.bytes, left_out);
    }

    /// Appends a request (or response) with the point, without a frame around it.
    #[cfg(test)]
    pub(crate) fn put_request(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&POINT_TAG);
        put_varint(out, self.message_len() as u64);
        self.put_message(out);
    }

    /// The point's message, if a response (or request) holds nothing but a point.
    pub(crate) fn message_of_frame(frame: &[u8]) -> Option<&[u8]> {
        let body = frame.strip_prefix(&POINT_TAG)?;
        let mut cursor = Cursor::new(body);
        let span = cursor.span().ok()?;
        cursor.is_empty().then(|| span.of(body))
    }

    /// Appends a frame with a point that is a message already.
    pub(crate) fn put_message_frame(message: &[u8], out: &mut Vec<u8>) {
        put_frame_head(out, message.len());
        out.extend_from_slice(message);
    }

    /// Overwrites the value of a field if it has the same type and takes the same room.
    fn patch(&mut self, i: usize, value: &FieldValue<'_>) -> bool {
        let Entry { value: at, kind, .. } = self.fields[i];
        let room = at.start as usize..at.end();
        match value {
            FieldValue::Double(value) if kind == FieldType::Double && room.len() == 8 => {
                self.bytes[room].copy_from_slice(&value.to_le_bytes());
            }
            FieldValue::Bool(value) if kind == FieldType::Bool && room.len() == 1 => {
                self.bytes[room.start] = u8::from(*value);
            }
            _ => return false,
        }
        true
    }

    fn replace(&mut self, old: Part, number: u8, value: &str) -> Part {
        self.replace_bytes(old, number, value.as_bytes())
    }

    pub(super) fn replace_bytes(&mut self, old: Part, number: u8, value: &[u8]) -> Part {
        self.hole(old.whole);
        let start = self.bytes.len();
        put_bytes(&mut self.bytes, number, value);
        let end = self.bytes.len();
        Part { value: Span::new(end - value.len(), end), whole: Span::new(start, end) }
    }

    fn append(&mut self, map: u8, name: &str, value: &FieldValue<'_>) -> Entry {
        put_entry(&mut self.bytes, map, name.as_bytes(), value.into())
    }

    /// Takes a part out of the message.
    fn hole(&mut self, part: Span) {
        if part.len == 0 {
            return;
        }
        if part.end() == self.bytes.len() {
            self.bytes.truncate(part.start as usize);
            return;
        }
        let at = self.holes.partition_point(|h| h.start < part.start);
        self.holes.insert(at, part);
    }
}
