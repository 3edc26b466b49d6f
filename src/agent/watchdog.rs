//! The second thread of a session. It sends keepalives to the daemon while a slow call keeps the loop
//! busy, and marks a call as expired when it exceeds its budget of time or memory, or when it still runs after the
//! session was asked to end.

use super::channel::Channel;
use super::control::Control;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// While the loop waits for input, the watchdog checks this many times less often.
const IDLE: u32 = 4;

/// How long a call may run after its session was asked to end.
const GRACE: Duration = Duration::from_secs(1);

/// The interval of a watchdog that sends no keepalives.
const PACE: Duration = Duration::from_millis(400);

/// Shared by the loop, its handler and the watchdog. The loop counts in it: the count is odd while a
/// message is handled. The watchdog marks in it that the current call has exceeded its budget, and
/// the handler looks for that mark.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    beat: AtomicU64,
    /// The number of calls that were given a new budget inside a message.
    renewals: AtomicU64,
    expired: AtomicBool,
    /// The current call takes too much memory; `expired` is set too.
    greedy: AtomicBool,
    /// The session was asked to end, and the current call was still running; `expired` is set too.
    ending: AtomicBool,
    /// The longest that a message was seen to take, in nanoseconds.
    longest: AtomicU64,
    stopped: AtomicBool,
}

impl Pulse {
    /// Sets the count when the loop begins or ends a message.
    #[inline]
    pub(crate) fn beat(&self, beat: u64) {
        self.0.beat.store(beat, Ordering::Release);
    }

    /// True once the current call has exceeded its budget; false again with the next call.
    #[inline]
    pub fn expired(&self) -> bool {
        self.0.expired.load(Ordering::Relaxed)
    }

    /// True if the current call has exceeded its budget of memory rather than time.
    pub fn is_greedy(&self) -> bool {
        self.0.greedy.load(Ordering::Relaxed)
    }

    /// True if the current call has run for too long after the session was asked to end.
    pub fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Relaxed)
    }

    /// Marks the current call as expired, as the watchdog does.
    #[cfg(test)]
    pub(crate) fn expire(&self) {
        self.0.expired.store(true, Ordering::Relaxed);
    }

    /// Gives the call that begins a full budget.
    #[inline]
    pub(crate) fn reset(&self) {
        if self.expired() {
            self.0.expired.store(false, Ordering::Relaxed);
            self.0.greedy.store(false, Ordering::Relaxed);
            self.0.ending.store(false, Ordering::Relaxed);
        }
    }

    /// Gives another call of the same message a full budget.
    pub(crate) fn renew(&self) {
        self.reset();
        self.0.renewals.fetch_add(1, Ordering::Release);
    }

    /// The longest time that the watchdog saw a message take; 0 if all were done between two of its looks.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.0.longest.load(Ordering::Relaxed))
    }

    fn current(&self) -> (u64, u64) {
        (self.0.beat.load(Ordering::Acquire), self.0.renewals.load(Ordering::Acquire))
    }
}

/// The watchdog's thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pulse: Pulse,
    thread: Option<JoinHandle<()>>,
}

/// The settings of a watchdog.
#[derive(Default)]
pub(crate) struct Watch {
    /// Where keepalives go, and how long the loop may be busy without writing; `None` where there is no
    /// daemon.
    pub(crate) keepalive: Option<(Channel, Duration)>,
    /// How long one call may take; `None` for as long as it likes.
    pub(crate) budget: Option<Duration>,
    /// Bytes by which the process may grow in one call; 0 for any.
    pub(crate) memory: u64,
    /// Tells whether the session must end.
    pub(crate) control: Control,
}

impl Watchdog {
    /// Starts watching.
    pub(crate) fn start(pulse: Pulse, watch: Watch) -> std::io::Result<Self> {
        let pace = watch.keepalive.as_ref().map_or(PACE, |(_, keepalive)| *keepalive);
        let tick = pace.min(watch.budget.unwrap_or(pace)) / 8;
        let tick = tick.clamp(Duration::from_millis(1), Duration::from_millis(50));
        let watched = pulse.clone();
        let thread = std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || watch.run(&watched, tick))?;
        Ok(Self { pulse, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pulse.0.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Watch {
    fn run(&self, pulse: &Pulse, tick: Duration) {
        let mut before = 0;
        let mut beat = pulse.current();
        let mut since = Instant::now();
        let mut busy_since: Option<Instant> = None;
        let mut asked: Option<Instant> = None;
        let mut idle = true;
        while !pulse.0.stopped.load(Ordering::Acquire) {
            // Hundreds of sessions that wait for data should not keep a machine awake.
            std::thread::park_timeout(if idle { IDLE * tick } else { tick });
            let now = Instant::now();
            let current = pulse.current();
            if current != beat {
                (beat, since) = (current, now);
                before = 0;
            }
            idle = current.0.is_multiple_of(2);
            if idle {
                busy_since = None;
                continue;
            }
            let busy = *busy_since.get_or_insert(now);
            let took = u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX);
            pulse.0.longest.fetch_max(took, Ordering::Relaxed);
            if self.budget.is_some_and(|budget| now - since >= budget) {
                pulse.0.expired.store(true, Ordering::Relaxed);
            }
            if self.control.stops() && now - *asked.get_or_insert(now) >= GRACE {
                pulse.0.ending.store(true, Ordering::Relaxed);
                pulse.0.expired.store(true, Ordering::Relaxed);
            }
            if self.memory > 0 && current == beat {
                let size = resident();
                before = if before == 0 { size } else { before };
                if size.saturating_sub(before) > self.memory {
                    pulse.0.greedy.store(true, Ordering::Relaxed);
                    pulse.0.expired.store(true, Ordering::Relaxed);
                }
            }
            if let Some((channel, keepalive)) = &self.keepalive
                && now - busy >= keepalive.saturating_sub(2 * tick)
            {
                let Some(then) = now.checked_sub(keepalive.saturating_sub(tick)) else { continue };
                if channel.keepalive_since(then, unix_ns()).is_err() {
                    return; // The loop will meet the same failure.
                }
            }
        }
    }
}

/// Bytes of memory that the process takes; 0 where that cannot be known.
fn resident() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

fn unix_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}
