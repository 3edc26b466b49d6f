//! `|influxDBOut()`: points for a database, as line protocol.

use std::rc::Rc;

use crate::protocol::line::{Line, Precision, Writer};
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, Message, Node, Outbox, Write};

/// Writes points and hands them on.
pub(crate) struct InfluxDbOut {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    tags: Vec<(Rc<str>, Rc<str>)>,
    /// What times are cut to, in nanoseconds.
    unit: i64,
    create: bool,
    writer: Writer,
}

impl InfluxDbOut {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let precision = definition.string("precision").unwrap_or_default();
        let unit = match &*precision {
            "" => Some(1),
            name => Precision::by_name(name).map(Precision::nanoseconds),
        };
        let unit = unit.ok_or_else(|| {
            let message = format!(".precision('{precision}') is none of n, u, ms, s, m, h");
            source.error(definition.at, message)
        })?;
        let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
        Ok(Self {
            database: string("database"),
            retention_policy: string("retentionPolicy"),
            measurement: string("measurement"),
            tags: definition.tags(),
            unit,
            create: definition.flag("create"),
            writer: Writer::default(),
        })
    }

    fn line(&mut self, lines: &mut String, name: &str, point: &Point) -> usize {
        let measurement = self.measurement.as_deref().unwrap_or(name);
        let time = point.time() - point.time() % self.unit;
        let line = Line { point, measurement, tags: &self.tags, time };
        let written = self.writer.write_line(&line, lines);
        if written {
            lines.push('\n');
        }
        usize::from(written)
    }

    fn write(
        &self,
        database: &str,
        policy: &str,
        lines: &str,
        points: usize,
        out: &mut Outbox<'_>,
    ) -> Result<()> {
        if points == 0 {
            return Ok(());
        }
        out.outside.write(&Write {
            database: self.database.as_deref().unwrap_or(database),
            retention_policy: self.retention_policy.as_deref().unwrap_or(policy),
            lines,
            points,
            create: self.create,
        })
    }
}

impl Node for InfluxDbOut {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let mut lines = String::new();
        let points = self.line(&mut lines, &point.name(), &point);
        self.write(&point.database(), &point.retention_policy(), &lines, points, out)?;
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut lines = String::new();
        let points = batch.points().map(|point| self.line(&mut lines, &batch.name, &point)).sum();
        self.write("", "", &lines, points, out)?;
        out.send(Message::Batch(batch));
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
