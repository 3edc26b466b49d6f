//! `|influxDBOut()`: points for a database, as line protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::row::line;
use crate::protocol::{Batch, Point};
use crate::replay::line_protocol::Precision;
use crate::replay::tick::error::{Result, Source};
use crate::replay::tick::flow::{Message, Node, Output, Write};
use crate::replay::tick::object::Object;
use crate::replay::tick::program::Definition;

/// Writes points and hands them on.
pub(super) struct InfluxDbOut {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    tags: Vec<(Rc<str>, Rc<str>)>,
    /// What times are cut to, in nanoseconds.
    unit: i64,
    create: bool,
}

impl InfluxDbOut {
    pub(super) fn new(definition: &Definition, source: &Source<'_>) -> Result<Self> {
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
        out: &mut Output<'_>,
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
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Output<'_>) -> Result<()> {
        let mut lines = String::new();
        let points = self.line(&mut lines, &point.name(), &point);
        self.write(&point.database(), &point.retention_policy(), &lines, points, out)?;
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Output<'_>) -> Result<()> {
        let mut lines = String::new();
        let points = batch.points().map(|point| self.line(&mut lines, &batch.name, &point)).sum();
        self.write("", "", &lines, points, out)?;
        out.send(Message::Batch(batch));
        Ok(())
    }
}
