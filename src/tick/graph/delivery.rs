//! The delivery of messages from a node to its children, and of their messages to their children.

use super::{Graph, Waiting};
use crate::tick::error::Result;
use crate::tick::flow::{Flowing, Message, Node, Outbox, Outside};

impl Graph {
    /// Calls a node outside of the flow, and delivers what it sends.
    pub(super) fn visit(
        &mut self,
        id: usize,
        outside: &mut dyn Outside,
        call: impl FnOnce(&mut dyn Node, &mut Outbox<'_>) -> Result<()>,
    ) -> Result<()> {
        outside.item(self.item);
        let slot = &mut self.slots[id];
        let mut out = Outbox {
            messages: &mut self.sent,
            item: self.item,
            outside: &mut *outside,
            quiet: slot.quiet,
            node: &slot.identity.name,
            number: id,
            pool: &mut self.pool,
            tally: &mut self.tally,
        };
        // Messages that a function wrote before it failed are still counted.
        let called = call(&mut *slot.node, &mut out);
        self.deliver(id, outside)?;
        called
    }

    /// Hands the messages of a node to its children, and the messages of these to their children.
    pub(super) fn deliver(&mut self, from: usize, outside: &mut dyn Outside) -> Result<()> {
        let mut failed = Ok(());
        let mut told = None;
        self.enqueue(from);
        while let Some(Waiting { node: id, port, item, message }) = self.waiting.pop() {
            if told != Some(item) {
                outside.item(item);
                told = Some(item);
            }
            let slot = &mut self.slots[id];
            if let Flowing::Message(message) = &message {
                if id == self.watched {
                    tell_row(message, outside);
                    self.batches += u64::from(matches!(message, Message::Batch(_)));
                }
                slot.received += 1;
            }
            let mut out = Outbox {
                messages: &mut self.sent,
                item,
                outside: &mut *outside,
                quiet: slot.quiet,
                node: &slot.identity.name,
                number: id,
                pool: &mut self.pool,
                tally: &mut self.tally,
            };
            let called = match message {
                Flowing::Message(Message::Point(point)) => slot.node.point(port, point, &mut out),
                Flowing::Message(Message::Batch(batch)) => slot.node.batch(port, batch, &mut out),
                Flowing::Signal(signal) => slot.node.signal(port, signal, &mut out),
            };
            if called.is_err() && failed.is_ok() {
                // Messages that the node sent before it failed are still delivered, and nothing else.
                failed = called;
                self.waiting.clear();
            }
            self.enqueue(id);
        }
        failed
    }

    /// Puts the messages of a node onto the stack of waiting messages, so that the first is taken first.
    fn enqueue(&mut self, from: usize) {
        let Self { slots, waiting, sent, pool, .. } = self;
        let Some(((first, first_port), others)) = slots[from].children.split_first() else {
            for (_, message) in sent.drain(..) {
                if let Flowing::Message(Message::Point(point)) = message {
                    pool.give(point);
                }
            }
            return;
        };
        for (item, message) in sent.drain(..).rev() {
            for (node, port) in others.iter().rev() {
                let message = message.clone();
                waiting.push(Waiting { node: *node, port: *port, item, message });
            }
            waiting.push(Waiting { node: *first, port: *first_port, item, message });
        }
    }
}

/// Tells the outside which times a message covers.
fn tell_row(message: &Message, outside: &mut dyn Outside) {
    match message {
        Message::Point(point) => outside.row(point.time(), point.time()),
        Message::Batch(batch) => {
            let first = batch.times().into_iter().min();
            outside.row(first.unwrap_or(batch.tmax), batch.tmax);
        }
    }
}
