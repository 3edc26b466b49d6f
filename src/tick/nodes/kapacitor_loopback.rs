//! `|kapacitorLoopback()`: points for the daemon itself, which other tasks may take.
//!
//! A replay has one task, which cannot take them itself: they are shown.

use std::rc::Rc;

use crate::protocol::line::{Line, Writer};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, Node, Outbox, Signal, Write};

/// Writes points for other tasks.
pub(crate) struct KapacitorLoopback {
    database: Rc<str>,
    retention_policy: Rc<str>,
    measurement: Option<Rc<str>>,
    tags: Vec<(Rc<str>, Rc<str>)>,
    writer: Writer,
}

impl KapacitorLoopback {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
        let (Some(database), Some(retention_policy)) =
            (string("database"), string("retentionPolicy"))
        else {
            let message = "|kapacitorLoopback() needs .database('…') and .retentionPolicy('…')";
            return Err(source.error(definition.at, message));
        };
        Ok(Self {
            database,
            retention_policy,
            measurement: string("measurement"),
            tags: definition.tags(),
            writer: Writer::default(),
        })
    }

    fn write(&mut self, points: &[(&str, &Point)], out: &mut Outbox<'_>) -> Result<()> {
        let mut lines = String::new();
        let mut written = 0;
        for (measurement, point) in points {
            let line = Line { point, measurement, tags: &self.tags, time: point.time() };
            if self.writer.write_line(&line, &mut lines) {
                lines.push('\n');
                written += 1;
            }
        }
        if written == 0 {
            return Ok(());
        }
        out.outside.loopback(&Write {
            database: &self.database,
            retention_policy: &self.retention_policy,
            lines: &lines,
            points: written,
            create: false,
        })
    }
}

/// Refuses a node that would feed its own task.
pub(crate) fn check(
    definition: &Definition,
    source: &TickText<'_>,
    own: &[(String, String)],
) -> Result<()> {
    let string = |name: &str| definition.string(name).unwrap_or_default();
    let (database, policy) = (string("database"), string("retentionPolicy"));
    if own.iter().any(|(db, rp)| **db == *database && **rp == *policy) {
        let message = format!(
            "|kapacitorLoopback() writes to {database}.{policy}, which this task reads: that is a loop"
        );
        return Err(source.error(definition.at, message));
    }
    Ok(())
}

impl Node for KapacitorLoopback {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let name = self.measurement.clone().unwrap_or_else(|| point.name().as_ref().into());
        self.write(&[(&name, &point)], out)
    }

    /// The daemon does not use `.measurement()` for batches.
    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let points: Vec<Point> = batch.points().collect();
        let named: Vec<_> = points.iter().map(|point| (batch.name.as_str(), point)).collect();
        self.write(&named, out)
    }

    fn signal(&mut self, _port: usize, _signal: Signal, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
