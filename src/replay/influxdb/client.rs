//! The requests: `/query` and `/write`.

use super::access::{Access, Api, Login, basic};
use super::answer::{self, QueryAnswer};
use super::rejected::{Rejected, Said};
use super::{InfluxError, trust, version};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{BufReader, Read};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::http::Response;

/// How much of an error's text is read.
const ERROR_BYTES: u64 = 1 << 20;

/// How long a server may be silent while it answers. A query that takes long is silent until its first row.
const SILENCE: Duration = Duration::from_secs(120);

/// A database at an address.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    access: Arc<Access>,
    /// What the server is, once that is known.
    api: Arc<OnceLock<Api>>,
    /// The database and the retention policy of queries that name none.
    home: (Option<String>, Option<String>),
}

impl Client {
    /// A client for an address; nothing is sent yet.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(access: &Access) -> Result<Self, InfluxError> {
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            // A redirection is an error: credentials must go to the given address only.
            .max_redirects(0)
            .tls_config(trust::config(access)?)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(120)))
            // For a server that becomes silent in the middle of an answer, or stops reading a request.
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .build();
        let api = access.api.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self {
            agent: config.into(),
            access: Arc::new(access.clone()),
            api: Arc::new(api),
            home: (None, None),
        })
    }

    /// Says to which database and retention policy queries belong that name none.
    #[must_use]
    pub fn at_home_in(&self, database: Option<&str>, policy: Option<&str>) -> Self {
        let home = (database.map(Into::into), policy.map(Into::into));
        Self { home, ..self.clone() }
    }

    /// Returns the address, without a password.
    pub fn url(&self) -> &str {
        self.access.url()
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the version of the server; the server is asked once, unless the version was given.
    ///
    /// # Errors
    /// A server that cannot be reached, or that refuses to answer.
    pub fn api(&self) -> Result<Api, InfluxError> {
        match self.api.get() {
            Some(api) => Ok(*api),
            None => {
                let api = version::find_out(self)?;
                log::info!("InfluxDB at {}: version {api}", self.url());
                Ok(*self.api.get_or_init(|| api))
            }
        }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// A database that is away, refuses, or fails.
    pub fn query(&self, query: &str) -> Result<QueryAnswer, InfluxError> {
        let reader = self.ask(query, &[])?;
        serde_json::from_reader::<_, QueryAnswer>(reader)
            .map_err(|e| self.odd(&e))?
            .checked(query, &self.access)?
            .whole(query)
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
        let checked = query.clone();
        let chunks = chunks
            .map(move |chunk| chunk.map_err(|e| client.odd(&e))?.checked(&checked, &client.access));
        Ok(answer::to_the_end(chunks, query))
    }

    fn ask(
        &self,
        query: &str,
        more: &[(&str, &str)],
    ) -> Result<BufReader<impl Read + use<>>, InfluxError> {
        log::debug!("query: {query}");
        let api = self.api()?;
        let mut form = vec![("q", query), ("epoch", "ns")];
        form.extend(self.home.0.as_deref().map(|database| ("db", database)));
        form.extend(self.home.1.as_deref().map(|policy| ("rp", policy)));
        form.extend_from_slice(more);
        let request = self.signed(self.agent.post(format!("{}/query", self.url())), Some(api));
        let response = self.accepted(request.send_form(form))?;
        Ok(BufReader::with_capacity(1 << 16, response.into_body().into_reader()))
    }

    /// Asks an InfluxDB 3 in SQL; the answer is an object a line.
    ///
    /// # Errors
    /// As [`Client::query`], and an InfluxDB that has no SQL.
    pub(super) fn sql(&self, query: &str) -> Result<BufReader<impl Read + use<>>, InfluxError> {
        log::debug!("sql: {query}");
        let api = self.api()?;
        if api != Api::Three {
            return Err(InfluxError::NoSql { url: self.url().into(), api });
        }
        let database = self.home.0.as_deref().unwrap_or_default();
        let body = json!({ "db": database, "q": query, "format": "jsonl" });
        let response = self.post_json("/api/v3/query_sql", &body)?;
        Ok(BufReader::with_capacity(1 << 16, response.into_body().into_reader()))
    }

    /// Sends an object.
    pub(super) fn post_json(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Response<ureq::Body>, InfluxError> {
        let request = self.agent.post(format!("{}{path}", self.url()));
        let request = self.signed(request, self.api.get().copied());
        let request = request.header("Content-Type", "application/json");
        self.accepted(request.send(body.to_string().as_bytes()))
    }

    /// Reads an object.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<T, InfluxError> {
        let request = self.agent.get(format!("{}{path}", self.url()));
        let request = request.query_pairs(parameters.iter().copied());
        let response = self.accepted(self.signed(request, self.api.get().copied()).call())?;
        serde_json::from_str(&self.text_of(response)).map_err(|error| self.odd(&error))
    }

    /// Returns the organization that an InfluxDB 2 wants to know.
    ///
    /// # Errors
    /// None was named.
    pub(super) fn organization(&self) -> Result<&str, InfluxError> {
        let named = self.access.organization.as_deref();
        named.ok_or_else(|| InfluxError::NoOrganization { url: self.url().into() })
    }

    /// Writes lines of line protocol with times in nanoseconds.
    ///
    /// # Errors
    /// A database that is away or refuses some or all of them.
    pub fn write(&self, database: &str, policy: &str, lines: &str) -> Result<(), InfluxError> {
        let api = self.api()?;
        let post = |path: &str| self.agent.post(format!("{}{path}", self.url()));
        let request = match api {
            Api::One => {
                let request = post("/write").query("db", database).query("precision", "ns");
                if policy.is_empty() { request } else { request.query("rp", policy) }
            }
            Api::Two => {
                let request = post("/api/v2/write").query("org", self.organization()?);
                request.query("bucket", bucket(database, policy)).query("precision", "ns")
            }
            Api::Three => {
                // The default policy of 1.x is no part of the name of a database.
                let policy = if policy == "autogen" { "" } else { policy };
                let request = post("/api/v3/write_lp").query("db", bucket(database, policy));
                request.query("precision", "nanosecond").query("accept_partial", "true")
            }
        };
        let request = self.signed(request, Some(api));
        let request = request.header("Content-Type", "text/plain; charset=utf-8");
        match self.accepted(request.send(lines.as_bytes())) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.with_lines(lines)),
        }
    }

    /// Asks for a page of the server.
    pub(super) fn get(&self, path: &str) -> Result<Response<ureq::Body>, InfluxError> {
        let request = self.agent.get(format!("{}{path}", self.url()));
        self.signed(request, self.api.get().copied()).call().map_err(|error| self.away(&error))
    }

    /// Adds the credentials to a request.
    fn signed<B>(
        &self,
        request: ureq::RequestBuilder<B>,
        api: Option<Api>,
    ) -> ureq::RequestBuilder<B> {
        let value = match &self.access.login {
            Login::Nobody => return request,
            Login::User(name, password) => format!("Basic {}", basic(name, password)),
            // 1.x takes tokens as bearers only, and 2.x knows both words.
            Login::Token(token) if api == Some(Api::Two) => format!("Token {}", token.reveal()),
            Login::Token(token) => format!("Bearer {}", token.reveal()),
        };
        request.header("Authorization", value)
    }

    /// Returns a response that is a success.
    fn accepted(
        &self,
        response: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response<ureq::Body>, InfluxError> {
        let response = response.map_err(|error| self.away(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(ToOwned::to_owned)
        };
        if status.is_redirection() {
            let to = header("location").unwrap_or_else(|| "another address".into());
            let message = format!("it redirects to {to}: give that address");
            return Err(self.refused(status.as_u16(), &message));
        }
        let pause = header("retry-after").and_then(|text| text.trim().parse().ok());
        let text = self.text_of(response);
        let said = Said::parse(&text);
        let reason = match text.trim() {
            "" => status.canonical_reason().unwrap_or("no reason given").to_lowercase(),
            text => text.to_owned(),
        };
        let message = said.message.unwrap_or(reason);
        let mut error = self.refused(status.as_u16(), &message);
        if let InfluxError::Refused { rejected, retry_after, .. } = &mut error {
            *rejected = Rejected { lines: said.lines, ..Rejected::default() }
                .map_texts(|text| self.access.scrub(text));
            *retry_after = pause;
        }
        Err(error)
    }

    /// Reads the text of an answer, of an error only its beginning.
    pub(super) fn text_of(&self, response: Response<ureq::Body>) -> String {
        let mut bytes = Vec::new();
        let _ = response.into_body().into_reader().take(ERROR_BYTES).read_to_end(&mut bytes);
        self.access.scrub(&String::from_utf8_lossy(&bytes))
    }

    /// Makes the error of a request that is refused.
    pub(super) fn refused(&self, status: u16, message: &str) -> InfluxError {
        let hint = match (status, &self.access.login) {
            (401, Login::Nobody) => {
                "; give a token (INFLUX_TOKEN or --influxdb-token-file), or a user (INFLUX_USERNAME and INFLUX_PASSWORD)"
            }
            (401, Login::User(..)) if self.api.get().is_some_and(|api| *api != Api::One) => {
                "; this InfluxDB needs a token: INFLUX_TOKEN or --influxdb-token-file"
            }
            (401, Login::User(..)) => "; are the user and the password right?",
            (401, Login::Token(_)) => "; is the token right, and has it not expired?",
            (403, _) => "; this user or token does not have the permission",
            (400, _) if message.contains("HTTPS server") => "; write https:// in place of http://",
            _ => "",
        };
        InfluxError::Refused {
            url: self.url().into(),
            status,
            message: format!("{}{hint}", shortened(&self.access.scrub(message))),
            rejected: Rejected::default(),
            retry_after: None,
        }
    }

    /// Makes the error of a request that got no answer.
    fn away(&self, error: &ureq::Error) -> InfluxError {
        let (url, message) = (self.url().to_owned(), self.access.scrub(&error.to_string()));
        let message = message.strip_prefix("io: ").unwrap_or(&message).to_owned();
        if message.contains("certificate") {
            return InfluxError::Certificate { url, message };
        }
        if self.access.is_encrypted() && message.contains("InvalidContentType") {
            return InfluxError::NoTls { url };
        }
        let proxy =
            ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let proxy = proxy.into_iter().find(|name| std::env::var_os(name).is_some());
        let message = match proxy {
            Some(name) => format!("{message} ({name} is set, and rhai-udf uses no proxy)"),
            None => message,
        };
        InfluxError::Unreachable { url, message }
    }

    fn odd(&self, error: &serde_json::Error) -> InfluxError {
        InfluxError::Answer {
            url: self.url().into(),
            message: self.access.scrub(&error.to_string()),
        }
    }
}

/// A reason without its middle, where it is as long as a page.
fn shortened(text: &str) -> String {
    const BEGIN: usize = 1000;
    const END: usize = 200;
    let count = text.chars().count();
    if count <= BEGIN + END {
        return text.to_owned();
    }
    let begin: String = text.chars().take(BEGIN).collect();
    let end: String = text.chars().skip(count - END).collect();
    format!("{begin} … {end}")
}

/// The name of the bucket that stands for a database and a retention policy.
pub(super) fn bucket(database: &str, policy: &str) -> String {
    match policy {
        "" => database.to_owned(),
        policy => format!("{database}/{policy}"),
    }
}
