//! `|flatten()`: the points of one time as one point, whose fields are named after tags.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::protocol::align::round;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{ByGroup, Group, Memory, Message, Node, Outbox, Signal};

/// Makes one point of the points of one time.
pub(crate) struct Flatten {
    rule: Rule,
    groups: ByGroup<Held>,
}

struct Rule {
    tags: Vec<Rc<str>>,
    delimiter: Rc<str>,
    tolerance: i64,
    /// Whether the names of the fields are left out.
    drop_names: bool,
}

/// The points of one time of a group.
#[derive(Serialize, Deserialize)]
struct Held {
    group: Group,
    points: Vec<Point>,
}

impl Flatten {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let tags = definition.strings("on");
        if tags.iter().any(|tag| tag.is_empty()) {
            return Err(source.error(definition.at, ".on('') of |flatten() names no tag"));
        }
        let drop_names = match definition.value("dropOriginalFieldName") {
            Some(Object::Bool(drops)) => *drops,
            _ => definition.flag("dropOriginalFieldName"),
        };
        let rule = Rule {
            tags,
            delimiter: definition.string("delimiter").unwrap_or_else(|| ".".into()),
            tolerance: definition.duration("tolerance").unwrap_or(0),
            drop_names,
        };
        Ok(Self { rule, groups: ByGroup::default() })
    }
}

impl Rule {
    /// Takes a point among those of its time; returns the point that those of the time before become.
    fn push(
        &self,
        mut point: Point,
        points: &mut Vec<Point>,
        out: &mut Outbox<'_>,
    ) -> Option<Point> {
        point.set_time(round(point.time(), self.tolerance));
        let passed = points.first().is_some_and(|first| first.time() != point.time());
        let flat = if passed { self.flatten(points, out) } else { None };
        points.push(point);
        flat.filter(|flat| flat.field_count() > 0)
    }

    /// Makes one point of several points, and removes them.
    fn flatten(&self, points: &mut Vec<Point>, out: &mut Outbox<'_>) -> Option<Point> {
        let mut flat = Point::new(points.first()?.time());
        // If a point lacks a tag, the part of the prefix that it had is used for the next point, as in the daemon.
        let mut prefix = String::new();
        'points: for point in points.drain(..) {
            for (i, tag) in self.tags.iter().enumerate() {
                let Some(value) = point.tag(tag) else {
                    let message = format!("tag \"{tag}\" is missing; the point is left out");
                    out.diagnose(&TickError::Evaluate(message));
                    continue 'points;
                };
                if i > 0 {
                    prefix.push_str(&self.delimiter);
                }
                prefix.push_str(&value);
            }
            for (name, value) in point.fields() {
                let mut full = prefix.clone();
                if !self.drop_names {
                    if !full.is_empty() {
                        full.push_str(&self.delimiter);
                    }
                    full.push_str(&name);
                }
                flat.set_field(&full, value);
            }
            prefix.clear();
        }
        Some(flat)
    }
}

/// Gives a point the tags and the group of a group.
fn label(point: &mut Point, group: &Group) {
    point.set_name(&group.name);
    group.tags.iter().for_each(|(name, value)| point.set_tag(name, value));
    group.dimensions.apply(point);
}

impl Node for Flatten {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(point);
        let held = self.groups.get_or(message.group_bytes(), || Held {
            group: Group::of(&message),
            points: Vec::new(),
        });
        let Message::Point(point) = &message else { return Ok(()) };
        if let Some(mut flat) = self.rule.push((**point).clone(), &mut held.points, out) {
            label(&mut flat, &held.group);
            out.send(flat);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Batch(Rc::clone(&batch));
        self.groups.get_or(message.group_bytes(), || Held {
            group: Group::of(&message),
            points: Vec::new(),
        });
        let mut changed = batch.metadata();
        let mut points = Vec::new();
        let mut keep = |mut flat: Point| {
            batch.tags.iter().for_each(|(name, value)| flat.set_tag(name, value));
            flat.set_group(&batch.group);
            changed.push(&flat);
        };
        for point in batch.points() {
            self.rule.push(point, &mut points, out).map(&mut keep);
        }
        self.rule.flatten(&mut points, out).map(&mut keep);
        changed.size = changed.len() as i64;
        out.send(changed);
        Ok(())
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("points of one time", &mut self.groups)
    }
}
