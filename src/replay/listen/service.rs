//! The answers to requests.

use super::databases::Databases;
use super::dialect::{Dialect, Target, Unit};
use super::lines::{BODY, Checker, Unacceptable, too_large};
use super::measures::Measures;
use super::queue::{ByteBudget, Delivery, Taker};
use crate::http::{
    Credentials, Doorkeeper, Framing, Head, Refusal, Request, Response, Service, parameter,
};
use crate::protocol::line::Reader;
use crate::script::throttle::{Throttle, held_back};
use flate2::read::MultiGzDecoder;
use serde_json::json;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a form with a query.
const FORM: u64 = 64 << 10;

/// What a request takes besides its lines.
const OVERHEAD: u64 = 1 << 10;

/// Accepts the lines of writes.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) policy: Arc<str>,
    pub(super) credentials: Credentials,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) budget: Arc<ByteBudget>,
    pub(super) taker: Arc<dyn Taker>,
    pub(super) measures: Arc<Measures>,
    pub(super) checker: Checker,
    pub(super) databases: Databases,
    /// Lines in the log about refused requests.
    pub(super) refusals: Mutex<Throttle>,
}

/// What is served, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Write(Dialect),
    Query,
    Ping,
    Health,
    Metrics,
    Nothing,
}

impl Endpoint {
    fn of(head: &Head) -> Self {
        // Clients of the daemon write there.
        match head.path.strip_prefix("/kapacitor/v1").unwrap_or(&head.path) {
            "/write" => Self::Write(Dialect::One),
            "/api/v2/write" => Self::Write(Dialect::Two),
            "/api/v3/write_lp" => Self::Write(Dialect::Three),
            "/query" => Self::Query,
            "/ping" => Self::Ping,
            "/health" | "/ready" => Self::Health,
            "/metrics" => Self::Metrics,
            _ => Self::Nothing,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Write(Dialect::One) => "/write",
            Self::Write(Dialect::Two) => "/api/v2/write",
            Self::Write(Dialect::Three) => "/api/v3/write_lp",
            Self::Query => "/query",
            Self::Ping => "/ping",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::Nothing => "other",
        }
    }

    /// The methods that are served there.
    fn methods(self) -> &'static str {
        match self {
            Self::Write(_) => "POST",
            Self::Query => "GET, POST",
            _ => "GET, HEAD",
        }
    }

    /// The form of errors for senders on that path.
    fn dialect(self, head: &Head) -> Dialect {
        match self {
            Self::Write(dialect) => dialect,
            _ if head.path.starts_with("/api/v2/") => Dialect::Two,
            _ if head.path.starts_with("/api/v3/") => Dialect::Three,
            _ => Dialect::One,
        }
    }
}

impl Service for Writes {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        let endpoint = Endpoint::of(request.head);
        let response = match self.answer(endpoint, request) {
            Ok(response) => stamped(response),
            Err(why) => {
                // The query is not shown: it may hold a password.
                let what = format!("{} {}", request.head.method, request.head.path);
                self.refused(&why, &what, endpoint.dialect(request.head))
            }
        };
        self.measures.answered(endpoint.name(), response.status);
        match response.status {
            405 => response.with_header("Allow", endpoint.methods()),
            _ => response,
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.measures.answered("other", refusal.status);
        self.refused(&refusal.clone().into(), "a request", Dialect::One)
    }

    fn ended(&self) {
        self.taker.ended();
    }
}

impl Writes {
    fn answer(
        &self,
        endpoint: Endpoint,
        request: &mut Request<'_>,
    ) -> Result<Response, Unacceptable> {
        let head = request.head;
        self.doorkeeper.check(head)?;
        let known = |known: bool| {
            if known { Ok(()) } else { Err(Refusal::new(401, "authorization failed")) }
        };
        match (endpoint, &*head.method) {
            (Endpoint::Ping, "GET" | "HEAD") => Ok(ping(head)),
            (Endpoint::Health, "GET" | "HEAD") => Ok(self.health(self.credentials.admit(head))),
            (Endpoint::Metrics, "GET" | "HEAD") => {
                known(self.credentials.admit(head))?;
                let page = self.measures.page(self.budget.used());
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                let response = Response { body: page.into_bytes(), ..Response::new(200) };
                Ok(response.with_header("Content-Type", kind))
            }
            (Endpoint::Write(dialect), "POST") => {
                known(self.credentials.admit(head))?;
                self.write(dialect, request)?;
                Ok(Response::new(204))
            }
            (Endpoint::Query, "GET" | "POST") => {
                known(self.credentials.admit(head))?;
                self.query(request)
            }
            (Endpoint::Nothing, _) => {
                let reason = format!(
                    "{} is not served here: only /write, /api/v2/write, /api/v3/write_lp, /query, /ping, /health and \
                     /metrics are",
                    head.path
                );
                Err(Refusal::new(404, reason).into())
            }
            _ => Err(Refusal::new(405, "method not allowed").into()),
        }
    }

    /// Takes points; they are acknowledged only when all of them are in the queue.
    fn write(&self, dialect: Dialect, request: &mut Request<'_>) -> Result<(), Unacceptable> {
        let head = request.head;
        let target = Target::of(head, dialect, &self.policy)?;
        if head.framing == Framing::Empty && head.header("content-length").is_none() {
            // Such a body is not read, so its points would be lost without a message.
            let reason =
                "the length of the body is missing: send Content-Length, or a chunked body";
            return Err(Refusal::new(411, reason).into());
        }
        if request.body.length().is_some_and(|length| length > BODY) {
            return Err(too_large().into());
        }
        let mut share = self.budget.share();
        if !share.grow(OVERHEAD) {
            return Err(Refusal::new(
                503,
                "too many requests wait to be processed: send it again in a moment",
            )
            .into());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let reader = Reader::with_now(target.precision.read_as(), now);
        let packed = is_packed(head)?;
        // One byte more tells a body that is too large from one that ends there.
        let mut body = (&mut request.body).take(BODY + 1);
        let read = if packed {
            self.checker.read(&mut MultiGzDecoder::new(&mut body), reader, &mut share)
        } else {
            self.checker.read(&mut body, reader, &mut share)
        };
        if body.limit() == 0 {
            return Err(too_large().into());
        }
        let (pieces, points) = read?;
        if points == 0 {
            return Ok(());
        }
        let Target { database, policy, precision } = target;
        self.databases.add(&database, Some(&policy));
        self.taker.take(Delivery {
            database,
            policy,
            precision: precision.read_as(),
            by_size: precision == Unit::BySize,
            now,
            points,
            pieces,
            share,
        })?;
        self.measures.received(points);
        Ok(())
    }

    /// Answers the queries that senders make before they write, in the address or in a form.
    fn query(&self, request: &mut Request<'_>) -> Result<Response, Unacceptable> {
        let head = request.head;
        let mut form = Vec::new();
        if head.header("content-type").is_some_and(|kind| kind.contains("form-urlencoded")) {
            let read = (&mut request.body).take(FORM + 1).read_to_end(&mut form);
            read.map_err(|error| Refusal::new(400, format!("the form cannot be read: {error}")))?;
        }
        if form.len() as u64 > FORM {
            return Err(Refusal::new(413, format!("the form is larger than {FORM} bytes")).into());
        }
        let form = String::from_utf8_lossy(&form);
        let value = |name: &str| parameter(&form, name).or_else(|| head.parameter(name));
        let text = value("q").unwrap_or_default();
        let answer = self.databases.answer(&text, value("db").as_deref(), &self.policy)?;
        Ok(Response { body: format!("{answer}\n").into_bytes(), ..Response::new(200) })
    }

    /// Says that writes are accepted. A sender with credentials also learns which tasks do not run the version of
    /// their file. These tasks do not change the status, because the others need their points.
    fn health(&self, tells_tasks: bool) -> Response {
        let ailing = if tells_tasks { self.measures.ailing_tasks() } else { Vec::new() };
        let check = |(name, at_work): &(String, bool)| {
            let message = match at_work {
                true => {
                    "its new version is refused, and the previous version keeps running; the log says why"
                }
                false => "it is not running; the log says why",
            };
            json!({ "name": format!("task {name}"), "status": "fail", "message": message })
        };
        let body = json!({
            "name": "rhai-udf",
            "message": "ready for writes",
            "status": "pass",
            "checks": ailing.iter().map(check).collect::<Vec<_>>(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        Response { body: body.to_string().into_bytes(), ..Response::new(200) }
    }

    fn refused(&self, why: &Unacceptable, what: &str, dialect: Dialect) -> Response {
        let held = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).pass();
        let Refusal { status, reason } = &why.refusal;
        if let Some(held) = held {
            log::warn!("{what} refused with {status}: {reason}{}", held_back(held));
        }
        stamped(dialect.refusal(why))
    }
}

/// Says that the listener is running, as InfluxDB does: for load balancers in words.
fn ping(head: &Head) -> Response {
    let words =
        head.parameter("verbose").is_some_and(|value| !matches!(&*value, "" | "0" | "false"));
    if !words {
        return Response::new(204);
    }
    let body = json!({ "version": VERSION }).to_string().into_bytes();
    Response { body, ..Response::new(200) }
}

const VERSION: &str = concat!("rhai-udf-", env!("CARGO_PKG_VERSION"));

fn stamped(response: Response) -> Response {
    let has_kind = response.headers.iter().any(|(name, _)| *name == "Content-Type");
    let response = response.with_header("X-Influxdb-Version", VERSION);
    if has_kind { response } else { response.with_header("Content-Type", "application/json") }
}

fn is_packed(head: &Head) -> Result<bool, Refusal> {
    match head.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(Refusal::new(415, "a body can be compressed with gzip only")),
    }
}
