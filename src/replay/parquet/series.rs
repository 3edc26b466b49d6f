//! Which rows have the same measurement and tags: they are found while a file is decoded, so that a point begins with a copy.

use super::columns::{Column, Role};
use super::decode::{Cell, Part};
use crate::protocol::Point;
use crate::protocol::point::PointHead;
use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use std::io::Write;

/// Series that are known at once; then they are found anew.
const MOST: usize = 1 << 16;

/// Rows whose series are remembered by where their tags lie in memory.
const SEEN: usize = 256;

/// The measurement and the tags of rows.
#[derive(Clone, Debug)]
pub(super) struct Series {
    head: PointHead,
    /// What is wrong with them.
    pub(super) wrong: Option<String>,
}

impl Series {
    /// Begins a point that is empty.
    #[inline]
    pub(super) fn begin(&self, point: &mut Point) {
        point.begin_with(&self.head);
    }
}

/// A series, and its place among those of the latest rows that had it.
#[derive(Debug)]
struct Known {
    series: Series,
    turn: u64,
    place: u32,
}

/// The series of a file.
#[derive(Debug)]
pub(super) struct SeriesTable {
    measurement: String,
    /// By the values of the tags.
    known: HashMap<Vec<u8>, Known, ahash::RandomState>,
    /// Counts the calls.
    turn: u64,
    /// The values of the tags of a row.
    key: Vec<u8>,
    point: Point,
}

impl SeriesTable {
    pub(super) fn new(measurement: String) -> Self {
        let known = HashMap::default();
        Self { measurement, known, turn: 0, key: Vec::new(), point: Point::default() }
    }

    /// Returns the series of rows and for each row its place among them; takes the values of tags away.
    pub(super) fn sort_out(
        &mut self,
        columns: &[Column],
        parts: &mut [Part],
        rows: usize,
    ) -> (Vec<u32>, Vec<Series>) {
        self.turn += 1;
        if self.known.len() > MOST {
            self.known.clear();
        }
        let is_tag = |(column, _): &(&Column, Part)| column.role == Role::Tag;
        let taken = columns.iter().zip(parts).map(|(column, part)| match column.role {
            Role::Field => (column, Part::default()),
            Role::Time | Role::Tag => (column, std::mem::take(part)),
        });
        let tags: Vec<(&Column, Part)> = taken.filter(is_tag).collect();
        let mut places = Vec::with_capacity(rows);
        let mut series = Vec::new();
        let mut seen = [0u32; SEEN];
        for row in 0..rows {
            // Values of a dictionary lie at one place each, so most rows are told by addresses alone.
            let seen = &mut seen[place_of(&tags, row) % SEEN];
            let before = std::mem::replace(seen, row as u32) as usize;
            if before < row && tags.iter().all(|(_, part)| same(part.get(before), part.get(row))) {
                places.push(places[before]);
                continue;
            }
            self.key.clear();
            for (_, part) in &tags {
                put_value(&mut self.key, part.get(row));
            }
            let (turn, next) = (self.turn, series.len() as u32);
            let known = match self.known.entry_ref(&self.key[..]) {
                EntryRef::Occupied(known) => known.into_mut(),
                EntryRef::Vacant(vacant) => {
                    let point = &mut self.point;
                    let series = read(&self.measurement, &tags, &self.key, point);
                    vacant.insert(Known { series, turn: 0, place: 0 })
                }
            };
            if known.turn != turn {
                (known.turn, known.place) = (turn, next);
                series.push(known.series.clone());
            }
            places.push(known.place);
        }
        (places, series)
    }
}

/// Returns a number that is the same for rows whose tags lie at the same places in memory.
#[inline]
fn place_of(tags: &[(&Column, Part)], row: usize) -> usize {
    tags.iter().fold(0, |sum: usize, (_, part)| {
        let place = match part.get(row) {
            Some(Cell::Text(text)) => text.data().as_ptr() as usize,
            _ => 0,
        };
        (sum.rotate_left(5) ^ place).wrapping_mul(0x9e37_79b1) >> 7
    })
}

/// Tells whether two values are certainly the same: absent, or the same bytes of memory.
#[inline]
fn same(a: Option<Cell<'_>>, b: Option<Cell<'_>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(Cell::Text(a)), Some(Cell::Text(b))) => std::ptr::eq(a.data(), b.data()),
        _ => false,
    }
}

/// Appends the value of a tag with its length; one that is absent is as an empty one.
fn put_value(key: &mut Vec<u8>, cell: Option<Cell<'_>>) {
    let start = key.len();
    key.extend_from_slice(&[0; 4]);
    match cell {
        None => {}
        Some(Cell::Text(text)) => key.extend_from_slice(text.data()),
        Some(other) => {
            // A Vec takes everything.
            let _ = match other {
                Cell::Bool(value) => write!(key, "{value}"),
                Cell::Int(value) => write!(key, "{value}"),
                Cell::Double(value) => write!(key, "{value}"),
                Cell::Text(_) => Ok(()),
            };
        }
    }
    let len = (key.len() - start - 4) as u32;
    key[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// Makes the series of the values of tags.
fn read(measurement: &str, tags: &[(&Column, Part)], key: &[u8], point: &mut Point) -> Series {
    let mut wrong = None;
    point.clear();
    point.put_name(measurement.as_bytes());
    let mut rest = key;
    for (column, _) in tags {
        let Some((len, values)) = rest.split_first_chunk() else { break };
        let len = (u32::from_le_bytes(*len) as usize).min(values.len());
        let value;
        (value, rest) = values.split_at(len);
        if std::str::from_utf8(value).is_err() {
            wrong = Some(format!("'{}' is not UTF-8", column.name));
        } else if !value.is_empty() {
            point.put_tag(column.name.as_bytes(), value);
        }
    }
    let mut head = PointHead::default();
    point.head(&mut head);
    Series { head, wrong }
}
