//! `|barrier()`: tells the nodes after it that no older data will follow.
//!
//! `.idle()` does so when a group has had no point for a while, `.period()` in regular intervals since
//! the first point of the group. Points older than the last barrier of their group are dropped. Time
//! is that of the data: see `graph::clock`.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{ByGroup, Group, Memory, Message, News, Node, Outbox, Signal};

/// Sends barriers.
pub(crate) struct Barrier {
    pace: Pace,
    /// Whether a group is deleted after each barrier.
    deletes: bool,
    groups: ByGroup<Watch>,
    /// The time that the data has reached.
    now: i64,
    /// The times at which groups are checked, the earliest first; each group is in it once.
    due: BTreeSet<(i64, Rc<str>)>,
}

#[derive(Clone, Copy)]
enum Pace {
    Idle(i64),
    Period(i64),
}

/// What is known of a group.
#[derive(Serialize, Deserialize)]
struct Watch {
    group: Rc<Group>,
    /// The time of the last point, or of the barrier that stood for it.
    last: i64,
    /// Points before this time are dropped.
    barrier: Option<i64>,
    /// When the next barrier is to be sent.
    deadline: i64,
}

impl Barrier {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let duration = |name| definition.duration(name).unwrap_or(0);
        let pace = match (duration("idle"), duration("period")) {
            (idle @ 1.., 0) => Pace::Idle(idle),
            (0, period @ 1..) => Pace::Period(period),
            (0, 0) => {
                let message = "|barrier() needs .idle(duration) or .period(duration)";
                return Err(source.error(definition.at, message));
            }
            _ => {
                let message = "|barrier() takes .idle() or .period(), one of them and above 0";
                return Err(source.error(definition.at, message));
            }
        };
        let deletes = matches!(definition.value("delete"), Some(Object::Bool(true)));
        Ok(Self { pace, deletes, groups: ByGroup::default(), now: i64::MIN, due: BTreeSet::new() })
    }

    /// Returns what is known of the group of a message; a new one is watched from now on.
    fn watch(&mut self, group: impl FnOnce() -> Rc<Group>, id: &[u8]) -> &mut Watch {
        let Self { pace, groups, due, now, .. } = self;
        let now = *now;
        groups.get_or(id, || {
            let group = group();
            let deadline = now.saturating_add(pace.length());
            due.insert((deadline, group.id.as_str().into()));
            Watch { group, last: now, barrier: None, deadline }
        })
    }
}

impl Pace {
    fn length(self) -> i64 {
        match self {
            Self::Idle(length) | Self::Period(length) => length,
        }
    }
}

impl Watch {
    /// Takes the time of a point or barrier; false if it is too old.
    fn admits(&mut self, time: i64, now: i64, pace: Pace) -> bool {
        if self.barrier.is_some_and(|barrier| time < barrier) {
            return false;
        }
        if let Pace::Idle(idle) = pace {
            self.last = time;
            self.deadline = now.saturating_add(idle);
        }
        true
    }
}

impl Node for Barrier {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let (time, pace, now) = (point.time(), self.pace, self.now);
        let group = || Rc::new(Group::of(&Message::Point(Rc::clone(&point))));
        if self.watch(group, point.group_bytes()).admits(time, now, pace) {
            out.send(Message::Point(point));
        } else {
            out.pool.give(point);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let (pace, now) = (self.pace, self.now);
        let group = || Rc::new(Group::of(&Message::Batch(Rc::clone(&batch))));
        let watch = self.watch(group, batch.group.as_bytes());
        out.send(map_points(&batch, |point| watch.admits(point.time(), now, pace)));
        Ok(())
    }

    fn signal(&mut self, _port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        let id = signal.group.id.as_bytes();
        match signal.news {
            News::Barrier(time) => {
                let (pace, now) = (self.pace, self.now);
                let watch = self.watch(|| Rc::clone(&signal.group), id);
                if watch.admits(time, now, pace) {
                    if matches!(pace, Pace::Idle(_)) {
                        watch.barrier = Some(time);
                    }
                    out.send(signal);
                }
            }
            News::Deleted => {
                if self.groups.remove(id).is_some() {
                    self.due.retain(|(_, group)| **group != *signal.group.id);
                    out.send(signal);
                }
            }
        }
        Ok(())
    }

    fn reached(&mut self, time: i64) {
        self.now = self.now.max(time);
    }

    fn due(&self) -> Option<i64> {
        self.due.first().map(|(due, _)| *due)
    }

    fn act(&mut self, time: i64, out: &mut Outbox<'_>) -> Result<()> {
        let Some((_, id)) = self.due.pop_first() else { return Ok(()) };
        let Some(watch) = self.groups.get(id.as_bytes()) else { return Ok(()) };
        if watch.deadline > time {
            self.due.insert((watch.deadline, id));
            return Ok(());
        }
        let barrier = match self.pace {
            Pace::Idle(idle) => watch.last.saturating_add(idle),
            Pace::Period(_) => time,
        };
        watch.last = barrier;
        watch.barrier = Some(barrier);
        watch.deadline = time.saturating_add(self.pace.length());
        let group = Rc::clone(&watch.group);
        out.send(Signal { group: Rc::clone(&group), news: News::Barrier(barrier) });
        if self.deletes {
            self.groups.remove(id.as_bytes());
            out.send(Signal { group, news: News::Deleted });
        } else {
            self.due.insert((watch.deadline, id));
        }
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("last point and barrier", &mut self.groups)?;
        memory.value("time", &mut self.now)?;
        let due = self.groups.sorted().into_iter();
        self.due = due.map(|(_, watch)| (watch.deadline, watch.group.id.as_str().into())).collect();
        Ok(())
    }
}
