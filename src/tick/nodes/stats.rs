//! `|stats()`: how many points another node has sent so far, group by group.
//!
//! It is a child of the node that it counts for. Time is that of the data: see `graph::clock`.

use std::rc::Rc;

use crate::protocol::align::{round, truncate};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{ByGroup, Group, Memory, Message, Node, Outbox, Signal};

/// Counts the messages of a node, and reports the counts at regular intervals.
pub(crate) struct Stats {
    interval: i64,
    align: bool,
    /// When the counts are reported next, and the time of that report; `None` before the first item.
    next: Option<(i64, i64)>,
    places: ByGroup<usize>,
    /// The groups in the order in which they were first seen, with their counts.
    counts: Vec<Option<(Group, i64)>>,
}

impl Stats {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        match definition.argument().and_then(Object::as_duration) {
            Some(interval @ 1..) => Ok(Self {
                interval,
                align: definition.flag("align"),
                next: None,
                places: ByGroup::default(),
                counts: Vec::new(),
            }),
            _ => Err(source.error(definition.at, "|stats() needs an interval above 0")),
        }
    }

    fn count(&mut self, message: &Message, points: i64) {
        let Self { places, counts, .. } = self;
        let place = *places.get_or(message.group_bytes(), || {
            counts.push(Some((Group::of(message), 0)));
            counts.len() - 1
        });
        if let Some(Some((_, count))) = counts.get_mut(place) {
            *count += points;
        }
    }
}

/// Makes the point that tells how many points a group has had.
fn told(group: Option<&Group>, count: i64, time: i64) -> Point {
    let mut point = Point::new(time);
    point.set_name("stats");
    point.set_field("emitted", count);
    if let Some(group) = group {
        group.tags.iter().for_each(|(name, value)| point.set_tag(name, value));
        group.dimensions.apply(&mut point);
    }
    point
}

impl Node for Stats {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(point);
        self.count(&message, 1);
        if let Message::Point(point) = message {
            out.pool.give(point);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, _out: &mut Outbox<'_>) -> Result<()> {
        let points = batch.len() as i64;
        self.count(&Message::Batch(batch), points);
        Ok(())
    }

    fn signal(&mut self, _port: usize, signal: Signal, _out: &mut Outbox<'_>) -> Result<()> {
        if signal.news == crate::tick::flow::News::Deleted
            && let Some(place) = self.places.remove(signal.group.id.as_bytes())
        {
            self.counts[place] = None;
        }
        Ok(())
    }

    fn reached(&mut self, time: i64) {
        // The daemon tells aligned counts first with the time at which it began.
        self.next.get_or_insert(if self.align {
            (truncate(time, self.interval) + self.interval, round(time, self.interval))
        } else {
            (time.saturating_add(self.interval), time.saturating_add(self.interval))
        });
    }

    fn due(&self) -> Option<i64> {
        self.next.map(|(due, _)| due)
    }

    fn act(&mut self, _time: i64, out: &mut Outbox<'_>) -> Result<()> {
        let Some((due, label)) = self.next else { return Ok(()) };
        let known = self.counts.iter().flatten();
        let points: Vec<_> = known.map(|(group, count)| told(Some(group), *count, label)).collect();
        if points.is_empty() {
            out.send(told(None, 0, label));
        }
        points.into_iter().for_each(|point| out.send(point));
        let next = due.saturating_add(self.interval);
        self.next = Some((next, next));
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.value("time of the next count", &mut self.next)?;
        self.counts.retain(Option::is_some);
        memory.value("counts", &mut self.counts)?;
        self.places = ByGroup::default();
        for (place, count) in self.counts.iter().enumerate() {
            if let Some((group, _)) = count {
                self.places.insert(group.id.as_bytes(), place);
            }
        }
        Ok(())
    }
}
