//! `|union()`: several flows as one, ordered by time.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::Result;
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Merges flows; what is ahead of the slowest parent is held back.
pub(crate) struct Union {
    rename: Option<Rc<str>>,
    parents: Vec<Parent>,
}

#[derive(Default, Serialize, Deserialize)]
struct Parent {
    held: VecDeque<Message>,
    /// The latest time known to be complete.
    mark: Option<i64>,
}

impl Union {
    pub(crate) fn new(definition: &Definition) -> Self {
        let parents = definition.parents.iter().map(|_| Parent::default()).collect();
        Self { rename: definition.string("rename").filter(|name| !name.is_empty()), parents }
    }

    fn take(&mut self, port: usize, message: Message, out: &mut Outbox<'_>) {
        if let Some(parent) = self.parents.get_mut(port) {
            parent.held.push_back(message);
        }
        self.emit(false, out);
    }

    fn emit(&mut self, drain: bool, out: &mut Outbox<'_>) {
        loop {
            let mut mark: Option<i64> = None;
            let mut lower = |time: i64| mark = Some(mark.map_or(time, |mark| mark.min(time)));
            for parent in &mut self.parents {
                if let Some(first) = parent.held.front() {
                    parent.mark = Some(first.time());
                    lower(first.time());
                } else if let (false, Some(time)) = (drain, parent.mark) {
                    lower(time);
                }
            }
            if !drain && self.parents.iter().any(|parent| parent.mark.is_none()) {
                return;
            }
            let Some(mark) = mark else { return };
            let mut emitted = false;
            for parent in &mut self.parents {
                while parent.held.front().is_some_and(|message| message.time() <= mark) {
                    parent.held.pop_front().into_iter().for_each(|message| out.send(message));
                    emitted = true;
                }
            }
            if !emitted {
                return;
            }
        }
    }
}

impl Node for Union {
    fn point(&mut self, port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        if let Some(name) = &self.rename {
            let renamed = out.pool.edit(&mut point);
            renamed.set_name(name);
            Dimensions::of(renamed).apply(renamed);
        }
        self.take(port, Message::Point(point), out);
        Ok(())
    }

    fn batch(&mut self, port: usize, mut batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        if let Some(name) = &self.rename {
            let renamed = Rc::make_mut(&mut batch);
            renamed.name = name.to_string();
            regroup(renamed);
        }
        self.take(port, Message::Batch(batch), out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        self.emit(true, out);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        let parents = self.parents.len();
        memory.value_if("parents", &mut self.parents, |kept| kept.len() == parents)
    }
}
