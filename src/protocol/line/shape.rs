//! What the fields of the lines before were called. The next line of a measurement mostly has the same
//! fields in the same order: then a name is compared, not searched for its end, no name can be there
//! twice, and the head of a field's entry is copied.

use crate::protocol::point::EntryHead;

/// The shapes of the latest lines, by measurement.
#[derive(Clone, Debug)]
pub(super) struct Shapes {
    slots: Vec<Shape>,
}

/// The fields of a line, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    fields: Vec<Known>,
    /// How many of them are known; the rest is memory.
    len: usize,
}

/// A field of the line before.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The name as it is written, with the equals sign; it has no escapes.
    key: Vec<u8>,
    /// The entry of a double of that name.
    pub(super) head: EntryHead,
}

/// A power of two.
const SLOTS: usize = 16;

/// More fields than this are not kept.
const FIELDS: usize = 512;

impl Default for Shapes {
    fn default() -> Self {
        Self { slots: vec![Shape::default(); SLOTS] }
    }
}

impl Shapes {
    /// Returns the shape for a measurement; measurements that share one only lose time.
    #[inline]
    pub(super) fn of(&mut self, measurement: &[u8]) -> &mut Shape {
        let first = measurement.first().copied().unwrap_or_default();
        let last = measurement.last().copied().unwrap_or_default();
        let slot = usize::from(first) * 7 + usize::from(last) * 3 + measurement.len();
        &mut self.slots[slot % SLOTS]
    }
}

impl Shape {
    /// Returns the field at a place, if `rest` begins with its name.
    #[inline]
    pub(super) fn known(&self, place: usize, rest: &[u8]) -> Option<&Known> {
        self.fields[..self.len].get(place).filter(|known| rest.starts_with(&known.key))
    }

    /// Notes a name at a place after those that are known; one with escapes ends what is known.
    pub(super) fn note(&mut self, place: usize, name: &[u8], escaped: bool) {
        self.len = self.len.min(place);
        if escaped || place > self.len || place == FIELDS {
            return;
        }
        if place == self.fields.len() {
            self.fields.push(Known::default());
        }
        let known = &mut self.fields[place];
        known.key.clear();
        known.key.extend_from_slice(name);
        known.key.push(b'=');
        known.head.set(name);
        self.len += 1;
    }
}

impl Known {
    /// Returns the bytes of the name and the equals sign.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.key.len()
    }

    /// Returns the name.
    #[inline]
    pub(super) fn name(&self) -> &[u8] {
        &self.key[..self.key.len() - 1]
    }
}
