//! `distinct(span)`: which values were seen recently.

use super::timed_queue::{checked_span, is_gone};
use super::{Holder, Key, Parts, int, optional};
use crate::stats::error::Result as Stats;
use rhai::{Array, Dynamic};
use std::collections::{BTreeMap, BTreeSet};

/// The values of the last `span` nanoseconds, each once.
#[derive(Clone, Debug)]
pub(crate) struct Distinct {
    span: u64,
    /// Whether a value that is seen again stays for another span.
    renew: bool,
    newest: Option<i64>,
    seen: BTreeMap<Key, i64>,
    by_time: BTreeSet<(i64, Key)>,
}

impl Distinct {
    /// An empty one; `span` in nanoseconds, from 1.
    pub(crate) fn new(span: u64, renew: bool) -> Stats<Self> {
        checked_span(span)?;
        Ok(Self { span, renew, newest: None, seen: BTreeMap::new(), by_time: BTreeSet::new() })
    }

    /// Adds a value and tells whether it is new, that is, not among those of the last span. A value that is older
    /// than the window is not added, and not new.
    pub(crate) fn push(&mut self, time: i64, key: Key) -> bool {
        self.move_to(time);
        if self.newest.is_some_and(|newest| is_gone(self.span, newest, time)) {
            return false;
        }
        match self.seen.get_mut(&key) {
            Some(seen) => {
                if self.renew && time > *seen {
                    self.by_time.remove(&(*seen, key.clone()));
                    *seen = time;
                    self.by_time.insert((time, key));
                }
                false
            }
            None => {
                self.seen.insert(key.clone(), time);
                self.by_time.insert((time, key))
            }
        }
    }

    /// Moves the window to a time, if that is newer, and drops the values that are too old.
    pub(crate) fn move_to(&mut self, time: i64) {
        let newest = self.newest.map_or(time, |newest| newest.max(time));
        self.newest = Some(newest);
        while self.by_time.first().is_some_and(|(time, _)| is_gone(self.span, newest, *time)) {
            if let Some((_, key)) = self.by_time.pop_first() {
                self.seen.remove(&key);
            }
        }
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.seen.contains_key(key)
    }

    /// The values, the one that was not seen for the longest time first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_time.iter().map(|(_, key)| key)
    }

    pub(crate) fn reset(&mut self) {
        self.newest = None;
        self.seen.clear();
        self.by_time.clear();
    }
}

impl Holder for Distinct {
    const NAME: &'static str = "distinct";

    fn parts(&self) -> Array {
        let times: Array = self.by_time.iter().map(|(time, _)| (*time).into()).collect();
        let keys: Array = self.keys().map(Key::value).collect();
        vec![int(self.span), self.renew.into(), optional(self.newest), times.into(), keys.into()]
    }

    fn join(parts: Array) -> Stats<Self> {
        let mut parts = Parts::new("distinct", parts);
        let (span, renew, newest) = (parts.count()?, parts.next()?, parts.optional()?);
        let (times, keys) = (parts.times()?, parts.keys()?);
        let n = keys.len();
        let inside = |time: &i64| newest.is_some_and(|n| *time <= n && !is_gone(span, n, *time));
        let fits = times.len() == n && times.iter().all(inside);
        parts.check(fits, "its times do not fit")?;
        let seen = keys.iter().cloned().zip(times.iter().copied()).collect::<BTreeMap<_, _>>();
        parts.check(seen.len() == n, "a value has two times")?;
        let by_time = times.into_iter().zip(keys).collect();
        Ok(Self { span: checked_span(span)?, renew, newest, seen, by_time })
    }

    fn len(&self) -> usize {
        self.seen.len()
    }

    /// Keys hold no nested values that the limits must count.
    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_> {
        Box::new(std::iter::empty())
    }
}
