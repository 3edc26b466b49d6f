//! The agent: speaks the protocol on behalf of a [`Handler`].
//!
//! [`run`] is the loop of a process or a connection. It reads as much as there is, handles every
//! complete frame, and writes when there is no more input, when there is enough output, or when the
//! oldest output is 20 ms old. A second thread (`watchdog.rs`) sends keepalives while a call is slow and
//! stops calls that exceed their budget, or that do not end when the session must end.

mod channel;
mod control;
mod conversation;
mod handler;
pub mod label;
mod output;
mod session;
pub mod socket;
mod watchdog;
pub mod workers;

pub use control::{Control, Wakeable};
pub use handler::{Handler, HandlerError, Info};
pub(crate) use output::Mark;
pub use output::{Output, OutputError};
pub use session::{Counts, Session};
pub use watchdog::Pulse;
pub(crate) use watchdog::{Watch, Watchdog};

use crate::protocol::{Frames, ProtocolError};
use channel::Channel;
use conversation::Conversation;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Output is written after this time at the latest, even while there is more input.
const PATIENCE: Duration = Duration::from_millis(20);

/// After `init` was refused, the daemon never closes the input, so the session ends when only keepalives have come
/// for this long.
const LINGER: Duration = Duration::from_secs(5);

/// While messages take less than this, the clock is read for every 16th message only.
const FAST: Duration = Duration::from_micros(200);

/// Why a session ended before its input did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The input does not follow the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A callback failed.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// Data arrived before `init`.
    #[error("{what} arrived before init")]
    BeforeInit {
        /// What arrived.
        what: &'static str,
    },
    /// A batch for a UDF that wants a stream.
    #[error(
        "{what} arrived, but the UDF wants a stream; if its declaration has changed, restart kapacitord, \
         which asks for it only when it starts"
    )]
    WrongEdge {
        /// What arrived.
        what: &'static str,
    },
    /// A bare point for a UDF that wants batches.
    #[error(
        "a point arrived outside a batch, but the UDF wants batches; if its declaration has changed, \
         restart kapacitord, which asks for it only when it starts"
    )]
    PointOutsideBatch,
    /// A batch inside a batch.
    #[error("batch '{name}' began inside another")]
    NestedBatch {
        /// The inner batch.
        name: String,
    },
    /// An end without a begin.
    #[error("the end of batch '{name}' arrived without its begin")]
    EndWithoutBegin {
        /// The batch.
        name: String,
    },
    /// The daemon no longer reads the output.
    #[error("the output is closed: {0}")]
    Closed(std::io::Error),
    /// The watchdog cannot be started.
    #[error("the watchdog thread cannot be started: {0}")]
    Watchdog(std::io::Error),
    /// A worker cannot be started.
    #[error("the thread of a worker cannot be started: {0}")]
    Worker(std::io::Error),
    /// A worker ended by itself.
    #[error("a worker has ended unexpectedly; its group's state is lost, so the session ends")]
    WorkerGone,
}

/// How a session is run.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// How long the loop may be busy before the watchdog sends a keepalive.
    pub keepalive: Duration,
    /// How long one call may take; `None` for any time.
    pub call_timeout: Option<Duration>,
    /// The bytes by which the process may grow during one call; 0 for any number.
    pub memory: u64,
    /// Passes requests of other threads to the session.
    pub control: Control,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            keepalive: Duration::from_secs(1),
            call_timeout: None,
            memory: 0,
            control: Control::default(),
        }
    }
}

/// Runs a handler until its input ends, and returns what it has seen.
///
/// # Errors
/// Whatever ended the session early; the daemon has been told, unless it is gone.
pub fn run<H: Handler>(
    reader: impl Read,
    writer: impl Write + Send + 'static,
    handler: H,
    options: &AgentOptions,
) -> Result<Counts, AgentError> {
    let channel = Channel::new(writer);
    let pulse = handler.pulse();
    let AgentOptions { keepalive, call_timeout, memory, .. } = *options;
    let watch = Watch {
        keepalive: Some((channel.clone(), keepalive)),
        budget: call_timeout,
        memory,
        control: options.control.clone(),
    };
    let _watchdog = Watchdog::start(pulse.clone(), watch).map_err(AgentError::Watchdog)?;
    let mut session = Session::new(handler);
    let result = converse(reader, &channel, &mut session, &pulse, &options.control);
    end(&channel, &mut session, result)
}

/// Ends a session after its loop, and writes the output that is left.
fn end(
    channel: &Channel,
    session: &mut impl Conversation,
    result: Result<(), AgentError>,
) -> Result<Counts, AgentError> {
    match &result {
        // The daemon does not read any more; the handler may still store its state.
        Err(AgentError::Closed(_)) => drop(session.close()),
        Err(error) => session.fail(error),
        Ok(()) => {}
    }
    let written = channel.push(session.output().committed()).and_then(|()| channel.flush());
    result.and(written.map_err(AgentError::Closed))?;
    Ok(session.counts())
}

fn converse<C: Conversation>(
    reader: impl Read,
    channel: &Channel,
    session: &mut C,
    pulse: &Pulse,
    control: &Control,
) -> Result<(), AgentError> {
    let began = Instant::now();
    let mut frames = Frames::new(reader);
    let mut beat = 0;
    let mut clock = Clock::default();
    let mut refused = None;
    loop {
        if !frames.has_next() {
            pulse.reset();
            pulse.beat(beat + 1);
            settle(channel, session)?;
            beat += 2;
            pulse.beat(beat);
            channel.flush().map_err(AgentError::Closed)?;
            clock.restart();
        }
        if control.needs_attention() {
            pulse.reset();
            pulse.beat(beat + 1);
            let attended = attend(session, control, began);
            hand_over(channel, session)?;
            attended?;
            beat += 2;
            pulse.beat(beat);
            if control.stops() && !frames.has_next() {
                log::info!("asked to end: the requests that were already read are still handled");
                break;
            }
        }
        let frame = match frames.locate_next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(ProtocolError::Read(error)) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(ProtocolError::Read(error)) if error.kind() == ErrorKind::TimedOut => {
                log::info!(
                    "init was refused, and the daemon has sent nothing for {LINGER:?}: the process ends"
                );
                break;
            }
            Err(error) => return Err(error.into()),
        };
        pulse.reset();
        pulse.beat(beat + 1);
        let handled = session.handle(frame);
        hand_over(channel, session)?;
        handled?;
        if session.refused() != refused {
            refused = session.refused();
            control.wait_until(refused.map(|_| Instant::now() + LINGER));
        }
        if clock.is_due() {
            settle(channel, session)?;
            channel.flush().map_err(AgentError::Closed)?;
        }
        beat += 2;
        pulse.beat(beat);
    }
    session.close()
}

/// Handles points that the session has collected, and hands over its output, even if that fails.
fn settle(channel: &Channel, session: &mut impl Conversation) -> Result<(), AgentError> {
    let settled = session.ready();
    hand_over(channel, session)?;
    settled
}

/// Moves the committed output to the channel.
#[inline]
fn hand_over(channel: &Channel, session: &mut impl Conversation) -> Result<(), AgentError> {
    let output = session.output();
    if !output.committed().is_empty() {
        channel.push(output.committed()).map_err(AgentError::Closed)?;
        output.clear();
    }
    Ok(())
}

/// Handles the requests of other threads. Requests that cannot be handled inside a batch are handled after its end.
fn attend(
    session: &mut impl Conversation,
    control: &Control,
    began: Instant,
) -> Result<(), AgentError> {
    let between = !session.in_batch();
    if between {
        control.attend();
    }
    if control.take_report() {
        log::info!("status: {}", session.report(began.elapsed())?);
    }
    if between {
        session.between()?;
    }
    Ok(())
}

/// Tells when output has waited for [`PATIENCE`]. Reads the clock rarely while messages are fast.
#[derive(Default)]
struct Clock {
    /// When the wait began, and when the time was last looked at.
    since: Option<(Instant, Instant)>,
    messages: u32,
    stride: u32,
}

impl Clock {
    /// Starts again: everything has been written.
    fn restart(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn is_due(&mut self) -> bool {
        self.messages += 1;
        if self.messages <= self.stride {
            return false;
        }
        let now = Instant::now();
        let (since, looked) = *self.since.get_or_insert((now, now));
        let each = (now - looked) / self.messages;
        self.stride = if each < FAST { 15 } else { 0 };
        self.messages = 0;
        let due = now - since >= PATIENCE;
        self.since = Some((if due { now } else { since }, now));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{EdgeType, InitRequest, RequestMessage, request};
    use crate::protocol::{Point, frame::put_frame};
    use prost::Message as _;
    use std::os::unix::net::UnixStream;

    /// Asks its own session to end at the first point.
    struct Ends(Control, u32);

    impl Handler for Ends {
        fn info(&mut self) -> Info {
            Info::new(EdgeType::Stream, EdgeType::Stream)
        }
        fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
            Ok(())
        }
        fn point(&mut self, _: &mut Point, _: &mut Output) -> Result<(), HandlerError> {
            if self.1 == 0 {
                self.0.stop();
            }
            self.1 += 1;
            Ok(())
        }
    }

    /// The request arrives while more points are buffered, and the daemon keeps the input open.
    #[test]
    fn a_session_that_is_asked_to_end_between_buffered_points_ends_after_them() {
        let mut input = Vec::new();
        let init = request::Message::Init(InitRequest::default());
        put_frame(&mut input, &RequestMessage { message: Some(init) }.encode_to_vec());
        for time in 1..=3 {
            let mut message = Vec::new();
            Point::new(time).put_request(&mut message);
            put_frame(&mut input, &message);
        }
        let (reader, mut daemon) = UnixStream::pair().unwrap();
        daemon.write_all(&input).unwrap();
        let control = Control::default();
        let (send, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let reader = Wakeable::new(reader, &control).unwrap();
            let options = AgentOptions { control: control.clone(), ..AgentOptions::default() };
            let counts = run(reader, std::io::sink(), Ends(control, 0), &options).unwrap();
            send.send(counts.points_in).unwrap();
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(3));
    }
}
