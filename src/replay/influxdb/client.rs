//! The requests: `/query` and `/write`.

use super::InfluxError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::time::Duration;

/// How much of an error's text is read.
const ERROR_BYTES: u64 = 1 << 16;

/// A database at an address.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    user: Option<(String, String)>,
}

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
}

impl QueryAnswer {
    /// Returns the answer unless it tells of an error.
    pub(super) fn checked(self, query: &str) -> Result<Self, InfluxError> {
        let error = self.results.iter().find_map(|result| result.error.as_ref());
        match self.error.as_ref().or(error) {
            Some(message) => {
                Err(InfluxError::Query { query: query.into(), message: message.clone() })
            }
            None => Ok(self),
        }
    }

    /// Returns all series.
    pub fn into_series(self) -> impl Iterator<Item = Series> {
        self.results.into_iter().flat_map(|result| result.series)
    }
}

impl Client {
    /// A client for `http://[USER:PASSWORD@]HOST[:PORT]`; nothing is sent yet.
    ///
    /// # Errors
    /// Any other URL.
    pub fn new(url: &str) -> Result<Self, InfluxError> {
        let rest = url.strip_prefix("http://").unwrap_or("");
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let host = host.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            let shown = url.rsplit_once('@').map_or(url, |(_, host)| host);
            return Err(InfluxError::Url(shown.into()));
        }
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
        };
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (decode(name), decode(password))
        });
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(120)))
            .build();
        Ok(Self { agent: config.into(), url: format!("http://{host}"), user })
    }

    /// Returns the address, without a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// A database that is away, refuses, or fails.
    pub fn query(&self, query: &str) -> Result<QueryAnswer, InfluxError> {
        let reader = self.ask(query, &[])?;
        serde_json::from_reader::<_, QueryAnswer>(reader).map_err(|e| self.odd(&e))?.checked(query)
    }

    /// Asks for an answer in chunks of that many rows.
    ///
    /// # Errors
    /// As [`Client::query`].
    pub(super) fn chunks(
        &self,
        query: &str,
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<QueryAnswer, InfluxError>> + use<>, InfluxError> {
        let rows = rows.to_string();
        let reader = self.ask(query, &[("chunked", "true"), ("chunk_size", &rows)])?;
        let (client, query) = (self.clone(), query.to_owned());
        let chunks = serde_json::Deserializer::from_reader(reader).into_iter::<QueryAnswer>();
        Ok(chunks.map(move |chunk| chunk.map_err(|e| client.odd(&e))?.checked(&query)))
    }

    fn ask(
        &self,
        query: &str,
        more: &[(&str, &str)],
    ) -> Result<BufReader<impl Read + use<>>, InfluxError> {
        log::debug!("query: {query}");
        let mut form = vec![("q", query), ("epoch", "ns")];
        form.extend_from_slice(more);
        if let Some((user, password)) = &self.user {
            form.extend([("u", user.as_str()), ("p", password.as_str())]);
        }
        let response = self.agent.post(format!("{}/query", self.url)).send_form(form);
        let response = self.accepted(response)?;
        Ok(BufReader::with_capacity(1 << 16, response.into_body().into_reader()))
    }

    /// Writes lines of line protocol with times in nanoseconds.
    ///
    /// # Errors
    /// A database that is away or refuses them.
    pub fn write(&self, database: &str, policy: &str, lines: &str) -> Result<(), InfluxError> {
        let mut request = self.agent.post(format!("{}/write", self.url));
        request = request.query("db", database).query("precision", "ns");
        if !policy.is_empty() {
            request = request.query("rp", policy);
        }
        if let Some((user, password)) = &self.user {
            request = request.query("u", user).query("p", password);
        }
        self.accepted(request.send(lines.as_bytes())).map(drop)
    }

    /// Returns a response that is a success.
    fn accepted(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, InfluxError> {
        let response = response.map_err(|error| InfluxError::Unreachable {
            url: self.url.clone(),
            message: error.to_string(),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut text = String::new();
        let read = response.into_body().into_reader().take(ERROR_BYTES).read_to_string(&mut text);
        let said = serde_json::from_str::<QueryAnswer>(&text).ok().and_then(|answer| answer.error);
        let message = match (said, read) {
            (Some(said), _) => said,
            (None, Ok(_)) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => status.canonical_reason().unwrap_or("no reason given").to_lowercase(),
        };
        Err(InfluxError::Refused { url: self.url.clone(), status: status.as_u16(), message })
    }

    fn odd(&self, error: &serde_json::Error) -> InfluxError {
        InfluxError::Answer { url: self.url.clone(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_passwords_kept_out_of_sight() {
        let client = Client::new("http://ann:p%40ss@db:8086/").unwrap();
        assert_eq!(client.url(), "http://db:8086");
        assert_eq!(client.user, Some(("ann".into(), "p@ss".into())));
        for url in ["https://ann:secret@db", "db:8086", "http://", "http://db/path"] {
            let error = Client::new(url).unwrap_err().to_string();
            assert!(error.contains("write http://") && !error.contains("secret"), "{error}");
        }
    }
}
