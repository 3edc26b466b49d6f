//! `|combine()`: the points of one time, combined with each other.
//!
//! Each set of as many points as there are expressions becomes one point, if the expressions can be
//! matched with the points of the set one to one.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::protocol::align::round;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{ByGroup, Group, Memory, Message, Node, Outbox, PointScope, Signal};
use crate::tick::lambda::{Lambda, State};

/// How many combinations of the points of one time there may be, where the script does not say.
const MOST_COMBINATIONS: i64 = 1_000_000;

/// Combines points of one time.
pub(crate) struct Combine {
    rule: Rule,
    groups: ByGroup<Held>,
}

struct Rule {
    expressions: Vec<Rc<Lambda>>,
    names: Vec<Rc<str>>,
    delimiter: Rc<str>,
    tolerance: i64,
    most: i64,
}

/// The points of one time of a group.
#[derive(Serialize, Deserialize)]
struct Held {
    group: Group,
    time: i64,
    points: Vec<Point>,
    /// The states of the functions in the expressions.
    states: Vec<State>,
}

impl Combine {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let error = |message: String| Err(source.error(definition.at, message));
        let expressions: Vec<_> =
            definition.arguments.iter().filter_map(Object::as_lambda).collect();
        let names = definition.strings("as");
        let delimiter = definition.string("delimiter").unwrap_or_else(|| ".".into());
        if names.is_empty() || names.len() != expressions.len() {
            return error(format!(
                "|combine() has {} expressions and .as() has {} names for them",
                expressions.len(),
                names.len()
            ));
        }
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || names[..i].contains(name) {
                return error(format!(
                    ".as('{name}') of |combine() is empty or stands there twice"
                ));
            }
            if !delimiter.is_empty() && name.contains(&*delimiter) {
                return error(format!(
                    ".as('{name}') of |combine() contains the delimiter '{delimiter}'"
                ));
            }
        }
        let rule = Rule {
            expressions,
            names,
            delimiter,
            tolerance: definition.duration("tolerance").unwrap_or(0),
            most: definition.int("max").unwrap_or(MOST_COMBINATIONS),
        };
        Ok(Self { rule, groups: ByGroup::default() })
    }

    fn group(&mut self, message: &Message) -> &mut Held {
        let expressions = self.rule.expressions.len();
        self.groups.get_or(message.group_bytes(), || Held {
            group: Group::of(message),
            time: message.time(),
            points: Vec::new(),
            states: (0..expressions).map(|_| State::default()).collect(),
        })
    }
}

impl Held {
    fn push(&mut self, mut point: Point, rule: &Rule, out: &mut Outbox<'_>) -> Result<()> {
        let time = round(point.time(), rule.tolerance);
        point.set_time(time);
        if time != self.time {
            self.combine(rule, out)?;
            self.time = time;
        }
        self.points.push(point);
        Ok(())
    }

    /// Sends the combinations of the points that are held, and removes the points.
    fn combine(&mut self, rule: &Rule, out: &mut Outbox<'_>) -> Result<()> {
        let points = std::mem::take(&mut self.points);
        let (n, k) = (points.len(), rule.expressions.len());
        if n < k {
            return Ok(());
        }
        let matches = self.matches(&points, rule, out);
        let count = combinations(n, k);
        if count > i128::from(rule.most) {
            let message = format!(
                "the {n} points of one time have {count} combinations, more than .max({})",
                rule.most
            );
            return Err(TickError::Node { node: out.node.to_owned(), message });
        }
        let mut indices: Vec<usize> = (0..k).collect();
        loop {
            if let Some(set) = assign(&indices, &matches) {
                let set: Vec<&Point> = set.into_iter().map(|i| &points[i]).collect();
                out.send(self.merge(&set, rule));
            }
            if !advance(&mut indices, n) {
                return Ok(());
            }
        }
    }

    /// Returns which points each expression matches.
    fn matches(&mut self, points: &[Point], rule: &Rule, out: &mut Outbox<'_>) -> Vec<Vec<bool>> {
        let mut matches = vec![Vec::with_capacity(points.len()); rule.expressions.len()];
        for point in points {
            for (i, expression) in rule.expressions.iter().enumerate() {
                let tested = expression.test(&PointScope::new(point), &mut self.states[i]);
                matches[i].push(tested.unwrap_or_else(|error| {
                    out.diagnose(&error);
                    false
                }));
            }
        }
        matches
    }

    fn merge(&self, set: &[&Point], rule: &Rule) -> Point {
        let mut merged = Point::new(self.time);
        merged.set_name(&self.group.name);
        for (prefix, point) in rule.names.iter().zip(set) {
            let named = |name: &str| format!("{prefix}{}{name}", rule.delimiter);
            point.fields().for_each(|(name, value)| merged.set_field(&named(&name), value));
            for (name, value) in point.tags() {
                if self.group.dimensions.tags.iter().any(|tag| **tag == *name) {
                    merged.set_tag(&name, &value);
                } else {
                    merged.set_tag(&named(&name), &value);
                }
            }
        }
        self.group.dimensions.apply(&mut merged);
        merged
    }
}

/// Returns in how many ways `k` of `n` points can be chosen.
fn combinations(n: usize, k: usize) -> i128 {
    (0..k).fold(1i128, |count, i| count.saturating_mul((n - i) as i128) / (i as i128 + 1))
}

/// Advances to the next choice of points out of `n`; false if there is none.
fn advance(indices: &mut [usize], n: usize) -> bool {
    let k = indices.len();
    let Some(place) = (0..k).rev().find(|place| indices[*place] != place + n - k) else {
        return false;
    };
    indices[place] += 1;
    for next in place + 1..k {
        indices[next] = indices[next - 1] + 1;
    }
    true
}

/// Gives each expression the first point left that it matches; `None` if one finds none.
fn assign(indices: &[usize], matches: &[Vec<bool>]) -> Option<Vec<usize>> {
    let mut left = indices.to_vec();
    let take = |matches: &Vec<bool>| {
        let place = left.iter().position(|i| matches[*i])?;
        Some(left.remove(place))
    };
    matches.iter().map(take).collect()
}

impl Node for Combine {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(point);
        self.group(&message);
        let Self { rule, groups } = self;
        let Message::Point(point) = &message else { return Ok(()) };
        match groups.get(message.group_bytes()) {
            Some(held) => held.push((**point).clone(), rule, out),
            None => Ok(()),
        }
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Batch(Rc::clone(&batch));
        self.group(&message).group.name.clone_from(&batch.name);
        let Self { rule, groups } = self;
        let Some(held) = groups.get(message.group_bytes()) else { return Ok(()) };
        for point in batch.points() {
            held.push(point, rule, out)?;
        }
        held.combine(rule, out)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        for (lambda, name) in self.rule.expressions.iter().zip(&self.rule.names) {
            memory.lambda(name, lambda)?;
        }
        let expressions = self.rule.expressions.len();
        memory.groups_if("points of one time", &mut self.groups, |held| {
            held.states.len() == expressions
        })
    }
}
