//! `|httpOut()`: the last message of each group, as the daemon would serve it; written once, at the end.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::alert::row::{result, row};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::Result;
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, Signal};

/// Keeps the last message of each group.
pub(crate) struct HttpOut {
    endpoint: Rc<str>,
    /// In the order in which the groups were first seen.
    last: Vec<Option<Message>>,
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
            Some(last) => *last = Some(message.clone()),
            None => self.last.push(Some(message.clone())),
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

    fn forget(&mut self, signal: &Signal) -> bool {
        let place = self.groups.remove(signal.group.id.as_bytes());
        if let Some(place) = place {
            self.last[place] = None;
        }
        place.is_some()
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let rows: Vec<_> = self.last.iter().flatten().map(row).collect();
        out.outside.http_out(&self.endpoint, &result(&rows))
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.value("last of each group", &mut self.last)?;
        self.groups = ByGroup::default();
        for (place, message) in self.last.iter().enumerate() {
            if let Some(message) = message {
                self.groups.insert(message.group_bytes(), place);
            }
        }
        Ok(())
    }
}
