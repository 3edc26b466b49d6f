//! The queries of a batch script, run for each tick that the daemon would have had.

use super::answer::Series;
use super::client::Client;
use super::sql::{SqlDatabase, SqlQuery};
use super::statement::SelectStatement;
use super::{InfluxError, TimeRange};
use crate::protocol::align::round;
use crate::protocol::cron::{Cron, CronError};
use crate::protocol::group::regroup;
use crate::protocol::{Batch, Point};
use crate::replay::ReplayError;
use crate::replay::source::{Item, Scratch, Source};
use crate::tick::Query;
use serde_json::Value;
use std::collections::VecDeque;

/// A database that answers queries.
pub trait Database {
    /// Returns the answer to a query.
    ///
    /// # Errors
    /// A query that fails, or a database that is away.
    fn series(&self, query: &str) -> Result<Vec<Series>, InfluxError>;

    /// Says where it is, for errors.
    fn place(&self) -> &str;
}

impl Database for Client {
    fn series(&self, query: &str) -> Result<Vec<Series>, InfluxError> {
        Ok(self.query(query)?.into_series().collect())
    }

    fn place(&self) -> &str {
        self.url()
    }
}

/// Batches from a database, in the order of the ticks.
pub struct Queries<D> {
    database: D,
    schedules: Vec<Schedule>,
    waiting: VecDeque<(usize, Batch)>,
}

/// A query and when it is asked next.
struct Schedule {
    query: Query,
    statement: Statement,
    pace: Pace,
    tick: i64,
    /// The last tick is not after this.
    stop: i64,
}

impl Schedule {
    /// The identity of the query: its text, and when it is run.
    fn key(&self) -> String {
        let Query { text, cron, every, align, offset, period, .. } = &self.query;
        let pace = cron.clone().unwrap_or_else(|| format!("{every} {align}"));
        format!("{text} / {pace} / {period} {offset}")
    }
}

/// What is asked.
enum Statement {
    Select(SelectStatement),
    Sql(SqlQuery),
}

impl Statement {
    fn at(&self, span: TimeRange, query: &Query) -> String {
        match self {
            Self::Select(statement) => statement.at(span, query),
            Self::Sql(sql) => sql.at(span),
        }
    }
}

impl Queries<SqlDatabase> {
    /// The ticks of a query in SQL, which stands in place of the text of `query`.
    ///
    /// # Errors
    /// SQL that asks for no time.
    pub fn in_sql(client: Client, query: &Query, span: TimeRange) -> Result<Self, ReplayError> {
        let refuse = |why: String| ReplayError::Usage(format!("--sql {}: {why}", query.text));
        let sql = SqlQuery::parse(&query.text).map_err(|error| refuse(error.to_string()))?;
        let pace = Pace::of(query).map_err(|error| refuse(error.to_string()))?;
        let tick = pace.after(span.start);
        // The time of a batch is the end of the time that was asked for.
        let query = Query { time: None, ..query.clone() };
        let database = SqlDatabase::new(client, &sql, query.tags.clone());
        let statement = Statement::Sql(sql);
        let schedule = Schedule { query, statement, pace, tick, stop: span.stop };
        Ok(Self { database, schedules: vec![schedule], waiting: VecDeque::new() })
    }
}

impl<D: Database> Queries<D> {
    /// The ticks of all queries after the start of `span`, up to and with its stop.
    ///
    /// # Errors
    /// A query that is no `SELECT`, or that covers no time.
    pub fn new<'q>(
        database: D,
        queries: impl Iterator<Item = &'q Query>,
        span: TimeRange,
    ) -> Result<Self, ReplayError> {
        Self::until(database, queries, span.start, |_| span.stop)
    }

    /// The ticks of all queries after a time, those of each up to and with its own end.
    ///
    /// # Errors
    /// As [`Queries::new`].
    pub fn until<'q>(
        database: D,
        queries: impl Iterator<Item = &'q Query>,
        start: i64,
        stop: impl Fn(&Query) -> i64,
    ) -> Result<Self, ReplayError> {
        let schedule = |query: &Query| {
            let refuse = |why: String| ReplayError::Unfit(format!("query {}: {why}", query.text));
            if query.period <= 0 {
                return Err(refuse("it asks for no time; give it .period(duration)".into()));
            }
            let pace = Pace::of(query).map_err(|error| refuse(error.to_string()))?;
            let statement =
                SelectStatement::parse(&query.text).map_err(|error| refuse(error.to_string()))?;
            let statement = Statement::Select(statement);
            let tick = pace.after(start);
            Ok(Schedule { query: query.clone(), statement, pace, tick, stop: stop(query) })
        };
        let schedules = queries.map(schedule).collect::<Result<_, _>>()?;
        Ok(Self { database, schedules, waiting: VecDeque::new() })
    }

    /// Returns the time of the next tick, if there is one.
    pub fn due(&self) -> Option<i64> {
        self.schedules.iter().map(|schedule| schedule.tick).min().filter(|tick| *tick < i64::MAX)
    }

    /// Returns each query with its pace, and when it is asked next.
    pub fn ticks(&self) -> Vec<(String, i64)> {
        self.schedules.iter().map(|schedule| (schedule.key(), schedule.tick)).collect()
    }

    /// Continues with the ticks of [`Queries::ticks`] for queries that are the same; no tick is later than it would
    /// be after `now`.
    pub fn go_on(&mut self, ticks: &[(String, i64)], now: i64) {
        let mut ticks = ticks.to_vec();
        for schedule in &mut self.schedules {
            let key = schedule.key();
            if let Some(at) = ticks.iter().position(|(name, _)| *name == key) {
                // If the clock was set back, the query must still be run.
                schedule.tick = ticks.remove(at).1.min(schedule.pace.after(now));
            }
        }
    }

    /// Leaves out the ticks of each query that are followed by another before `now`, and says which they were.
    pub fn skip_missed(&mut self, now: i64) -> Vec<Missed> {
        let mut all = Vec::new();
        for schedule in &mut self.schedules {
            let first = schedule.tick;
            let mut missed = Missed { count: 0, first, last: first };
            loop {
                let next = schedule.pace.after(schedule.tick);
                if next > now || next <= schedule.tick {
                    break;
                }
                missed.count += 1;
                missed.last = schedule.tick;
                schedule.tick = next;
            }
            all.extend((missed.count > 0).then_some(missed));
        }
        all
    }

    /// Lets the ticks up to a time be asked; returns for how many queries there is one.
    pub fn allow_until(&mut self, time: i64) -> u64 {
        self.schedules.iter_mut().for_each(|schedule| schedule.stop = time);
        self.schedules.iter().filter(|schedule| schedule.tick <= time).count() as u64
    }

    /// Asks the query whose turn it is; false after the last tick.
    fn ask(&mut self) -> Result<bool, InfluxError> {
        let due = |(_, s): &(usize, &Schedule)| s.tick <= s.stop && s.tick < i64::MAX;
        let turns = self.schedules.iter().enumerate().filter(due);
        let Some((number, _)) = turns.min_by_key(|(number, s)| (s.tick, *number)) else {
            return Ok(false);
        };
        let Schedule { query, statement, pace, tick, .. } = &mut self.schedules[number];
        let stop = tick.saturating_sub(query.offset);
        let span = TimeRange { start: stop.saturating_sub(query.period), stop };
        *tick = pace.after(*tick);
        for series in self.database.series(&statement.at(span, query))? {
            let mut batch =
                decode(series, query.by_measurement).map_err(|problem| InfluxError::Answer {
                    url: self.database.place().into(),
                    message: problem.to_string(),
                })?;
            if query.time.is_none() || batch.is_empty() {
                batch.tmax = stop;
            }
            self.waiting.push_back((number, batch));
        }
        Ok(true)
    }
}

/// Ticks of a query that were not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub count: u64,
    /// The time of the first.
    pub first: i64,
    /// The time of the last.
    pub last: i64,
}

/// When a query is asked.
#[derive(Debug, Clone)]
pub enum Pace {
    /// In intervals, perhaps at multiples of them.
    Every(i64, bool),
    /// At times in cron's notation.
    Cron(Box<Cron>),
}

impl Pace {
    /// Returns the pace of a query.
    ///
    /// # Errors
    /// What is no cron.
    pub fn of(query: &Query) -> Result<Self, CronError> {
        Ok(match &query.cron {
            Some(cron) => Self::Cron(Box::new(Cron::parse(cron)?)),
            None => Self::Every(query.every.max(1), query.align),
        })
    }

    /// Returns the tick after a time; the end of time if there is none.
    pub fn after(&self, time: i64) -> i64 {
        match self {
            Self::Every(every, true) => round(time.saturating_add(*every), *every),
            Self::Every(every, false) => time.saturating_add(*every),
            Self::Cron(cron) => cron.after(time).unwrap_or(i64::MAX),
        }
    }
}

impl<D: Database> Source for Queries<D> {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            if let Some((query, batch)) = self.waiting.pop_front() {
                (scratch.query, scratch.batch) = (query, batch);
                return Ok(Some(Item::Batch));
            }
            if !self.ask()? {
                return Ok(None);
            }
        }
    }

    fn queries(&self) -> Option<usize> {
        Some(self.schedules.len())
    }
}

/// An error in a series.
#[derive(Debug, thiserror::Error)]
enum SeriesProblem {
    #[error("a row without a time in nanoseconds")]
    Time,
    #[error("column '{0}' holds {1}")]
    Value(String, Value),
}

/// Makes a batch of a series, as the daemon does: every number is a double, rows without a value are
/// left out, and the time of the batch is the last of its points.
fn decode(series: Series, by_name: bool) -> Result<Batch, SeriesProblem> {
    let Series { name, tags, columns, values, .. } = series;
    let mut batch = Batch::default();
    (batch.name, batch.tags, batch.by_name) = (name, tags.unwrap_or_default(), by_name);
    regroup(&mut batch);
    let mut point = Point::default();
    for row in values {
        let time = columns.iter().zip(&row).find(|(column, _)| *column == "time");
        let time = time.and_then(|(_, value)| value.as_i64());
        point.reset(time.ok_or(SeriesProblem::Time)?);
        point.set_group(&batch.group);
        for (name, value) in &batch.tags {
            point.set_tag(name, value);
        }
        for (column, value) in columns.iter().zip(row).filter(|(column, _)| *column != "time") {
            match value {
                Value::Number(v) => point.set_field(column, v.as_f64().unwrap_or(f64::NAN)),
                Value::Bool(v) => point.set_field(column, v),
                Value::String(v) => point.set_field(column, v.as_str()),
                Value::Null => {}
                other => return Err(SeriesProblem::Value(column.clone(), other)),
            }
        }
        if point.field_count() > 0 {
            batch.tmax = batch.tmax.max(point.time());
            batch.push(&point);
        }
    }
    batch.size = batch.len() as i64;
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_becomes_the_daemons_batch() {
        let series = serde_json::json!({
            "name": "cpu", "tags": {"host": "a"}, "columns": ["time", "x", "on", "s"],
            "values": [[1, 1, true, "hi"], [2, null, null, null], [3, 2.5, null, null]],
        });
        let batch = decode(serde_json::from_value(series).unwrap(), true).unwrap();
        assert_eq!((&*batch.group, batch.tmax, batch.len()), ("cpu\nhost=a", 3, 2));
        let first = batch.points().next().unwrap();
        assert!(matches!(first.field("x"), Some(crate::protocol::FieldValue::Double(_))));
        assert_eq!(first.tag("host").unwrap(), "a");
        assert_eq!(first.field_count(), 3);
    }
}
