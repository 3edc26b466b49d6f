//! `|httpOut()`: the last of each group, as the daemon would serve it; written once, at the end.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::alert::row::{result, row};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox};

/// Keeps the last message of each group.
pub(crate) struct HttpOut {
    endpoint: Rc<str>,
    /// In the order in which the groups were first seen.
    last: Vec<Message>,
    groups: ByGroup<usize>,
}

impl HttpOut {
    pub(crate) fn new(definition: &Definition) -> Self {
        let endpoint = definition.argument().and_then(Object::as_string).unwrap_or_default();
        Self { endpoint, last: Vec::new(), groups: ByGroup::default() }
    }

    fn keep(&mut self, message: Message, out: &mut Outbox<'_>) {
        let place = *self.groups.get_or(message.group_bytes(), || self.last.len());
        match self.last.get_mut(place) {
            Some(last) => *last = message.clone(),
            None => self.last.push(message.clone()),
        }
        out.send(message);
    }
}

impl Node for HttpOut {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.keep(Message::Point(point), out);
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        self.keep(Message::Batch(batch), out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let rows: Vec<_> = self.last.iter().map(row).collect();
        out.outside.http_out(&self.endpoint, &result(&rows))
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.value("last of each group", &mut self.last)?;
        self.groups = ByGroup::default();
        for (place, message) in self.last.iter().enumerate() {
            self.groups.insert(message.group_bytes(), place);
        }
        Ok(())
    }
}
