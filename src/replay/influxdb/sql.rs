//! Batches of an InfluxDB 3, asked for in SQL at each tick.
//!
//! `$start` and `$stop` in the query stand for the time that is asked for. The answer has a row a line; the columns that
//! groups are made of are tags, the others fields. As with InfluxQL, every number is a double, and a row without a value is
//! left out.

use super::answer::Series;
use super::batches::Database;
use super::client::Client;
use super::{InfluxError, TimeRange};
use crate::protocol::time::{read_rfc3339, rfc3339};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// Bytes of a row at most.
const ROW: u64 = 16 << 20;

/// A query in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlQuery {
    text: String,
}

/// Why a query in SQL cannot be asked for one time after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// It asks for all times.
    #[error("the range of time is missing: add WHERE time >= $start AND time < $stop")]
    NoTimes,
    /// It changes something.
    #[error("not a SELECT")]
    NoSelect,
}

impl SqlQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// A query that does not ask for one time.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let first = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !["select", "with"].contains(&&*first.to_ascii_lowercase()) {
            return Err(SqlError::NoSelect);
        }
        let query = Self { text: text.to_owned() };
        let mut found = [false; 2];
        query.replace(|name| {
            found[usize::from(name == "stop")] = true;
            String::new()
        });
        if found == [true, true] { Ok(query) } else { Err(SqlError::NoTimes) }
    }

    /// The query for one time.
    pub fn at(&self, span: TimeRange) -> String {
        self.replace(|name| {
            let time = if name == "start" { span.start } else { span.stop };
            format!("'{}'", rfc3339(time))
        })
    }

    /// Replaces `$start` and `$stop` where they are no part of a text, a name or a longer word.
    fn replace(&self, mut value: impl FnMut(&'static str) -> String) -> String {
        let mut out = String::with_capacity(self.text.len() + 64);
        let mut quote = None;
        let mut rest = self.text.as_str();
        while let Some(c) = rest.chars().next() {
            let name = ["start", "stop"].into_iter().find(|name| {
                let after = rest.strip_prefix('$').and_then(|rest| rest.strip_prefix(name));
                after.is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            });
            if let (None, Some(name)) = (quote, name) {
                out += &value(name);
                rest = &rest[1 + name.len()..];
                continue;
            }
            match quote {
                Some(open) if open == c => quote = None,
                None if c == '\'' || c == '"' => quote = Some(c),
                _ => {}
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
        out
    }

    /// The name of the batches: what follows the first `FROM`.
    fn table(&self) -> &str {
        let lower = self.text.to_ascii_lowercase();
        let mut words = lower.match_indices("from");
        let from = words.find(|(at, _)| {
            let before = lower[..*at].ends_with(|c: char| c.is_whitespace() || c == ')');
            before && lower[at + 4..].starts_with(char::is_whitespace)
        });
        let Some((at, _)) = from else { return "sql" };
        let rest = self.text[at + 4..].trim_start();
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or("sql"),
            None => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
                let name = &rest[..end.unwrap_or(rest.len())];
                if name.is_empty() { "sql" } else { name }
            }
        }
    }
}

/// An InfluxDB 3 that is asked in SQL.
pub struct SqlDatabase {
    client: Client,
    /// The name of the batches.
    name: String,
    /// The columns that make groups.
    tags: Vec<String>,
}

impl SqlDatabase {
    /// A database whose answers to a query are grouped by these columns.
    pub fn new(client: Client, query: &SqlQuery, tags: Vec<String>) -> Self {
        Self { client, name: query.table().to_owned(), tags }
    }
}

impl Database for SqlDatabase {
    fn series(&self, query: &str) -> Result<Vec<Series>, InfluxError> {
        let odd = |message: String| InfluxError::Answer {
            url: self.place().into(),
            message: self.client.access().scrub(&message),
        };
        let mut reader = self.client.sql(query)?;
        let mut groups = Groups::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(ROW).read_until(b'\n', &mut line);
            let length = read.map_err(|error| odd(format!("row {number}: {error}")))?;
            if length == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let row = serde_json::from_slice::<Map<String, Value>>(&line);
            let row =
                row.map_err(|error| odd(format!("row {number} is not a JSON object: {error}")))?;
            let added = groups.add(row, &self.tags);
            added.map_err(|why| odd(format!("row {number}: {why}")))?;
        }
        Ok(groups.series(&self.name))
    }

    fn place(&self) -> &str {
        self.client.url()
    }
}

/// What is odd in a row.
#[derive(Debug, thiserror::Error)]
enum RowProblem {
    #[error("the server says: {0}")]
    Told(String),
    #[error("it has no column 'time'; ask for it, as in SELECT time, …")]
    NoTime,
    #[error("'time' holds {0}, which is not a time")]
    Time(Value),
    #[error("it has no column '{0}', which --group-by names")]
    NoTag(String),
}

/// The rows of each group, in the order in which the groups came.
#[derive(Default)]
struct Groups {
    all: Vec<Series>,
    by_tags: BTreeMap<BTreeMap<String, String>, usize>,
}

impl Groups {
    fn add(&mut self, mut row: Map<String, Value>, tags: &[String]) -> Result<(), RowProblem> {
        // An answer that fails when some rows were sent already can only end so.
        if let (false, Some(Value::String(error))) = (row.contains_key("time"), row.get("error")) {
            return Err(RowProblem::Told(error.clone()));
        }
        let time = row.shift_remove("time").ok_or(RowProblem::NoTime)?;
        let time = time_of(&time).ok_or(RowProblem::Time(time))?;
        let mut key = BTreeMap::new();
        for tag in tags {
            // The answer leaves out what is null.
            match row.shift_remove(tag) {
                Some(Value::String(text)) => drop(key.insert(tag.clone(), text)),
                Some(Value::Null) | None => {}
                Some(other) => drop(key.insert(tag.clone(), other.to_string())),
            }
        }
        if key.is_empty() && !tags.is_empty() {
            return Err(RowProblem::NoTag(tags[0].clone()));
        }
        let number = *self.by_tags.entry(key.clone()).or_insert_with(|| {
            let columns = vec!["time".to_owned()];
            self.all.push(Series { tags: Some(key), columns, ..Series::default() });
            self.all.len() - 1
        });
        let series = &mut self.all[number];
        let mut values = vec![Value::Null; series.columns.len()];
        values[0] = Value::from(time);
        for (name, value) in row {
            match series.columns.iter().position(|column| *column == name) {
                Some(at) => values[at] = value,
                None => {
                    series.columns.push(name);
                    values.push(value);
                }
            }
        }
        series.values.push(values);
        Ok(())
    }

    /// All series, the points of each in the order of their times.
    fn series(mut self, name: &str) -> Vec<Series> {
        for series in &mut self.all {
            name.clone_into(&mut series.name);
            series.values.sort_by_key(|row| row[0].as_i64());
        }
        self.all
    }
}

/// Reads a time as InfluxDB 3 writes it: `2026-01-31T12:00:00.5`, in UTC and without a zone; or nanoseconds.
fn time_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            let clock = text.get(10..).unwrap_or_default();
            let has_zone = clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']);
            let text = if has_zone { text.to_owned() } else { format!("{text}Z") };
            read_rfc3339(&text).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_put_where_the_query_wants_them_and_nowhere_else() {
        let query = SqlQuery::parse(
            "SELECT time, x FROM \"my table\" WHERE s <> '$start' AND time >= $start AND time < $stop;",
        );
        let query = query.unwrap();
        assert_eq!(query.table(), "my table");
        let span = TimeRange { start: 0, stop: 1_500_000_000 };
        assert_eq!(
            query.at(span),
            "SELECT time, x FROM \"my table\" WHERE s <> '$start' AND time >= '1970-01-01T00:00:00Z' AND time < \
             '1970-01-01T00:00:01.5Z'"
        );
        for (text, error) in [
            ("SELECT x FROM m", SqlError::NoTimes),
            ("SELECT x FROM m WHERE time > $start", SqlError::NoTimes),
            ("SELECT x FROM m WHERE time > '$start' AND time < $stop", SqlError::NoTimes),
            ("SELECT x FROM m WHERE time > $started AND time < $stop", SqlError::NoTimes),
            ("DROP TABLE m -- $start $stop", SqlError::NoSelect),
            ("", SqlError::NoSelect),
        ] {
            assert_eq!(SqlQuery::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn rows_become_groups() {
        let rows = [
            r#"{"time":"2026-01-31T12:00:00.5","host":"a","x":1}"#,
            r#"{"host":"b","time":"2026-01-31T12:00:00Z","x":2.5,"ok":true}"#,
            r#"{"time":"2026-01-31T11:00:00+00:00","host":"a","s":"t"}"#,
        ];
        let mut groups = Groups::default();
        for row in rows {
            groups.add(serde_json::from_str(row).unwrap(), &["host".into()]).unwrap();
        }
        let all = groups.series("m");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].columns, ["time", "x", "s"]);
        assert_eq!(all[0].values[0][0], Value::from(1_769_857_200_000_000_000_i64));
        assert_eq!(all[0].values[1][0], Value::from(1_769_860_800_500_000_000_i64));
        let mut groups = Groups::default();
        for (row, why) in [
            (r#"{"x":1}"#, "no column 'time'"),
            (r#"{"error":"out of memory"}"#, "the server says: out of memory"),
            (r#"{"time":"noon","x":1}"#, "which is not a time"),
            (r#"{"time":1,"x":1}"#, "--group-by names"),
        ] {
            let added = groups.add(serde_json::from_str(row).unwrap(), &["host".into()]);
            assert!(added.unwrap_err().to_string().contains(why), "{row}");
        }
    }
}
