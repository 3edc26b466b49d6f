//! The flight recorder: a session's requests in a ring of files that `replay` and `run` read, and
//! for an error one file that runs to the same error.
//!
//! A file is a gzipped stream of requests as the daemon sends them: `init`, `restore` with the state
//! at its beginning, then the data. The comment in the gzip header describes the file.

use crate::protocol::message::{InitRequest, RequestMessage, RestoreRequest, request};
use crate::protocol::{Batch, Point};
use crate::script::config::RecordConfig;
use crate::script::error::ScriptError;
use crate::script::host::instance::Instance;
use crate::script::host::journal::PastMessage;
use crate::script::state::groups::Group;
use crate::script::state::snapshot;
use crate::script::state::store::{file_name, oldest_slot};
use crate::script::throttle::{Throttle, held_back};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use prost::Message as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Buffered requests are written at least this often.
const FLUSH: Duration = Duration::from_secs(1);

/// Records the requests of the daemon.
#[derive(Debug)]
pub(crate) struct FlightRecorder {
    dir: PathBuf,
    config: RecordConfig,
    init: InitRequest,
    file: Option<Recording>,
    bytes: Vec<u8>,
    errors: Throttle,
    troubles: Throttle,
}

#[derive(Debug)]
struct Recording {
    gzip: GzEncoder<File>,
    size: u64,
    flushed: Instant,
}

impl FlightRecorder {
    /// A recorder of a session that begins, if the configuration asks for one.
    pub(crate) fn new(config: &RecordConfig, request: &InitRequest) -> Option<Self> {
        let mut recorder = Self {
            dir: config.dir.clone()?,
            config: config.clone(),
            init: request.clone(),
            file: None,
            bytes: Vec::new(),
            errors: Throttle::default(),
            troubles: Throttle::default(),
        };
        recorder.begin(None);
        Some(recorder)
    }

    /// The session begins with this state.
    pub(crate) fn restore(&mut self, snapshot: &[u8]) {
        let restore = RestoreRequest { snapshot: snapshot.to_vec() };
        put(&mut self.bytes, request::Message::Restore(restore));
        self.write();
    }

    /// A point of a stream has arrived.
    pub(crate) fn point(&mut self, point: &Point) {
        if self.file.is_some() {
            point.put_frame(&mut self.bytes);
            self.write();
        }
    }

    /// A batch was handled.
    pub(crate) fn batch(&mut self, batch: &Batch) {
        if self.file.is_some() {
            put_batch(&mut self.bytes, batch);
            self.write();
        }
    }

    /// Everything that was written has been handled: a file that is long enough ends, and the next
    /// begins with the state.
    pub(crate) fn settled(&mut self, instance: &Instance) {
        if self.file.as_ref().is_some_and(|file| file.size >= self.config.size) {
            let program = &instance.program;
            match instance.groups.snapshot(&instance.origin, program.types(), 0) {
                Ok(snapshot) => self.begin(Some(&snapshot)),
                Err(error) => self.trouble(&format!("the state cannot be saved: {error}")),
            }
        }
    }

    /// A call failed: writes the file that runs to the same error. `start`: the state of the group
    /// before the message.
    pub(crate) fn failure(
        &mut self,
        instance: &Instance,
        key: &[u8],
        start: Option<&Group>,
        message: &PastMessage,
        error: &ScriptError,
    ) {
        let Some(held) = self.errors.pass() else { return };
        let init = self.init.clone();
        let mut bytes = Vec::new();
        put(&mut bytes, request::Message::Init(init.clone()));
        if let Some(group) = start {
            let group = std::iter::once((key, group));
            let (types, clock) = (instance.program.types(), instance.groups.clock());
            match snapshot::snapshot(group, 1, clock, &instance.origin, types, 0) {
                Ok(snapshot) => {
                    put(&mut bytes, request::Message::Restore(RestoreRequest { snapshot }));
                }
                Err(error) => self.trouble(&format!("the state cannot be saved: {error}")),
            }
        }
        put_message(&mut bytes, message);
        let comment = format!(
            "rhai-udf {}: script {}, version {}, options {}: {error}",
            env!("CARGO_PKG_VERSION"),
            instance.program.source().path.display(),
            instance.program.hash(),
            instance.origin.options,
        );
        let name = self.file_name();
        let slot = oldest_slot(&self.dir, self.config.errors, |i| {
            format!("{name}.error-{i}.requests.bin.gz")
        });
        let written = slot.and_then(|path| {
            let mut gzip = create(&path, &comment)?;
            gzip.write_all(&bytes)?;
            gzip.finish()?.flush()?;
            Ok(path)
        });
        match written {
            Ok(path) => log::error!(
                "recorded the failing message and its group's state in {}{}",
                path.display(),
                held_back(held)
            ),
            Err(error) => self.trouble(&error.to_string()),
        }
    }

    /// The beginning of the names of the files; workers have files of their own.
    fn file_name(&self) -> String {
        let name = file_name(&self.init.task_id, &self.init.node_id);
        match self.config.worker {
            Some(worker) => format!("{name}.worker-{}", worker + 1),
            None => name,
        }
    }

    /// Begins the next file of the ring.
    fn begin(&mut self, snapshot: Option<&[u8]>) {
        self.file = None;
        let init = self.init.clone();
        let name = self.file_name();
        let slot =
            oldest_slot(&self.dir, self.config.files, |i| format!("{name}.{i}.requests.bin.gz"));
        let comment = format!("rhai-udf {}: a recorded session", env!("CARGO_PKG_VERSION"));
        match slot.and_then(|path| create(&path, &comment)) {
            Ok(gzip) => self.file = Some(Recording { gzip, size: 0, flushed: Instant::now() }),
            Err(error) => return self.trouble(&error.to_string()),
        }
        put(&mut self.bytes, request::Message::Init(init));
        if let Some(snapshot) = snapshot {
            let restore = RestoreRequest { snapshot: snapshot.to_vec() };
            put(&mut self.bytes, request::Message::Restore(restore));
        }
        self.write();
    }

    /// Writes the buffered requests. A full disk ends the recording, not the task.
    fn write(&mut self) {
        let Some(file) = &mut self.file else {
            self.bytes.clear();
            return;
        };
        file.size += self.bytes.len() as u64;
        let mut result = file.gzip.write_all(&self.bytes);
        if file.flushed.elapsed() >= FLUSH {
            result = result.and_then(|()| file.gzip.flush());
            file.flushed = Instant::now();
        }
        self.bytes.clear();
        if let Err(error) = result {
            self.file = None;
            self.trouble(&error.to_string());
        }
    }

    fn trouble(&mut self, what: &str) {
        if let Some(held) = self.troubles.pass() {
            log::error!("recording into {}: {what}{}", self.dir.display(), held_back(held));
        }
    }
}

fn create(path: &Path, comment: &str) -> io::Result<GzEncoder<File>> {
    let file = File::create(path)?;
    let comment = comment.replace('\0', " ");
    Ok(GzBuilder::new().comment(comment).write(file, Compression::fast()))
}

fn put(out: &mut Vec<u8>, message: request::Message) {
    RequestMessage { message: Some(message) }.encode_length_delimited(out).expect("a Vec has room");
}

/// Requests and responses carry data under the same numbers, so a response's frame will do.
fn put_message(out: &mut Vec<u8>, message: &PastMessage) {
    match message {
        PastMessage::Point(bytes) => Point::put_message_frame(bytes, out),
        PastMessage::Chunk(batch) => {
            (0..batch.len()).for_each(|i| {
                Point::put_message_frame(batch.message(i).unwrap_or_default(), out);
            });
        }
        PastMessage::Batch(batch) => put_batch(out, batch),
    }
}

fn put_batch(out: &mut Vec<u8>, batch: &Batch) {
    put(out, request::Message::Begin(batch.begin_message()));
    for i in 0..batch.len() {
        Point::put_message_frame(batch.message(i).unwrap_or_default(), out);
    }
    put(out, request::Message::End(batch.end_message()));
}
