//! Starts the real binary and speaks its protocol.

use prost::Message;
use rhai_udf::protocol::frame::put_frame;
use rhai_udf::protocol::message::{
    InitOption, InitRequest, OptionValue, PointMessage, RequestMessage, Response, ValueType,
    option_value, request, response,
};
use rhai_udf::protocol::{Frames, Point};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use request::Message as Request;
pub use response::Message as Answer;

/// The program under test.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rhai-udf"));
    command.env_remove("KAPACITOR_LOGGING_LEVEL");
    command
}

/// A file of the repository.
pub fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder of its own for one test, gone when the test is.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rhai-udf-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
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
pub struct Run {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn answers(&self) -> Vec<Answer> {
        answers(&self.stdout)
    }

    pub fn points(&self) -> Vec<PointMessage> {
        points(&self.answers())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The text of the error that was sent to the daemon.
    pub fn error(&self) -> String {
        match self.answers().pop() {
            Some(Answer::Error(error)) => error.error,
            other => panic!("no error at the end but {other:?}; stderr: {}", self.stderr),
        }
    }
}

/// Runs a command with this input.
pub fn feed(command: &mut Command, input: &[u8]) -> Run {
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
pub fn run_udf(script: &Path, input: &[u8]) -> Run {
    feed(binary().arg("run").arg(script), input)
}

/// Runs a script given as text.
pub fn run_text(name: &str, script: &str, requests: Vec<Request>) -> Run {
    let folder = Folder::new(name);
    let path = folder.write("script.rhai", script);
    run_udf(&path, &stream(requests))
}

pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A captured session: the repository's copy, or that of the folder CI names.
pub fn capture(name: &str) -> Vec<u8> {
    let file = format!("{name}.bin.gz");
    gunzip(&repo("tests/data/captures").join(file))
}

pub fn stream(requests: Vec<Request>) -> Vec<u8> {
    let mut out = Vec::new();
    for message in requests {
        put_frame(&mut out, &RequestMessage { message: Some(message) }.encode_to_vec());
    }
    out
}

pub fn requests(bytes: &[u8]) -> Vec<Request> {
    frames(bytes)
        .iter()
        .map(|frame| RequestMessage::decode(&frame[..]).unwrap().message.unwrap())
        .collect()
}

pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Frames::new(bytes);
    let mut all = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        all.push(frame.to_vec());
    }
    all
}

/// All responses; panics where the daemon would.
pub fn answers(bytes: &[u8]) -> Vec<Answer> {
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

pub fn points(answers: &[Answer]) -> Vec<PointMessage> {
    answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Point(point) => Some(point.clone()),
            _ => None,
        })
        .collect()
}

/// `init` with these options.
pub fn init(options: &[(&str, &[OptionArgument])]) -> Request {
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
pub enum OptionArgument {
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
pub fn point(time: i64, group: &str, fields: &[(&str, f64)]) -> Request {
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
