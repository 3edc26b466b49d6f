//! `|influxDBOut()`: points for a database, as line protocol.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::row::line;
use crate::protocol::{Batch, Point};
use crate::replay::tick::error::Result;
use crate::replay::tick::flow::{Message, Node, Output, Write};
use crate::replay::tick::object::Object;
use crate::replay::tick::program::Definition;

/// Writes points and hands them on.
pub(super) struct InfluxDbOut {
    database: Option<Rc<str>>,
    retention_policy: Option<Rc<str>>,
    measurement: Option<Rc<str>>,
    tags: Vec<(Rc<str>, Rc<str>)>,
}

impl InfluxDbOut {
    pub(super) fn new(definition: &Definition) -> Self {
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
        Self {
            database: string("database"),
            retention_policy: string("retentionPolicy"),
            measurement: string("measurement"),
            tags,
        }
    }

    fn line(&self, lines: &mut String, name: &str, point: &Point) -> usize {
        let mut tags: BTreeMap<String, String> =
            point.tags().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        tags.extend(self.tags.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let measurement = self.measurement.as_deref().unwrap_or(name);
        usize::from(line(lines, measurement, tags.into_iter(), point))
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
