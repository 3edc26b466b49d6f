//! `stream`, `batch` and `query`: pass their input on unchanged.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Passes its input on unchanged.
pub(crate) struct Pass;

impl Node for Pass {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        out.send(Message::Batch(batch));
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
