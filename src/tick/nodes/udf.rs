//! `@name()`: a user defined function.

use std::rc::Rc;

use crate::protocol::group::{regroup, regroup_point};
use crate::protocol::message::InitRequest;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{
    Edge, Flowing, Memory, Message, NameKind, Names, Node, Outbox, Signal, Unseen,
};
use crate::tick::settings::TaskSettings;
use crate::tick::udf::{Udf, Udfs, option};

/// Points of a batch whose fields are looked at.
const SAMPLE: usize = 16;

/// Starts the function of a definition.
pub(super) fn build(
    definition: &Definition,
    node: &str,
    source: &TickText<'_>,
    task: &TaskSettings,
    udfs: &mut dyn Udfs,
) -> Result<Box<dyn Node>> {
    let options = definition.properties.iter().map(|p| option(&p.name, &p.arguments)).collect();
    let init = InitRequest { options, task_id: task.id.clone(), node_id: node.to_owned() };
    let udf = udfs.start(&definition.name, init).map_err(|error| match error {
        error @ (TickError::Script { .. } | TickError::Outside(_)) => error,
        error => source.error(definition.at, error.to_string()),
    })?;
    let (name, provides) = (definition.name.clone(), definition.provides);
    let fields = Names::default();
    Ok(Box::new(Call { name, provides, udf, group: String::new(), fields, now: None }))
}

/// A function and what it provides.
struct Call {
    name: String,
    provides: Edge,
    udf: Box<dyn Udf>,
    /// Memory for a group's id.
    group: String,
    /// The fields of its input.
    fields: Names,
    /// The time of what it was given last, which is `now()` for it.
    now: Option<i64>,
}

impl Call {
    /// Keeps the names of the fields of its input.
    #[inline]
    fn look(&mut self, point: &Point) {
        if self.fields.is_due() {
            point.fields().for_each(|(name, _)| self.fields.keep(&name));
        }
    }

    /// Checks and counts the answers, and groups them as the daemon does, which computes all groups
    /// anew.
    fn check(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        for (_, answer) in &mut *out.messages {
            let Flowing::Message(answer) = answer else { continue };
            let edge = match answer {
                Message::Point(point) => {
                    regroup_point(out.pool.edit(point), &mut self.group);
                    out.tally.points += 1;
                    Edge::Stream
                }
                Message::Batch(batch) => {
                    regroup(Rc::make_mut(batch));
                    out.tally.points += batch.len() as u64;
                    out.tally.batches += 1;
                    Edge::Batch
                }
            };
            if edge != self.provides {
                let message =
                    format!("it declares to provide a {} and wrote a {edge}", self.provides);
                return Err(TickError::Udf { name: self.name.clone(), message });
            }
        }
        Ok(())
    }
}

impl Node for Call {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.look(&point);
        self.now = Some(point.time());
        let called = self.udf.point(&mut point, &mut out.answers());
        out.pool.give(point);
        self.check(out)?;
        called
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        batch.points().take(SAMPLE).for_each(|point| self.look(&point));
        self.now = Some(batch.tmax);
        let called = self.udf.batch(&batch, &mut out.answers());
        self.check(out)?;
        called
    }

    /// A function receives data only, so signals end here.
    fn signal(&mut self, _port: usize, _signal: Signal, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    fn frame(&mut self, frame: &[u8], out: &mut Outbox<'_>) -> Result<()> {
        let called = self.udf.frame(frame, &mut out.answers());
        self.check(out)?;
        called
    }

    fn settle(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let called = self.udf.settle(&mut out.answers());
        self.check(out)?;
        called
    }

    fn catch_up(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let called = self.udf.catch_up(&mut out.answers());
        self.check(out)?;
        called
    }

    fn finish(&mut self, out: &mut Outbox<'_>) -> Result<()> {
        let called = self.udf.finish(&mut out.answers());
        self.check(out)?;
        called
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.udf.snapshot()
    }

    fn restart(&mut self, snapshot: &[u8]) -> Result<()> {
        self.udf.restart(snapshot, self.now)
    }

    fn split(
        &mut self,
        snapshot: &[u8],
        parts: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<Option<Vec<Vec<u8>>>> {
        self.udf.split(snapshot, parts, owner)
    }

    fn join(&mut self, snapshots: &[Vec<u8>]) -> Result<Vec<u8>> {
        self.udf.join(snapshots)
    }

    fn unseen(&self) -> Vec<Unseen> {
        let present = self.fields.list();
        let missed = self.udf.missed().into_iter().filter(|name| !self.fields.has(name));
        missed
            .map(|name| Unseen { kind: NameKind::Field, name, present: present.clone() })
            .collect()
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.common("fields", &mut self.fields)?;
        memory.common("now", &mut self.now)
    }
}
