//! Measurements as a stream of points in the order of time, with tags as tags and the types that
//! the fields have in the database.

use super::answer::QueryAnswer;
use super::client::Client;
use super::statement::identifier;
use super::{Api, InfluxError, TimeRange};
use crate::nearest::nearest;
use crate::protocol::Point;
use crate::protocol::time::rfc3339;
use crate::replay::ReplayError;
use crate::replay::source::{Item, Scratch, Source};
use serde_json::Value;
use std::collections::{HashMap, HashSet, VecDeque};

/// Rows in a chunk of the answer, which are in memory for each measurement.
const ROWS: usize = 10_000;

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The database.
    pub database: String,
    /// The retention policy; the database's default if there is none.
    pub policy: Option<String>,
    /// The measurement; all if there is none.
    pub measurement: Option<String>,
    /// The time.
    pub span: TimeRange,
}

/// Points of one or all measurements.
pub struct Measurements {
    database: String,
    policy: String,
    readers: Vec<Reader>,
}

/// One measurement's rows.
struct Reader {
    url: String,
    name: String,
    tags: HashSet<String>,
    ints: HashSet<String>,
    chunks: Box<dyn Iterator<Item = Result<QueryAnswer, InfluxError>>>,
    columns: Vec<String>,
    rows: VecDeque<Vec<Value>>,
}

impl Measurements {
    /// Asks for the points.
    ///
    /// # Errors
    /// A database, policy or measurement that is not there.
    pub fn new(client: &Client, selection: &Selection) -> Result<Self, ReplayError> {
        let Selection { database, policy, measurement, span } = selection;
        let places = Places::of(client, database, policy.as_deref())?;
        let client = &places.client;
        let names = match measurement {
            Some(name) => vec![name.clone()],
            None => column(client, &format!("SHOW MEASUREMENTS{}", places.on))?,
        };
        let mut readers = Vec::new();
        for name in names {
            let from = identifier(&name);
            let types = types(client, &format!("SHOW FIELD KEYS{} FROM {from}", places.on))?;
            if types.is_empty() && measurement.is_some() {
                let known = column(client, &format!("SHOW MEASUREMENTS{}", places.on))?;
                let message = format!(
                    "--measurement: database '{database}' has no measurement '{name}'{}",
                    instead(&name, &known)
                );
                return Err(ReplayError::Unfit(message));
            }
            let tags = column(client, &format!("SHOW TAG KEYS{} FROM {from}", places.on))?;
            if let Some(both) = tags.iter().find(|tag| types.contains_key(*tag)) {
                let message = format!(
                    "measurement '{name}' has a tag and a field of the same name '{both}', which a query cannot tell apart"
                );
                return Err(ReplayError::Unfit(message));
            }
            let (start, stop) = (rfc3339(span.start), rfc3339(span.stop));
            let query = format!(
                "SELECT * FROM {}{from} WHERE time >= '{start}' AND time < '{stop}'",
                places.prefix
            );
            let mut reader = Reader {
                url: client.url().into(),
                name,
                tags: tags.into_iter().collect(),
                ints: types.into_iter().filter(|(_, int)| *int).map(|(name, _)| name).collect(),
                chunks: Box::new(client.chunks(&query, ROWS)?),
                columns: Vec::new(),
                rows: VecDeque::new(),
            };
            reader.fill()?;
            readers.push(reader);
        }
        Ok(Self { database: database.clone(), policy: places.policy, readers })
    }
}

/// How a database is named in statements.
struct Places {
    client: Client,
    /// The retention policy of the points.
    policy: String,
    /// What follows `SHOW …`.
    on: String,
    /// What stands before a measurement.
    prefix: String,
}

impl Places {
    /// InfluxDB 1.x is given names in full. What 2.x and 3 make of database and policy is theirs (a bucket, a table), so
    /// they are given both as parameters.
    fn of(client: &Client, database: &str, policy: Option<&str>) -> Result<Self, InfluxError> {
        if client.api()? != Api::One {
            let client = client.at_home_in(Some(database), policy);
            let policy = policy.unwrap_or("autogen").to_owned();
            return Ok(Self { client, policy, on: String::new(), prefix: String::new() });
        }
        let policy = policy_of(client, database, policy)?;
        let on = identifier(database);
        let prefix = format!("{on}.{}.", identifier(&policy));
        Ok(Self { client: client.clone(), policy, on: format!(" ON {on}"), prefix })
    }
}

/// The named policy, or the default one.
fn policy_of(client: &Client, database: &str, named: Option<&str>) -> Result<String, InfluxError> {
    let query = format!("SHOW RETENTION POLICIES ON {}", identifier(database));
    let answer = client.query(&query).map_err(|error| with_databases(client, database, error))?;
    let (mut default, mut known) = (None, Vec::new());
    for series in answer.into_series() {
        let at = |name: &str| series.columns.iter().position(|column| column == name);
        let (Some(name), Some(is_default)) = (at("name"), at("default")) else { continue };
        for row in &series.values {
            let policy = row.get(name).and_then(Value::as_str).unwrap_or_default();
            if named == Some(policy) {
                return Ok(policy.into());
            }
            if row.get(is_default) == Some(&Value::Bool(true)) {
                default = Some(policy.to_owned());
            }
            known.push(policy.to_owned());
        }
    }
    let missing = |message: String| InfluxError::Query { query: query.clone(), message };
    match (named, default) {
        (Some(named), _) => {
            let hint = instead(named, &known);
            Err(missing(format!("there is no retention policy '{named}'{hint}")))
        }
        (None, Some(default)) => Ok(default),
        (None, None) => Err(missing("there is no default retention policy: give --rp".into())),
    }
}

/// Adds the databases that there are to the error about one that is not there.
fn with_databases(client: &Client, database: &str, error: InfluxError) -> InfluxError {
    match error {
        InfluxError::Query { query, message } if message.contains("database not found") => {
            // Whoever may not see them gets the error as it was.
            let known = column(client, "SHOW DATABASES").unwrap_or_default();
            let message = format!("{message}{}", instead(database, &known));
            InfluxError::Query { query, message }
        }
        error => error,
    }
}

/// Says which name may have been meant, or which there are if they are few.
fn instead(name: &str, known: &[String]) -> String {
    const FEW: usize = 10;
    let others = known.iter().map(String::as_str);
    match nearest(name, others) {
        Some(near) => format!("; did you mean {near}?"),
        None if (1..=FEW).contains(&known.len()) => format!("; there are: {}", known.join(", ")),
        None => String::new(),
    }
}

/// The first column of an answer.
fn column(client: &Client, query: &str) -> Result<Vec<String>, InfluxError> {
    let rows = client.query(query)?.into_series().flat_map(|series| series.values);
    Ok(rows.filter_map(|row| Some(row.first()?.as_str()?.to_owned())).collect())
}

/// The fields, and whether all their values are ints.
fn types(client: &Client, query: &str) -> Result<HashMap<String, bool>, InfluxError> {
    let mut types = HashMap::new();
    for row in client.query(query)?.into_series().flat_map(|series| series.values) {
        let [Value::String(name), Value::String(kind)] = row.as_slice() else { continue };
        *types.entry(name.clone()).or_insert(true) &= kind == "integer";
    }
    Ok(types)
}

impl Reader {
    /// Makes sure that there is a row, unless there are no more.
    fn fill(&mut self) -> Result<(), InfluxError> {
        while self.rows.is_empty() {
            let Some(chunk) = self.chunks.next() else { return Ok(()) };
            for series in chunk?.into_series() {
                self.columns = series.columns;
                self.rows.extend(series.values);
            }
            if self.columns.first().is_some_and(|first| first != "time") {
                return Err(self.odd("the first column is not the time"));
            }
        }
        Ok(())
    }

    fn time(&self) -> Option<i64> {
        self.rows.front()?.first()?.as_i64()
    }

    fn take(&mut self, point: &mut Point) -> Result<(), InfluxError> {
        let Some(row) = self.rows.pop_front() else { return Ok(()) };
        let time = row.first().and_then(Value::as_i64);
        point.reset(time.ok_or_else(|| self.odd("a row without a time in nanoseconds"))?);
        point.set_name(&self.name);
        for (column, value) in self.columns.iter().zip(&row).skip(1) {
            match value {
                Value::Null => {}
                Value::String(v) if self.tags.contains(column) => {
                    if !v.is_empty() {
                        point.set_tag(column, v);
                    }
                }
                Value::String(v) => point.set_field(column, v.as_str()),
                Value::Bool(v) => point.set_field(column, *v),
                Value::Number(v) => match v.as_i64() {
                    Some(v) if self.ints.contains(column) => point.set_field(column, v),
                    _ => point.set_field(column, v.as_f64().unwrap_or(f64::NAN)),
                },
                other => return Err(self.odd(&format!("column '{column}' holds {other}"))),
            }
        }
        self.fill()
    }

    fn odd(&self, message: &str) -> InfluxError {
        let message = format!("measurement '{}': {message}", self.name);
        InfluxError::Answer { url: self.url.clone(), message }
    }
}

impl Source for Measurements {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        let waiting = self.readers.iter_mut().filter(|reader| !reader.rows.is_empty());
        let Some(reader) = waiting.min_by_key(|reader| reader.time()) else { return Ok(None) };
        reader.take(&mut scratch.point)?;
        scratch.point.set_database(&self.database);
        scratch.point.set_retention_policy(&self.policy);
        Ok(Some(Item::Point))
    }
}
