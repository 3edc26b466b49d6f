//! `|changeDetect()`: only the points at which a field changes.

use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::strings;
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, Signal};

/// Keeps the points at which a field differs from the last point kept.
pub(crate) struct ChangeDetect {
    fields: Vec<Rc<str>>,
    previous: ByGroup<Option<Point>>,
}

impl ChangeDetect {
    pub(crate) fn new(definition: &Definition) -> Self {
        Self { fields: strings(&definition.arguments), previous: ByGroup::default() }
    }
}

fn changed(
    fields: &[Rc<str>],
    point: &Point,
    previous: &mut Option<Point>,
    out: &mut Outbox<'_>,
) -> bool {
    for field in fields {
        let Some(value) = point.field(field) else {
            out.diagnose(&TickError::Evaluate(format!("field \"{field}\" is missing")));
            continue;
        };
        if previous.as_ref().and_then(|p| p.field(field)) != Some(value) {
            *previous = Some(point.clone());
            return true;
        }
    }
    false
}

impl Node for ChangeDetect {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let previous = self.previous.of(point.group_bytes());
        if changed(&self.fields, &point, previous, out) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let previous = self.previous.of(batch.group.as_bytes());
        *previous = None;
        let kept = map_points(&batch, |point| changed(&self.fields, point, previous, out));
        out.send(kept);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("last point kept", &mut self.previous)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.previous.remove(signal.group.id.as_bytes()).is_some()
    }
}
