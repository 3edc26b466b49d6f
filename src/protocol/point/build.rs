//! Building a point from text: names and values are bytes that are known to be UTF-8.
//!
//! A name that is there already is replaced as by [`Point::set_tag`] and [`Point::set_field`].

use super::edit::{Raw, put_entry};
use super::{Entry, FieldType, FieldValue, NAME, Part, Point, Span, TAGS, find, text};

/// The entry of a double without its value: what points with the same fields have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryHead {
    /// The entry with a zero.
    bytes: Vec<u8>,
    name: Span,
}

impl EntryHead {
    /// Becomes the entry of a name.
    pub(crate) fn set(&mut self, name: &[u8]) {
        self.bytes.clear();
        let map = FieldType::Double.map_number();
        self.name = put_entry(&mut self.bytes, map, name, Raw::Double(0.0)).name;
    }
}

/// The measurement and the tags of a point that has nothing else yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct PointHead {
    bytes: Vec<u8>,
    name: Part,
    tags: Vec<Entry>,
}

impl Point {
    /// Copies what the point, which has a measurement and tags only, begins with.
    pub(crate) fn head(&self, head: &mut PointHead) {
        head.bytes.clone_from(&self.bytes);
        head.tags.clone_from(&self.tags);
        head.name = self.name;
    }

    /// Begins a point that is empty with a measurement and tags.
    #[inline]
    pub(crate) fn begin_with(&mut self, head: &PointHead) {
        self.bytes.extend_from_slice(&head.bytes);
        self.tags.extend_from_slice(&head.tags);
        self.name = head.name;
    }

    /// Adds a double, whose name no other field has.
    #[inline]
    pub(crate) fn push_double(&mut self, head: &EntryHead, value: f64) {
        let start = self.bytes.len() as u32;
        let len = head.bytes.len() as u32;
        self.bytes.extend_from_slice(&head.bytes);
        let room = self.bytes.len() - 8;
        self.bytes[room..].copy_from_slice(&value.to_le_bytes());
        self.fields.push(Entry {
            name: Span { start: start + head.name.start, len: head.name.len },
            value: Span { start: start + len - 8, len: 8 },
            whole: Span { start, len },
            kind: FieldType::Double,
        });
    }

    /// Adds a field that is no text, whose name no other field has.
    #[inline]
    pub(crate) fn push_value(&mut self, name: &[u8], value: &FieldValue<'_>) {
        self.push_field(value.field_type().map_number(), name, value.into());
    }

    /// Adds a field that is a text, whose name no other field has.
    #[inline]
    pub(crate) fn push_text(&mut self, name: &[u8], value: &[u8]) {
        self.push_field(FieldType::String.map_number(), name, Raw::Text(value));
    }

    /// Returns the bytes of the measurement.
    #[inline]
    pub(crate) fn name_bytes(&self) -> &[u8] {
        self.name.value.of(&self.bytes)
    }

    /// Returns the bytes of the value of a tag; empty where there is none.
    #[inline]
    pub(crate) fn tag_bytes(&self, name: &[u8]) -> &[u8] {
        let tag = find(&self.tags, &self.bytes, name).map(|place| self.tags[place].value);
        tag.unwrap_or_default().of(&self.bytes)
    }

    /// Returns the bytes of the names of the tags, in the order of the wire; one may be there twice.
    #[inline]
    pub(crate) fn tag_names(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.tags.iter().map(|tag| tag.name.of(&self.bytes))
    }

    /// Returns the bytes of the names of the tags that the point is grouped by.
    #[inline]
    pub(crate) fn dimension_bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.dimensions.iter().map(|dimension| dimension.value.of(&self.bytes))
    }

    /// Returns how many fields there are, where no name is there twice.
    pub(crate) fn entry_count(&self) -> usize {
        self.fields.len()
    }

    /// Sets the measurement.
    pub(crate) fn put_name(&mut self, name: &[u8]) {
        self.name = self.replace_bytes(self.name, NAME, name);
    }

    /// Sets a tag.
    #[inline]
    pub(crate) fn put_tag(&mut self, name: &[u8], value: &[u8]) {
        if find(&self.tags, &self.bytes, name).is_some() {
            return self.set_tag(&text(name), &text(value));
        }
        let entry = put_entry(&mut self.bytes, TAGS, name, Raw::Text(value));
        self.tags.push(entry);
    }

    /// Sets a field that is no text.
    #[inline]
    pub(crate) fn put_field(&mut self, name: &[u8], value: &FieldValue<'_>) {
        if find(&self.fields, &self.bytes, name).is_some() {
            return self.set_field(&text(name), value.clone());
        }
        self.push_value(name, value);
    }

    /// Sets a field that is a text.
    #[inline]
    pub(crate) fn put_text(&mut self, name: &[u8], value: &[u8]) {
        if find(&self.fields, &self.bytes, name).is_some() {
            return self.set_field(&text(name), FieldValue::String(text(value)));
        }
        self.push_text(name, value);
    }

    #[inline]
    fn push_field(&mut self, map: u8, name: &[u8], value: Raw<'_>) {
        let entry = put_entry(&mut self.bytes, map, name, value);
        self.fields.push(entry);
    }
}
