//! A first-in, first-out buffer of numbers: the storage of every window by count.
//!
//! Storage grows with the values and never beyond the size, so a group that has seen three points
//! costs three points.

use std::ops::Index;

use serde::{Deserialize, Serialize};

use super::error::{self, MAX_WINDOW, Result, StatsError};

/// The last `size` numbers, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Ring {
    values: Vec<f64>,
    head: u32,
    size: u32,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    size: u32,
    values: Vec<f64>,
}

impl Ring {
    /// Makes an empty ring for `size` values, from 1 to [`MAX_WINDOW`].
    pub fn new(size: usize) -> Result<Ring> {
        Ring::with_minimum(size, 1)
    }

    /// Makes an empty ring whose size must be at least `min`.
    pub(crate) fn with_minimum(size: usize, min: usize) -> Result<Ring> {
        let size = error::size("size", size, min, MAX_WINDOW)?;
        let size = u32::try_from(size).expect("MAX_WINDOW fits u32");
        Ok(Ring { values: Vec::new(), head: 0, size })
    }

    /// Appends `x` and returns the oldest value when the ring was full.
    pub(crate) fn push(&mut self, x: f64) -> Option<f64> {
        let size = self.size();
        let len = self.values.len();
        if len < size {
            if len == self.values.capacity() {
                self.values.reserve_exact(len.max(4).min(size - len));
            }
            self.values.push(x);
            return None;
        }
        let slot = &mut self.values[self.head as usize];
        let old = std::mem::replace(slot, x);
        self.head = if self.head + 1 == self.size { 0 } else { self.head + 1 };
        Some(old)
    }

    /// The number of values held.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether the next value replaces the oldest one.
    pub fn is_full(&self) -> bool {
        self.values.len() == self.size()
    }

    /// The number of values it can hold.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// The oldest value.
    pub fn first(&self) -> Option<f64> {
        self.values.get(self.head as usize).copied()
    }

    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        self.iter().next_back()
    }

    /// The values oldest first, as two slices to be read one after the other.
    pub fn as_slices(&self) -> [&[f64]; 2] {
        let (newer, older) = self.values.split_at(self.head as usize);
        [older, newer]
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> + '_ {
        let [older, newer] = self.as_slices();
        older.iter().chain(newer).copied()
    }

    /// Forgets every value and gives the memory back.
    pub(crate) fn clear(&mut self) {
        self.values = Vec::new();
        self.head = 0;
    }
}

/// The value at a position counted from the oldest; the position must be below `len`.
impl Index<usize> for Ring {
    type Output = f64;

    fn index(&self, index: usize) -> &f64 {
        let [older, newer] = self.as_slices();
        if index < older.len() { &older[index] } else { &newer[index - older.len()] }
    }
}

impl PartialEq for Ring {
    fn eq(&self, other: &Ring) -> bool {
        self.size == other.size && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl From<Ring> for Stored {
    fn from(ring: Ring) -> Stored {
        Stored { size: ring.size, values: ring.iter().collect() }
    }
}

impl TryFrom<Stored> for Ring {
    type Error = StatsError;

    fn try_from(Stored { size, values }: Stored) -> Result<Ring> {
        let mut ring = Ring::new(size as usize)?;
        error::intact("window", values.len() <= ring.size(), "more values than its size")?;
        error::intact("window", values.iter().all(|x| x.is_finite()), "a value is not finite")?;
        ring.values = values;
        ring.values.shrink_to_fit();
        Ok(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_values_in_order() {
        let mut ring = Ring::new(3).unwrap();
        assert_eq!(ring.last(), None);
        let pushed_out: Vec<_> = [1.0, 2.0, 3.0, 4.0, 5.0].map(|x| ring.push(x)).into();
        assert_eq!(pushed_out, [None, None, None, Some(1.0), Some(2.0)]);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [3.0, 4.0, 5.0]);
        assert_eq!((ring.first(), ring.last(), ring[1]), (Some(3.0), Some(5.0), 4.0));
        assert_eq!(ring.values.capacity(), 3);
    }

    #[test]
    fn refuses_a_damaged_snapshot() {
        let bytes = postcard::to_stdvec(&(2u32, vec![1.0, 2.0, 3.0])).unwrap();
        assert!(postcard::from_bytes::<Ring>(&bytes).is_err());
        let bytes = postcard::to_stdvec(&(0u32, Vec::<f64>::new())).unwrap();
        assert!(postcard::from_bytes::<Ring>(&bytes).is_err());
        let bytes = postcard::to_stdvec(&(2u32, vec![f64::NAN])).unwrap();
        assert!(postcard::from_bytes::<Ring>(&bytes).is_err());
    }
}
