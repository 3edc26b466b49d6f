//! A UDF that is another program: a process on pipes, or a server on a socket.
//!
//! A thread reads the answers, so neither side can block the other. To keep a replay in order, a
//! `keepalive` with a number of its own is sent after each batch, after every 256 points and at
//! the end; the program answers it once it has answered everything before.

use std::io::{BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use prost::Message as _;

use crate::protocol::frame::put_frame;
use crate::protocol::message::{
    InfoRequest, InfoResponse, InitRequest, KeepaliveRequest, RequestMessage, RestoreRequest,
    SnapshotRequest, decode_response, request, response,
};
use crate::protocol::{Batch, Frames, Point, ProtocolError};
use crate::tick::error::{Result, TickError};
use crate::tick::flow::Pool;
use crate::tick::udf::{Answers, Udf};

/// After how many points the program's answers are waited for.
const POINTS_AHEAD: usize = 256;

/// How many answers may wait to be taken.
const ANSWERS_AHEAD: usize = 4096;

/// How long a program may be silent, as long as most daemons let it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that speaks the protocol.
pub struct External {
    name: String,
    writer: Option<Pipe>,
    answers: Receiver<Received>,
    child: Option<Child>,
    /// The batch that has begun and not ended.
    batch: Option<Batch>,
    frame: Vec<u8>,
    ahead: usize,
    tick: i64,
}

enum Pipe {
    Child(BufWriter<std::process::ChildStdin>),
    Socket(BufWriter<UnixStream>),
}

/// A frame that was read, or why there is none.
type Received = std::result::Result<Vec<u8>, ProtocolError>;

/// What an answer is, if it is no data.
enum ControlAnswer {
    Info(InfoResponse),
    Init,
    Keepalive(i64),
    Snapshot(Vec<u8>),
    Restore,
    Data,
}

impl External {
    /// Starts a program: its input and output are the protocol's, its errors go to ours.
    ///
    /// # Errors
    /// A command that cannot be run.
    pub fn process(name: &str, command: &str) -> Result<Self> {
        let failed = |message: String| TickError::Udf { name: name.to_owned(), message };
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("exec {command}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{command}: cannot be started: {error}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(format!("{command}: has no pipes")));
        };
        let writer = Pipe::Child(BufWriter::new(input));
        Self::new(name, writer, output, Some(child))
    }

    /// Connects to a server's socket.
    ///
    /// # Errors
    /// A socket that cannot be connected to.
    pub fn socket(name: &str, path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| TickError::Udf {
            name: name.to_owned(),
            message: format!("{}: cannot be connected to: {error}", path.display()),
        };
        let stream = UnixStream::connect(path).map_err(failed)?;
        let output = stream.try_clone().map_err(failed)?;
        Self::new(name, Pipe::Socket(BufWriter::new(stream)), output, None)
    }

    fn new(
        name: &str,
        writer: Pipe,
        output: impl Read + Send + 'static,
        child: Option<Child>,
    ) -> Result<Self> {
        let (sender, answers) = sync_channel::<Received>(ANSWERS_AHEAD);
        let read = move || {
            let mut frames = Frames::new(output);
            loop {
                let answer = match frames.next() {
                    Ok(Some(frame)) => Ok(frame.to_vec()),
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                let last = answer.is_err();
                if sender.send(answer).is_err() || last {
                    return;
                }
            }
        };
        std::thread::Builder::new().name(format!("@{name}")).spawn(read).map_err(|error| {
            TickError::Udf {
                name: name.to_owned(),
                message: format!("the thread that reads its answers cannot be started: {error}"),
            }
        })?;
        Ok(Self {
            name: name.to_owned(),
            writer: Some(writer),
            answers,
            child,
            batch: None,
            frame: Vec::new(),
            ahead: 0,
            tick: 0,
        })
    }

    /// Asks for the declaration.
    ///
    /// # Errors
    /// A program that does not answer.
    pub fn info(mut self) -> Result<InfoResponse> {
        self.request(request::Message::Info(InfoRequest {}))?;
        nothing(|none| {
            loop {
                if let ControlAnswer::Info(info) = self.next(none)? {
                    return Ok(info);
                }
            }
        })
    }

    /// Sends the options.
    ///
    /// # Errors
    /// Options that are refused.
    pub fn init(&mut self, init: InitRequest) -> Result<()> {
        self.request(request::Message::Init(init))?;
        nothing(|none| {
            while !matches!(self.next(none)?, ControlAnswer::Init) {}
            Ok(())
        })
    }

    fn error(&self, message: impl Into<String>) -> TickError {
        TickError::Udf { name: self.name.clone(), message: message.into() }
    }

    fn request(&mut self, message: request::Message) -> Result<()> {
        self.frame.clear();
        put_frame(&mut self.frame, &RequestMessage { message: Some(message) }.encode_to_vec());
        self.write(true)
    }

    fn write(&mut self, flush: bool) -> Result<()> {
        let written = match &mut self.writer {
            Some(Pipe::Child(writer)) => write(writer, &self.frame, flush),
            Some(Pipe::Socket(writer)) => write(writer, &self.frame, flush),
            None => Ok(()),
        };
        written.map_err(|error| {
            // Its last message explains more than a broken pipe.
            nothing(|none| {
                while let Ok(answer) = self.answers.recv_timeout(Duration::from_millis(200)) {
                    if let Err(said) = self.take(answer, none) {
                        return said;
                    }
                }
                self.error(format!("the connection to it is lost: {error}"))
            })
        })
    }

    /// Waits until everything sent so far is answered.
    fn barrier(&mut self, out: &mut Answers<'_>) -> Result<()> {
        self.ahead = 0;
        self.tick += 1;
        self.request(request::Message::Keepalive(KeepaliveRequest { time: self.tick }))?;
        while !matches!(self.next(out)?, ControlAnswer::Keepalive(time) if time == self.tick) {}
        Ok(())
    }

    fn next(&mut self, out: &mut Answers<'_>) -> Result<ControlAnswer> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => self.take(answer, out),
            Err(RecvTimeoutError::Timeout) => {
                Err(self.error(format!("it has not answered for {} s", PATIENCE.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.as_mut().and_then(|child| child.wait().ok());
                let status = status.map_or(String::new(), |status| format!(" ({status})"));
                Err(self.error(format!(
                    "it closed its output{status}; see what it wrote to standard error"
                )))
            }
        }
    }

    fn take(&mut self, answer: Received, out: &mut Answers<'_>) -> Result<ControlAnswer> {
        let frame = answer.map_err(|error| self.error(error.to_string()))?;
        if let Some(message) = Point::message_of_frame(&frame) {
            return self.take_point(message, out);
        }
        let response = decode_response(&frame).map_err(|error| match error {
            ProtocolError::EmptyResponse => {
                self.error("it wrote an empty response, which would crash the daemon")
            }
            error => self.error(error.to_string()),
        })?;
        Ok(match response {
            response::Message::Point(point) => {
                return self.take_point(&point.encode_to_vec(), out);
            }
            response::Message::Begin(begin) => {
                let mut batch = Batch::default();
                batch.begin(begin);
                self.batch = Some(batch);
                ControlAnswer::Data
            }
            response::Message::End(end) => {
                let Some(mut batch) = self.batch.take() else {
                    return Err(self.error("it ended a batch that it had not begun"));
                };
                batch.end(end);
                out.push(batch);
                ControlAnswer::Data
            }
            response::Message::Keepalive(keepalive) => ControlAnswer::Keepalive(keepalive.time),
            response::Message::Info(info) => ControlAnswer::Info(info),
            response::Message::Init(init) if init.success => ControlAnswer::Init,
            response::Message::Init(init) => {
                return Err(self.error(format!("init is refused: {}", init.error)));
            }
            response::Message::Error(error) => return Err(self.error(error.error)),
            response::Message::Snapshot(answer) => ControlAnswer::Snapshot(answer.snapshot),
            response::Message::Restore(answer) if answer.success => ControlAnswer::Restore,
            response::Message::Restore(answer) => {
                return Err(self.error(format!("restore is refused: {}", answer.error)));
            }
        })
    }

    fn take_point(&mut self, message: &[u8], out: &mut Answers<'_>) -> Result<ControlAnswer> {
        let point = Point::from_message(message).map_err(|error| self.error(error.to_string()))?;
        match &mut self.batch {
            Some(batch) => batch.push(&point),
            None => out.push(point),
        }
        Ok(ControlAnswer::Data)
    }

    fn close(&mut self) {
        if let Some(Pipe::Socket(mut socket)) = self.writer.take() {
            let _ = socket.flush();
            let _ = socket.get_ref().shutdown(Shutdown::Write);
        }
    }
}

/// Lets a program answer where no data is expected.
fn nothing<T>(wait: impl FnOnce(&mut Answers<'_>) -> T) -> T {
    let (mut messages, mut pool) = (Vec::new(), Pool::default());
    wait(&mut Answers { messages: &mut messages, item: 0, pool: &mut pool })
}

fn write(writer: &mut impl Write, frame: &[u8], flush: bool) -> std::io::Result<()> {
    writer.write_all(frame)?;
    if flush { writer.flush() } else { Ok(()) }
}

impl Udf for External {
    fn point(&mut self, point: &mut Rc<Point>, out: &mut Answers<'_>) -> Result<()> {
        self.frame.clear();
        point.put_frame(&mut self.frame);
        self.write(false)?;
        self.ahead += 1;
        if self.ahead >= POINTS_AHEAD { self.barrier(out) } else { Ok(()) }
    }

    fn batch(&mut self, batch: &Batch, out: &mut Answers<'_>) -> Result<()> {
        self.request(request::Message::Begin(batch.begin_message()))?;
        for point in batch.points() {
            self.frame.clear();
            point.put_frame(&mut self.frame);
            self.write(false)?;
        }
        self.request(request::Message::End(batch.end_message()))?;
        self.barrier(out)
    }

    fn frame(&mut self, _frame: &[u8], _out: &mut Answers<'_>) -> Result<()> {
        Err(self.error("captured requests can be replayed through scripts only"))
    }

    fn catch_up(&mut self, out: &mut Answers<'_>) -> Result<()> {
        self.barrier(out)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        if self.writer.is_none() {
            return Ok(None);
        }
        self.request(request::Message::Snapshot(SnapshotRequest {}))?;
        nothing(|none| {
            loop {
                if let ControlAnswer::Snapshot(snapshot) = self.next(none)? {
                    return Ok(Some(snapshot));
                }
            }
        })
    }

    fn restart(&mut self, snapshot: &[u8], _now: Option<i64>) -> Result<()> {
        let snapshot = snapshot.to_vec();
        self.request(request::Message::Restore(RestoreRequest { snapshot }))?;
        nothing(|none| {
            while !matches!(self.next(none)?, ControlAnswer::Restore) {}
            Ok(())
        })
    }

    fn finish(&mut self, out: &mut Answers<'_>) -> Result<()> {
        self.barrier(out)?;
        self.close();
        // Messages that it writes after the end of its input are still handled.
        while let Ok(answer) = self.answers.recv_timeout(PATIENCE) {
            self.take(answer, out)?;
        }
        Ok(())
    }
}

impl Drop for External {
    fn drop(&mut self) {
        self.close();
        if let Some(mut child) = self.child.take() {
            // A program that outlives its input by more than a moment is stopped.
            for _ in 0..50 {
                if !matches!(child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
