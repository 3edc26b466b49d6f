//! `|where()`: only the points for which a condition holds.

use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{ByGroup, Memory, Node, Outbox, PointScope, Signal};
use crate::tick::lambda::Lambda;
use crate::tick::lambda::State;

/// Keeps the points for which a condition holds; its state is kept for each group.
pub(crate) struct Where {
    condition: Option<Rc<Lambda>>,
    groups: ByGroup<State>,
}

impl Where {
    pub(crate) fn new(definition: &Definition) -> Self {
        let condition = definition.argument().and_then(Object::as_lambda);
        Self { condition, groups: ByGroup::default() }
    }

    fn keeps(
        condition: Option<&Lambda>,
        point: &Point,
        state: &mut State,
        out: &mut Outbox<'_>,
    ) -> bool {
        let Some(condition) = condition else { return true };
        condition.test(&PointScope::new(point), state).unwrap_or_else(|error| {
            out.diagnose(&error);
            false
        })
    }
}

impl Node for Where {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let state = self.groups.of(point.group_bytes());
        if Self::keeps(self.condition.as_deref(), &point, state, out) {
            out.send(point);
        } else {
            out.pool.give(point);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let state = self.groups.of(batch.group.as_bytes());
        let condition = self.condition.as_deref();
        let kept = map_points(&batch, |point| Self::keeps(condition, point, state, out));
        out.send(kept);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        let Some(condition) = &self.condition else { return Ok(()) };
        memory.lambda("condition", condition)?;
        if condition.remembers() {
            memory.groups("condition", &mut self.groups)?;
        }
        Ok(())
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}
