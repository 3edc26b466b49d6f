//! Points that arrive over HTTP, as the daemon takes them: `/write` in line protocol, from Telegraf or
//! from a subscription of InfluxDB, and `/ping`.
//!
//! A few threads read requests and hand whole ones over to whoever plays them; when that one lags,
//! senders wait. A request with a bad line is refused whole, as the daemon refuses it.

use super::ReplayError;
use super::source::{Item, Scratch, Source};
use crate::protocol::Point;
use crate::protocol::line::{Precision, read_all};
use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};
use tiny_http::{Header, Method, Request, Response, Server};

/// Requests that may wait to be played.
const WAITING: usize = 64;

/// Threads that read requests.
const READERS: usize = 4;

/// Bytes of a request, before and after it is unpacked: InfluxDB's own bound.
const BODY: u64 = 25_000_000;

/// An open port.
pub struct Listener {
    server: Arc<Server>,
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// Ends a [`Listener`] from another thread.
#[derive(Clone)]
pub struct Stopper {
    server: Arc<Server>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    refused: AtomicU64,
    policy: String,
}

/// The points that arrived. As a [`Source`] it ends whenever nothing waits; [`Inbox::wait`] then
/// tells when to go on.
pub struct Inbox {
    requests: Receiver<Vec<Point>>,
    waiting: std::vec::IntoIter<Point>,
}

impl Listener {
    /// Opens a port; `policy` is the retention policy of points that name none.
    ///
    /// # Errors
    /// An address that is not free.
    pub fn open(address: SocketAddr, policy: &str) -> Result<Self, ReplayError> {
        let failed =
            |message: String| ReplayError::Listen { address: address.to_string(), message };
        let server = Server::http(address).map_err(|error| failed(error.to_string()))?;
        let bound = server.server_addr().to_ip().unwrap_or(address);
        let shared = Shared { policy: policy.into(), ..Shared::default() };
        Ok(Self { server: Arc::new(server), shared: Arc::new(shared), address: bound })
    }

    /// Returns the address, with the port that was free if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper { server: self.server.clone(), shared: self.shared.clone() }
    }

    /// Starts to take requests.
    ///
    /// # Errors
    /// No threads are left.
    pub fn start(&self) -> Result<Inbox, ReplayError> {
        let (sender, requests) = sync_channel(WAITING);
        for _ in 0..READERS {
            let (server, shared, sender) =
                (self.server.clone(), self.shared.clone(), sender.clone());
            let thread = std::thread::Builder::new().name("listen".into());
            let spawned = thread.spawn(move || {
                while !shared.stopped.load(Ordering::Acquire) {
                    let Ok(request) = server.recv() else { break };
                    serve(request, &shared, &sender);
                }
            });
            spawned.map_err(|error| ReplayError::Listen {
                address: self.address.to_string(),
                message: error.to_string(),
            })?;
        }
        Ok(Inbox { requests, waiting: Vec::new().into_iter() })
    }

    /// Returns how many requests were refused so far.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Stopper {
    /// Takes no more requests; those that are read are still played.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        for _ in 0..READERS {
            self.server.unblock();
        }
    }
}

impl Inbox {
    /// Waits for points; false when no more will come.
    pub fn wait(&mut self) -> bool {
        while self.waiting.len() == 0 {
            let Ok(points) = self.requests.recv() else { return false };
            self.waiting = points.into_iter();
        }
        true
    }
}

impl Source for Inbox {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        loop {
            if let Some(point) = self.waiting.next() {
                scratch.point = point;
                return Ok(Some(Item::Point));
            }
            let Ok(points) = self.requests.try_recv() else { return Ok(None) };
            self.waiting = points.into_iter();
        }
    }
}

/// Why a request is refused: the status and the reason.
type Refusal = (u16, String);

fn serve(mut request: Request, shared: &Shared, sender: &SyncSender<Vec<Point>>) {
    let url = request.url().to_owned();
    let (path, parameters) = url.split_once('?').unwrap_or((&url, ""));
    let path = path.strip_prefix("/kapacitor/v1").unwrap_or(path);
    let answer = match (path, request.method()) {
        ("/ping", Method::Get | Method::Head) => Ok(()),
        ("/write", Method::Post) => points(&mut request, parameters, shared).and_then(|points| {
            let gone = |_| (503, "the listener is ending".to_owned());
            sender.send(points).map_err(gone)
        }),
        ("/ping" | "/write", _) => Err((405, "method not allowed".into())),
        _ => Err((404, format!("{path} is not served here: only /write and /ping are"))),
    };
    let response = match answer {
        Ok(()) => Response::from_data(Vec::new()).with_status_code(204),
        Err((status, reason)) => {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            log::warn!("{} {path} refused with {status}: {reason}", request.method());
            let body = serde_json::json!({ "error": reason }).to_string();
            Response::from_string(body).with_status_code(status)
        }
    };
    let version = concat!("rhai-udf-", env!("CARGO_PKG_VERSION"));
    let headers = [("Content-Type", "application/json"), ("X-Influxdb-Version", version)];
    let response = headers
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
        .fold(response, Response::with_header);
    // A sender that is gone needs no answer.
    let _ = request.respond(response);
}

fn points(request: &mut Request, parameters: &str, shared: &Shared) -> Result<Vec<Point>, Refusal> {
    let refuse = |reason: String| (400, reason);
    let database = parameter(parameters, "db");
    if database.is_empty() {
        return Err(refuse("database is required".into()));
    }
    let policy = match parameter(parameters, "rp") {
        named if named.is_empty() => shared.policy.clone(),
        named => named,
    };
    let precision = match &*parameter(parameters, "precision") {
        "" => Precision::Nanoseconds,
        name => Precision::by_name(name).ok_or_else(|| {
            refuse(format!("invalid precision \"{name}\" (use n, u, ms, s, m or h)"))
        })?,
    };
    let packed = request.headers().iter().any(|h| {
        h.field.equiv("Content-Encoding") && h.value.as_str().eq_ignore_ascii_case("gzip")
    });
    let body = request.as_reader().take(BODY + 1);
    let body = if packed { read(MultiGzDecoder::new(body)) } else { read(body) }?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut points = read_all(&body, precision, now)
        .map_err(|(line, error)| refuse(format!("{error} (line {line})")))?;
    for point in &mut points {
        point.set_database(&database);
        point.set_retention_policy(&policy);
    }
    Ok(points)
}

/// Reads all, up to the bound.
fn read(reader: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    reader
        .take(BODY + 1)
        .read_to_end(&mut body)
        .map_err(|error| (400, format!("the body cannot be read: {error}")))?;
    if body.len() as u64 > BODY {
        return Err((413, format!("the body is larger than {BODY} bytes: send smaller batches")));
    }
    Ok(body)
}

/// A parameter of a URL, empty if it is not there.
fn parameter(parameters: &str, name: &str) -> String {
    let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned()
}
