//! Building a point from text: names and values are bytes that are known to be UTF-8.
//!
//! A name that is there already is replaced as by [`Point::set_tag`] and [`Point::set_field`].

use super::edit::{Raw, put_entry};
use super::{FieldValue, NAME, Point, TAGS, find};
use std::borrow::Cow;

impl Point {
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
        self.push_field(value.field_type().map_number(), name, value.into());
    }

    /// Sets a field that is a text.
    #[inline]
    pub(crate) fn put_text(&mut self, name: &[u8], value: &[u8]) {
        if find(&self.fields, &self.bytes, name).is_some() {
            return self.set_field(&text(name), FieldValue::String(text(value)));
        }
        self.push_field(super::FieldType::String.map_number(), name, Raw::Text(value));
    }

    #[inline]
    fn push_field(&mut self, map: u8, name: &[u8], value: Raw<'_>) {
        let entry = put_entry(&mut self.bytes, map, name, value);
        self.fields.push(entry);
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
