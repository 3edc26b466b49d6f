//! `|stateCount()` and `|stateDuration()`: for how long a condition has held.

use serde::{Deserialize, Serialize};
use std::rc::Rc;

use super::map_points;
use crate::protocol::duration::SECOND;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, PointScope, Signal};
use crate::tick::lambda::Lambda;
use crate::tick::lambda::State as FunctionState;

/// Counts points, or time, in a state; -1 outside of it.
pub(crate) struct State {
    tracker: Tracker,
    groups: ByGroup<Tracked>,
}

struct Tracker {
    condition: Option<Rc<Lambda>>,
    field: Rc<str>,
    /// The unit of a duration; a count has none.
    unit: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Tracked {
    functions: FunctionState,
    count: i64,
    since: Option<i64>,
}

impl State {
    pub(crate) fn new(definition: &Definition) -> Self {
        let counts = definition.name == "stateCount";
        let name = if counts { "state_count" } else { "state_duration" };
        let tracker = Tracker {
            condition: definition.argument().and_then(Object::as_lambda),
            field: definition.string("as").unwrap_or_else(|| name.into()),
            unit: (!counts).then(|| definition.duration("unit").unwrap_or(SECOND)),
        };
        Self { tracker, groups: ByGroup::default() }
    }
}

impl Tracker {
    fn track(&self, point: &mut Point, tracked: &mut Tracked, out: &mut Outbox<'_>) -> bool {
        let Some(condition) = &self.condition else { return true };
        let holds = match condition.test(&PointScope::new(point), &mut tracked.functions) {
            Ok(holds) => holds,
            Err(error) => {
                out.diagnose(&error);
                return false;
            }
        };
        if !holds {
            (tracked.count, tracked.since) = (0, None);
        }
        match self.unit {
            None if holds => {
                tracked.count += 1;
                point.set_field(&self.field, tracked.count);
            }
            None => point.set_field(&self.field, -1i64),
            Some(unit) if holds => {
                let since = *tracked.since.get_or_insert(point.time());
                let elapsed = point.time().saturating_sub(since);
                point.set_field(&self.field, elapsed as f64 / unit as f64);
            }
            Some(_) => point.set_field(&self.field, -1.0),
        }
        true
    }
}

impl Node for State {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let tracked = self.groups.of(point.group_bytes());
        if self.tracker.track(out.pool.edit(&mut point), tracked, out) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let tracked = self.groups.of(batch.group.as_bytes());
        (tracked.count, tracked.since) = (0, None);
        let changed = map_points(&batch, |point| self.tracker.track(point, tracked, out));
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        if let Some(condition) = &self.tracker.condition {
            memory.lambda("condition", condition)?;
        }
        memory.groups("state", &mut self.groups)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}
