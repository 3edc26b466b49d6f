//! `|sample()`: each n-th point, or those at whole multiples of a duration.

use std::rc::Rc;

use crate::protocol::align::truncate;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, Signal};

/// Keeps a part of the points.
pub(crate) struct Sample {
    rate: Rate,
    counts: ByGroup<i64>,
}

#[derive(Clone, Copy)]
enum Rate {
    Count(i64),
    Time(i64),
}

impl Sample {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let rate = match definition.argument() {
            Some(Object::Int(n @ 1..)) => Rate::Count(*n),
            Some(Object::Duration(duration @ 1..)) => Rate::Time(*duration),
            _ => {
                return Err(
                    source.error(definition.at, "|sample() needs a number or duration above 0")
                );
            }
        };
        Ok(Self { rate, counts: ByGroup::default() })
    }
}

impl Rate {
    fn keeps(self, count: &mut i64, time: i64) -> bool {
        let n = *count;
        *count += 1;
        match self {
            Self::Count(every) => n % every == 0,
            Self::Time(duration) => truncate(time, duration) == time,
        }
    }
}

impl Node for Sample {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let count = self.counts.of(point.group_bytes());
        if self.rate.keeps(count, point.time()) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let times = batch.times();
        let mut count = 0;
        out.send(batch.select(|i| self.rate.keeps(&mut count, times[i])));
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("points seen", &mut self.counts)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.counts.remove(signal.group.id.as_bytes()).is_some()
    }
}
