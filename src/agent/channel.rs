//! The writer of a session, shared by the loop and the watchdog. It collects frames and writes them in
//! large pieces.

use crate::protocol::message::{KeepaliveResponse, respond, response};
use prost::Message;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Collected output is written as soon as it has this many bytes.
const FULL: usize = 64 * 1024;

/// A writer of whole frames.
#[derive(Clone)]
pub(crate) struct Channel(Arc<Mutex<Shared>>);

struct Shared {
    writer: Box<dyn Write + Send>,
    waiting: Vec<u8>,
    written: Instant,
    /// The first failure to write: the daemon does not read any more.
    failed: Option<io::ErrorKind>,
}

impl Channel {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            writer: Box::new(writer),
            waiting: Vec::new(),
            written: Instant::now(),
            failed: None,
        })))
    }

    /// Takes frames, and writes everything if there is enough of it.
    pub(crate) fn push(&self, frames: &[u8]) -> io::Result<()> {
        let mut shared = self.lock();
        if frames.len() >= FULL {
            // Without a copy.
            shared.flush()?;
            return shared.write(frames);
        }
        shared.waiting.extend_from_slice(frames);
        if shared.waiting.len() >= FULL {
            return shared.flush();
        }
        Ok(())
    }

    /// Writes everything that was taken and not written yet.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    /// Writes everything and a keepalive after it, if nothing was written since `then`.
    pub(crate) fn keepalive_since(&self, then: Instant, now_ns: i64) -> io::Result<bool> {
        let mut shared = self.lock();
        if shared.written > then {
            return Ok(false);
        }
        let keepalive = respond(response::Message::Keepalive(KeepaliveResponse { time: now_ns }));
        keepalive.encode_length_delimited(&mut shared.waiting).expect("a Vec has room");
        shared.flush().map(|()| true)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn flush(&mut self) -> io::Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let result = self.write(&waiting);
        waiting.clear();
        self.waiting = waiting;
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let result = self.writer.write_all(bytes).and_then(|()| self.writer.flush());
        if let Err(error) = &result {
            self.failed = Some(error.kind());
        }
        self.written = Instant::now();
        result
    }
}
