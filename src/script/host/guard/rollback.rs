//! Restores the previous version: it handles the messages since the reload, and the call in which the new one failed.

use super::{Current, Guard, Previous};
use crate::agent::Output;
use crate::protocol::{Batch, Point};
use crate::script::api::{SharedBatch, SharedPoint};
use crate::script::config::OnError;
use crate::script::error::ScriptError;
use crate::script::host::Emission;
use crate::script::host::callback::Callback;
use crate::script::host::instance::{Call, Failure, Instance};
use crate::script::host::journal::Journal;
use crate::script::state::checkpoint::Progress;
use rhai::Dynamic;
use std::rc::Rc;

/// The number of errors of a new version after which the old one is restored, if errors do not stop the task.
const BURST: u32 = 3;

impl Guard {
    /// Gives the failing call to the previous version, after the messages since the reload.
    pub(super) fn roll_back(
        &mut self,
        instance: &mut Box<Instance>,
        callback: Callback,
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
        let lost = self.journal.first().saturating_sub(previous.since);
        let caught_up = catch_up(old, &self.journal, previous.since);
        output.rollback();
        let retried = retry(old, callback, self.message.progress, batch, &self.message, output);
        let Ok(emission) = retried else {
            output.rollback();
            old.groups = saved;
            return None;
        };
        let mut old = self.previous.take()?.instance;
        log::error!(
            "reload: version {} fails on messages that version {} can handle, so that version runs again: {} ({caught_up} messages were handled again{})",
            instance.program.hash(),
            old.program.hash(),
            failure.error,
            if lost > 0 { format!(", {lost} older ones were not") } else { String::new() }
        );
        std::mem::swap(instance, &mut old);
        self.message.failed = false;
        self.went_back = true;
        Some(emission)
    }

    /// Restores the previous version because another worker did. No message may be in progress.
    pub(crate) fn go_back(&mut self, instance: &mut Box<Instance>) {
        let Some(Previous { instance: mut old, since, .. }) = self.previous.take() else { return };
        catch_up(&mut old, &self.journal, since);
        // Groups that were removed since must not return.
        for id in old.groups.ids() {
            if instance.groups.get(&id).is_none()
                && let Some(place) = old.groups.find(&id)
            {
                old.groups.remove(place);
            }
        }
        *instance = old;
        instance.program.host().asked.set(None);
        instance.program.pulse().renew();
    }
}

/// Handles the messages since a number in another version; gives their number.
fn catch_up(old: &mut Instance, journal: &Journal, since: u64) -> u64 {
    let mut scrap = old.scrap();
    let mut caught_up = 0;
    for (_, entry) in journal.since(since) {
        let before = entry.failed.then(|| old.groups.get(&entry.group).cloned()).flatten();
        if old.again(entry, &mut scrap).is_err()
            && let Some(group) = before
        {
            old.groups.insert(&entry.group, group);
        }
        caught_up += 1;
    }
    caught_up
}

/// Runs the failing call in another version, after the earlier calls of its batch.
fn retry(
    instance: &mut Instance,
    callback: Callback,
    progress: Progress,
    batch: &Rc<Batch>,
    message: &Current,
    output: &mut Output,
) -> Result<Emission, ScriptError> {
    let read = |point: &[u8]| Point::from_message(point).unwrap_or_default();
    let (call, emission) = if instance.wants_batches() {
        let to = match callback {
            Callback::EndBatch => Progress { begun: true, points: batch.len() },
            Callback::Point => Progress { begun: true, points: batch.len().saturating_sub(1) },
            _ => progress,
        };
        let place = instance.arrive_alone(batch.group.as_bytes(), batch.tmax);
        let mut scrap = instance.scrap();
        let from = Progress::default();
        let pending = instance.batch_again(place, batch, from, to, None, &mut scrap)?;
        let emission = Emission::Batch { meta: batch.clone(), pending };
        let argument = match callback {
            Callback::Point => {
                Dynamic::from(SharedPoint::new(read(batch.message(to.points).unwrap_or_default())))
            }
            Callback::BeginBatch => Dynamic::from(SharedBatch::new(batch.head())),
            _ => Dynamic::from(SharedBatch(batch.clone())),
        };
        (Call { callback, place, argument }, emission)
    } else {
        let point = read(&message.point);
        let place = instance.arrive_alone(point.group_bytes(), point.time());
        instance.point_call(place, point)
    };
    if !instance.program.has(call.callback) {
        return Ok(emission);
    }
    instance.program.host().asked.set(message.now);
    instance.program.pulse().renew();
    instance.attempt(call, emission, output).map_err(|failure| failure.error)
}
