//! `|influxDBOut()`: points for a database, as line protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::row::line;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Message, Node, Outbox, Write};

/// Writes points and hands them on.
pub(crate) struct InfluxDbOut {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    tags: Vec<(Rc<str>, Rc<str>)>,
    /// What times are cut to, in nanoseconds.
    unit: i64,
    create: bool,
}

impl InfluxDbOut {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let precision = definition.string("precision").unwrap_or_default();
        let unit = unit(&precision);
        let unit = unit.ok_or_else(|| {
            let message = format!(".precision('{precision}') is none of n, u, ms, s, m, h");
            source.error(definition.at, message)
        })?;
        let string = |name: &str| definition.string(name).filter(|value| !value.is_empty());
        let tags = definition
            .all("tag")
            .filter_map(|property| match property.arguments.as_slice() {
                [Object::String(name), Object::String(value)] => {
                    Some((Rc::clone(name), Rc::clone(value)))
                }
                _ => None,
            })
            .collect();
        Ok(Self {
            database: string("database"),
            retention_policy: string("retentionPolicy"),
            measurement: string("measurement"),
            tags,
            unit,
            create: definition.flag("create"),
        })
    }

    fn line(&self, lines: &mut String, name: &str, point: &Point) -> usize {
        let mut tags: BTreeMap<String, String> =
            point.tags().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        tags.extend(self.tags.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let measurement = self.measurement.as_deref().unwrap_or(name);
        let mut cut = Cow::Borrowed(point);
        if self.unit > 1 {
            cut.to_mut().set_time(point.time() - point.time() % self.unit);
        }
        usize::from(line(lines, measurement, tags.into_iter(), &cut))
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

/// Returns the nanoseconds of a precision, by the names that InfluxDB has; nanoseconds if it is empty.
fn unit(precision: &str) -> Option<i64> {
    Some(match precision {
        "" | "n" | "ns" => 1,
        "u" | "us" | "µ" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
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
}
