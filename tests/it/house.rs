//! A small InfluxDB for tests, which answers as the documentation of 1.x, 2.x or 3 says: which headers, statuses and
//! bodies, who is let in, what each write takes.

use crate::util::*;
use rhai_udf::http::{Head, Identity, Limits, Request, Response, Server, Service, Stopper};
use serde_json::{Value, json};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A request that was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The method and the path.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) authorization: String,
    /// The body, decoded if it is a form.
    pub(crate) body: String,
}

/// What it does.
#[derive(Default)]
pub(crate) struct Manners {
    /// 1, 2 or 3.
    pub(crate) api: u8,
    /// Who is let in.
    pub(crate) authorization: Option<String>,
    /// The certificate, if connections are encrypted.
    pub(crate) certificate: Option<&'static str>,
    /// Answers that take the place of its own: a path, and what is answered there.
    pub(crate) instead: Vec<(&'static str, u16, String)>,
    /// Headers of these answers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// How often a write is refused with 503 at first.
    pub(crate) busy: u32,
    /// All rows are told to be followed by more.
    pub(crate) cut_short: bool,
}

/// A server in this process.
pub(crate) struct House {
    pub(crate) url: String,
    rooms: Arc<Rooms>,
    stopper: Stopper,
}

struct Rooms {
    manners: Mutex<Manners>,
    seen: Mutex<Vec<Seen>>,
}

pub(crate) fn certificate(name: &str) -> PathBuf {
    repo("tests/data/tls").join(name)
}

impl House {
    pub(crate) fn new(manners: Manners) -> Self {
        let identity = manners
            .certificate
            .map(|name| Identity::read(&certificate(name), &certificate("server.key")).unwrap());
        let scheme = if identity.is_some() { "https" } else { "http" };
        let server = Server::bind(([127, 0, 0, 1], 0).into()).unwrap().with_tls(identity);
        let (url, stopper) = (format!("{scheme}://{}", server.address()), server.stopper());
        let rooms = Arc::new(Rooms { manners: Mutex::new(manners), seen: Mutex::default() });
        server.start(rooms.clone(), Limits::default()).unwrap();
        Self { url, rooms, stopper }
    }

    /// Answers so at a path from now on.
    pub(crate) fn answer_instead(&self, path: &'static str, status: u16, body: String) {
        self.rooms.manners.lock().unwrap().instead = vec![(path, status, body)];
    }

    /// Says of all rows that more are to come, from now on.
    pub(crate) fn cut_short(&self) {
        let mut manners = self.rooms.manners.lock().unwrap();
        (manners.instead, manners.cut_short) = (Vec::new(), true);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.rooms.seen.lock().unwrap().clone()
    }

    /// The requests to a path.
    pub(crate) fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.what.ends_with(path)).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

fn answer(status: u16, body: &Value) -> Response {
    Response { body: body.to_string().into_bytes(), ..Response::new(status) }
}

impl Service for Rooms {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        let mut bytes = Vec::new();
        request.body.read_to_end(&mut bytes).unwrap();
        let body = String::from_utf8(bytes).unwrap();
        let head = request.head;
        let is_form = head.header("content-type").is_some_and(|kind| kind.contains("form"));
        let seen = Seen {
            what: format!("{} {}", head.method, head.path),
            query: head.query.clone(),
            authorization: head.header("authorization").unwrap_or_default().to_owned(),
            body: if is_form { decoded(&body) } else { body },
        };
        self.seen.lock().unwrap().push(seen.clone());
        self.manners.lock().unwrap().answer(head, &seen)
    }
}

fn decoded(form: &str) -> String {
    percent_encoding::percent_decode_str(&form.replace('+', " ")).decode_utf8_lossy().into_owned()
}

impl Manners {
    fn answer(&mut self, head: &Head, seen: &Seen) -> Response {
        if let Some((_, status, body)) = self.instead.iter().find(|(path, ..)| *path == head.path) {
            let response = Response { body: body.clone().into_bytes(), ..Response::new(*status) };
            return self
                .headers
                .iter()
                .fold(response, |all, (name, value)| all.with_header(name, value));
        }
        let let_in = self.authorization.as_ref().is_none_or(|wanted| *wanted == seen.authorization);
        match (&*head.path, self.api) {
            ("/ping", 1) => Response::new(204).with_header("X-Influxdb-Version", "1.8.10"),
            ("/ping", 2) => Response::new(204).with_header("X-Influxdb-Version", "v2.7.1"),
            ("/ping", _) if !let_in => Response::new(401),
            ("/ping", _) => answer(200, &json!({"version": "3.1.0", "revision": "x", "process_id": "y"})),
            _ if !let_in => match self.api {
                1 => answer(401, &json!({"error": "authorization failed"})),
                2 => answer(401, &json!({"code": "unauthorized", "message": "unauthorized access"})),
                _ => answer(401, &json!({"error": "the request was not authenticated"})),
            },
            ("/query", _) => self.query(&seen.body),
            ("/api/v3/query_sql", 3) => Response {
                body: b"{\"time\":\"1970-01-01T00:00:01\",\"host\":\"a\",\"x\":1}\n{\"time\":\"1970-01-01T00:00:02\",\"host\":\"b\",\"x\":2.5}\n".to_vec(),
                ..Response::new(200)
            },
            ("/write", 1) | ("/api/v2/write", 2) | ("/api/v3/write_lp", 3) if self.busy > 0 => {
                self.busy -= 1;
                answer(503, &json!({"error": "busy"}))
            }
            ("/write", 1) | ("/api/v2/write", 2) | ("/api/v3/write_lp", 3) => Response::new(204),
            ("/api/v2/buckets", 2) if head.method == "GET" => {
                answer(404, &json!({"code": "not found", "message": "bucket not found"}))
            }
            ("/api/v2/buckets", 2) => answer(201, &json!({"id": "b"})),
            ("/api/v2/orgs", 2) => answer(200, &json!({"orgs": [{"id": "0rg"}]})),
            _ => answer(404, &json!({"error": "not found"})),
        }
    }

    /// Two points of the measurement `m`.
    fn query(&self, form: &str) -> Response {
        let series = |columns: Value, values: Value| {
            answer(
                200,
                &json!({"results": [{"series": [{"name": "m", "columns": columns, "values": values}]}]}),
            )
        };
        // 2.x and 3 know the database by the parameter.
        if self.api > 1 && !form.contains("&db=d") {
            return answer(400, &json!({"error": "db is required"}));
        }
        match form.split([' ', '&']).take(2).collect::<Vec<_>>()[..] {
            ["q=SHOW", "MEASUREMENTS"] => series(json!(["name"]), json!([["m"]])),
            ["q=SHOW", "FIELD"] => {
                series(json!(["fieldKey", "fieldType"]), json!([["n", "integer"], ["x", "float"]]))
            }
            ["q=SHOW", "TAG"] => series(json!(["tagKey"]), json!([["host"]])),
            ["q=SHOW", "RETENTION"] if self.api == 1 => {
                series(json!(["name", "default"]), json!([["autogen", true]]))
            }
            ["q=SELECT", _] if self.cut_short => answer(
                200,
                &json!({"results": [{"partial": true, "series": [
                    {"name": "m", "columns": ["time", "x"], "values": [[1, 1]]}]}]}),
            ),
            ["q=SELECT", _] => series(
                json!(["time", "host", "n", "x"]),
                json!([[1_000_000_000, "a", 1, 1], [2_000_000_000, "b", null, 2.5]]),
            ),
            _ => answer(400, &json!({"error": format!("error parsing query: {form}")})),
        }
    }
}
