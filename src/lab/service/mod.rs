//! The answers to the page.
//!
//! A request must have the token as the first part of its path, must name the loopback address as its host (`Host`),
//! and must not come from another page (`Origin`, `Sec-Fetch-Site`).

mod request;

use self::request::{Fault, Moment, Sent, Turned, read, refuse, view};
use super::answers;
use super::desk::{Desk, Why};
use super::folder::{Folder, is_editable};
use super::problems::{self, Finding};
use super::study;
use super::{cut, language, page, tickscript};
use crate::agent::socket::STACK;
use crate::http::{Doorkeeper, Request, Response, Secret, Service};
use crate::replay::quality::Interval;
use crate::replay::task::Task;
use crate::script::ScriptText;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a page waits for news before it asks again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers the page.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) token: Secret,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) desk: Arc<Desk>,
    pub(super) folder: Arc<Folder>,
    /// The script, seen from its folder.
    pub(super) script: String,
    /// Whether files can be written.
    pub(super) edit: bool,
    /// Whether data arrives.
    pub(super) live: Option<String>,
    pub(super) labels: Vec<Interval>,
    /// What a test case says besides its data and expectations.
    pub(super) setup: cut::Setup,
    /// Held while a file is written, from the check of the disk on.
    pub(super) writing: Mutex<()>,
    /// The running request for a state.
    pub(super) looking: Mutex<Arc<AtomicBool>>,
}

impl Service for Answers {
    fn respond(&self, request: &mut Request<'_>) -> Response {
        let response = match self.answer(request) {
            Ok(response) => response,
            Err(fault) => {
                let body = json!({ "error": fault.to_string() }).to_string().into_bytes();
                Response { body, ..Response::new(fault.status()) }
                    .with_header("Content-Type", "application/json")
            }
        };
        page::guarded(response)
    }

    fn ended(&self) {
        self.desk.end();
    }
}

fn answer_json(value: &Value) -> Response {
    let response = Response { body: value.to_string().into_bytes(), ..Response::new(200) };
    response.with_header("Content-Type", "application/json")
}

impl Answers {
    fn answer(&self, request: &mut Request<'_>) -> Result<Response, Fault> {
        let head = request.head;
        if self.doorkeeper.check(head).is_err() {
            return refuse(
                403,
                "only the page of rhai-udf lab itself may ask, at the address that rhai-udf lab has printed",
            );
        }
        match head.header("sec-fetch-site") {
            None | Some("same-origin" | "none") => {}
            Some(_) => return refuse(403, "requests from other pages are refused"),
        }
        let mut parts = head.path.trim_start_matches('/').splitn(2, '/');
        let token = parts.next().unwrap_or_default();
        if !self.token.is(token) {
            return refuse(
                403,
                "the address has no token: open the address that rhai-udf lab has printed",
            );
        }
        let Some(rest) = parts.next() else {
            // Relative addresses begin after the slash.
            return Ok(Response::new(308).with_header("Location", format!("/{token}/")));
        };
        match (&*head.method, rest.strip_prefix("api/")) {
            ("GET" | "HEAD", None) => match rest {
                "" => Ok(page::page(&super::random(16)?)),
                name => match page::file(name) {
                    Some(file) => Ok(file),
                    None => refuse(404, format!("{name} is not served here")),
                },
            },
            ("GET", Some(name)) => self.get(name, request),
            ("POST", Some(name)) => {
                let name = name.to_owned();
                self.post(&name, request)
            }
            _ => refuse(405, "method not allowed"),
        }
    }

    fn get(&self, name: &str, request: &Request<'_>) -> Result<Response, Fault> {
        let head = request.head;
        Ok(answer_json(&match name {
            "start" => self.start(),
            "file" => self.file(&head.parameter("name").unwrap_or_default())?,
            "news" => {
                let seen = head.parameter("seen").and_then(|seen| seen.parse().ok()).unwrap_or(0);
                let changes = self.desk.wait(seen, PATIENCE);
                let mut news = json!({
                    "changes": changes,
                    "ended": self.desk.has_ended(),
                    "files": self.versions(&head.parameter("files").unwrap_or_default()),
                });
                if let Some(shown) = self.desk.shown().filter(|_| changes > seen) {
                    news["study"] = answers::study(&shown, &view(head), &self.labels);
                }
                news
            }
            "picture" => match self.desk.shown() {
                Some(shown) => answers::picture(&shown, &view(head), &self.labels),
                None => Value::Null,
            },
            "tickscript" => {
                let knobs = self.desk.shown().map(|shown| shown.study.knobs.clone());
                let settings = self.desk.settings();
                json!({
                    "text": tickscript::write(self.desk.base(), &settings, &knobs.unwrap_or_default())
                })
            }
            _ => return refuse(404, format!("api/{name} is not served here")),
        }))
    }

    fn post(&self, name: &str, request: &mut Request<'_>) -> Result<Response, Fault> {
        let kind = request.head.header("content-type").unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            return refuse(415, "the body must be application/json");
        }
        match name {
            "save" => self.save(&read(request)?),
            "check" => {
                let sent: Sent = read(request)?;
                Ok(answer_json(&json!({ "findings": self.check(sent)? })))
            }
            "settings" => {
                let Turned { settings, dragging } = read(request)?;
                let why = if dragging { Why::Dragging } else { Why::Settled };
                Ok(answer_json(&json!({ "run": self.desk.want(Some(settings), why) })))
            }
            "moment" => self.moment(&read(request)?),
            "cut" => {
                let wish: cut::Wish = read(request)?;
                if !self.edit {
                    return refuse(
                        403,
                        "nothing can be written: rhai-udf lab was started with --no-edit",
                    );
                }
                let Some(shown) = self.desk.shown() else {
                    return refuse(503, "nothing has been replayed yet");
                };
                let job = self.desk.job_of(&shown);
                let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
                let cut = on_a_large_stack(|| cut::cut(&wish, &job, &self.setup, &self.folder))??;
                Ok(answer_json(&json!({ "file": cut.file, "text": cut.text })))
            }
            _ => refuse(404, format!("api/{name} is not served here")),
        }
    }

    fn start(&self) -> Value {
        let task = match self.desk.base() {
            Task::Script(_) => "script",
            Task::Tick(_) => "tick",
        };
        let conditions: Value = match self.desk.base() {
            Task::Script(task) => {
                super::knobs::conditions(task, &self.desk.settings()).into_iter().collect()
            }
            Task::Tick(_) => Value::Null,
        };
        json!({
            "script": self.script,
            "files": self.folder.scripts(),
            "edit": self.edit,
            "live": self.live,
            "task": task,
            "conditions": conditions,
            "settings": self.desk.settings(),
            "language": language::describe(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    fn file(&self, name: &str) -> Result<Value, Fault> {
        let text = self.folder.read(name)?;
        Ok(json!({ "name": name, "version": version(&text), "text": text }))
    }

    /// The versions of the files that a page has open, to see whether the disk has others.
    fn versions(&self, names: &str) -> Value {
        let names = names.split('\n').filter(|name| !name.is_empty()).take(20);
        let of = |name: &str| {
            let version = self.folder.read(name).ok().map(|text| version(&text));
            (name.to_owned(), json!(version))
        };
        names.map(of).collect()
    }

    fn save(&self, sent: &Sent) -> Result<Response, Fault> {
        if !self.edit {
            return refuse(403, "nothing can be written: rhai-udf lab was started with --no-edit");
        }
        if !is_editable(&sent.name) {
            return refuse(403, "the page writes scripts only");
        }
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(base), Ok(text)) = (&sent.base, self.folder.read(&sent.name))
            && *base != version(&text)
        {
            let body = json!({
                "error": format!("{} has been changed on the disk since it was opened", sent.name),
                "version": version(&text),
                "text": text,
            });
            return Ok(Response { status: 409, ..answer_json(&body) });
        }
        // The watcher of files will notice the change too, and must know that it is already replayed.
        self.desk.wrote(&self.folder.path().join(&sent.name), &sent.text);
        self.folder.write(&sent.name, &sent.text)?;
        let run = self.desk.want(None, Why::Settled);
        Ok(answer_json(&json!({ "version": version(&sent.text), "run": run })))
    }

    /// Checks a text that is not saved.
    fn check(&self, sent: Sent) -> Result<Vec<Finding>, Fault> {
        let path = self.folder.path().join(&sent.name);
        // The name must be one that could be saved.
        self.folder.read(&sent.name)?;
        let config = match self.desk.base() {
            Task::Script(task) => task.config.clone(),
            Task::Tick(task) => task.config.clone(),
        };
        let folder = self.folder.path().to_owned();
        let base = self.desk.base();
        on_a_large_stack(|| match base {
            Task::Tick(task) if sent.name.ends_with(".tick") => {
                let mut task = task.clone();
                task.text.clone_from(&sent.text);
                let checked = task.definitions();
                checked.err().map_or_else(Vec::new, |error| problems::of_replay(&error, &folder))
            }
            _ => problems::check(ScriptText { path, text: sent.text }, &config, &folder).1,
        })
    }

    /// The point at a time, and the states before it.
    fn moment(&self, moment: &Moment) -> Result<Response, Fault> {
        let Some(shown) = self.desk.shown() else {
            return refuse(503, "nothing has been replayed yet");
        };
        let Ok(time) = moment.time.parse::<i64>() else {
            return refuse(400, "time must be a number of nanoseconds");
        };
        let time = answers::point_at(&shown, time, &moment.group);
        // A click overtakes the previous one.
        let overtaken = Arc::new(AtomicBool::new(false));
        let before = std::mem::replace(
            &mut *self.looking.lock().unwrap_or_else(PoisonError::into_inner),
            overtaken.clone(),
        );
        before.store(true, Ordering::Relaxed);
        let job = self.desk.job_of(&shown);
        let states = on_a_large_stack(|| study::states_before(&job, time, &overtaken))?;
        let Some(states) = states else {
            return refuse(409, "a newer request for another point has replaced this one");
        };
        let (states, left_out) = match states {
            Ok((states, left_out)) => (json_states(&states), left_out),
            Err(error) => (json!([{ "node": "", "error": error.to_string() }]), 0),
        };
        let mut answer = answers::moment(&shown, time, &moment.group);
        answer["states"] = states;
        answer["statesLeftOut"] = left_out.into();
        Ok(answer_json(&answer))
    }
}

fn json_states(states: &[(String, Vec<crate::script::GroupView>)]) -> Value {
    states.iter().map(|(node, groups)| json!({ "node": node, "groups": groups })).collect()
}

/// Runs scripts on a thread with a large stack, because the threads of connections have small ones.
fn on_a_large_stack<T: Send>(call: impl FnOnce() -> T + Send) -> Result<T, Fault> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("look".into()).stack_size(STACK);
        let started = thread.spawn_scoped(scope, call);
        match started.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => refuse(500, "the server has failed"),
            Err(error) => refuse(503, format!("no thread can be started: {error}")),
        }
    })
}

/// A short name for a text.
fn version(text: &str) -> String {
    format!("{:08x}-{}", crc32fast::hash(text.as_bytes()), text.len())
}
