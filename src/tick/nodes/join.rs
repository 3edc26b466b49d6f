//! `|join()`: points of one time from several flows as one.
//!
//! With `.on()` a flow grouped by more tags is joined with one grouped by fewer: each of its points
//! meets the one point of its time that has the same values of those tags.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::join_set::{Fill, Group, Rule};
use crate::protocol::align::round;
use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, Message, News, Node, Outbox, Signal};

/// Joins flows on time.
pub(crate) struct Join {
    rule: Rule,
    on: Vec<String>,
    groups: BTreeMap<String, Group>,
    matching: Matching,
}

/// Messages that wait for their counterparts, by the group of the tags that are joined on.
#[derive(Default, Serialize, Deserialize)]
struct Matching {
    /// Points of the flow grouped by fewer tags.
    general: BTreeMap<String, VecDeque<(usize, Message)>>,
    /// Points of the flow grouped by more tags.
    specific: BTreeMap<String, VecDeque<(usize, Message)>>,
    reported: Vec<bool>,
    marks: BTreeMap<(usize, String), i64>,
}

impl Join {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let error = |message: String| Err(source.error(definition.at, message));
        let names = definition.strings("as");
        let delimiter = definition.string("delimiter").unwrap_or_else(|| ".".into());
        if names.len() != definition.parents.len() {
            let (parents, names) = (definition.parents.len(), names.len());
            return error(format!(
                "|join() joins {parents} flows and .as() has {names} names for them"
            ));
        }
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || names[..i].contains(name) {
                return error(
                    "the names in .as() of |join() must be all different and not empty".to_owned(),
                );
            }
            if !delimiter.is_empty() && name.contains(&*delimiter) {
                return error(format!(
                    "the name '{name}' in .as() contains the delimiter '{delimiter}'"
                ));
            }
        }
        let fill = match definition.value("fill") {
            None => Fill::None,
            Some(Object::String(word)) if &**word == "none" => Fill::None,
            Some(Object::String(word)) if &**word == "null" => Fill::Null,
            Some(Object::Int(v)) => Fill::Int(*v),
            Some(Object::Float(v)) => Fill::Float(*v),
            Some(other) => {
                return error(format!(".fill({other}) is not 'null', 'none' or a number"));
            }
        };
        let rule = Rule {
            delimiter,
            stream_name: definition.string("streamName").filter(|name| !name.is_empty()),
            tolerance: definition.duration("tolerance").unwrap_or(0),
            fill,
            names,
        };
        let matching = Matching { reported: vec![false; rule.names.len()], ..Matching::default() };
        let on = definition.strings("on").iter().map(ToString::to_string).collect();
        Ok(Self { rule, on, groups: BTreeMap::new(), matching })
    }

    fn take(&mut self, port: usize, message: Message, out: &mut Outbox<'_>) {
        if self.on.is_empty() {
            self.collect(port, message, out);
            return;
        }
        for (port, message) in self.matching.take(port, message, &self.on, self.rule.tolerance) {
            self.collect(port, message, out);
        }
    }

    fn collect(&mut self, port: usize, message: Message, out: &mut Outbox<'_>) {
        let group = self.groups.entry(message.group().into_owned()).or_default();
        for set in group.collect(port, message, &self.rule) {
            set.join(&self.rule).into_iter().for_each(|message| out.send(message));
        }
    }
}

impl Matching {
    /// Takes a message and returns what can be joined by it, in order.
    fn take(
        &mut self,
        port: usize,
        message: Message,
        on: &[String],
        tolerance: i64,
    ) -> Vec<(usize, Message)> {
        let mut ready = Vec::new();
        let time = round(message.time(), tolerance);
        let tags = message.group_tags();
        let by_name = message.by_name();
        let id = Dimensions { by_name, tags: on.to_vec() }.id(&message.name(), |name| {
            tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| Cow::Borrowed(value.as_str()))
        });
        self.reported[port] = true;
        self.marks.insert((port, id.clone()), time);
        let all_reported = self.reported.iter().all(|reported| *reported);
        let low = if all_reported { self.low_mark(&id) } else { None };
        let general = self.general.entry(id.clone()).or_default();
        let specific = self.specific.entry(id).or_default();
        // A message whose counterpart can no longer arrive is sent alone.
        while let Some((_, first)) = specific.front()
            && all_reported
            && Some(round(first.time(), tolerance)) < low
        {
            ready.extend(specific.pop_front());
        }
        if tags.len() <= on.len() {
            while let Some((other, first)) = specific.front()
                && round(first.time(), tolerance) == time
            {
                ready.push((*other, first.clone()));
                ready.push((port, matched(first, &message)));
                specific.pop_front();
            }
            general.push_back((port, message));
            return ready;
        }
        let known = ready.len();
        let passed = counterparts(&message, port, general, (time, low, tolerance), &mut ready);
        if all_reported {
            general.drain(..passed);
        }
        match ready.len() > known {
            true => {}
            false if all_reported && Some(time) < low => ready.push((port, message)),
            false => specific.push_back((port, message)),
        }
        ready
    }

    /// Returns all messages that wait, with the port that each came from.
    fn messages(&self) -> impl Iterator<Item = &(usize, Message)> {
        self.general.values().chain(self.specific.values()).flatten()
    }

    fn low_mark(&self, id: &str) -> Option<i64> {
        let mut low: Option<i64> = None;
        for port in 0..self.reported.len() {
            let mark = self.marks.get(&(port, id.to_owned())).copied();
            if low.is_none() || mark < low {
                low = mark;
            }
        }
        low
    }
}

/// Joins a message with each of the general ones of its time; returns how many of these are of times that nothing
/// can reach any more.
fn counterparts(
    message: &Message,
    port: usize,
    general: &VecDeque<(usize, Message)>,
    (time, low, tolerance): (i64, Option<i64>, i64),
    ready: &mut Vec<(usize, Message)>,
) -> usize {
    for (passed, (other, candidate)) in general.iter().enumerate() {
        let at = round(candidate.time(), tolerance);
        if at == time {
            ready.push((port, message.clone()));
            ready.push((*other, matched(message, candidate)));
        }
        if Some(at) >= low {
            return passed;
        }
    }
    general.len()
}

/// Gives a message the group of a more specific one.
fn matched(specific: &Message, general: &Message) -> Message {
    let tags = specific.group_tags();
    match general {
        Message::Point(point) => {
            let mut point = (**point).clone();
            let names: Vec<_> = point.tags().map(|(name, _)| name.into_owned()).collect();
            names.iter().for_each(|name| {
                point.remove_tag(name);
            });
            tags.iter().for_each(|(name, value)| point.set_tag(name, value));
            specific.dimensions().apply(&mut point);
            point.into()
        }
        Message::Batch(batch) => {
            let mut batch = (**batch).clone();
            batch.tags = tags.into_iter().collect();
            regroup(&mut batch);
            batch.into()
        }
    }
}

impl Node for Join {
    fn point(&mut self, port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.take(port, Message::Point(point), out);
        Ok(())
    }

    fn batch(&mut self, port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        self.take(port, Message::Batch(batch), out);
        Ok(())
    }

    /// A barrier completes the sets before it. Deleted groups are not passed on here, as in the daemon.
    fn signal(&mut self, port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        let News::Barrier(time) = signal.news else { return Ok(()) };
        let group = self.groups.entry(signal.group.id.clone()).or_default();
        for set in group.pass(port, time, &self.rule) {
            set.join(&self.rule).into_iter().for_each(|message| out.send(message));
        }
        out.send(signal);
        Ok(())
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        for group in self.groups.values_mut() {
            for set in group.drain() {
                set.join(&self.rule).into_iter().for_each(|message| out.send(message));
            }
        }
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        let parents = self.rule.names.len();
        let sets = |groups: &BTreeMap<String, Group>| groups.values().all(|g| g.is_for(parents));
        memory.value_if("sets that wait", &mut self.groups, sets)?;
        memory.value_if("messages that wait for their counterpart", &mut self.matching, |kept| {
            kept.reported.len() == parents && kept.messages().all(|(port, _)| *port < parents)
        })
    }
}
