//! `|where()`: only the points for which a condition holds.

use std::collections::HashMap;
use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{Message, Node, Outbox, PointScope};
use crate::tick::lambda::Lambda;
use crate::tick::lambda::functions::State;

/// Keeps the points for which a condition holds; its state is kept for each group.
pub(crate) struct Where {
    condition: Option<Rc<Lambda>>,
    groups: HashMap<String, State>,
}

impl Where {
    pub(crate) fn new(definition: &Definition) -> Self {
        let condition = definition.argument().and_then(Object::as_lambda);
        Self { condition, groups: HashMap::new() }
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
        let state = of_group(&mut self.groups, &point.group());
        if Self::keeps(self.condition.as_deref(), &point, state, out) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let state = of_group(&mut self.groups, &batch.group);
        let condition = self.condition.as_deref();
        let kept = map_points(&batch, |point| Self::keeps(condition, point, state, out));
        out.send(kept);
        Ok(())
    }
}

/// Returns what is kept for a group, made when the group is first seen.
pub(crate) fn of_group<'g, T: Default>(groups: &'g mut HashMap<String, T>, id: &str) -> &'g mut T {
    if !groups.contains_key(id) {
        groups.insert(id.to_owned(), T::default());
    }
    groups.get_mut(id).expect("the group was just inserted")
}
