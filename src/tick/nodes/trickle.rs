//! `|trickle()`: batches as a stream of their points.

use std::rc::Rc;

use super::unreachable_edge;
use crate::protocol::group::Dimensions;
use crate::protocol::{Batch, Point};
use crate::tick::error::Result;
use crate::tick::flow::{Edge, Memory, Node, Outbox};

/// Passes on the points of batches one by one.
pub(crate) struct Trickle;

impl Node for Trickle {
    fn point(&mut self, _port: usize, _point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        Err(unreachable_edge(out.node, Edge::Stream))
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let dimensions = Dimensions::of_batch(&batch);
        for mut point in batch.points() {
            point.set_name(&batch.name);
            dimensions.apply(&mut point);
            out.send(point);
        }
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
