//! `timed_queue(span)`: values with their times, none older than the newest time less the span.

use super::{Holder, Parts, int, optional};
use crate::stats::error::{Result as Stats, range};
use rhai::{Array, Dynamic};
use std::collections::VecDeque;

/// The values of the last `span` nanoseconds, in the order of their times.
#[derive(Clone, Debug)]
pub(crate) struct TimedQueue {
    span: u64,
    /// The newest time seen.
    newest: Option<i64>,
    items: VecDeque<(i64, Dynamic)>,
    /// Values that came too late to be kept.
    late: u64,
}

impl TimedQueue {
    /// An empty one; `span` in nanoseconds, from 1.
    pub(crate) fn new(span: u64) -> Stats<Self> {
        checked_span(span)?;
        Ok(Self { span, newest: None, items: VecDeque::new(), late: 0 })
    }

    /// Adds a value. A late value is put into its place; a value that is older than the window is only counted.
    pub(crate) fn push(&mut self, time: i64, value: Dynamic) {
        self.move_to(time);
        if self.newest.is_some_and(|newest| is_gone(self.span, newest, time)) {
            self.late = self.late.saturating_add(1);
        } else if self.items.back().is_none_or(|(last, _)| *last <= time) {
            self.items.push_back((time, value));
        } else {
            let at = self.items.partition_point(|(other, _)| *other <= time);
            self.items.insert(at, (time, value));
        }
    }

    /// Moves the window to a time, if that is newer, and drops the values that are too old.
    pub(crate) fn move_to(&mut self, time: i64) {
        let newest = self.newest.map_or(time, |newest| newest.max(time));
        self.newest = Some(newest);
        while self.items.front().is_some_and(|(time, _)| is_gone(self.span, newest, *time)) {
            self.items.pop_front();
        }
    }

    pub(crate) fn span(&self) -> u64 {
        self.span
    }

    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    pub(crate) fn oldest(&self) -> Option<&(i64, Dynamic)> {
        self.items.front()
    }

    pub(crate) fn newest(&self) -> Option<&(i64, Dynamic)> {
        self.items.back()
    }

    pub(crate) fn pop_oldest(&mut self) -> Option<Dynamic> {
        self.items.pop_front().map(|(_, value)| value)
    }

    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        self.items.iter().map(|(time, _)| *time)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Dynamic> {
        self.items.get(at).map(|(_, value)| value)
    }

    pub(crate) fn reset(&mut self) {
        (self.newest, self.late) = (None, 0);
        self.items.clear();
    }
}

/// Refuses a span of 0.
pub(super) fn checked_span(span: u64) -> Stats<u64> {
    range("the span", span as f64, span > 0, "1 nanosecond or more").map(|_| span)
}

/// True if `time` lies the span or more before `newest`.
pub(super) fn is_gone(span: u64, newest: i64, time: i64) -> bool {
    time < newest && newest.abs_diff(time) >= span
}

impl Holder for TimedQueue {
    const NAME: &'static str = "timed_queue";

    fn parts(&self) -> Array {
        let times: Array = self.times().map(Dynamic::from).collect();
        let values: Array = self.values().cloned().collect();
        vec![int(self.span), optional(self.newest), times.into(), values.into(), int(self.late)]
    }

    fn join(parts: Array) -> Stats<Self> {
        let mut parts = Parts::new("timed_queue", parts);
        let (span, newest) = (parts.count()?, parts.optional()?);
        let (times, values): (_, Array) = (parts.times()?, parts.next()?);
        let late = parts.count()?;
        checked_span(span)?;
        let fits = times.len() == values.len()
            && times.is_sorted()
            && times
                .iter()
                .all(|time| newest.is_some_and(|n| *time <= n && !is_gone(span, n, *time)));
        parts.check(fits, "its times do not fit")?;
        Ok(Self { span, newest, items: times.into_iter().zip(values).collect(), late })
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn values(&self) -> Box<dyn Iterator<Item = &Dynamic> + '_> {
        Box::new(self.items.iter().map(|(_, value)| value))
    }
}
