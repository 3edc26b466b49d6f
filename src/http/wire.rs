//! A connection with a buffer and a deadline.

use super::Limits;
use super::places::{Place, State};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The carrier of the bytes: a TCP connection, or one with encryption on top.
pub trait Link: Read + Write + Send {
    /// Lets each later read and write fail after this time.
    ///
    /// # Errors
    /// The connection cannot do that.
    fn wait_at_most(&mut self, time: Duration) -> io::Result<()>;

    /// Says that nothing more will be written.
    fn close_writing(&mut self);
}

/// A TCP connection that another thread may shut down.
#[derive(Clone, Debug)]
pub(super) struct Tcp(pub(super) Arc<TcpStream>);

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link for Tcp {
    fn wait_at_most(&mut self, time: Duration) -> io::Result<()> {
        // Zero would mean no limit.
        let time = Some(time.max(Duration::from_millis(1)));
        self.0.set_read_timeout(time)?;
        self.0.set_write_timeout(time)
    }

    fn close_writing(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }
}

/// How long something may take.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    began: Instant,
    /// The time that it may take in any case.
    time: Duration,
    /// The longest silence.
    stall: Duration,
    /// The bytes that give it another second.
    rate: u64,
    moved: u64,
}

impl Deadline {
    /// The time that the next read or write may take.
    fn left(&self) -> io::Result<Duration> {
        let earned = Duration::from_secs_f64(match self.rate {
            0 => 0.0,
            rate => self.moved as f64 / rate as f64,
        });
        match (self.time + earned).checked_sub(self.began.elapsed()) {
            Some(left) if !left.is_zero() => Ok(left.min(self.stall)),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// A connection with a buffer for reading, and with a deadline for its present action.
pub(super) struct Wire<'a> {
    link: &'a mut dyn Link,
    buffer: Vec<u8>,
    /// Where the bytes begin that were not used yet.
    start: usize,
    deadline: Deadline,
    limits: Limits,
    place: Option<&'a Place>,
}

impl fmt::Debug for Wire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("waiting", &self.peek().len()).finish_non_exhaustive()
    }
}

impl<'a> Wire<'a> {
    pub(super) fn new(link: &'a mut dyn Link, limits: Limits, place: Option<&'a Place>) -> Self {
        let began = Instant::now();
        let deadline =
            Deadline { began, time: limits.stall, stall: limits.stall, rate: 0, moved: 0 };
        Self { link, buffer: Vec::new(), start: 0, deadline, limits, place }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Publishes the state of this connection, for connections that need a place.
    pub(super) fn is_now(&self, state: State) {
        if let Some(place) = self.place {
            place.is_now(state);
        }
    }

    /// From now on, all must be done within `time`.
    pub(super) fn allow(&mut self, time: Duration) {
        let stall = time.max(self.limits.stall);
        self.deadline = Deadline { began: Instant::now(), time, stall, rate: 0, moved: 0 };
    }

    /// From now on, as much time is given as a body or an answer may take.
    pub(super) fn allow_transfer(&mut self) {
        let Limits { transfer: time, stall, rate, .. } = self.limits;
        self.deadline = Deadline { began: Instant::now(), time, stall, rate, moved: 0 };
    }

    /// The bytes that were received and not used.
    pub(super) fn peek(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Uses bytes of [`Wire::peek`].
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Waits for more bytes and adds them to [`Wire::peek`]; 0 at the end.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        const STEP: usize = 4 << 10;
        self.buffer.drain(..self.start);
        self.start = 0;
        let length = self.buffer.len();
        self.buffer.resize(length + STEP, 0);
        let received = receive(self.link, &mut self.deadline, &mut self.buffer[length..]);
        self.buffer.truncate(length + received.as_ref().unwrap_or(&0));
        received
    }

    /// Reads into `out`, first what was received already; 0 at the end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let waiting = self.peek();
        if waiting.is_empty() {
            return receive(self.link, &mut self.deadline, out);
        }
        let count = waiting.len().min(out.len());
        out[..count].copy_from_slice(&waiting[..count]);
        self.consume(count);
        Ok(count)
    }

    /// Writes everything.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.link.wait_at_most(self.deadline.left()?)?;
            match self.link.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.deadline.moved += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) => again_or(error)?,
            }
        }
        self.link.flush()
    }

    /// Ends the connection so that the last answer still arrives: what the other side still sends is read for a
    /// moment, because unread bytes would make the system discard the answer.
    pub(super) fn close(&mut self) {
        const READ: usize = 256 << 10;
        self.link.close_writing();
        self.is_now(State::Idle);
        self.allow(Duration::from_secs(1));
        let (mut scratch, mut read) = ([0; 4096], 0);
        while read < READ {
            match receive(self.link, &mut self.deadline, &mut scratch) {
                Ok(0) | Err(_) => break,
                Ok(count) => read += count,
            }
        }
    }
}

/// Reads once, within the deadline.
fn receive(link: &mut dyn Link, deadline: &mut Deadline, out: &mut [u8]) -> io::Result<usize> {
    loop {
        link.wait_at_most(deadline.left()?)?;
        match link.read(out) {
            Ok(count) => {
                deadline.moved += count as u64;
                return Ok(count);
            }
            Err(error) => again_or(error)?,
        }
    }
}

/// What a failed read or write means: a time-out has two names.
fn again_or(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
        _ => Err(error),
    }
}
