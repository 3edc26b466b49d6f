//! The tags and fields of a point in the order of their names, as output wants them.

use super::{Entry, FieldValue, Point};
use std::borrow::Cow;

/// The orders that the tags and fields of the latest point had: the next one mostly has the same, and
/// then nothing is sorted.
#[derive(Clone, Debug, Default)]
pub struct Order {
    tags: Indices,
    fields: Indices,
}

#[derive(Clone, Debug, Default)]
struct Indices {
    /// Places in the point.
    sorted: Vec<u32>,
    /// Whether a name was there twice, so that a place is left out.
    gaps: bool,
}

impl Point {
    /// Returns the tags by name.
    pub fn sorted_tags<'p>(
        &'p self,
        order: &'p mut Order,
    ) -> impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)> {
        order.tags.sort(&self.tags, &self.bytes).iter().map(|i| {
            let tag = &self.tags[*i as usize];
            (self.text(tag.name), self.text(tag.value))
        })
    }

    /// Returns the fields by name.
    pub fn sorted_fields<'p>(
        &'p self,
        order: &'p mut Order,
    ) -> impl Iterator<Item = (Cow<'p, str>, FieldValue<'p>)> {
        order.fields.sort(&self.fields, &self.bytes).iter().map(|i| {
            let field = &self.fields[*i as usize];
            (self.text(field.name), self.value(field))
        })
    }
}

impl Indices {
    /// Returns the places of the entries that count, by name.
    fn sort(&mut self, entries: &[Entry], bytes: &[u8]) -> &[u32] {
        let name = |i: u32| entries[i as usize].name.of(bytes);
        let fits = !self.gaps
            && self.sorted.len() == entries.len()
            && self.sorted.windows(2).all(|pair| name(pair[0]) < name(pair[1]));
        if !fits {
            let sorted = &mut self.sorted;
            sorted.clear();
            sorted.extend(0..entries.len() as u32);
            // Of several entries with a name, the last of the type that the daemon prefers counts.
            sorted.sort_unstable_by_key(|i| (name(*i), entries[*i as usize].kind, *i));
            sorted.dedup_by(|later, kept| {
                let same = name(*later) == name(*kept);
                if same {
                    *kept = *later;
                }
                same
            });
            self.gaps = sorted.len() < entries.len();
        }
        &self.sorted
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
