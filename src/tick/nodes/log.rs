//! `|log()`: shows the messages that pass it.

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::alert::row::log_json;
use crate::tick::definition::Definition;
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Shows messages and passes them on.
pub(crate) struct Log {
    level: String,
    prefix: Rc<str>,
}

impl Log {
    pub(crate) fn new(definition: &Definition) -> Self {
        let level = definition.string("level").unwrap_or_else(|| "INFO".into()).to_uppercase();
        Self { level, prefix: definition.string("prefix").unwrap_or_default() }
    }

    fn log(&self, message: Message, out: &mut Outbox<'_>) -> Result<()> {
        out.outside.log(&self.level, &self.prefix, &log_json(&message))?;
        out.send(message);
        Ok(())
    }
}

impl Node for Log {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.log(Message::Point(point), out)
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        self.log(Message::Batch(batch), out)
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
