//! The answers to requests.

use super::lines::{BODY, Checker, too_large};
use super::queue::{ByteBudget, Delivery, Taker};
use crate::http::{Credentials, Doorkeeper, Head, Refusal, Request, Response, Service};
use crate::protocol::line::{Precision, Reader};
use crate::script::throttle::{Throttle, held_back};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a request takes besides its lines.
const OVERHEAD: u64 = 1 << 10;

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    refused: AtomicU64,
}

impl Counters {
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Takes what is written.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) policy: Arc<str>,
    pub(super) credentials: Credentials,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) budget: Arc<ByteBudget>,
    pub(super) taker: Arc<dyn Taker>,
    pub(super) counters: Arc<Counters>,
    pub(super) checker: Checker,
    /// Lines in the log about refused requests.
    pub(super) refusals: Mutex<Throttle>,
}

impl Service for Writes {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        match self.answer(request) {
            Ok(()) => stamped(Response::new(204)),
            // The query is not shown: it may hold a password.
            Err(refusal) => {
                self.refused(&refusal, &format!("{} {}", request.head.method, request.head.path))
            }
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.refused(refusal, "a request")
    }

    fn ended(&self) {
        self.taker.ended();
    }
}

impl Writes {
    fn answer(&self, request: &mut Request<'_>) -> Result<(), Refusal> {
        let head = request.head;
        self.doorkeeper.check(head)?;
        let path = head.path.strip_prefix("/kapacitor/v1").unwrap_or(&head.path);
        match (path, &*head.method) {
            ("/ping", "GET" | "HEAD") => Ok(()),
            ("/write", "POST") if !self.credentials.admit(head) => {
                Err(Refusal::new(401, "authorization failed"))
            }
            ("/write", "POST") => self.write(request),
            ("/ping" | "/write", _) => Err(Refusal::new(405, "method not allowed")),
            _ => {
                let reason = format!("{path} is not served here: only /write and /ping are");
                Err(Refusal::new(404, reason))
            }
        }
    }

    /// Takes points; they are acknowledged only when all of them are in the queue.
    fn write(&self, request: &mut Request<'_>) -> Result<(), Refusal> {
        let head = request.head;
        let target = Target::of(head, &self.policy)?;
        if request.body.length().is_some_and(|length| length > BODY) {
            return Err(too_large());
        }
        let mut share = self.budget.share();
        if !share.grow(OVERHEAD) {
            return Err(Refusal::new(503, "too many requests wait to be played"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let reader = Reader::with_now(target.precision, now);
        let packed = is_packed(head)?;
        // One byte more tells a body that is too large from one that ends there.
        let mut body = (&mut request.body).take(BODY + 1);
        let read = if packed {
            self.checker.read(&mut MultiGzDecoder::new(&mut body), reader, &mut share)
        } else {
            self.checker.read(&mut body, reader, &mut share)
        };
        if body.limit() == 0 {
            return Err(too_large());
        }
        let (pieces, points) = read?;
        if points == 0 {
            return Ok(());
        }
        self.taker.take(Delivery {
            database: target.database,
            policy: target.policy,
            precision: target.precision,
            now,
            pieces,
            share,
        })
    }

    fn refused(&self, refusal: &Refusal, what: &str) -> Response {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        let held = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).pass();
        let Refusal { status, reason } = refusal;
        if let Some(held) = held {
            log::warn!("{what} refused with {status}: {reason}{}", held_back(held));
        }
        let body = serde_json::json!({ "error": reason }).to_string().into_bytes();
        let response = Response { body, ..stamped(Response::new(*status)) };
        match status {
            401 => response.with_header("WWW-Authenticate", "Basic realm=\"InfluxDB\""),
            503 => response.with_header("Retry-After", "1"),
            _ => response,
        }
    }
}

fn stamped(response: Response) -> Response {
    let version = concat!("rhai-udf-", env!("CARGO_PKG_VERSION"));
    response
        .with_header("Content-Type", "application/json")
        .with_header("X-Influxdb-Version", version)
}

/// Where points are written to, as the query says.
struct Target {
    database: String,
    policy: Arc<str>,
    precision: Precision,
}

impl Target {
    fn of(head: &Head, policy: &Arc<str>) -> Result<Self, Refusal> {
        let parameter = |name| head.parameter(name).filter(|value| !value.is_empty());
        let database = parameter("db").ok_or_else(|| Refusal::new(400, "database is required"))?;
        let policy = parameter("rp").map_or_else(|| policy.clone(), Arc::from);
        let precision = match parameter("precision") {
            None => Precision::Nanoseconds,
            Some(name) => Precision::by_name(&name).ok_or_else(|| {
                let known = "use n, u, ms, s, m or h";
                Refusal::new(400, format!("invalid precision \"{name}\" ({known})"))
            })?,
        };
        Ok(Self { database, policy, precision })
    }
}

fn is_packed(head: &Head) -> Result<bool, Refusal> {
    match head.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(Refusal::new(415, "a body can be packed with gzip only")),
    }
}
