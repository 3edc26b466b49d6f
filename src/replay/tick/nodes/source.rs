//! `stream`, `batch` and `query`: what comes goes on.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::replay::tick::error::Result;
use crate::replay::tick::flow::{Message, Node, Output};

/// Hands everything on.
pub(super) struct Pass;

impl Node for Pass {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Output<'_>) -> Result<()> {
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Output<'_>) -> Result<()> {
        out.send(Message::Batch(batch));
        Ok(())
    }
}
