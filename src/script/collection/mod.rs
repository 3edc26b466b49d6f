//! Objects that hold any values of a script: queues, counts, values that were seen recently, the largest rows.
//!
//! This module uses no interpreter and no host: `api/collection` makes them known to scripts. What a collection holds
//! is stored value by value ([`Holder::parts`]) and counts against the limits of sizes ([`held`]).

mod deque;
mod distinct;
mod key;
mod tally;
mod timed_queue;
mod top;

pub(crate) use deque::Deque;
pub(crate) use distinct::Distinct;
pub(crate) use key::Key;
pub(crate) use tally::{Counted, Tally};
pub(crate) use timed_queue::TimedQueue;
pub(crate) use top::{Order, Row, Top};

use crate::stats::StatsError;
use crate::stats::error::{Result as Stats, intact};
use rhai::{Array, Dynamic, Map};
use std::rc::Rc;

/// An object that holds values of a script.
pub(crate) trait Holder: Clone + std::fmt::Debug + 'static {
    /// The name under which it is stored.
    const NAME: &'static str;

    /// The values that it is made of.
    fn parts(&self) -> Array;

    /// Makes it of such values again; they may be damaged.
    fn join(parts: Array) -> Stats<Self>;

    /// How many values it holds.
    fn len(&self) -> usize;

    /// The values that it holds.
    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_>;
}

/// A [`Holder`] in a script: shared, and copied when one of its owners changes it.
#[derive(Debug)]
pub(crate) struct Held<T>(pub(crate) Rc<T>);

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Held<T> {
    pub(crate) fn new(holder: T) -> Self {
        Self(Rc::new(holder))
    }

    /// The object, for a change.
    pub(crate) fn change(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

/// Passes the values that an object holds, and their number, to `look`, if it is one of these objects.
pub(crate) fn held(
    value: &Dynamic,
    look: &mut dyn FnMut(usize, &mut dyn Iterator<Item = &Dynamic>),
) {
    let _ = held_in::<Deque>(value, look)
        || held_in::<TimedQueue>(value, look)
        || held_in::<Tally>(value, look)
        || held_in::<Distinct>(value, look)
        || held_in::<Top>(value, look);
}

fn held_in<T: Holder>(
    value: &Dynamic,
    look: &mut dyn FnMut(usize, &mut dyn Iterator<Item = &Dynamic>),
) -> bool {
    let Some(holder) = value.read_lock::<Held<T>>() else { return false };
    look(holder.0.len(), &mut holder.0.values());
    true
}

/// How deep values may be nested in a collection: a snapshot stores 100 levels of a state, and a collection
/// takes two for itself.
pub(crate) const DEPTH: usize = 24;

/// True if a value is nested more than `most` deep.
pub(crate) fn is_deeper(value: &Dynamic, most: usize) -> bool {
    if value.is_float() || value.is_int() || value.is_string() {
        return false;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return most == 0 || array.iter().any(|value| is_deeper(value, most - 1));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return most == 0 || map.values().any(|value| is_deeper(value, most - 1));
    }
    let mut deeper = false;
    held(value, &mut |_, values| {
        deeper = most == 0 || Iterator::any(&mut &mut *values, |value| is_deeper(value, most - 1));
    });
    deeper
}

/// Reads the stored parts of one kind of object, each of which may be of the wrong type.
struct Parts {
    name: &'static str,
    values: std::vec::IntoIter<Dynamic>,
}

impl Parts {
    fn new(name: &'static str, values: Array) -> Self {
        Self { name, values: values.into_iter() }
    }

    fn damaged(&self) -> StatsError {
        StatsError::Damaged { name: self.name, reason: "a part is of another type" }
    }

    fn next<V: Clone + 'static>(&mut self) -> Stats<V> {
        let damaged = self.damaged();
        self.values.next().and_then(Dynamic::try_cast).ok_or(damaged)
    }

    /// A part that may be `()`.
    fn optional<V: Clone + 'static>(&mut self) -> Stats<Option<V>> {
        let damaged = self.damaged();
        match self.values.next() {
            Some(value) if value.is_unit() => Ok(None),
            Some(value) => value.try_cast().map(Some).ok_or(damaged),
            None => Err(damaged),
        }
    }

    fn count(&mut self) -> Stats<u64> {
        let int: i64 = self.next()?;
        u64::try_from(int).map_err(|_| self.damaged())
    }

    fn times(&mut self) -> Stats<Vec<i64>> {
        let array: Array = self.next()?;
        let times: Option<Vec<i64>> = array.iter().map(|value| value.as_int().ok()).collect();
        times.ok_or_else(|| self.damaged())
    }

    fn keys(&mut self) -> Stats<Vec<Key>> {
        let array: Array = self.next()?;
        let keys: Option<Vec<Key>> = array.iter().map(Key::of).collect();
        keys.ok_or_else(|| self.damaged())
    }

    /// Checks what the object must hold to.
    fn check(&self, ok: bool, reason: &'static str) -> Stats<()> {
        intact(self.name, ok, reason)
    }
}

/// A count as scripts have it.
fn int(count: u64) -> Dynamic {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// A value, or `()`.
fn optional<V: Into<Dynamic>>(value: Option<V>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}
