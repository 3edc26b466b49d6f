//! `|delete()`: fields and tags removed.

use std::rc::Rc;

use super::map_points;
use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::strings;
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Removes fields and tags.
pub(crate) struct Delete {
    fields: Vec<Rc<str>>,
    tags: Vec<Rc<str>>,
}

impl Delete {
    pub(crate) fn new(definition: &Definition) -> Self {
        let names =
            |property| definition.all(property).flat_map(|p| strings(&p.arguments)).collect();
        Self { fields: names("field"), tags: names("tag") }
    }

    fn remove(&self, point: &mut Point) {
        self.fields.iter().for_each(|name| {
            point.remove_field(name);
        });
        self.tags.iter().for_each(|name| {
            point.remove_tag(name);
        });
    }
}

impl Node for Delete {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let changed = out.pool.edit(&mut point);
        self.remove(changed);
        if !self.tags.is_empty() {
            let mut dimensions = Dimensions::of(changed);
            dimensions.tags.retain(|name| !self.tags.iter().any(|tag| **tag == **name));
            dimensions.apply(changed);
        }
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut changed = map_points(&batch, |point| {
            self.remove(point);
            true
        });
        changed.tags.retain(|name, _| !self.tags.iter().any(|tag| **tag == **name));
        regroup(&mut changed);
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
