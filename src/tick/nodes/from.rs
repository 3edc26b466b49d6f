//! `|from()`: which points of the stream a script wants, and how they are grouped.

use std::rc::Rc;

use super::group_by::grouping;
use super::unreachable_edge;
use crate::protocol::align::{round, truncate};
use crate::protocol::group::{Grouping, Shard};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{
    Edge, Memory, Message, NameKind, Names, Node, Outbox, PointScope, Unseen, Wanted,
};
use crate::tick::lambda::Lambda;
use crate::tick::lambda::State;

/// Selects and groups points.
pub(crate) struct From {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    /// All must hold; one state serves all groups, as in the daemon.
    conditions: Vec<(Rc<Lambda>, State)>,
    grouping: Grouping,
    tags: Wanted,
    /// A point of the measurement has come.
    met: bool,
    /// The measurements of other points, until then.
    others: Names,
    round: i64,
    truncate: i64,
    shard: Option<Shard>,
}

impl From {
    pub(crate) fn new(
        definition: &Definition,
        source: &TickText<'_>,
        shard: Option<Shard>,
    ) -> Result<Self> {
        let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
        let (groups, at) = definition
            .last("groupBy")
            .map_or((&[][..], definition.at), |p| (&p.arguments[..], p.at));
        let mut grouping = grouping(groups, &[], at, source)?;
        grouping.by_name = definition.flag("groupByMeasurement");
        Ok(Self {
            database: string("database"),
            retention_policy: string("retentionPolicy"),
            measurement: string("measurement"),
            conditions: definition
                .all("where")
                .filter_map(|property| property.arguments.first().and_then(Object::as_lambda))
                .map(|lambda| (lambda, State::default()))
                .collect(),
            tags: Wanted::new(grouping.names.iter().map(String::as_str)),
            grouping,
            met: false,
            others: Names::default(),
            round: definition.duration("round").unwrap_or(0),
            truncate: definition.duration("truncate").unwrap_or(0),
            shard,
        })
    }

    fn wants(&mut self, point: &Point, out: &mut Outbox<'_>) -> bool {
        let differs =
            |wanted: &Option<Rc<str>>, value: &str| wanted.as_deref().is_some_and(|w| w != value);
        if differs(&self.measurement, &point.name()) {
            if !self.met && self.others.is_due() {
                self.others.keep(&point.name());
            }
            return false;
        }
        self.met = true;
        if differs(&self.database, &point.database())
            || differs(&self.retention_policy, &point.retention_policy())
        {
            return false;
        }
        self.conditions.iter_mut().all(|(condition, state)| {
            condition.test(&PointScope::new(point), state).unwrap_or_else(|error| {
                out.diagnose(&error);
                false
            })
        })
    }
}

impl Node for From {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        if !self.wants(&point, out) {
            out.pool.give(point);
            return Ok(());
        }
        out.tally.taken += 1;
        let time = round(truncate(point.time(), self.truncate), self.round);
        let changed = out.pool.edit(&mut point);
        if changed.time() != time {
            changed.set_time(time);
        }
        self.tags.look(|| changed.tags().map(|(name, _)| name));
        self.grouping.apply(changed);
        if self.shard.is_some_and(|shard| !shard.has(changed.group_bytes())) {
            out.pool.give(point);
            return Ok(());
        }
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, _batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        Err(unreachable_edge(out.node, Edge::Batch))
    }

    fn unseen(&self) -> Vec<Unseen> {
        match &self.measurement {
            Some(name) if !self.met => Wanted::among(name, &self.others, NameKind::Measurement),
            _ => self.tags.unseen(NameKind::Tag),
        }
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        for (i, (condition, state)) in self.conditions.iter_mut().enumerate() {
            let name = format!("condition {i}");
            memory.lambda(&name, condition)?;
            if condition.remembers() {
                memory.value(&name, state)?;
            }
        }
        memory.common("whether a point of the measurement has come", &mut self.met)?;
        memory.common("other measurements", &mut self.others)?;
        memory.common("tags to group by", &mut self.tags)
    }
}
