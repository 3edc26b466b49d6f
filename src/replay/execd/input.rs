//! Lines that arrive, as the requests that the daemon would send.

use super::Desk;
use super::cutter::{Cutter, Next};
use super::shaping::Shaping;
use super::state::{Kept, StateKeeper};
use crate::protocol::Point;
use crate::protocol::line::{Precision, Reader};
use crate::protocol::message::{InitRequest, RestoreRequest, SnapshotRequest, request};
use crate::replay::ReplayError;
use crate::script::throttle::{Throttle, held_back};
use crate::tick::Graph;
use std::io::{self, ErrorKind, Read};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that are read at a time.
const BLOCK: usize = 64 << 10;

/// Reads lines, and gives requests. It gives what has arrived and does not wait for more, and ends after
/// the end of the input or [`Desk::end`], with a last request for the state if that is kept.
pub struct Input<R> {
    reader: R,
    desk: Desk,
    block: Vec<u8>,
    cutter: Cutter,
    shaping: Shaping,
    point: Point,
    /// How much of the requests has been given.
    given: usize,
    keeper: Option<StateKeeper>,
    ended: bool,
    bad: Throttle,
}

impl<R: Read> Input<R> {
    /// Makes an input that begins with the options of a script and with the state that was kept of it.
    /// `reader` must fail with [`ErrorKind::WouldBlock`] when the desk's control interrupts it.
    ///
    /// # Errors
    /// Windows that cannot be restored.
    pub fn new(
        reader: R,
        desk: Desk,
        graph: Option<Graph>,
        init: InitRequest,
        keeper: Option<StateKeeper>,
    ) -> Result<Self, ReplayError> {
        let mut shaping = Shaping::new(graph);
        shaping.put(request::Message::Init(init));
        if let Some(Kept { windows, snapshot, .. }) = keeper.as_ref().and_then(StateKeeper::found) {
            for why in shaping.resume(windows)?.fresh {
                log::warn!("state: {why}; it starts fresh");
            }
            if let Some(snapshot) = snapshot {
                let restore = RestoreRequest { snapshot: snapshot.clone() };
                shaping.put(request::Message::Restore(restore));
            }
        }
        Ok(Self {
            reader,
            desk,
            block: vec![0; BLOCK],
            cutter: Cutter::new(Reader::with_now(Precision::Nanoseconds, 0)),
            shaping,
            point: Point::default(),
            given: 0,
            keeper,
            ended: false,
            bad: Throttle::default(),
        })
    }

    /// Reads what there is; true at the end.
    fn fill(&mut self) -> io::Result<bool> {
        match self.reader.read(&mut self.block) {
            Ok(0) => Ok(true),
            Ok(read) => {
                self.cutter.push(&self.block[..read]);
                Ok(false)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Turns all whole lines into requests.
    fn handle(&mut self, ended: bool) -> Result<(), ReplayError> {
        self.cutter.set_now(now());
        loop {
            match self.cutter.next(&mut self.point, ended) {
                Next::More => return Ok(()),
                Next::Point => {
                    self.desk.0.lines.fetch_add(1, Ordering::Relaxed);
                    self.shaping.point(&mut self.point)?;
                }
                Next::Bad(error, line) => {
                    self.desk.0.bad.fetch_add(1, Ordering::Relaxed);
                    if let Some(held) = self.bad.pass() {
                        log::error!("a line is skipped: {error}: {line}{}", held_back(held));
                    }
                }
            }
        }
    }

    /// Asks for the state at this place of the data.
    fn ask_for_state(&mut self) -> Result<(), ReplayError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let windows = self.shaping.states()?;
        keeper.expect(windows, self.desk.passed().lines);
        self.shaping.put(request::Message::Snapshot(SnapshotRequest {}));
        Ok(())
    }

    /// Nothing more is read. `whole`: what was read ends with the input, so that a last line without
    /// an end is one.
    fn end(&mut self, whole: bool) -> Result<(), ReplayError> {
        self.ended = true;
        if self.desk.refused().is_some() {
            return Ok(());
        }
        self.handle(whole)?;
        match &self.keeper {
            Some(_) => self.ask_for_state(),
            None => self.shaping.finish(),
        }
    }

    /// Makes the next requests; waits for them.
    fn advance(&mut self) -> io::Result<()> {
        let failed = |error: ReplayError| io::Error::other(error);
        if self.desk.ends() {
            return self.end(false).map_err(failed);
        }
        if self.desk.takes_due() {
            return self.ask_for_state().map_err(failed);
        }
        match self.fill() {
            Ok(true) => self.end(true).map_err(failed),
            Ok(false) => self.handle(false).map_err(failed),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // The session may have been woken for another reason.
                let mine = self.desk.ends() || self.desk.0.due.load(Ordering::SeqCst);
                if mine { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.shaping.frames().len() {
            self.shaping.frames().clear();
            self.given = 0;
            if self.ended {
                return Ok(0);
            }
            self.advance()?;
        }
        let waiting = &self.shaping.frames()[self.given..];
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.given += count;
        Ok(count)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
