//! Recovery from failed calls: the state is restored to that before the call, and the previous version is restored if
//! the new one fails in a call that the old one can handle.

mod rollback;

use crate::agent::Output;
use crate::protocol::{Batch, Point};
use crate::script::api::SharedBatch;
use crate::script::config::{Config, OnError};
use crate::script::error::ScriptError;
use crate::script::host::Emission;
use crate::script::host::callback::Callback;
use crate::script::host::flight_recorder::FlightRecorder;
use crate::script::host::instance::{Call, Failure, Instance};
use crate::script::host::journal::{CALLS, Entry, Journal, PastMessage};
use crate::script::state::checkpoint::{Checkpoint, Progress};
use crate::script::state::groups::Group;
use rhai::Dynamic;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A call that takes longer is not run again: the next begins with a checkpoint.
const SLOW: Duration = Duration::from_millis(5);

/// Holds the last messages and the previous version.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) journal: Journal,
    pub(crate) recorder: Option<FlightRecorder>,
    on_error: OnError,
    /// Every message is kept, not only what undoes a chunk that failed.
    full: bool,
    previous: Option<Previous>,
    /// The previous version was restored, which has not been reported yet.
    went_back: bool,
    message: Current,
}

/// The previous version, with its states at the time of the reload.
#[derive(Debug)]
struct Previous {
    instance: Box<Instance>,
    /// The first message that it has not seen.
    since: u64,
    until: Instant,
    errors: u32,
}

/// The current message.
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
    /// A guard; `watched`: the script may be replaced while it runs.
    pub(crate) fn new(config: &Config, recorder: Option<FlightRecorder>, watched: bool) -> Self {
        Self {
            journal: Journal::default(),
            full: config.on_error != OnError::Stop || watched || recorder.is_some(),
            recorder,
            on_error: config.on_error,
            previous: None,
            went_back: false,
            message: Current::default(),
        }
    }

    /// True once after the previous version was restored.
    pub(crate) fn take_went_back(&mut self) -> bool {
        std::mem::take(&mut self.went_back)
    }

    /// From now on every message is kept.
    pub(crate) fn keep_all(&mut self) {
        self.full = true;
    }

    /// True if a call for one point of the group need not be guarded: if it fails the task stops, and no
    /// earlier state of the group waits for the points that follow it.
    #[inline]
    pub(crate) fn ignores(&self, group: &Group) -> bool {
        !self.full && group.checkpoint.is_none()
    }

    /// A point of a stream is being handled.
    pub(crate) fn take_point(&mut self, point: &Point) {
        (self.message.point, self.message.key) = self.journal.memory();
        point.put_message(&mut self.message.point);
    }

    /// The bytes of the current point, unchanged.
    pub(crate) fn point(&self) -> &[u8] {
        &self.message.point
    }

    /// Runs `points` for a chunk. If it fails the state is what it was before, and the points are to be
    /// handled one by one. What it returns is for [`Guard::finish_chunk`].
    pub(crate) fn chunk(
        &mut self,
        instance: &mut Instance,
        place: usize,
        batch: &Rc<Batch>,
        output: &mut Output,
    ) -> Result<ChunkRun, ScriptError> {
        self.message = Current::default();
        instance.program.host().asked.set(None);
        instance.program.pulse().renew();
        let points = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.checkpoint(instance, place, points);
        let began = Instant::now();
        let argument = Dynamic::from(SharedBatch(batch.clone()));
        let call = Call { callback: Callback::Points, place, argument };
        match instance.attempt(call, Emission::Chunk, output) {
            Ok(_) => {
                if began.elapsed() > SLOW {
                    begin_anew(instance, place);
                }
                let now = instance.program.host().asked.get();
                Ok(ChunkRun { now, opened: self.message.opened })
            }
            Err(failure) => {
                self.undo(instance, place);
                Err(failure.error)
            }
        }
    }

    /// Restores the state of a group from before its last chunk, which is not finished.
    pub(crate) fn undo(&mut self, instance: &mut Instance, place: usize) {
        self.message = Current::default();
        self.rewind(instance, place, None);
    }

    /// A chunk has been handled and will not be repeated.
    pub(crate) fn finish_chunk(
        &mut self,
        instance: &mut Instance,
        place: usize,
        batch: &Rc<Batch>,
        run: ChunkRun,
    ) {
        self.expire();
        if !self.full {
            // The next chunk takes a checkpoint of its own, so this one need not be kept.
            let group = instance.groups.at(place);
            if group.checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.calls >= CALLS) {
                group.checkpoint = None;
                return;
            }
        }
        let entry = Entry {
            message: PastMessage::Chunk(batch.clone()),
            group: instance.groups.id(place).to_vec(),
            now: run.now,
            failed: false,
            opened: run.opened,
        };
        self.keep(instance, entry);
    }

    /// Runs a call. If it fails, the earlier state is restored, and if the previous version can handle the call, that
    /// version takes over.
    pub(crate) fn call(
        &mut self,
        instance: &mut Box<Instance>,
        call: Call,
        emission: Emission,
        batch: &Rc<Batch>,
        output: &mut Output,
    ) -> Result<Emission, Box<Failure>> {
        let (callback, place) = (call.callback, call.place);
        instance.program.host().asked.set(self.message.now);
        if self.goes_back() {
            self.checkpoint(instance, place, 1);
        } else if let Some(checkpoint) = &mut instance.groups.at(place).checkpoint {
            checkpoint.calls += 1;
        }
        let began = Instant::now();
        let result = instance.attempt(call, emission, output);
        self.message.now = instance.program.host().asked.get();
        let result = match result {
            Ok(emission) => {
                if self.goes_back() && began.elapsed() > SLOW {
                    begin_anew(instance, place);
                }
                Ok(emission)
            }
            Err(failure) => {
                self.message.failed = true;
                if self.goes_back() {
                    self.rewind(instance, place, Some(batch));
                }
                match self.roll_back(instance, callback, &failure, batch, output) {
                    Some(emission) => Ok(emission),
                    None => {
                        self.record_failure(instance, place, &failure.error, batch);
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

    /// True if states are restored after every failed call.
    fn goes_back(&self) -> bool {
        self.on_error != OnError::Stop || self.recorder.is_some()
    }

    /// Remembers the state of a group if that was last done too many points ago.
    fn checkpoint(&mut self, instance: &mut Instance, place: usize, points: u32) {
        let wants_batches = instance.wants_batches();
        let group = instance.groups.at(place);
        if self.recorder.is_some() && wants_batches && self.message.start.is_none() {
            self.message.start = Some(group.state.clone().map(|s| Group::new(Some(s), group.seen)));
        }
        let Some(state) = &group.state else { return };
        let first = self.journal.first();
        if let Some(checkpoint) = &mut group.checkpoint
            && checkpoint.number >= first
            && checkpoint.calls < CALLS
        {
            checkpoint.calls = checkpoint.calls.saturating_add(points);
            return;
        }
        group.checkpoint = Some(Box::new(Checkpoint {
            state: state.clone(),
            number: self.journal.next(),
            progress: self.message.progress,
            calls: points,
        }));
        self.message.opened = true;
    }

    /// Restores the state of a group from before the current call.
    fn rewind(&mut self, instance: &mut Instance, place: usize, batch: Option<&Rc<Batch>>) {
        let group = instance.groups.at(place);
        let Some(checkpoint) = group.checkpoint.take() else {
            // The call was the group's first.
            group.state = None;
            instance.program.pulse().renew();
            return;
        };
        let Checkpoint { state, number, progress, .. } = *checkpoint;
        group.state = Some(state);
        let key = instance.groups.id(place).to_vec();
        let from = |at: u64| if at == number { progress } else { Progress::default() };
        let mut scrap = instance.scrap();
        for (at, entry) in self.journal.since(number).filter(|(_, entry)| entry.group == key) {
            if let Err(error) = instance.again_at(place, entry, from(at), &mut scrap) {
                log::warn!(
                    "state of group {}: it could not be restored exactly: {error}",
                    shown(&key)
                );
            }
        }
        if let (true, Some(batch)) = (instance.wants_batches(), batch) {
            let to = self.message.progress;
            let now = from(self.journal.next());
            if let Err(error) = instance.batch_again(place, batch, now, to, None, &mut scrap) {
                log::warn!(
                    "state of group {}: it could not be restored exactly: {error}",
                    shown(&key)
                );
            }
        }
        instance.program.host().asked.set(self.message.now);
        instance.program.pulse().renew();
    }

    /// The current message has been handled.
    pub(crate) fn finish(
        &mut self,
        instance: &mut Instance,
        group: &[u8],
        batch: Option<&Rc<Batch>>,
    ) {
        self.expire();
        let Current { point, mut key, now, failed, opened, .. } = std::mem::take(&mut self.message);
        key.clear();
        key.extend_from_slice(instance.key(group));
        let message = match batch {
            Some(batch) => PastMessage::Batch(batch.clone()),
            None => PastMessage::Point(point),
        };
        if let (Some(recorder), PastMessage::Batch(batch)) = (&mut self.recorder, &message) {
            recorder.batch(batch);
        }
        self.keep(instance, Entry { message, group: key, now, failed, opened });
    }

    fn keep(&mut self, instance: &mut Instance, entry: Entry) {
        let groups = &mut instance.groups;
        self.journal.push(entry, |id, number| {
            if let Some(group) = groups.get_mut(id)
                && group.checkpoint.as_ref().is_some_and(|c| c.number <= number)
            {
                group.checkpoint = None;
            }
        });
    }

    /// A point of a stream has arrived.
    pub(crate) fn record_point(&mut self, point: &Point) {
        if let Some(recorder) = &mut self.recorder {
            recorder.point(point);
        }
    }

    /// Everything that has arrived has been handled: a recording that is long enough may end here.
    pub(crate) fn record_settled(&mut self, instance: &Instance) {
        if let Some(recorder) = &mut self.recorder {
            recorder.settled(instance);
        }
    }

    /// A new version has taken over; the old one is kept for a while.
    pub(crate) fn replaced(&mut self, old: Box<Instance>, probation: Duration) {
        let since = self.journal.next();
        let until = Instant::now() + probation;
        self.previous =
            (!probation.is_zero()).then_some(Previous { instance: old, since, until, errors: 0 });
    }

    /// Drops the previous version when its time is over.
    fn expire(&mut self) {
        if self.previous.as_ref().is_some_and(|previous| Instant::now() > previous.until) {
            self.previous = None;
        }
    }

    fn record_failure(
        &mut self,
        instance: &mut Instance,
        place: usize,
        error: &ScriptError,
        batch: &Rc<Batch>,
    ) {
        let Some(recorder) = &mut self.recorder else { return };
        let key = instance.groups.id(place).to_vec();
        let (start, message) = if instance.wants_batches() {
            let start = self.message.start.as_ref().and_then(Option::as_ref);
            (start, PastMessage::Batch(batch.clone()))
        } else {
            let group: &Group = instance.groups.at(place);
            (Some(group), PastMessage::Point(self.message.point.clone()))
        };
        let start = start.filter(|group| group.state.is_some()).cloned();
        recorder.failure(instance, &key, start.as_ref(), &message, error);
    }

    /// The session begins with the states of an earlier one.
    pub(crate) fn record_restore(&mut self, instance: &Instance) {
        let Some(recorder) = &mut self.recorder else { return };
        let types = instance.program.types();
        if let Ok(snapshot) = instance.groups.snapshot(&instance.origin, types, 0) {
            recorder.restore(&snapshot);
        }
    }
}

/// The entry of a handled chunk for the journal.
#[derive(Debug)]
pub(crate) struct ChunkRun {
    now: Option<i64>,
    opened: bool,
}

/// The next call of the group begins with a checkpoint.
fn begin_anew(instance: &mut Instance, place: usize) {
    if let Some(checkpoint) = &mut instance.groups.at(place).checkpoint {
        checkpoint.calls = CALLS;
    }
}

fn shown(key: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(key).replace('\n', " "))
}
