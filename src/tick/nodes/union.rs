//! `|union()`: several flows as one, ordered by time.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::Result;
use crate::tick::flow::{Flowing, Memory, Message, News, Node, Outbox, Signal};

/// Merges flows; messages that are ahead of the slowest parent wait.
pub(crate) struct Union {
    rename: Option<Rc<str>>,
    parents: Vec<Parent>,
}

#[derive(Default, Serialize, Deserialize)]
struct Parent {
    /// Data and barriers, each with its time.
    held: VecDeque<(i64, Flowing)>,
    /// The latest time known to be complete.
    mark: Option<i64>,
}

impl Union {
    pub(crate) fn new(definition: &Definition) -> Self {
        let parents = definition.parents.iter().map(|_| Parent::default()).collect();
        Self { rename: definition.string("rename").filter(|name| !name.is_empty()), parents }
    }

    fn take(&mut self, port: usize, message: impl Into<Flowing>, out: &mut Outbox<'_>) {
        let message = message.into();
        if let (Some(parent), Some(time)) = (self.parents.get_mut(port), message.time()) {
            parent.held.push_back((time, message));
        }
        self.emit(false, out);
    }

    fn emit(&mut self, drain: bool, out: &mut Outbox<'_>) {
        loop {
            let mut mark: Option<i64> = None;
            let mut lower = |time: i64| mark = Some(mark.map_or(time, |mark| mark.min(time)));
            for parent in &mut self.parents {
                if let Some((first, _)) = parent.held.front() {
                    parent.mark = Some(*first);
                    lower(*first);
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
                while parent.held.front().is_some_and(|(time, _)| *time <= mark) {
                    parent.held.pop_front().into_iter().for_each(|(_, message)| out.send(message));
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

    /// Barriers keep their place among the data. Deleted groups are not passed on here, as in the daemon.
    fn signal(&mut self, port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        if matches!(signal.news, News::Barrier(_)) {
            self.take(port, signal, out);
        }
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
