//! `|derivative()`: the rate of change between two points.

use std::rc::Rc;

use super::map_points;
use crate::protocol::duration::SECOND;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, Signal};

/// Computes rates of change.
pub(crate) struct Derivative {
    rule: Rule,
    previous: ByGroup<Option<(i64, f64)>>,
}

struct Rule {
    field: Rc<str>,
    name: Rc<str>,
    unit: i64,
    non_negative: bool,
}

impl Derivative {
    pub(crate) fn new(definition: &Definition) -> Self {
        let field = definition.argument().and_then(Object::as_string).unwrap_or_default();
        let rule = Rule {
            name: definition.string("as").unwrap_or_else(|| Rc::clone(&field)),
            field,
            unit: definition.duration("unit").unwrap_or(SECOND),
            non_negative: definition.flag("nonNegative"),
        };
        Self { rule, previous: ByGroup::default() }
    }
}

impl Rule {
    fn apply(
        &self,
        point: &mut Point,
        previous: &mut Option<(i64, f64)>,
        out: &mut Outbox<'_>,
    ) -> bool {
        let value = point.field(&self.field);
        let Some(current) = value.as_ref().and_then(|value| value.as_double()) else {
            let found =
                value.map_or("missing".to_owned(), |value| format!("a {}", value.field_type()));
            let message = format!("field \"{}\" is {found}, not a number", self.field);
            out.diagnose(&TickError::Evaluate(message));
            return false;
        };
        let time = point.time();
        let Some((before, last)) = previous.replace((time, current)) else { return false };
        if time == before {
            out.diagnose(&TickError::Evaluate("no time passed between two points".to_owned()));
            return false;
        }
        let change = current - last;
        if self.non_negative && change < 0.0 {
            return false;
        }
        let elapsed = time.saturating_sub(before) as f64;
        point.set_field(&self.name, change / (elapsed / self.unit as f64));
        true
    }
}

impl Node for Derivative {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let previous = self.previous.of(point.group_bytes());
        if self.rule.apply(out.pool.edit(&mut point), previous, out) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let previous = self.previous.of(batch.group.as_bytes());
        *previous = None;
        let changed = map_points(&batch, |point| self.rule.apply(point, previous, out));
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("last time and value", &mut self.previous)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.previous.remove(signal.group.id.as_bytes()).is_some()
    }
}
