//! `|shift()`: points and batches moved in time.

use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Moves points and batches in time.
pub(crate) struct Shift(i64);

impl Shift {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        match definition.argument().and_then(Object::as_duration) {
            None | Some(0) => {
                Err(source.error(definition.at, "|shift() needs a duration that is not 0"))
            }
            Some(shift) => Ok(Self(shift)),
        }
    }

    fn shift(&self, point: &mut Point) {
        point.set_time(point.time().saturating_add(self.0));
    }
}

impl Node for Shift {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.shift(out.pool.edit(&mut point));
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut shifted = map_points(&batch, |point| {
            self.shift(point);
            true
        });
        shifted.tmax = batch.tmax.saturating_add(self.0);
        out.send(shifted);
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
