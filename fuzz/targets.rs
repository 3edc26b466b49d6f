//! What is fuzzed: each takes any bytes and must not panic, hang or grow without bound. Used by
//! cargo-fuzz (`fuzz/fuzz_targets`) and by the suite (`tests/it/fuzz.rs`).

use rhai_udf::agent::{Handler, Output, Pulse, Session};
use rhai_udf::http;
use rhai_udf::model::{DEFAULT_LIMIT, Layout, Model, Rows, Run};
use rhai_udf::protocol::line::{Cut, LineError, Reader, Writer, cut};
use rhai_udf::protocol::message::{EdgeType, InitRequest};
use rhai_udf::protocol::{Batch, FieldValue, Frames, Point, Request};
use rhai_udf::replay::influxdb::TimeRange;
use rhai_udf::replay::influxdb::statement::SelectStatement;
use rhai_udf::replay::source::{Reading, Scratch, open};
use rhai_udf::script::config::{Config, OnError};
use rhai_udf::script::{Program, ScriptHandler, ScriptText, SnapshotView};
use rhai_udf::tick::template::Template;
use rhai_udf::tick::template::value::Data;
use rhai_udf::tick::udf::NoUdfs;
use rhai_udf::tick::{Collected, Graph, Query, TaskSettings, TickText};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 13] = [
    ("frames", frames),
    ("points", points),
    ("options", options),
    ("sessions", sessions),
    ("snapshots", snapshots),
    ("lines", lines),
    ("recordings", recordings),
    ("scripts", scripts),
    ("requests", requests),
    ("ticks", ticks),
    ("templates", templates),
    ("queries", queries),
    ("models", models),
];

const SCRIPT: &str = r#"
fn info() { #{ wants: "stream", provides: "stream", options: #{
    field: #{ type: "string", default: "x" }, size: #{ type: "int", min: 1, max: 9, default: 4 },
    d: #{ type: "duration", default: "1s", repeated: false }, two: #{ type: ["int", "double"], default: [1, 2.0] },
} } }
fn state(opt) { #{ window: moving_stats(opt.size), last: () } }
fn point(p, opt) {
    if p.has(opt.field) { this.window.push(p.x); }
    this.last = p;
    p.n = this.window.count;
    p.tags += #{ seen: "yes" };
    emit(p);
}
"#;

fn script(text: &str) -> ScriptText {
    ScriptText { path: PathBuf::from("fuzz.rhai"), text: text.into() }
}

fn handler() -> ScriptHandler {
    let config = Config { on_error: OnError::Skip, ..Config::default() };
    let program = Program::load(script(SCRIPT), &config.limits, &Pulse::default());
    ScriptHandler::new(program, config)
}

/// A stream of frames, of which each is decoded as a request.
pub fn frames(data: &[u8]) {
    let mut frames = Frames::with_limit(data, 1 << 20);
    while let Ok(Some(frame)) = frames.next() {
        let _ = Request::decode(frame);
    }
}

/// A point: read, shown, changed, written and read again; and as a point of a batch.
pub fn points(data: &[u8]) {
    let Ok(mut point) = Point::from_message(data) else { return };
    let fields: Vec<String> = point.fields().map(|(name, _)| name.into_owned()).collect();
    let tags: Vec<String> = point.tags().map(|(name, _)| name.into_owned()).collect();
    let mut batch = Batch::default();
    batch.push(&point);
    for (i, name) in fields.iter().enumerate() {
        let _ = batch.column(name);
        match i % 3 {
            0 => point.set_field(name, 1.5),
            1 => point.set_field(name, "text"),
            _ => drop(point.remove_field(name)),
        }
    }
    tags.iter().for_each(|name| point.set_tag(name, "value"));
    point.set_name("name");
    point.set_time(-1);
    let mut message = Vec::new();
    point.put_message(&mut message);
    let again = Point::from_message(&message).expect("what is written can be read");
    assert_eq!(again.field_count(), point.field_count());
    assert_eq!(again.time(), -1);
}

/// An `init`, bound to a declaration.
pub fn options(data: &[u8]) {
    let Ok(request) = <InitRequest as prost::Message>::decode(data) else { return };
    let _ = handler().init(&request);
}

/// A whole session: any requests in any order.
pub fn sessions(data: &[u8]) {
    let mut session = Session::new(handler());
    let mut frames = Frames::with_limit(data, 1 << 20);
    while let Ok(Some(frame)) = frames.next() {
        if session.handle(frame).is_err() {
            break;
        }
    }
    let _ = session.close();
    let mut answers = Frames::new(session.output().committed());
    while let Some(answer) = answers.next().expect("whole frames") {
        assert!(!answer.is_empty(), "an empty response brings the daemon down");
    }
}

/// A snapshot: shown and restored; and its body with a checksum that fits.
pub fn snapshots(data: &[u8]) {
    let mut sealed = b"RUDF\x01".to_vec();
    sealed.extend(crc32fast::hash(data).to_le_bytes());
    sealed.extend(data);
    for bytes in [data, &sealed] {
        let _ = SnapshotView::read(bytes);
        let mut handler = handler();
        let _ = handler.init(&InitRequest::default());
        if handler.restore(bytes).is_ok() {
            let mut point = Point::new(1);
            let _ = handler.point(&mut point, &mut Output::new(EdgeType::Stream));
            let _ = handler.snapshot();
        }
    }
}

/// Line protocol: what is read, also by InfluxData's parser, which accepts and refuses the same lines
/// and gives the same values; what is written is read back.
pub fn lines(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut reader, mut writer) = (Reader::default(), Writer::default());
    let (mut point, mut back) = (Point::default(), Point::default());
    let mut rest: &str = &text;
    while !rest.is_empty() {
        let (line, after) = match cut(rest.as_bytes(), u64::MAX) {
            Cut::Line { len, end, .. } => (&rest[..len], &rest[end..]),
            Cut::Partial { .. } => (rest, ""),
        };
        rest = after;
        let read = reader.read(line.as_bytes(), &mut point);
        let theirs = influxdb_line_protocol::parse_lines(line).next();
        match (&read, &theirs) {
            (Ok(false), None) => {}
            // A comment ends with its line, and the rest of it is none.
            (Ok(false), Some(_)) => assert!(line.trim_start().starts_with('#'), "{line:?}"),
            (Ok(true), Some(Ok(theirs))) => same(&point, theirs),
            (Err(LineError::NoTime | LineError::Unsigned(_)), Some(Ok(_))) => {}
            (Err(_), Some(Err(_))) => {}
            _ => panic!("{line:?}: {read:?}, {theirs:?}"),
        }
        let mut out = String::new();
        if read == Ok(true) && writer.write(&point, "m", &mut out) {
            // A name that ends with a backslash cannot be written.
            let _ = reader.read(out.as_bytes(), &mut back);
        }
    }
}

fn same(point: &Point, line: &influxdb_line_protocol::ParsedLine<'_>) {
    use influxdb_line_protocol::FieldValue as Value;
    assert_eq!(point.name(), line.series.measurement.as_str());
    assert_eq!(Some(point.time()), line.timestamp);
    for (name, _) in line.series.tag_set.iter().flatten() {
        let last = line.series.tag_set.iter().flatten().rfind(|(other, _)| other == name);
        assert_eq!(point.tag(name).as_deref(), last.map(|(_, value)| value.as_str()));
    }
    for (name, _) in &line.field_set {
        let last = line.field_set.iter().rfind(|(other, _)| other == name).map(|(_, value)| value);
        let same = match (point.field(name), last) {
            (Some(FieldValue::Double(a)), Some(Value::F64(b))) => a.to_bits() == b.to_bits(),
            (Some(FieldValue::Int(a)), Some(Value::I64(b))) => a == *b,
            (Some(FieldValue::Int(a)), Some(Value::U64(b))) => u64::try_from(a) == Ok(*b),
            (Some(FieldValue::Bool(a)), Some(Value::Boolean(b))) => a == *b,
            (Some(FieldValue::String(a)), Some(Value::String(b))) => a == b.as_str(),
            _ => false,
        };
        assert!(same, "{name}: {point:?}");
    }
}

/// Recorded data of every format: the first byte says which.
pub fn recordings(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let kinds = ["lp", "csv", "srpl", "brpl", "bin", "lp.gz", "bin.gz"];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let thread = format!("{:?}", std::thread::current().id());
    let name = format!("rhai-udf-fuzz-{}-{}", std::process::id(), thread.replace(['(', ')'], ""));
    let path = std::env::temp_dir().join(format!("{name}.{kind}"));
    if std::fs::write(&path, data).is_err() {
        return;
    }
    if let Ok(mut source) = open(&path, &Reading::default()) {
        let mut scratch = Scratch::default();
        for _ in 0..10_000 {
            match source.next(&mut scratch) {
                Ok(Some(_)) => {}
                _ => break,
            }
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// A script: loaded with small limits.
pub fn scripts(data: &[u8]) {
    let limits = rhai_udf::script::config::Limits {
        operations: 10_000,
        string: 10_000,
        array: 1000,
        map: 1000,
        ..Default::default()
    };
    let _ = Program::load(script(&String::from_utf8_lossy(data)), &limits, &Pulse::default());
}

/// A connection to the HTTP server: the first byte says into how small reads it is cut.
pub fn requests(data: &[u8]) {
    let Some((part, data)) = data.split_first() else { return };
    let mut sender = Sender { bytes: data, part: usize::from(*part).max(1), received: Vec::new() };
    http::serve_link(&mut sender, &Reads, http::Limits::default());
    let answers = sender.received;
    assert!(answers.is_empty() || answers.starts_with(b"HTTP/1.1 "));
    assert!(answers.len() <= 1000 * (data.len() + 1), "many answers to little");
}

/// Reads each body, some of them only in part.
struct Reads;

impl http::Service for Reads {
    fn respond(&self, request: &mut http::Request<'_>) -> http::Response {
        let head = request.head;
        let _ = http::Doorkeeper { loopback: true, ..Default::default() }.check(head);
        let known = http::Secret::new("a:b");
        let _ = http::Credentials { users: vec![known], ..Default::default() }.admit(head);
        let mut body = Vec::new();
        let most = if head.path.len().is_multiple_of(2) { u64::MAX } else { 3 };
        match (&mut request.body).take(most).read_to_end(&mut body) {
            Ok(_) => http::Response::new(204),
            Err(error) => http::Response::text(400, &error.to_string()),
        }
    }
}

struct Sender<'b> {
    bytes: &'b [u8],
    part: usize,
    received: Vec<u8>,
}

impl Read for Sender<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.part.min(self.bytes.len()).min(out.len());
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl http::Link for Sender<'_> {
    fn wait_at_most(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn close_writing(&mut self) {}
}

/// A TICKscript: compiled, and where it is correct played with a point or a batch.
pub fn ticks(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let source = TickText { name: "fuzz.tick", text: &text };
    let Ok(mut graph) = Graph::new(&source, &TaskSettings::default(), &mut NoUdfs) else { return };
    let mut outside = Collected::default();
    let mut point = Point::new(1_600_000_000_000_000_000);
    point.set_name("cpu");
    point.set_tag("host", "a");
    point.set_field("usage_idle", 50.0);
    let mut batch = Batch::default();
    batch.push(&point);
    // One of the two is refused: a task takes a stream or batches.
    let _ = graph.batch(0, batch, &mut outside);
    let _ = graph.point(&mut point, &mut outside);
    let _ = graph.finish(&mut outside);
}

/// A template of an alert: parsed, and rendered with an event.
pub fn templates(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fields = [("value".to_owned(), Data::Float(97.5)), ("count".to_owned(), Data::Int(-5))];
    let event = Data::Struct(Rc::new([
        ("Name", Data::String("cpu".into())),
        ("ID", Data::String("cpu:host=<a>".into())),
        ("Tags", Data::tags([("host", "a"), ("cpu", "cpu0")])),
        ("Fields", Data::fields(fields)),
        ("Time", Data::Time(1_451_610_300_250_000_000)),
        ("Duration", Data::Duration(300_000_000_000)),
    ]));
    for html in [false, true] {
        if let Ok(template) = Template::parse("fuzz", &text, html) {
            let _ = template.render(&event);
        }
    }
}

/// A query in InfluxQL: taken apart, and put together again for a span of time and a group.
pub fn queries(data: &[u8]) {
    let Ok(statement) = SelectStatement::parse(&String::from_utf8_lossy(data)) else { return };
    let node = Query {
        text: String::new(),
        period: 1,
        every: 1,
        offset: 0,
        align: false,
        align_group: true,
        cron: None,
        tags: vec!["host".into()],
        by_measurement: false,
        time: Some((1_000_000_000, 0)),
        fill: None,
        cluster: None,
    };
    let asked = statement.at(TimeRange { start: 0, stop: 1_000_000_000 }, &node);
    let again = SelectStatement::parse(&asked).expect("what is asked is a query again");
    assert!(!again.at(TimeRange { start: 1, stop: 2 }, &node).is_empty());
}

/// A trained model, and a row that it predicts for.
pub fn models(bytes: &[u8]) {
    let Ok(model) = Model::load(bytes, DEFAULT_LIMIT) else { return };
    let Ok(layout) = model.layout() else { return };
    let rows = if let Layout::Window { steps, .. } = layout { steps } else { 1 };
    let Some(count) = rows.checked_mul(layout.columns()).filter(|&count| count < 100_000) else {
        return;
    };
    let text = model.text_columns().into_iter().enumerate().filter(|(_, text)| *text);
    let texts = text.map(|(at, _)| (at, vec!["a".into(); rows])).collect();
    let left = std::cell::Cell::new(10_000);
    let stop = || left.replace(left.get() - 1) <= 0;
    let rows = Rows { rows, numbers: vec![0.5; count], texts };
    let _ = model.predict(rows, &Run::new(&stop, 64 << 20));
}
