//! A script whose groups are spread over workers: the common work of the workers, and the work of the reading
//! thread's handler for all of them.

use super::{ScriptHandler, Stage};
use crate::agent::workers::{Arrival, Lead, Member, Trial};
use crate::agent::{Control, HandlerError, Pulse};
use crate::script::config::Config;
use crate::script::declaration::StateScope;
use crate::script::error::ScriptError;
use crate::script::host::callback::Callback;
use crate::script::host::handler::bound::Bound;
use crate::script::host::instance::Instance;
use crate::script::host::reload::Watcher;
use crate::script::host::succession::{Refused, Unproven};
use crate::script::state::bounds::Bounds;
use crate::script::state::groups::{Group, Groups};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A handler's part in a crew.
#[derive(Debug, Default)]
pub(super) struct Crewed {
    /// The script, a module or a model has changed; shared by all handlers of the crew.
    changed: Changed,
    /// A version that was tried.
    tried: Option<Box<Instance>>,
}

/// Tells all handlers of a crew that the script has changed.
#[derive(Clone, Debug, Default)]
pub struct Changed(Arc<AtomicBool>);

/// The status of one worker, for operators.
#[derive(Clone, Debug)]
pub struct WorkerReport {
    groups: usize,
    errors: u64,
    slowest: Duration,
    /// Bytes of the state, or why it cannot be stored.
    size: Result<usize, String>,
}

impl Default for WorkerReport {
    fn default() -> Self {
        Self { groups: 0, errors: 0, slowest: Duration::ZERO, size: Ok(0) }
    }
}

impl ScriptHandler {
    /// Says whether the groups of the script can be spread over workers: not if they share a state. One that
    /// is still to be chosen may.
    pub fn spreads(&self) -> bool {
        matches!(self.stage, Stage::Choosing)
            || self.program().is_ok_and(|program| program.declaration().scope == StateScope::Group)
    }

    /// Makes it the handler of a reading thread: it records nothing and takes no data. What it returns is
    /// for [`ScriptHandler::worker`].
    pub fn lead(&mut self) -> Changed {
        let mut config = (*self.config).clone();
        config.record.dir = None;
        self.config = Rc::new(config);
        let crew = Crewed::default();
        let changed = crew.changed.clone();
        self.crew = Some(crew);
        changed
    }

    /// Loads a script for worker `place` of `count`: it keeps no states in the state folder, since the
    /// reading thread does, forgets no groups by itself, and records into files of its own.
    pub fn worker(
        path: &Path,
        config: &Config,
        place: usize,
        count: usize,
        changed: Changed,
    ) -> Self {
        let mut config = config.clone();
        config.state.dir = None;
        config.limits.groups = 0;
        config.state.group_ttl = Duration::ZERO;
        config.record.worker = Some(place);
        config.record.size /= count.max(1) as u64;
        let mut handler = Self::load(path, config, &Pulse::default());
        handler.crew = Some(Crewed { changed, tried: None });
        handler
    }

    /// Follows the models that a worker loads; the script itself is followed by the reading thread.
    pub fn watch_models(&mut self, watcher: &Watcher, control: &Control) {
        self.watch_files(watcher, control, false);
    }

    /// If the handler is part of a crew: notifies its session when files change.
    pub(super) fn waker(&self, control: &Control) -> impl Fn() + Send + Sync + 'static {
        let control = control.clone();
        let changed = self.crew.as_ref().map(|crew| crew.changed.clone());
        move || {
            if let Some(changed) = &changed {
                changed.0.store(true, Ordering::Release);
            }
            control.wake();
        }
    }

    fn at_work(&self) -> Option<&Bound> {
        match &self.stage {
            Stage::Bound(bound) => Some(bound),
            Stage::Refusing { .. } | Stage::Choosing | Stage::Loaded(_) => None,
        }
    }

    fn at_work_mut(&mut self) -> Option<&mut Bound> {
        match &mut self.stage {
            Stage::Bound(bound) => Some(bound),
            Stage::Refusing { .. } | Stage::Choosing | Stage::Loaded(_) => None,
        }
    }
}

impl Member for ScriptHandler {
    type Report = WorkerReport;

    fn version(&self) -> String {
        match self.program() {
            Ok(program) => program.hash().into(),
            Err(error) => error.to_string(),
        }
    }

    fn part(&self) -> WorkerReport {
        let Some(bound) = self.at_work() else { return WorkerReport::default() };
        let instance = &bound.instance;
        let snapshot = instance.groups.snapshot(&instance.origin, instance.program.types(), 0);
        WorkerReport {
            groups: instance.groups.with_state(),
            errors: bound.errors.count,
            slowest: bound.timing.slowest.max(instance.program.pulse().longest()),
            size: snapshot.map(|bytes| bytes.len()).map_err(|error| error.to_string()),
        }
    }

    fn forget(&mut self, group: &[u8]) {
        let Some(bound) = self.at_work_mut() else { return };
        if let Some(place) = bound.instance.groups.find(group) {
            bound.instance.groups.remove(place);
        }
    }

    fn try_change(&mut self) -> Trial {
        let Some(bound) = self.at_work_mut() else { return Trial::Same };
        let (trial, tried) = match bound.try_change() {
            Ok(new) => {
                (Trial::Ready(new.program.hash().into(), new.groups.with_state()), Some(new))
            }
            Err(Refused { why: Unproven::Same, .. }) => (Trial::Same, None),
            Err(refused) => (Trial::Refused(bound.refusal(refused)), None),
        };
        if let Some(crew) = &mut self.crew {
            crew.tried = tried;
        }
        trial
    }

    fn settle_change(&mut self, take: bool) {
        let tried = self.crew.as_mut().and_then(|crew| crew.tried.take());
        let Self { stage: Stage::Bound(bound), follow, .. } = self else { return };
        if let (true, Some(new)) = (take, tried) {
            // A worker follows its models only.
            let whole = bound.config.record.worker.is_none();
            bound.replace(new, follow.as_ref(), whole);
        }
    }

    fn went_back(&mut self) -> bool {
        let bound = self.at_work_mut();
        bound.and_then(|bound| bound.guard.as_mut()).is_some_and(|guard| guard.take_went_back())
    }

    fn go_back(&mut self) {
        let Some(Bound { guard: Some(guard), instance, .. }) = self.at_work_mut() else { return };
        guard.go_back(instance);
    }
}

impl Lead for ScriptHandler {
    fn spreads(&self) -> bool {
        Self::spreads(self)
    }

    fn describe(&self, parts: &[WorkerReport]) -> String {
        let Some(bound) = self.at_work() else { return String::new() };
        let total = total(parts);
        let size = total.size.map_or_else(|error| error, |bytes| bytes.to_string());
        bound.status(total.groups, total.errors, total.slowest, &size)
    }

    fn ended(&self, parts: &[WorkerReport]) {
        if let Some(bound) = self.at_work() {
            bound.tell_errors(total(parts).errors);
        }
    }

    fn split(
        &mut self,
        snapshot: &[u8],
        workers: usize,
        owner: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Option<Vec<Vec<u8>>> {
        let bound = self.at_work_mut()?;
        let bounds = Bounds::of(&bound.config);
        let instance = &mut bound.instance;
        let types = instance.program.types();
        let (groups, origin) = Groups::restore(snapshot, types, bounds).ok()?;
        let mut parts: Vec<Groups> = (0..workers).map(|_| Groups::default()).collect();
        instance.groups = Groups::new(bounds);
        for (id, group) in groups.iter() {
            parts.get_mut(owner(id))?.insert(id, group.clone());
            instance.groups.insert(id, Group::new(None, group.seen));
        }
        if !bounds.any() {
            instance.groups = Groups::default();
        }
        let types = instance.program.types();
        let parts = parts.iter().map(|part| part.snapshot(&origin, types, 0).ok());
        parts.collect()
    }

    fn restored(&mut self, parts: &[WorkerReport]) {
        // If workers started fresh, there are no groups to account for.
        if let Some(bound) = self.at_work_mut()
            && total(parts).groups == 0
        {
            bound.instance.groups = Groups::new(Bounds::of(&bound.config));
        }
    }

    fn join(&mut self, parts: &[Vec<u8>], end: bool) -> Result<Vec<u8>, HandlerError> {
        let bound = self.bound()?;
        let state = |error: String| ScriptError::State(error);
        let instance = &bound.instance;
        let types = instance.program.types();
        let mut all = Groups::default();
        for part in parts {
            let (groups, _) = Groups::restore(part, types, Bounds::default())
                .map_err(|error| state(error.to_string()))?;
            for (id, group) in groups.iter() {
                all.insert(id, group.clone());
            }
        }
        if Bounds::of(&bound.config).any() {
            all.order_as(&instance.groups);
        }
        let limit = bound.config.limits.state;
        let joined = all.snapshot(&instance.origin, types, limit);
        let joined = joined.map_err(|error| state(error.to_string()))?;
        bound.keep(&joined, end);
        Ok(joined)
    }

    fn keeps_end(&self) -> bool {
        self.store.is_some()
    }

    fn forgets(&self) -> bool {
        self.forgets
    }

    fn arrive(&mut self, arrival: Arrival, group: &[u8], time: i64, gone: &mut Vec<Vec<u8>>) {
        let Some(bound) = self.at_work_mut() else { return };
        let called = match arrival {
            Arrival::Point => true,
            Arrival::Begin => bound.has(Callback::BeginBatch),
            Arrival::BatchPoint => bound.has(Callback::Point),
            Arrival::End => bound.has(Callback::EndBatch),
        };
        if called {
            bound.instance.groups.tell_gone(true);
            bound.instance.arrive_alone(group, time);
            bound.instance.groups.take_gone(gone);
        }
    }

    fn has_changed(&mut self) -> bool {
        self.crew.as_ref().is_some_and(|crew| crew.changed.0.swap(false, Ordering::AcqRel))
    }
}

/// The sum of all reports.
fn total(parts: &[WorkerReport]) -> WorkerReport {
    let mut total = WorkerReport::default();
    for part in parts {
        total.groups += part.groups;
        total.errors += part.errors;
        total.slowest = total.slowest.max(part.slowest);
        total.size = match (total.size, &part.size) {
            (Ok(a), Ok(b)) => Ok(a + b),
            (Err(error), _) => Err(error),
            (_, Err(error)) => Err(error.clone()),
        };
    }
    total
}
