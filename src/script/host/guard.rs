//! What goes wrong and is put right: states brought back to before a call that failed, and the
//! version before a reload brought back when the new one fails where the old one does not.

use crate::agent::Output;
use crate::protocol::message::InitRequest;
use crate::protocol::{Batch, Point};
use crate::script::api::{SharedBatch, SharedPoint};
use crate::script::config::{Config, OnError};
use crate::script::error::ScriptError;
use crate::script::host::Emission;
use crate::script::host::flight_recorder::FlightRecorder;
use crate::script::host::instance::{Call, Failure, Instance};
use crate::script::host::journal::{CALLS, Entry, Journal, Message};
use crate::script::host::program::Callback;
use crate::script::state::checkpoint::{Checkpoint, Progress};
use crate::script::state::groups::Group;
use rhai::Dynamic;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A call that takes longer is not run again: the next begins with a checkpoint.
const SLOW: Duration = Duration::from_millis(5);

/// Errors of a new version that bring the old one back where errors do not stop the task.
const BURST: u32 = 3;

/// The keeper of the last messages and of the version before this one.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) journal: Journal,
    pub(crate) recorder: Option<FlightRecorder>,
    on_error: OnError,
    previous: Option<Previous>,
    message: Current,
}

/// The version before a reload, as it was then.
#[derive(Debug)]
struct Previous {
    instance: Box<Instance>,
    /// The first message that it has not seen.
    since: u64,
    until: Instant,
    errors: u32,
}

/// The message at hand.
#[derive(Debug, Default)]
struct Current {
    /// The bytes of a stream's point, and its key.
    point: Vec<u8>,
    key: Vec<u8>,
    progress: Progress,
    now: Option<i64>,
    failed: bool,
    opened: bool,
    /// The state of a batch's group at its beginning, for the recorder.
    start: Option<Option<Group>>,
}

impl Guard {
    pub(crate) fn new(config: &Config, recorder: Option<FlightRecorder>) -> Self {
        Self {
            journal: Journal::default(),
            recorder,
            on_error: config.on_error,
            previous: None,
            message: Current::default(),
        }
    }

    /// A point of a stream is at hand.
    pub(crate) fn take_point(&mut self, point: &Point) {
        (self.message.point, self.message.key) = self.journal.memory();
        point.put_message(&mut self.message.point);
    }

    /// The bytes of the point at hand, as it came.
    pub(crate) fn point(&self) -> &[u8] {
        &self.message.point
    }

    /// Runs a call. If it fails the state is what it was before, and where the version before a
    /// reload can do it, that version takes over.
    pub(crate) fn call(
        &mut self,
        instance: &mut Box<Instance>,
        call: Call<'_>,
        emission: Emission,
        batch: &Rc<Batch>,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let (callback, group, time) = (call.callback, call.group, call.time);
        let key = instance.key(group);
        instance.program.host().asked.set(self.message.now);
        if self.goes_back() {
            self.checkpoint(instance, key);
        }
        let began = Instant::now();
        let result = instance.attempt(call, emission, output);
        self.message.now = instance.program.host().asked.get();
        let result = match result {
            Ok(emission) => {
                if self.goes_back() && began.elapsed() > SLOW {
                    self.begin_anew(instance, key);
                }
                Ok(emission)
            }
            Err(failure) => {
                self.message.failed = true;
                if self.goes_back() {
                    self.rewind(instance, key, batch);
                }
                let failing = Failing { callback, group, time };
                match self.roll_back(instance, &failing, &failure, batch, output) {
                    Some(emission) => Ok(emission),
                    None => {
                        self.record_failure(instance, key, &failure.error, batch);
                        Err(failure)
                    }
                }
            }
        };
        match callback {
            Callback::BeginBatch => self.message.progress.begun = true,
            _ => self.message.progress = Progress { begun: true, points: batch.len() },
        }
        result
    }

    /// True if states are brought back after a failed call.
    fn goes_back(&self) -> bool {
        self.on_error != OnError::Stop || self.recorder.is_some()
    }

    /// Remembers the state of a group if that was last done too long ago.
    fn checkpoint(&mut self, instance: &mut Instance, key: &[u8]) {
        let wants_batches = instance.wants_batches();
        let mut group = instance.groups.get_mut(key);
        if self.recorder.is_some() && wants_batches && self.message.start.is_none() {
            let start = group.as_deref().map(|g| Group::new(g.state.clone(), g.seen));
            self.message.start = Some(start);
        }
        let Some(group) = &mut group else { return };
        let first = self.journal.first();
        if let Some(checkpoint) = &mut group.checkpoint
            && checkpoint.number >= first
            && checkpoint.calls < CALLS
        {
            checkpoint.calls += 1;
            return;
        }
        group.checkpoint = None;
        group.checkpoint = Some(Box::new(Checkpoint {
            state: group.state.clone(),
            seen: group.seen,
            number: self.journal.next(),
            progress: self.message.progress,
            calls: 1,
        }));
        self.message.opened = true;
    }

    /// The next call of the group begins with a checkpoint.
    fn begin_anew(&mut self, instance: &mut Instance, key: &[u8]) {
        if let Some(checkpoint) =
            instance.groups.get_mut(key).and_then(|group| group.checkpoint.as_mut())
        {
            checkpoint.calls = CALLS;
        }
    }

    /// Brings the state of a group back to before the call at hand.
    fn rewind(&mut self, instance: &mut Instance, key: &[u8], batch: &Rc<Batch>) {
        let Some(place) = instance.groups.find(key) else { return };
        let group = instance.groups.at(place);
        let Some(checkpoint) = group.checkpoint.take() else {
            // The call was the group's first.
            instance.groups.remove(place);
            return;
        };
        let Checkpoint { state, seen, number, progress, .. } = *checkpoint;
        (group.state, group.seen) = (state, seen);
        let from = |at: u64| if at == number { progress } else { Progress::default() };
        let mut scrap = instance.scrap();
        for (at, entry) in self.journal.since(number).filter(|(_, entry)| entry.group == key) {
            if let Err(error) = instance.again(entry, from(at), &mut scrap) {
                log::warn!("state of group {}: not quite what it was: {error}", shown(key));
            }
        }
        if instance.wants_batches() {
            let to = self.message.progress;
            let now = from(self.journal.next());
            if let Err(error) = instance.batch_again(batch, now, to, None, &mut scrap) {
                log::warn!("state of group {}: not quite what it was: {error}", shown(key));
            }
        }
        instance.program.host().asked.set(self.message.now);
        instance.program.pulse().renew();
    }

    /// The message at hand has been handled.
    pub(crate) fn finish(
        &mut self,
        instance: &mut Instance,
        group: &[u8],
        batch: Option<&Rc<Batch>>,
    ) {
        if self.previous.is_some() {
            self.expire();
        }
        let Current { point, mut key, now, failed, opened, .. } = std::mem::take(&mut self.message);
        key.clear();
        key.extend_from_slice(instance.key(group));
        let message = match batch {
            Some(batch) => Message::Batch(batch.clone()),
            None => Message::Point(point),
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.message(&message, &*instance);
        }
        let groups = &mut instance.groups;
        self.journal.push(Entry { message, group: key, now, failed, opened }, |id, number| {
            if let Some(group) = groups.get_mut(id)
                && group.checkpoint.as_ref().is_some_and(|c| c.number <= number)
            {
                group.checkpoint = None;
            }
        });
    }

    /// A new version has taken over; the old one is kept for a while.
    pub(crate) fn replaced(&mut self, old: Box<Instance>, probation: Duration) {
        let since = self.journal.next();
        let until = Instant::now() + probation;
        self.previous =
            (!probation.is_zero()).then_some(Previous { instance: old, since, until, errors: 0 });
    }

    /// Lets the version before a reload go when its time is over.
    fn expire(&mut self) {
        if self.previous.as_ref().is_some_and(|previous| Instant::now() > previous.until) {
            self.previous = None;
        }
    }

    /// Gives the failing call to the version before the reload, brought up to date.
    fn roll_back(
        &mut self,
        instance: &mut Box<Instance>,
        failing: &Failing<'_>,
        failure: &Failure,
        batch: &Rc<Batch>,
        output: &mut Output,
    ) -> Option<Emission> {
        self.expire();
        let previous = self.previous.as_mut()?;
        previous.errors += 1;
        if self.on_error != OnError::Stop && previous.errors < BURST {
            return None;
        }
        previous.errors = 0;
        let old = &mut previous.instance;
        let saved = old.groups.clone();
        let first = self.journal.first();
        let lost = first.saturating_sub(previous.since);
        let mut scrap = old.scrap();
        let mut caught_up = 0u64;
        for (_, entry) in self.journal.since(previous.since) {
            let before = entry.failed.then(|| old.groups.get(&entry.group).cloned()).flatten();
            if old.again(entry, Progress::default(), &mut scrap).is_err()
                && let Some(group) = before
            {
                old.groups.insert(&entry.group, group);
            }
            caught_up += 1;
        }
        output.rollback();
        let retried = retry(old, failing, self.message.progress, batch, &self.message, output);
        let Ok(emission) = retried else {
            output.rollback();
            old.groups = saved;
            return None;
        };
        let mut old = self.previous.take()?.instance;
        log::error!(
            "reload: version {} is rolled back to {}, which does not fail where it does: {} \
             ({caught_up} messages caught up{})",
            instance.program.hash(),
            old.program.hash(),
            failure.error,
            if lost > 0 { format!(", {lost} older ones not") } else { String::new() }
        );
        std::mem::swap(instance, &mut old);
        self.message.failed = false;
        Some(emission)
    }

    fn record_failure(
        &mut self,
        instance: &Instance,
        key: &[u8],
        error: &ScriptError,
        batch: &Rc<Batch>,
    ) {
        let Some(recorder) = &mut self.recorder else { return };
        let (start, message) = if instance.wants_batches() {
            let start = self.message.start.as_ref().and_then(Option::as_ref);
            (start, Message::Batch(batch.clone()))
        } else {
            (instance.groups.get(key), Message::Point(self.message.point.clone()))
        };
        recorder.failure(instance, key, start, &message, error);
    }

    /// The session begins with the states of an earlier one.
    pub(crate) fn record_restore(&mut self, instance: &Instance) {
        let Some(recorder) = &mut self.recorder else { return };
        let registry = instance.program.registry();
        if let Ok(snapshot) = instance.groups.snapshot(&instance.origin, registry, 0) {
            recorder.restore(&snapshot);
        }
    }

    /// Starts the recording of a session.
    pub(crate) fn record_init(&mut self, request: &InitRequest) {
        if let Some(recorder) = &mut self.recorder {
            recorder.init(request);
        }
    }
}

/// The call that failed.
struct Failing<'c> {
    callback: Callback,
    group: &'c [u8],
    time: i64,
}

/// Runs the failing call in another version, after what came before it in its batch.
fn retry(
    instance: &mut Instance,
    failing: &Failing<'_>,
    progress: Progress,
    batch: &Rc<Batch>,
    message: &Current,
    output: &mut Output,
) -> Result<Emission, ScriptError> {
    let argument = |point: &[u8]| {
        Dynamic::from(SharedPoint::new(Point::from_message(point).unwrap_or_default()))
    };
    let Failing { callback, group, time } = *failing;
    let (call, emission) = if instance.wants_batches() {
        let to = match failing.callback {
            Callback::EndBatch => Progress { begun: true, points: batch.len() },
            Callback::Point => Progress { begun: true, points: batch.len().saturating_sub(1) },
            _ => progress,
        };
        let mut scrap = instance.scrap();
        let pending = instance.batch_again(batch, Progress::default(), to, None, &mut scrap)?;
        let emission = Emission::Batch { meta: batch.clone(), pending };
        let argument = match failing.callback {
            Callback::Point => argument(batch.message(to.points).unwrap_or_default()),
            Callback::BeginBatch => Dynamic::from(SharedBatch::new(batch.head())),
            _ => Dynamic::from(SharedBatch(batch.clone())),
        };
        (Call { callback, group, time, argument }, emission)
    } else {
        instance.point_call(group, Point::from_message(&message.point).unwrap_or_default())
    };
    if !instance.program.has(call.callback) {
        return Ok(emission);
    }
    instance.program.host().asked.set(message.now);
    instance.program.pulse().renew();
    instance.attempt(call, emission, output).map_err(|failure| failure.error)
}

fn shown(key: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(key).replace('\n', " "))
}
