//! States: snapshots, taking over those of other versions, the state folder, the status report.

use super::bound::Bound;
use crate::script::config::{OnOtherOptions, OnSnapshot};
use crate::script::error::ScriptError;
use crate::script::host::callback::Callback;
use crate::script::host::program::Program;
use crate::script::state::bounds::Bounds;
use crate::script::state::fit::fits;
use crate::script::state::groups::{Group, Groups};
use crate::script::state::snapshot::Origin;
use crate::script::state::store::file_name;
use std::time::Duration;

impl Bound {
    /// The snapshot of a program that has no state yet.
    pub(super) fn empty_snapshot(program: &Program) -> Vec<u8> {
        let origin = Origin { script: program.hash().into(), ..Origin::default() };
        Groups::default().snapshot(&origin, program.types(), 0).unwrap_or_default()
    }

    /// The state of all groups, which is also saved in the state folder.
    pub(super) fn take_snapshot(&self) -> Result<Vec<u8>, ScriptError> {
        let instance = &self.instance;
        let limit = self.config.limits.state;
        let snapshot = instance.groups.snapshot(&instance.origin, instance.program.types(), limit);
        let snapshot = snapshot.map_err(|e| ScriptError::State(e.to_string()))?;
        self.keep(&snapshot, false);
        Ok(snapshot)
    }

    /// Takes the state of an earlier run, as far as the configuration lets it.
    pub(super) fn take_back(&mut self, snapshot: &[u8]) -> Result<(), ScriptError> {
        let bounds = Bounds::of(&self.config);
        match Groups::restore(snapshot, self.instance.program.types(), bounds) {
            Ok((groups, origin)) => {
                log::info!(
                    "snapshot: restored {} groups of version {}",
                    groups.len(),
                    origin.script
                );
                self.instance.groups = groups;
                self.adopt(&origin)?;
            }
            Err(error) => self.start_fresh(&error.to_string())?,
        }
        if let Some(guard) = &mut self.guard {
            guard.record_restore(&self.instance);
        }
        Ok(())
    }

    /// A snapshot cannot be used: all groups start fresh, or it is refused.
    fn start_fresh(&mut self, why: &str) -> Result<(), ScriptError> {
        if self.config.state.on_snapshot == OnSnapshot::Refuse {
            return Err(ScriptError::Snapshot(why.into()));
        }
        log::warn!("snapshot: {why}; the task starts fresh ([state] on_snapshot = \"fresh\")");
        self.instance.groups = Groups::new(Bounds::of(&self.config));
        Ok(())
    }

    /// Takes a state of other options or another version through `migrate`; where there is none,
    /// the configuration says what to do.
    fn adopt(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let instance = &mut self.instance;
        let other_options = origin.options != instance.origin.options;
        let other_script = origin.script != instance.origin.script;
        if !other_script && !other_options {
            return Ok(());
        }
        if instance.program.has(Callback::Migrate) {
            return self.migrate(origin);
        }
        let file = &instance.origin.file;
        if other_script && !origin.file.is_empty() && origin.file != *file {
            let why = format!(
                "it was made by {}, and this script is {file} (write fn migrate(old, opt) to take it over)",
                origin.file
            );
            return self.start_fresh(&why);
        }
        let text = format!("snapshot: made with options {}", origin.options);
        match self.config.state.on_other_options {
            _ if !other_options => {}
            OnOtherOptions::Use => log::warn!("{text}, and used with {}", instance.origin.options),
            OnOtherOptions::Refuse => {
                return Err(ScriptError::Snapshot(format!(
                    "it was made with options {}, but the task has {} ([state] on_other_options = \"refuse\")",
                    origin.options, instance.origin.options
                )));
            }
            OnOtherOptions::Fresh => {
                log::warn!(
                    "{text}, but the task has {}; it starts fresh (to keep the state, write fn migrate(old, opt) or [state] on_other_options = \"use\")",
                    instance.origin.options
                );
                instance.groups = Groups::new(Bounds::of(&self.config));
                return Ok(());
            }
        }
        if other_script { self.take_over(origin) } else { Ok(()) }
    }

    /// Takes over the states of another version unchanged, if they fit the result of `state(opt)`.
    fn take_over(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let instance = &mut self.instance;
        let mut told = false;
        if let Ok(made) = instance.new_state() {
            for key in instance.groups.ids() {
                let Some(Group { state, .. }) = instance.groups.get_mut(&key) else { continue };
                let Some(stored) = state else { continue };
                let Err(misfit) = fits(stored, &made, instance.program.types()) else { continue };
                *state = None;
                if self.config.state.on_snapshot == OnSnapshot::Refuse {
                    return Err(ScriptError::Snapshot(misfit.to_string()));
                }
                if !told {
                    log::warn!("snapshot: {misfit}; such groups start fresh");
                }
                told = true;
            }
        }
        log::info!(
            "snapshot: made by version {}, taken over unchanged by {}",
            origin.script,
            instance.origin.script
        );
        Ok(())
    }

    fn migrate(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let instance = &mut self.instance;
        let mut failed = 0;
        for key in instance.groups.ids() {
            let Some(Group { state, .. }) = instance.groups.get_mut(&key) else { continue };
            let Some(old) = state.take() else { continue };
            match instance.migrate(&key, old) {
                Ok(new) => instance.groups.get_mut(&key).expect("it is there").state = Some(new),
                Err(error) if self.config.state.on_snapshot == OnSnapshot::Fresh => {
                    if failed == 0 {
                        log::warn!("snapshot: {error}; such groups start fresh");
                    }
                    failed += 1;
                    let place = instance.groups.find(&key).expect("it is there");
                    instance.groups.remove(place);
                }
                Err(error) => return Err(error),
            }
        }
        log::info!(
            "snapshot: {} groups of version {} went through migrate of {}, {failed} could not",
            instance.groups.len(),
            origin.script,
            instance.origin.script
        );
        Ok(())
    }

    /// Keeps a snapshot in the state folder.
    pub(super) fn keep(&self, snapshot: &[u8], end: bool) {
        let Some(store) = &self.store else { return };
        let name = file_name(&self.request.task_id, &self.request.node_id);
        let kept = if end { store.end(&name, snapshot) } else { store.snapshot(&name, snapshot) };
        match kept {
            Ok(path) if end => log::info!("the state is saved in {}", path.display()),
            Ok(path) => log::debug!("the snapshot is saved in {}", path.display()),
            Err(error) => log::error!("the state cannot be saved in the state folder: {error}"),
        }
    }

    /// The status report.
    pub(super) fn describe(&self) -> String {
        let instance = &self.instance;
        let groups = &instance.groups;
        let size = groups.snapshot(&instance.origin, instance.program.types(), 0);
        let size = size.map_or_else(|error| error.to_string(), |bytes| bytes.len().to_string());
        let slowest = self.timing.slowest.max(instance.program.pulse().longest());
        self.status(groups.with_state(), self.errors.count, slowest, &size)
    }

    /// The status of one script or of all its workers.
    pub(super) fn status(
        &self,
        groups: usize,
        errors: u64,
        slowest: Duration,
        size: &str,
    ) -> String {
        let instance = &self.instance;
        format!(
            "script {}, version {}; {groups} groups, {} evicted, {} expired; {errors} errors; slowest call \
             {slowest:.1?}; state {size} bytes",
            instance.program.source().path.display(),
            instance.program.hash(),
            instance.groups.evicted,
            instance.groups.expired,
        )
    }

    /// Logs at the end the errors that did not stop the task.
    pub(super) fn tell_errors(&self, errors: u64) {
        let groups = &self.instance.groups;
        if errors + groups.evicted + groups.expired > 0 {
            log::warn!(
                "{errors} errors did not stop the task; {} groups were evicted, {} expired",
                groups.evicted,
                groups.expired
            );
        }
    }

    /// Ends the session: logs what failed in it, and stores the state.
    pub(super) fn end(&self) {
        let instance = &self.instance;
        let groups = &instance.groups;
        self.tell_errors(self.errors.count);
        if self.store.is_some() {
            let types = instance.program.types();
            match groups.snapshot(&instance.origin, types, self.config.limits.state) {
                Ok(snapshot) => self.keep(&snapshot, true),
                Err(error) => log::error!("{}", ScriptError::State(error.to_string())),
            }
        }
    }
}
