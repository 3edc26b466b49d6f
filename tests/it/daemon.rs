//! Plays the daemon: a conversation with a process or a socket, message by message.

use crate::util::*;
use prost::Message;
use rhai_udf::protocol::Frames;
use rhai_udf::protocol::message::{
    KeepaliveRequest, PointMessage, Response, RestoreRequest, SnapshotRequest,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Waiting longer means that it never comes.
pub(crate) const NEVER: Duration = Duration::from_secs(60);

/// What a process writes to one of its streams, as it grows. Everything is kept, so it does not
/// matter whether a line comes before or after a test begins to wait for it.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<String>, Condvar)>);

impl Log {
    /// Reads a stream to its end, in a thread.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                kept.0.0.lock().unwrap().push_str(&std::mem::take(&mut line));
                kept.0.1.notify_all();
            }
        });
        log
    }

    /// Waits for a line that holds `text`, `count` times in all, and gives the last.
    pub(crate) fn wait(&self, text: &str, count: usize) -> String {
        let end = Instant::now() + NEVER;
        let mut log = self.0.0.lock().unwrap();
        loop {
            let lines: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
            if lines.len() >= count {
                return lines[count - 1].to_owned();
            }
            assert!(Instant::now() < end, "no '{text}' in the log:\n{log}");
            log = self.0.1.wait_timeout(log, Duration::from_secs(1)).unwrap().0;
        }
    }

    pub(crate) fn text(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }
}

/// One end of a conversation: ours.
pub(crate) struct Daemon {
    child: Option<Child>,
    output: Option<Box<dyn Write + Send>>,
    answers: Receiver<(Instant, Answer)>,
    pub(crate) log: Log,
    /// Keepalives that came, asked or not.
    pub(crate) keepalives: usize,
    heard: Instant,
    /// The longest silence.
    pub(crate) silence: Duration,
}

fn receive(reader: impl Read + Send + 'static) -> Receiver<(Instant, Answer)> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut frames = Frames::new(reader);
        while let Ok(Some(frame)) = frames.next() {
            let answer = Response::decode(frame).unwrap().message.unwrap();
            if send.send((Instant::now(), answer)).is_err() {
                return;
            }
        }
    });
    receive
}

impl Daemon {
    /// Starts a process.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let answers = receive(child.stdout.take().unwrap());
        let output: Box<dyn Write + Send> = Box::new(child.stdin.take().unwrap());
        Self::new(Some(child), output, answers, log)
    }

    /// `rhai-udf run SCRIPT ARGUMENTS`.
    pub(crate) fn run(script: &Path, arguments: &[&str]) -> Self {
        Self::start(binary().arg("run").arg(script).args(arguments))
    }

    /// Connects to a server's socket.
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        let answers = receive(stream.try_clone().unwrap());
        Self::new(None, Box::new(Closing(stream)), answers, Log::default())
    }

    fn new(
        child: Option<Child>,
        output: Box<dyn Write + Send>,
        answers: Receiver<(Instant, Answer)>,
        log: Log,
    ) -> Self {
        let heard = Instant::now();
        let (keepalives, silence) = (0, Duration::ZERO);
        Self { child, output: Some(output), answers, log, keepalives, heard, silence }
    }

    pub(crate) fn send(&mut self, request: Request) {
        self.send_all(vec![request]);
    }

    pub(crate) fn send_all(&mut self, requests: Vec<Request>) {
        // A process that has ended is noticed by what it does not answer.
        let _ = self.output.as_mut().unwrap().write_all(&stream(requests));
    }

    /// Sends bytes that are no whole frame.
    pub(crate) fn send_part(&mut self, bytes: &[u8]) {
        self.output.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next answer, keepalives left out; `None` at the end.
    pub(crate) fn try_next(&mut self) -> Option<Answer> {
        loop {
            let (at, answer) = match self.answers.recv_timeout(NEVER) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("silence; log:\n{}", self.log.text()),
            };
            self.silence = self.silence.max(at.saturating_duration_since(self.heard));
            self.heard = at;
            match answer {
                Answer::Keepalive(_) => self.keepalives += 1,
                answer => return Some(answer),
            }
        }
    }

    pub(crate) fn next(&mut self) -> Answer {
        self.try_next().unwrap_or_else(|| panic!("the end; log:\n{}", self.log.text()))
    }

    /// Sends `init` and expects that it is accepted.
    pub(crate) fn init(&mut self, options: &[(&str, &[OptionArgument])]) {
        self.send(init(options));
        match self.next() {
            Answer::Init(init) if init.success => {}
            other => panic!("{other:?}; log:\n{}", self.log.text()),
        }
    }

    /// The next answer, which must be a point.
    pub(crate) fn point(&mut self) -> PointMessage {
        match self.next() {
            Answer::Point(point) => point,
            other => panic!("{other:?}; log:\n{}", self.log.text()),
        }
    }

    /// Sends a point and gives the field of the point that comes back.
    pub(crate) fn ask(&mut self, request: Request, field: &str) -> f64 {
        self.send(request);
        let point = self.point();
        match point.fields_double.get(field) {
            Some(value) => *value,
            None => panic!("{point:?}"),
        }
    }

    pub(crate) fn snapshot(&mut self) -> Vec<u8> {
        self.send(Request::Snapshot(SnapshotRequest {}));
        match self.next() {
            Answer::Snapshot(snapshot) => snapshot.snapshot,
            other => panic!("{other:?}; log:\n{}", self.log.text()),
        }
    }

    pub(crate) fn restore(&mut self, snapshot: Vec<u8>) -> Result<(), String> {
        self.send(Request::Restore(RestoreRequest { snapshot }));
        match self.next() {
            Answer::Restore(restore) if restore.success => Ok(()),
            Answer::Restore(restore) => Err(restore.error),
            other => panic!("{other:?}; log:\n{}", self.log.text()),
        }
    }

    /// Sends a keepalive and waits for its answer: everything before has been handled.
    pub(crate) fn settle(&mut self) {
        let time = 4711;
        self.send(Request::Keepalive(KeepaliveRequest { time }));
        loop {
            match self.answers.recv_timeout(NEVER) {
                Ok((_, Answer::Keepalive(keepalive))) if keepalive.time == time => return,
                Ok((_, Answer::Keepalive(_))) => {}
                other => panic!("{other:?}; log:\n{}", self.log.text()),
            }
        }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Takes this many points.
    pub(crate) fn settle_data(&mut self, points: usize) {
        for _ in 0..points {
            self.point();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Closes the input.
    pub(crate) fn close_input(&mut self) {
        self.output = None;
    }

    /// Closes the input and waits for the end: the exit code and the answers that still came.
    pub(crate) fn finish(mut self) -> (Option<i32>, Vec<Answer>) {
        self.close_input();
        self.wait()
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> (Option<i32>, Vec<Answer>) {
        let mut rest = Vec::new();
        while let Some(answer) = self.try_next() {
            rest.push(answer);
        }
        let code = self.child.as_mut().map(|child| child.wait().unwrap().code());
        (code.flatten(), rest)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The writing half of a connection: dropped, the other side reads the end.
struct Closing(UnixStream);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }
}
