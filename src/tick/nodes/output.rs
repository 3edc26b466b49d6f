//! An output node, which no TICKscript has: it hands its input to the outside.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Hands its input to the outside.
pub(super) struct Output;

impl Node for Output {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Point(point);
        out.outside.output(out.number, &message)?;
        out.send(message);
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let message = Message::Batch(batch);
        out.outside.output(out.number, &message)?;
        out.send(message);
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
