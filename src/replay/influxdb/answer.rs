//! The answers of a database to queries.

use super::InfluxError;
use super::access::Access;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An answer, or one chunk of it.
#[derive(Debug, Default, Deserialize)]
pub struct QueryAnswer {
    /// A result for each statement.
    #[serde(default)]
    pub results: Vec<StatementResult>,
    #[serde(default)]
    error: Option<String>,
}

/// What one statement gave.
#[derive(Debug, Default, Deserialize)]
pub struct StatementResult {
    /// The series.
    #[serde(default)]
    pub series: Vec<Series>,
    #[serde(default)]
    error: Option<String>,
    /// More is to come.
    #[serde(default)]
    partial: bool,
}

/// The rows of one group.
#[derive(Debug, Default, Deserialize)]
pub struct Series {
    /// The measurement.
    #[serde(default)]
    pub name: String,
    /// The tags of the group.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// The names of the columns.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows.
    #[serde(default)]
    pub values: Vec<Vec<Value>>,
    /// More rows are to come.
    #[serde(default)]
    pub partial: bool,
}

impl QueryAnswer {
    /// Returns the answer, unless it is an error.
    pub(super) fn checked(self, query: &str, access: &Access) -> Result<Self, InfluxError> {
        let error = self.results.iter().find_map(|result| result.error.as_ref());
        match self.error.as_ref().or(error) {
            Some(message) => {
                Err(InfluxError::Query { query: query.into(), message: access.scrub(message) })
            }
            None => Ok(self),
        }
    }

    /// Returns the answer unless the server has left out a part of it.
    pub(super) fn whole(self, query: &str) -> Result<Self, InfluxError> {
        match self.is_partial() {
            true => Err(InfluxError::Query {
                query: query.into(),
                message: "the server has left out rows beyond its limit (max-row-limit): ask for less time, or raise the limit"
                    .into(),
            }),
            false => Ok(self),
        }
    }

    /// Returns all series.
    pub fn into_series(self) -> impl Iterator<Item = Series> {
        self.results.into_iter().flat_map(|result| result.series)
    }

    fn is_partial(&self) -> bool {
        let partial = |result: &StatementResult| {
            result.partial || result.series.iter().any(|series| series.partial)
        };
        self.results.iter().any(partial)
    }
}

/// Hands on chunks, and reports an answer that ends although its last chunk says that more will follow.
pub(super) fn to_the_end<I>(
    chunks: I,
    query: String,
) -> impl Iterator<Item = Result<QueryAnswer, InfluxError>>
where
    I: Iterator<Item = Result<QueryAnswer, InfluxError>>,
{
    let mut more = false;
    let mut chunks = chunks;
    std::iter::from_fn(move || match chunks.next() {
        Some(chunk) => {
            more = chunk.as_ref().is_ok_and(QueryAnswer::is_partial);
            Some(chunk)
        }
        None if std::mem::take(&mut more) => {
            let message = "the answer ends before all rows have come".to_owned();
            Some(Err(InfluxError::Query { query: query.clone(), message }))
        }
        None => None,
    })
}
