//! `|from()`: which points of the stream a script wants, and how they are grouped.

use std::rc::Rc;

use super::group_by::Tags;
use super::unreachable_edge;
use crate::protocol::{Batch, Point};
use crate::replay::tick::error::{Result, Source};
use crate::replay::tick::flow::{
    Dimensions, Edge, Message, Node, Output, PointScope, round, truncate,
};
use crate::replay::tick::functions::State;
use crate::replay::tick::lambda::Lambda;
use crate::replay::tick::object::Object;
use crate::replay::tick::program::Definition;

/// Selects and groups points.
pub(super) struct From {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    /// All must hold; one state serves all groups, as in the daemon.
    conditions: Vec<(Rc<Lambda>, State)>,
    tags: Tags,
    by_name: bool,
    round: i64,
    truncate: i64,
}

impl From {
    pub(super) fn new(definition: &Definition, source: &Source<'_>) -> Result<Self> {
        let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
        let (groups, at) = definition
            .last("groupBy")
            .map_or((&[][..], definition.at), |p| (&p.arguments[..], p.at));
        Ok(Self {
            database: string("database"),
            retention_policy: string("retentionPolicy"),
            measurement: string("measurement"),
            conditions: definition
                .all("where")
                .filter_map(|property| property.arguments.first().and_then(Object::as_lambda))
                .map(|lambda| (lambda, State::default()))
                .collect(),
            tags: Tags::new(groups, Vec::new(), at, source)?,
            by_name: definition.flag("groupByMeasurement"),
            round: definition.duration("round").unwrap_or(0),
            truncate: definition.duration("truncate").unwrap_or(0),
        })
    }

    fn wants(&mut self, point: &Point, out: &mut Output<'_>) -> bool {
        let differs =
            |wanted: &Option<Rc<str>>, value: &str| wanted.as_deref().is_some_and(|w| w != value);
        if differs(&self.measurement, &point.name())
            || differs(&self.database, &point.database())
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
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Output<'_>) -> Result<()> {
        if !self.wants(&point, out) {
            return Ok(());
        }
        let time = round(truncate(point.time(), self.truncate), self.round);
        let dimensions = Dimensions { by_name: self.by_name, tags: self.tags.of(&point) };
        let changed = Rc::make_mut(&mut point);
        if changed.time() != time {
            changed.set_time(time);
        }
        dimensions.apply(changed);
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, _batch: Rc<Batch>, out: &mut Output<'_>) -> Result<()> {
        Err(unreachable_edge(out.node, Edge::Batch))
    }
}
