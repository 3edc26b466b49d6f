//! The tags and fields of a point in the order of their names, as output wants them.

use super::{Entry, FieldType, FieldValue, Point};
use std::borrow::Cow;

/// The names that the tags and fields of the latest points had, in their order: the next one mostly has
/// the same, and then nothing is sorted.
#[derive(Clone, Debug, Default)]
pub struct Order {
    tags: [Names; KINDS],
    fields: [Names; KINDS],
}

/// Points of so many kinds may come in turn: they are told apart by how many names they have.
const KINDS: usize = 8;

#[derive(Clone, Debug, Default)]
struct Names {
    /// Each name once, sorted, with the place of its entry in the point.
    sorted: Vec<(String, u32)>,
    /// The entries that the point had; more than names where a name was there twice.
    entries: usize,
    /// Memory for places that are being sorted.
    places: Vec<u32>,
}

impl Point {
    /// Returns the tags by name.
    pub fn sorted_tags<'p>(
        &'p self,
        order: &'p mut Order,
    ) -> impl Iterator<Item = (&'p str, Cow<'p, str>)> {
        let sorted = order.tags[self.tags.len() % KINDS].sort(&self.tags, &self.bytes).iter();
        sorted.map(|(name, place)| (&**name, self.text(self.tags[*place as usize].value)))
    }

    /// Returns the fields by name.
    pub fn sorted_fields<'p>(
        &'p self,
        order: &'p mut Order,
    ) -> impl Iterator<Item = (&'p str, FieldValue<'p>)> {
        self.sorted_places(order).map(|(name, place)| (name, self.value_at(place)))
    }

    /// Returns the places of the fields by name.
    pub(crate) fn sorted_places<'o>(
        &self,
        order: &'o mut Order,
    ) -> impl Iterator<Item = (&'o str, usize)> + use<'o> {
        let sorted = order.fields[self.fields.len() % KINDS].sort(&self.fields, &self.bytes).iter();
        sorted.map(|(name, place)| (&**name, *place as usize))
    }

    /// Returns the value of the field at a place.
    pub(crate) fn value_at(&self, place: usize) -> FieldValue<'_> {
        self.value(&self.fields[place])
    }

    /// Returns the field at a place if it is a double, as most are, without the detour over a [`FieldValue`].
    #[inline]
    pub(crate) fn double_at(&self, place: usize) -> Option<f64> {
        let entry = &self.fields[place];
        if entry.kind != FieldType::Double {
            return None;
        }
        let bytes = entry.value.of(&self.bytes).first_chunk();
        Some(bytes.map_or(0.0, |bytes| f64::from_le_bytes(*bytes)))
    }
}

impl Names {
    /// Returns the names of the entries that count, with their places.
    #[inline]
    fn sort(&mut self, entries: &[Entry], bytes: &[u8]) -> &[(String, u32)] {
        let known = self.entries == entries.len()
            && self.sorted.len() == entries.len()
            && self
                .sorted
                .iter()
                .all(|(name, place)| entries[*place as usize].name.of(bytes) == name.as_bytes());
        if !known {
            self.learn(entries, bytes);
        }
        &self.sorted
    }

    fn learn(&mut self, entries: &[Entry], bytes: &[u8]) {
        let name = |i: u32| entries[i as usize].name.of(bytes);
        let places = &mut self.places;
        places.clear();
        places.extend(0..entries.len() as u32);
        // Of several entries with a name, the last of the type that the daemon prefers counts.
        places.sort_unstable_by_key(|i| (name(*i), entries[*i as usize].kind, *i));
        places.dedup_by(|later, kept| {
            let same = name(*later) == name(*kept);
            if same {
                *kept = *later;
            }
            same
        });
        self.entries = entries.len();
        self.sorted.resize_with(places.len(), Default::default);
        for ((known, at), place) in self.sorted.iter_mut().zip(places) {
            if known.as_bytes() != name(*place) {
                known.clear();
                known.push_str(&String::from_utf8_lossy(name(*place)));
            }
            *at = *place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_order_and_once() {
        let mut order = Order::default();
        let names = |point: &Point, order: &mut Order| -> Vec<String> {
            point.sorted_fields(order).map(|(name, value)| format!("{name}={value}")).collect()
        };
        for fields in [vec!["b", "a", "c"], vec!["c", "a", "b"], vec!["z"], vec![], vec!["b", "a"]]
        {
            let mut point = Point::new(1);
            fields.iter().for_each(|name| point.set_field(name, 1));
            let mut expected: Vec<String> = fields.iter().map(|name| format!("{name}=1")).collect();
            expected.sort();
            assert_eq!(names(&point, &mut order), expected);
        }
        // An int x, then a double x, then an int a: the daemon takes the double.
        let mut twice = Vec::new();
        for (name, value) in [("x", 1.into()), ("x", FieldValue::Double(2.5)), ("a", 3.into())] {
            let mut point = Point::default();
            point.set_field(name, value);
            point.put_message(&mut twice);
        }
        let twice = Point::from_message(&twice).unwrap();
        assert_eq!(names(&twice, &mut order), ["a=3", "x=2.5"]);
        let mut two = Point::new(1);
        two.set_field("q", 1);
        two.set_field("p", 1);
        assert_eq!(names(&two, &mut order), ["p=1", "q=1"]);
    }
}
