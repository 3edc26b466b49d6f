//! Points as Telegraf's cpu input makes them, and sessions of scripts in memory.

#![allow(dead_code)] // each benchmark takes what it needs

use prost::Message;
use rhai_udf::agent::{Pulse, Session};
use rhai_udf::protocol::Point;
use rhai_udf::protocol::frame::{put_frame, split_first};
use rhai_udf::protocol::message::{BeginBatch, EndBatch, RequestMessage, request};
use rhai_udf::script::config::Config;
use rhai_udf::script::{Program, ScriptHandler, ScriptText};
use std::path::Path;

const FIELDS: [&str; 10] = [
    "usage_guest",
    "usage_guest_nice",
    "usage_idle",
    "usage_iowait",
    "usage_irq",
    "usage_nice",
    "usage_softirq",
    "usage_steal",
    "usage_system",
    "usage_user",
];

/// A point of ten fields.
pub(crate) fn point(i: usize, group: usize) -> Point {
    let cpu = format!("cpu{group}");
    let mut point = Point::new(1_767_225_600_000_000_000 + i as i64 * 1_000_000_000);
    point.set_name("cpu");
    point.set_database("telegraf");
    point.set_retention_policy("autogen");
    point.set_group(&format!("cpu={cpu}"));
    point.set_dimensions(["cpu"]);
    point.set_tag("cpu", &cpu);
    point.set_tag("host", "web-1.example");
    for (k, name) in FIELDS.iter().enumerate() {
        point.set_field(name, 50.0 + ((i * 7 + k * 3 + i * i % 11) % 23) as f64 * 0.37);
    }
    point
}

/// Framed requests with points of so many groups in turn.
pub(crate) fn frames(count: usize, groups: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..count {
        point(i / groups, i % groups).put_frame(&mut bytes);
    }
    bytes
}

/// Framed requests with one window.
pub(crate) fn window(count: usize) -> Vec<u8> {
    let group = String::from("cpu=cpu0");
    let name = String::from("cpu");
    let mut bytes = Vec::new();
    let begin = BeginBatch {
        name: name.clone(),
        group: group.clone(),
        size: count as i64,
        ..Default::default()
    };
    put(&mut bytes, request::Message::Begin(begin));
    for i in 0..count {
        point(i, 0).put_frame(&mut bytes);
    }
    let tmax = point(count, 0).time();
    put(&mut bytes, request::Message::End(EndBatch { name, group, tmax, ..Default::default() }));
    bytes
}

fn put(bytes: &mut Vec<u8>, message: request::Message) {
    put_frame(bytes, &RequestMessage { message: Some(message) }.encode_to_vec());
}

/// A session of a shipped script, ready for data.
pub(crate) fn shipped(name: &str, options: &[(&str, &str)]) -> Session<ScriptHandler> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    session(ScriptText::read(&path).expect("a shipped script can be read"), options)
}

/// A session of a script given as text.
pub(crate) fn text(text: &str) -> Session<ScriptHandler> {
    session(ScriptText { path: "bench.rhai".into(), text: text.into() }, &[])
}

fn session(source: ScriptText, options: &[(&str, &str)]) -> Session<ScriptHandler> {
    let config = Config::default();
    let program = Program::load(source, &config.limits, &Pulse::default()).expect("it is correct");
    let options: Vec<_> = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let init = program.declaration().request(&options).expect("the options fit");
    let mut session = Session::new(ScriptHandler::new(Ok(program), config));
    let mut bytes = Vec::new();
    put(&mut bytes, request::Message::Init(init));
    feed(&mut session, &bytes);
    session
}

/// Hands everything over at once, and throws the output away.
pub(crate) fn feed(session: &mut Session<ScriptHandler>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((frame, after)) = split_first(rest) {
        session.handle(frame).expect("the data fit");
        rest = after;
    }
    session.ready().expect("the data fit");
    session.output().clear();
}
