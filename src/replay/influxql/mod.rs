//! Queries of batch scripts, answered from points in memory: no database is needed to try a batch
//! script on a file of points.
//!
//! It supports one `SELECT` of fields, aggregates and arithmetic from one measurement, with
//! `WHERE`, `GROUP BY` tags and `time()`, `fill()`, `ORDER BY time`, `LIMIT` and `OFFSET`, with the
//! answers that InfluxDB 1 gives. Queries of queries, several measurements and transformations are
//! refused by name.

mod condition;
mod lexer;
mod parser;
mod query;
mod reduced;
mod select;

use crate::protocol::duration::SECOND;
use crate::protocol::{FieldValue, Point};
use crate::replay::ReplayError;
use crate::replay::influxdb::{Database, InfluxError, Pace, Queries, Series, TimeRange};
use crate::replay::source::{Item, Scratch, Source};
use crate::tick::Query;
use std::collections::BTreeMap;

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotUnderstood(String);

impl From<String> for NotUnderstood {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for NotUnderstood {
    fn from(message: &str) -> Self {
        Self(message.into())
    }
}

/// Points in memory, by measurement and in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Table {
    measurements: BTreeMap<String, Vec<Row>>,
}

/// A point.
#[derive(Clone, Debug, Default)]
struct Row {
    time: i64,
    tags: BTreeMap<String, String>,
    fields: BTreeMap<String, FieldValue<'static>>,
}

impl Table {
    /// Reads all points of a source into it.
    ///
    /// # Errors
    /// Data that cannot be read, or that is not points.
    pub fn read(&mut self, source: &mut dyn Source) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        while let Some(item) = source.next(&mut scratch)? {
            if item != Item::Point {
                let message = "queries can be answered from points only, and the data is batches or captured requests";
                return Err(ReplayError::Unfit(message.into()));
            }
            self.push(&scratch.point);
        }
        Ok(())
    }

    /// Adds a point. As in a database, it is merged with one of the same time and tags.
    pub fn push(&mut self, point: &Point) {
        let tags = point.tags().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let fields = point.fields().map(|(name, value)| (name.into_owned(), owned(value)));
        let row = Row { time: point.time(), tags: tags.collect(), fields: fields.collect() };
        let rows = self.measurements.entry(point.name().into_owned()).or_default();
        let place = rows.partition_point(|other| other.time <= row.time);
        let same = rows[..place].iter_mut().rev().take_while(|other| other.time == row.time);
        match same.into_iter().find(|other| other.tags == row.tags) {
            Some(other) => other.fields.extend(row.fields),
            None => rows.insert(place, row),
        }
    }

    /// Runs the queries of a batch script from the first point on, each until it has seen the last point.
    ///
    /// # Errors
    /// A query that is no `SELECT`, or that covers no time.
    pub fn ask_all<'q>(
        self,
        queries: impl Iterator<Item = &'q Query>,
    ) -> Result<Box<dyn Source>, ReplayError> {
        let TimeRange { start, stop } = self.span().unwrap_or(TimeRange { start: 0, stop: 0 });
        let is_empty = self.measurements.is_empty();
        let last = |query: &Query| {
            let seen = stop.saturating_add(query.offset);
            match Pace::of(query) {
                _ if is_empty => i64::MIN,
                Ok(pace @ Pace::Cron(_)) => pace.after(seen),
                _ => seen.saturating_add(query.every.max(1)),
            }
        };
        Ok(Box::new(Queries::until(self, queries, start, last)?))
    }

    /// Runs the queries of a batch script each second from the first point on, for three seconds.
    ///
    /// # Errors
    /// A query that is no `SELECT`.
    pub fn ask_each_second(self, queries: &[Query]) -> Result<Box<dyn Source>, ReplayError> {
        const TICKS: i64 = 3;
        let TimeRange { start, .. } = self.span().unwrap_or(TimeRange { start: 0, stop: 0 });
        let often =
            |query: &Query| Query { every: SECOND, cron: None, align: false, ..query.clone() };
        let queries: Vec<Query> = queries.iter().map(often).collect();
        let stop = start.saturating_add(TICKS * SECOND);
        Ok(Box::new(Queries::until(self, queries.iter(), start, |_| stop)?))
    }

    /// Returns the time from the first point to the last; `None` if there are none.
    pub fn span(&self) -> Option<TimeRange> {
        let firsts = self.measurements.values().filter_map(|rows| rows.first());
        let lasts = self.measurements.values().filter_map(|rows| rows.last());
        let start = firsts.map(|row| row.time).min()?;
        Some(TimeRange { start, stop: lasts.map(|row| row.time).max()? })
    }
}

/// A value that borrows nothing.
fn owned(value: FieldValue<'_>) -> FieldValue<'static> {
    match value {
        FieldValue::String(text) => FieldValue::String(text.into_owned().into()),
        FieldValue::Double(x) => FieldValue::Double(x),
        FieldValue::Int(n) => FieldValue::Int(n),
        FieldValue::Bool(flag) => FieldValue::Bool(flag),
    }
}

impl Database for Table {
    fn series(&self, query: &str) -> Result<Vec<Series>, InfluxError> {
        let answer = parser::parse(query).and_then(|select| select::answer(&select, self));
        answer
            .map_err(|error| InfluxError::Query { query: query.into(), message: error.to_string() })
    }

    fn place(&self) -> &str {
        "the points in memory"
    }
}

#[cfg(test)]
mod tests;
