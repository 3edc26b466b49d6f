//! The points or batches of one time that a join combines.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::protocol::align::round;
use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::flow::Message;

/// How values are named, and what replaces those that are absent.
pub(crate) struct Rule {
    pub(crate) names: Vec<Rc<str>>,
    pub(crate) delimiter: Rc<str>,
    pub(crate) stream_name: Option<Rc<str>>,
    pub(crate) tolerance: i64,
    pub(crate) fill: Fill,
}

/// What stands for absent values.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    /// Nothing: incomplete sets are dropped.
    None,
    /// No value: the field is absent.
    Null,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

/// A message of each parent, as far as they came.
#[derive(Serialize, Deserialize)]
pub(crate) struct Set {
    time: i64,
    values: Vec<Option<Message>>,
}

/// The sets of one group, by time.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Group {
    sets: BTreeMap<i64, VecDeque<Set>>,
    heads: Vec<Option<i64>>,
}

impl Group {
    /// Takes a message of a parent and returns the sets that are complete by it.
    pub(crate) fn collect(&mut self, port: usize, message: Message, rule: &Rule) -> Vec<Set> {
        let parents = rule.names.len();
        let time = round(message.time(), rule.tolerance);
        let sets = self.sets.entry(time).or_default();
        match sets.iter_mut().find(|set| set.values[port].is_none()) {
            Some(set) => set.values[port] = Some(message),
            None => {
                let mut values = vec![None; parents];
                values[port] = Some(message);
                sets.push_back(Set { time, values });
            }
        }
        self.pass(port, time, rule)
    }

    /// Notes that a parent sends nothing more before a time, and returns the sets that are complete by it.
    pub(crate) fn pass(&mut self, port: usize, time: i64, rule: &Rule) -> Vec<Set> {
        self.heads.resize(rule.names.len(), None);
        self.heads[port] = Some(round(time, rule.tolerance));
        let mut ready = Vec::new();
        self.take(self.waits(), &mut ready);
        ready
    }

    /// Tells whether its sets are of so many parents.
    pub(crate) fn is_for(&self, parents: usize) -> bool {
        let mut sets = self.sets.values().flatten();
        self.heads.len() <= parents && sets.all(|set| set.values.len() == parents)
    }

    /// Returns all sets that are left.
    pub(crate) fn drain(&mut self) -> Vec<Set> {
        std::mem::take(&mut self.sets).into_values().flatten().collect()
    }

    /// Tells whether a parent may still add to the oldest sets.
    fn waits(&self) -> bool {
        let oldest = self.sets.keys().next().copied();
        self.heads.iter().any(|head| *head <= oldest)
    }

    fn take(&mut self, mut only_complete: bool, ready: &mut Vec<Set>) {
        while let Some(mut oldest) = self.sets.first_entry() {
            let sets = oldest.get_mut();
            while let Some(first) = sets.front()
                && (!only_complete || first.values.iter().all(Option::is_some))
            {
                ready.extend(sets.pop_front());
            }
            if sets.is_empty() {
                oldest.remove();
            }
            if only_complete {
                return;
            }
            only_complete = self.waits();
        }
    }
}

impl Set {
    /// Joins the set; `None` if it is incomplete and nothing fills it.
    pub(crate) fn join(self, rule: &Rule) -> Option<Message> {
        match self.values.iter().flatten().next()? {
            Message::Point(first) => self.join_points(first, rule).map(Message::from),
            Message::Batch(first) => Some(self.join_batches(first, rule).into()),
        }
    }

    fn join_points(&self, first: &Rc<Point>, rule: &Rule) -> Option<Point> {
        let points: Vec<Option<&Point>> = self
            .values
            .iter()
            .map(|value| match value {
                Some(Message::Point(point)) => Some(&**point),
                _ => None,
            })
            .collect();
        let names: Vec<String> = first.fields().map(|(name, _)| name.into_owned()).collect();
        let mut joined = rule.fields(&points, &names, self.time)?;
        joined.set_name(rule.stream_name.as_deref().unwrap_or(&first.name()));
        let tags = Message::Point(Rc::clone(first)).group_tags();
        tags.iter().for_each(|(name, value)| joined.set_tag(name, value));
        Dimensions::of(first).apply(&mut joined);
        Some(joined)
    }

    fn join_batches(&self, first: &Rc<Batch>, rule: &Rule) -> Batch {
        let mut joined = first.metadata();
        if let Some(name) = &rule.stream_name {
            joined.name = name.to_string();
        }
        joined.tmax = self.time;
        regroup(&mut joined);
        let batches: Vec<Vec<Point>> = self
            .values
            .iter()
            .map(|value| match value {
                Some(Message::Batch(batch)) => batch.points().collect(),
                _ => Vec::new(),
            })
            .collect();
        let mut next = vec![0; batches.len()];
        let mut names: Vec<String> = Vec::new();
        while let Some((time, row)) = align(&batches, &mut next, rule.tolerance) {
            if names.is_empty()
                && let Some(point) = row.iter().flatten().next()
            {
                names = point.fields().map(|(name, _)| name.into_owned()).collect();
            }
            if let Some(mut point) = rule.fields(&row, &names, time) {
                joined.tags.iter().for_each(|(name, value)| point.set_tag(name, value));
                point.set_group(&joined.group);
                joined.push(&point);
            }
        }
        joined.size = joined.len() as i64;
        joined
    }
}

/// Takes the points of the earliest time from those batches that have one.
fn align<'b>(
    batches: &'b [Vec<Point>],
    next: &mut [usize],
    tolerance: i64,
) -> Option<(i64, Vec<Option<&'b Point>>)> {
    let head = |(batch, next): (&'b Vec<Point>, &usize)| batch.get(*next);
    let heads: Vec<Option<&Point>> = batches.iter().zip(next.iter()).map(head).collect();
    let time = heads.iter().flatten().map(|point| round(point.time(), tolerance)).min()?;
    let row: Vec<_> = heads
        .into_iter()
        .map(|head| head.filter(|point| round(point.time(), tolerance) == time))
        .collect();
    for (next, point) in next.iter_mut().zip(&row) {
        *next += usize::from(point.is_some());
    }
    Some((time, row))
}

impl Rule {
    /// Joins the fields of points; `names` are those that fill an absent point.
    fn fields(&self, points: &[Option<&Point>], names: &[String], time: i64) -> Option<Point> {
        let mut joined = Point::new(time);
        for (prefix, point) in self.names.iter().zip(points) {
            let full = |name: &str| format!("{prefix}{}{name}", self.delimiter);
            match (point, self.fill) {
                (Some(point), _) => {
                    point.fields().for_each(|(name, value)| joined.set_field(&full(&name), value));
                }
                (None, Fill::None) => return None,
                (None, Fill::Null) => {}
                (None, Fill::Int(v)) => {
                    names.iter().for_each(|name| joined.set_field(&full(name), FieldValue::Int(v)));
                }
                (None, Fill::Float(v)) => {
                    names
                        .iter()
                        .for_each(|name| joined.set_field(&full(name), FieldValue::Double(v)));
                }
            }
        }
        Some(joined)
    }
}
