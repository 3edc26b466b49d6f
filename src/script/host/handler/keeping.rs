//! What a handler does with states and versions: snapshots, what becomes of those of others, the
//! state folder, reloads, the status report.

use super::ScriptHandler;
use crate::agent::HandlerError;
use crate::script::config::{OnOtherOptions, OnSnapshot};
use crate::script::error::ScriptError;
use crate::script::host::program::Callback;
use crate::script::host::rescue;
use crate::script::host::succession::{self, Refusal};
use crate::script::state::groups::{Bounds, Group, Groups};
use crate::script::state::snapshot::Origin;
use crate::script::state::store::file_name;
use std::path::Path;
use std::time::Instant;

impl ScriptHandler {
    /// Keeps the declaration of a good script, and looks for that of a broken one.
    pub(super) fn know_declaration(&mut self, path: &Path, text: &str) {
        match &self.instance {
            Ok(instance) => {
                let info = instance.program.declaration().info();
                if let Some(store) = &self.store
                    && let Err(error) = store.declared(path, &info)
                {
                    log::warn!("the declaration cannot be kept in the state folder: {error}");
                }
            }
            Err(_) => {
                let rescued = rescue::declaration(text, &self.config.limits).map(|d| d.info());
                let kept = || self.store.as_ref().and_then(|s| s.last_declaration(path));
                if let Some(info) = rescued.or_else(kept) {
                    self.last_info = info;
                }
            }
        }
    }

    /// The state of all groups, kept in the state folder too.
    pub(super) fn take_snapshot(&self) -> Result<Vec<u8>, HandlerError> {
        let instance = self.instance.as_ref().map_err(|e| e.clone())?;
        let limit = self.config.limits.state;
        let snapshot =
            instance.groups.snapshot(&instance.origin, instance.program.registry(), limit);
        let snapshot = snapshot.map_err(|e| ScriptError::State(e.to_string()))?;
        self.keep(&snapshot, false);
        Ok(snapshot)
    }

    /// Takes the state of an earlier run, as far as the configuration lets it.
    pub(super) fn take_back(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        let instance = self.instance.as_mut().map_err(|e| e.clone())?;
        let bounds = Bounds::of(&self.config);
        match Groups::restore(snapshot, instance.program.registry(), bounds) {
            Ok((groups, origin)) => {
                log::info!(
                    "snapshot: restored {} groups of version {}",
                    groups.len(),
                    origin.script
                );
                instance.groups = groups;
                self.adopt(&origin)?;
            }
            Err(error) if self.config.state.on_snapshot == OnSnapshot::Fresh => {
                log::warn!("snapshot: {error}; starting fresh ([state] on_snapshot = \"fresh\")");
                instance.groups = Groups::new(bounds);
            }
            Err(error) => return Err(ScriptError::Snapshot(error.to_string()).into()),
        }
        if let (Some(guard), Ok(instance)) = (&mut self.guard, &self.instance) {
            guard.record_restore(instance);
        }
        Ok(())
    }

    /// Takes a state of other options or another version through `migrate`; where there is none,
    /// the configuration says what to do.
    fn adopt(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let instance = self.instance.as_mut().map_err(|e| e.clone())?;
        let other_options = origin.options != instance.origin.options;
        if origin.script == instance.origin.script && !other_options {
            return Ok(());
        }
        if instance.program.has(Callback::Migrate) {
            return self.migrate(origin);
        }
        let text = format!("snapshot: made with options {}", origin.options);
        match self.config.state.on_other_options {
            _ if !other_options => log::info!(
                "snapshot: made by version {}, taken over by {} as it is",
                origin.script,
                instance.origin.script
            ),
            OnOtherOptions::Use => log::warn!("{text}, used with {}", instance.origin.options),
            OnOtherOptions::Refuse => {
                return Err(ScriptError::Snapshot(format!(
                    "it was made with options {}, the task has {} ([state] on_other_options = \
                     \"refuse\")",
                    origin.options, instance.origin.options
                )));
            }
            OnOtherOptions::Fresh => {
                log::warn!(
                    "{text}, the task has {}; starting fresh (to keep it: fn migrate(old, opt), or \
                     [state] on_other_options = \"use\")",
                    instance.origin.options
                );
                instance.groups = Groups::new(Bounds::of(&self.config));
            }
        }
        Ok(())
    }

    fn migrate(&mut self, origin: &Origin) -> Result<(), ScriptError> {
        let instance = self.instance.as_mut().map_err(|e| e.clone())?;
        let mut failed = 0;
        for key in instance.groups.ids() {
            let Some(Group { state, .. }) = instance.groups.get_mut(&key) else { continue };
            let old = std::mem::take(state);
            match instance.migrate(&key, old) {
                Ok(new) => instance.groups.get_mut(&key).expect("it is there").state = new,
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

    /// A new version takes over if it proves itself.
    pub(super) fn reload(&mut self) {
        let (Ok(old), Some(guard), Some(request)) =
            (&mut self.instance, &mut self.guard, &self.request)
        else {
            return;
        };
        let began = Instant::now();
        let hash = old.program.hash().to_owned();
        match succession::succeed(old, request, &self.config, &guard.journal) {
            Ok(new) => {
                log::info!(
                    "reload: version {hash} → {}, with the state of {} groups, in {} ms",
                    new.program.hash(),
                    new.groups.len(),
                    began.elapsed().as_millis()
                );
                if let Some(follow) = &self.follow {
                    follow.refollow(&new.program.texts());
                }
                if let Some(store) = &self.store {
                    let source = &new.program.source().path;
                    let _ = store.declared(source, &new.program.declaration().info());
                }
                let old = std::mem::replace(old, new);
                guard.replaced(old, self.config.reload.probation);
            }
            Err(refused) if matches!(refused.why, Refusal::Same) => {
                log::debug!("reload: the script is version {hash} again, which runs");
            }
            Err(refused) => {
                let new = refused.hash.map_or_else(String::new, |new| format!(" {new}"));
                log::error!(
                    "reload: version{new} is refused, version {hash} goes on: {}",
                    refused.why
                );
            }
        }
    }

    /// Keeps a snapshot in the state folder.
    fn keep(&self, snapshot: &[u8], end: bool) {
        let (Some(store), Some(request)) = (&self.store, &self.request) else { return };
        let name = file_name(&request.task_id, &request.node_id);
        let kept = if end { store.end(&name, snapshot) } else { store.snapshot(&name, snapshot) };
        match kept {
            Ok(path) if end => log::info!("the state is kept in {}", path.display()),
            Ok(path) => log::debug!("snapshot kept in {}", path.display()),
            Err(error) => log::error!("the state cannot be kept in the state folder: {error}"),
        }
    }

    /// The status report.
    pub(super) fn describe(&self) -> String {
        let Ok(instance) = &self.instance else { return "the script is broken".into() };
        let groups = &instance.groups;
        let size = groups.snapshot(&instance.origin, instance.program.registry(), 0);
        let size = size.map_or_else(|error| error.to_string(), |bytes| bytes.len().to_string());
        let slowest = self.timing.slowest.max(instance.program.pulse().longest());
        format!(
            "script {}, version {}; {} groups, {} evicted, {} expired; {} errors; slowest call \
             {slowest:.1?}; state {size} bytes",
            instance.program.source().path.display(),
            instance.program.hash(),
            groups.len(),
            groups.evicted,
            groups.expired,
            self.errors.count,
        )
    }

    /// The session ends: says what went wrong in it, and keeps the state.
    pub(super) fn end(&self) {
        let (Ok(instance), Some(_)) = (&self.instance, &self.request) else { return };
        let groups = &instance.groups;
        if self.errors.count + groups.evicted + groups.expired > 0 {
            log::warn!(
                "{} errors did not stop the task; {} groups were evicted, {} expired",
                self.errors.count,
                groups.evicted,
                groups.expired
            );
        }
        if self.store.is_some() {
            let registry = instance.program.registry();
            match groups.snapshot(&instance.origin, registry, self.config.limits.state) {
                Ok(snapshot) => self.keep(&snapshot, true),
                Err(error) => log::error!("{}", ScriptError::State(error.to_string())),
            }
        }
    }
}
