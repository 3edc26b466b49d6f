//! Starts the real binary and speaks its protocol.

use prost::Message;
use rhai_udf::protocol::frame::put_frame;
use rhai_udf::protocol::message::{
    BeginBatch, EndBatch, InitOption, InitRequest, OptionValue, PointMessage, RequestMessage,
    Response, RestoreRequest, SnapshotRequest, ValueType, option_value, request, response,
};
use rhai_udf::protocol::{Frames, Point};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use request::Message as Request;
pub(crate) use response::Message as Answer;

/// The program under test.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rhai-udf"));
    command.env_remove("KAPACITOR_LOGGING_LEVEL");
    for name in ["INFLUX_TOKEN", "INFLUX_USERNAME", "INFLUX_PASSWORD", "INFLUX_ORG"] {
        command.env_remove(name);
    }
    command
}

/// A file of the repository.
pub(crate) fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder of its own for one test, gone when the test is.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rhai-udf-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run of the program left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn answers(&self) -> Vec<Answer> {
        answers(&self.stdout)
    }

    pub(crate) fn points(&self) -> Vec<PointMessage> {
        points(&self.answers())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The text of the error that was sent to the daemon.
    pub(crate) fn error(&self) -> String {
        match self.answers().pop() {
            Some(Answer::Error(error)) => error.error,
            other => panic!("no error at the end but {other:?}; stderr: {}", self.stderr),
        }
    }
}

/// Runs a command with this input.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program may end before it has read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `rhai-udf run SCRIPT` on a request stream.
pub(crate) fn run_udf(script: &Path, input: &[u8]) -> Run {
    feed(binary().arg("run").arg(script), input)
}

/// Runs a script given as text.
pub(crate) fn run_text(name: &str, script: &str, requests: Vec<Request>) -> Run {
    let folder = Folder::new(name);
    let path = folder.write("script.rhai", script);
    run_udf(&path, &stream(requests))
}

pub(crate) fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A captured session: the repository's copy, or that of the folder CI names.
pub(crate) fn capture(name: &str) -> Vec<u8> {
    let file = format!("{name}.bin.gz");
    gunzip(&repo("tests/data/captures").join(file))
}

pub(crate) fn stream(requests: Vec<Request>) -> Vec<u8> {
    let mut out = Vec::new();
    for message in requests {
        put_frame(&mut out, &RequestMessage { message: Some(message) }.encode_to_vec());
    }
    out
}

pub(crate) fn requests(bytes: &[u8]) -> Vec<Request> {
    frames(bytes)
        .iter()
        .map(|frame| RequestMessage::decode(&frame[..]).unwrap().message.unwrap())
        .collect()
}

pub(crate) fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Frames::new(bytes);
    let mut all = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        all.push(frame.to_vec());
    }
    all
}

/// All responses; panics where the daemon would.
pub(crate) fn answers(bytes: &[u8]) -> Vec<Answer> {
    frames(bytes)
        .iter()
        .map(|frame| {
            Response::decode(&frame[..])
                .unwrap()
                .message
                .expect("an empty response kills the daemon")
        })
        .collect()
}

pub(crate) fn points(answers: &[Answer]) -> Vec<PointMessage> {
    answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Point(point) => Some(point.clone()),
            _ => None,
        })
        .collect()
}

/// `init` with these options.
pub(crate) fn init(options: &[(&str, &[OptionArgument])]) -> Request {
    let options = options.iter().map(|(name, arguments)| InitOption {
        name: (*name).into(),
        values: arguments.iter().map(OptionArgument::value).collect(),
    });
    Request::Init(InitRequest {
        options: options.collect(),
        task_id: "task".into(),
        node_id: "udf2".into(),
    })
}

#[derive(Clone)]
pub(crate) enum OptionArgument {
    Text(&'static str),
    Int(i64),
    Double(f64),
    Flag(bool),
    Duration(i64),
}

impl OptionArgument {
    fn value(&self) -> OptionValue {
        use option_value::Value;
        let (kind, value) = match self {
            Self::Text(v) => (ValueType::String, Value::StringValue((*v).into())),
            Self::Int(v) => (ValueType::Int, Value::IntValue(*v)),
            Self::Double(v) => (ValueType::Double, Value::DoubleValue(*v)),
            Self::Flag(v) => (ValueType::Bool, Value::BoolValue(*v)),
            Self::Duration(v) => (ValueType::Duration, Value::DurationValue(*v)),
        };
        OptionValue { r#type: kind.into(), value: Some(value) }
    }
}

/// A point of measurement `m` with doubles, in a group.
pub(crate) fn point(time: i64, group: &str, fields: &[(&str, f64)]) -> Request {
    let mut point = Point::new(time);
    point.set_name("m");
    point.set_group(group);
    for (name, value) in fields {
        point.set_field(name, *value);
    }
    let mut bytes = Vec::new();
    point.put_message(&mut bytes);
    Request::Point(PointMessage::decode(&bytes[..]).unwrap())
}

/// The beginning of a batch of measurement `m`, grouped by host where there is one.
pub(crate) fn begin(host: &str, size: i64) -> Request {
    let (group, tags) = host_group(host);
    Request::Begin(BeginBatch { name: "m".into(), group, tags, size, by_name: false })
}

/// The end of such a batch.
pub(crate) fn end(host: &str, tmax: i64) -> Request {
    let (group, tags) = host_group(host);
    Request::End(EndBatch { name: "m".into(), group, tmax, tags, by_name: false })
}

/// A whole batch of points with a double `x` at 1, 2, 3, … and tmax 100.
pub(crate) fn batch(host: &str, values: &[f64]) -> Vec<Request> {
    let mut all = vec![begin(host, values.len() as i64)];
    for (i, value) in values.iter().enumerate() {
        all.push(member(i as i64 + 1, host, &[("x", *value)]));
    }
    all.push(end(host, 100));
    all
}

/// A point inside a batch: without a name, as the daemon sends it.
pub(crate) fn member(time: i64, host: &str, fields: &[(&str, f64)]) -> Request {
    let (group, tags) = host_group(host);
    let fields_double = fields.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Request::Point(PointMessage { time, group, tags, fields_double, ..Default::default() })
}

fn host_group(host: &str) -> (String, BTreeMap<String, String>) {
    match host {
        "" => (String::new(), BTreeMap::new()),
        host => (format!("host={host}"), [("host".into(), host.into())].into()),
    }
}

/// What a run wrote, a line an answer: `5 m,host=a x=1.0 n=2i`, `begin m,host=a 3`, …
pub(crate) fn lines(answers: &[Answer]) -> Vec<String> {
    answers.iter().map(line).collect()
}

fn line(answer: &Answer) -> String {
    let name = |name: &str, tags: &BTreeMap<String, String>| {
        tags.iter().fold(name.to_owned(), |all, (k, v)| format!("{all},{k}={v}"))
    };
    match answer {
        Answer::Point(p) => {
            let mut fields = Vec::new();
            fields.extend(p.fields_bool.iter().map(|(k, v)| format!("{k}={v}")));
            fields.extend(p.fields_double.iter().map(|(k, v)| format!("{k}={v:?}")));
            fields.extend(p.fields_int.iter().map(|(k, v)| format!("{k}={v}i")));
            fields.extend(p.fields_string.iter().map(|(k, v)| format!("{k}={v:?}")));
            fields.sort();
            format!("{} {} {}", p.time, name(&p.name, &p.tags), fields.join(" "))
        }
        Answer::Begin(b) => format!("begin {} {}", name(&b.name, &b.tags), b.size),
        Answer::End(e) => format!("end {} {}", name(&e.name, &e.tags), e.tmax),
        Answer::Init(i) if i.success => "init".into(),
        Answer::Init(i) => format!("init refused: {}", i.error),
        Answer::Restore(r) if r.success => "restore".into(),
        Answer::Restore(r) => format!("restore refused: {}", r.error),
        Answer::Keepalive(k) => format!("keepalive {}", k.time),
        Answer::Snapshot(_) => "snapshot".into(),
        Answer::Info(_) => "info".into(),
        Answer::Error(e) => format!("error: {}", e.error),
    }
}

/// Runs a script on `init` without options and then `data`; what it wrote after the answer to `init`.
pub(crate) fn play(name: &str, script: &str, data: Vec<Request>) -> Vec<String> {
    let run = run_text(name, script, [vec![init(&[])], data].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = lines(&run.answers());
    assert_eq!(lines[0], "init");
    lines[1..].to_vec()
}

/// As [`play`], for a script that fails; what it wrote before, and the error.
pub(crate) fn play_to_error(name: &str, script: &str, data: Vec<Request>) -> (Vec<String>, String) {
    let run = run_text(name, script, [vec![init(&[])], data].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let lines = lines(&run.answers());
    let (last, before) = lines.split_last().unwrap();
    let error = last.strip_prefix("error: ").unwrap_or_else(|| panic!("no error but {last}"));
    (before.to_vec(), error.to_owned())
}

/// The state of a script after `data`, as the daemon would keep it.
pub(crate) fn snapshot_of(script: &Path, data: Vec<Request>) -> Vec<u8> {
    let input = [vec![init(&[])], data, vec![Request::Snapshot(SnapshotRequest {})]].concat();
    let run = run_udf(script, &stream(input));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    match run.answers().pop() {
        Some(Answer::Snapshot(snapshot)) => snapshot.snapshot,
        other => panic!("no snapshot but {other:?}"),
    }
}

/// A request that hands a state back.
pub(crate) fn restore(snapshot: Vec<u8>) -> Request {
    Request::Restore(RestoreRequest { snapshot })
}
