//! `|window()`: a stream cut into batches, by the time of its points or by their number.
//!
//! Each group has its own window; its beginning is the group's first point.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

use super::unreachable_edge;
use crate::protocol::align::truncate;
use crate::protocol::message::BeginBatch;
use crate::protocol::{Batch, Point};
use crate::tick::definition::{CLOSES, Definition};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{self, ByGroup, Edge, Memory, Message, News, Node, Outbox, Pool, Signal};

/// Cuts a stream into batches.
pub(crate) struct Window {
    shape: Shape,
    groups: ByGroup<Group>,
    /// What windows hold at the end of the data is sent on.
    closes: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    Time { period: i64, every: i64, align: bool, fill: bool },
    Count { period: i64, every: i64, fill: bool },
}

#[derive(Serialize, Deserialize)]
struct Group {
    /// The batch without points.
    metadata: Batch,
    points: VecDeque<Rc<Point>>,
    /// The time or the number of points at which a batch is sent.
    next: i64,
    count: i64,
}

impl Window {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let error = |message: &str| Err(source.error(definition.at, message));
        let (align, fill) = (definition.flag("align"), definition.flag("fillPeriod"));
        let period = definition.duration("period").unwrap_or(0);
        let period_count = definition.int("periodCount").unwrap_or(0);
        let every = definition.duration("every").unwrap_or(0);
        let shape = match (period, period_count) {
            (0, 0) => return error("|window() needs .period(duration) or .periodCount(int)"),
            (i64::MIN..0, _) | (_, i64::MIN..0) => {
                return error("the period of |window() is negative");
            }
            (1.., 1..) => return error("|window() takes .period() or .periodCount(), not both"),
            (1.., 0) if every < 0 => return error(".every() of |window() is negative"),
            (1.., 0) => Shape::Time { period, every, align, fill },
            (0, 1..) if align => {
                return error(".align() is for windows by time, not by .periodCount()");
            }
            (0, 1..) => {
                let every = definition.int("everyCount").unwrap_or(0);
                if every <= 0 {
                    return error(
                        "|window() by .periodCount() needs .everyCount(int) of 1 at least",
                    );
                }
                Shape::Count { period: period_count, every, fill }
            }
        };
        Ok(Self { shape, groups: ByGroup::default(), closes: definition.flag(CLOSES) })
    }
}

impl Shape {
    /// Returns when a group whose first point is at `time` emits first.
    fn first(self, time: i64) -> i64 {
        match self {
            Self::Count { period, fill: true, .. } => period,
            Self::Count { every, .. } => every,
            Self::Time { period, every, align, fill: true } => {
                let full = time.saturating_add(period);
                match truncate(full, every) {
                    aligned if align && aligned > full => aligned,
                    // The first few points are lost then.
                    aligned if align => aligned.saturating_add(every),
                    _ => full,
                }
            }
            Self::Time { .. } => self.following(time),
        }
    }

    /// Returns when a window emits next, if it emitted because of a point at `time`.
    fn following(self, time: i64) -> i64 {
        match self {
            Self::Time { every, align: true, .. } => truncate(time.saturating_add(every), every),
            Self::Time { every, .. } => time.saturating_add(every),
            Self::Count { every, .. } => every,
        }
    }
}

impl Group {
    fn new(group: &flow::Group, time: i64, shape: Shape) -> Self {
        let mut metadata = Batch::default();
        metadata.begin(BeginBatch {
            name: group.name.clone(),
            group: group.id.clone(),
            tags: group.tags.iter().cloned().collect(),
            by_name: group.dimensions.by_name,
            size: 0,
        });
        Self { metadata, points: VecDeque::new(), next: shape.first(time), count: 0 }
    }

    fn emit(&self, tmax: i64, out: &mut Outbox<'_>) {
        let mut batch = self.metadata.clone();
        batch.tmax = tmax;
        for point in &self.points {
            if point.by_name() {
                let mut bare = (**point).clone();
                bare.set_by_name(false);
                batch.push_as_member(&bare);
            } else {
                batch.push_as_member(point);
            }
        }
        batch.size = batch.len() as i64;
        out.send(batch);
    }

    /// Drops what is older than the window; a point exactly at its beginning is in it if `inclusive`.
    fn purge(&mut self, oldest: i64, inclusive: bool, pool: &mut Pool) {
        while let Some(first) = self.points.front()
            && (first.time() < oldest || (!inclusive && first.time() == oldest))
        {
            if let Some(point) = self.points.pop_front() {
                pool.give(point);
            }
        }
    }

    /// Emits a window by time if it ends by now.
    fn reach(&mut self, time: i64, shape: Shape, out: &mut Outbox<'_>) {
        let Shape::Time { period, every, .. } = shape else { return };
        if time < self.next {
            return;
        }
        if every == 0 {
            self.purge(time.saturating_sub(period), false, out.pool);
            self.emit(time, out);
            self.next = time;
        } else {
            self.purge(self.next.saturating_sub(period), true, out.pool);
            self.emit(self.next, out);
            self.next = shape.following(time);
        }
    }

    /// Sends what came since the last batch, as the window that would have ended next.
    fn close(&mut self, shape: Shape, out: &mut Outbox<'_>) {
        let Some(last) = self.points.back().map(|point| point.time()) else { return };
        match shape {
            // There has been a batch at the last point.
            Shape::Time { every: 0, .. } => {}
            Shape::Time { period, every, .. } => {
                if last >= self.next.saturating_sub(every) {
                    self.purge(self.next.saturating_sub(period), true, out.pool);
                    self.emit(self.next, out);
                }
            }
            Shape::Count { every, .. } => {
                if self.count > self.next.saturating_sub(every) {
                    self.emit(last, out);
                }
            }
        }
    }

    fn push(&mut self, point: Rc<Point>, shape: Shape, out: &mut Outbox<'_>) {
        let time = point.time();
        match shape {
            Shape::Time { every: 0, .. } => {
                self.points.push_back(point);
                self.reach(time, shape, out);
            }
            Shape::Time { .. } => {
                self.reach(time, shape, out);
                self.points.push_back(point);
            }
            Shape::Count { period, every, .. } => {
                self.points.push_back(point);
                if self.points.len() as i64 > period
                    && let Some(oldest) = self.points.pop_front()
                {
                    out.pool.give(oldest);
                }
                self.count += 1;
                if self.count == self.next {
                    self.next = self.next.saturating_add(every);
                    self.emit(time, out);
                }
            }
        }
    }
}

impl Node for Window {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let shape = self.shape;
        let group = self.groups.get_or(point.group_bytes(), || {
            let group = flow::Group::of(&Message::Point(Rc::clone(&point)));
            Group::new(&group, point.time(), shape)
        });
        group.push(point, shape, out);
        Ok(())
    }

    /// A barrier can end a window by time, and is not passed on; it does not end windows by count.
    fn signal(&mut self, _port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        let (shape, id) = (self.shape, signal.group.id.as_bytes());
        match (signal.news, shape) {
            (News::Deleted, _) => {
                if self.groups.remove(id).is_some() {
                    out.send(signal);
                }
            }
            (News::Barrier(time), Shape::Time { .. }) => {
                let group = self.groups.get_or(id, || Group::new(&signal.group, time, shape));
                group.reach(time, shape, out);
            }
            (News::Barrier(_), Shape::Count { .. }) => out.send(signal),
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, _batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        Err(unreachable_edge(out.node, Edge::Batch))
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        if self.closes {
            let shape = self.shape;
            let ids: Vec<Vec<u8>> =
                self.groups.sorted().iter().map(|(id, _)| id.to_vec()).collect();
            for id in ids {
                if let Some(group) = self.groups.get(&id) {
                    group.close(shape, out);
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("window", &mut self.groups)
    }
}
