//! A handler for all scripts of a folder: the options of a task name the script.

use super::{ScriptHandler, Stage};
use crate::agent::{Control, Info, Pulse};
use crate::protocol::message::InitRequest;
use crate::script::config::Config;
use crate::script::error::ScriptError;
use crate::script::folder::{Entry, Known};
use crate::script::host::program::Program;
use crate::script::host::reload::Watcher;
use crate::script::host::rescue;
use crate::script::text::ScriptText;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The script that a task has named; shared by all handlers of a session.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Arc<Mutex<Option<PathBuf>>>);

impl Chosen {
    /// The script, once a task has named it.
    pub fn path(&self) -> Option<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, path: PathBuf) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
    }
}

/// What a handler of a folder knows before a task has named a script.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    entry: Entry,
    /// The pulse of the script that will be chosen.
    pub(super) pulse: Pulse,
    chosen: Chosen,
    /// The watcher of the script, if it is followed.
    pub(super) watch: Option<(Watcher, Control)>,
}

impl ScriptHandler {
    /// A handler for all scripts of a folder. It loads the one that `init` names.
    pub fn of_folder(entry: &Entry, config: Config, pulse: &Pulse) -> Self {
        let mut handler = Self::new(Err(ScriptError::Unbound), config);
        handler.stage = Stage::Choosing;
        handler.sit(entry, Chosen::default(), pulse.clone());
        handler
    }

    /// Lets a worker take the options of a folder's entry.
    #[must_use]
    pub fn entered(mut self, entry: &Entry, chosen: &Chosen) -> Self {
        let pulse = self.program().map_or_else(|_| Pulse::default(), |p| p.pulse().clone());
        self.sit(entry, chosen.clone(), pulse);
        self
    }

    fn sit(&mut self, entry: &Entry, chosen: Chosen, pulse: Pulse) {
        self.seat = Some(Seat { entry: entry.clone(), pulse, chosen, watch: None });
    }

    /// The script that a task will have named; `None` for a handler of one script.
    pub fn chosen(&self) -> Option<Chosen> {
        self.seat.as_ref().map(|seat| seat.chosen.clone())
    }

    /// Takes the options of a task that names its script.
    pub(super) fn bind_chosen(
        &mut self,
        seat: &Seat,
        request: &InitRequest,
    ) -> Result<(), ScriptError> {
        let (name, path) = seat.entry.choose(request)?;
        let bound = self.load_and_bind(seat, &path, request);
        match bound {
            Ok(()) => {
                seat.chosen.set(path);
                self.take_seat_watch();
                Ok(())
            }
            Err(error) => {
                // The next task may name another script.
                self.stage = Stage::Choosing;
                Err(match error {
                    ScriptError::Options(problems) => ScriptError::Options(vec![format!(
                        "script '{name}': {}",
                        problems.join("; ")
                    )]),
                    other => other,
                })
            }
        }
    }

    fn load_and_bind(
        &mut self,
        seat: &Seat,
        path: &PathBuf,
        request: &InitRequest,
    ) -> Result<(), ScriptError> {
        if !self.program().is_ok_and(|program| program.source().path == *path) {
            let text = ScriptText::read(path)?;
            let program = Program::load(text, &self.config.limits, &seat.pulse)?;
            program.host().now.set(self.now);
            self.stage = Stage::Loaded(Box::new(program));
            self.know_declaration(path, "");
        }
        let declaration = self.program().map_err(Clone::clone)?.declaration();
        let own = seat.entry.options_of(declaration, request)?;
        self.bind_options(&own)?;
        if self.crew.is_some() && self.config.record.worker.is_none() && !self.spreads() {
            log::warn!(
                "script {}: one worker is used, because all groups share one state (scope: \"task\")",
                path.display()
            );
        }
        Ok(())
    }

    /// Follows the chosen script, if scripts are followed.
    fn take_seat_watch(&mut self) {
        if let Some((watcher, control)) = self.seat.as_ref().and_then(|seat| seat.watch.clone()) {
            self.watch_files(&watcher, &control, true);
        }
    }

    /// The declaration that covers all scripts of the folder.
    pub(super) fn folder_info(&self) -> Info {
        let Some(Seat { entry, .. }) = &self.seat else { return super::nothing() };
        let scripts = entry.folder.scripts().unwrap_or_else(|error| {
            log::error!("{error}; every task that uses the folder is refused until it can be read");
            BTreeMap::new()
        });
        let declared = scripts.iter().filter_map(|(name, path)| {
            let text = ScriptText::read(path);
            let plain = text.as_ref().map(|text| text.text.clone()).unwrap_or_default();
            let loaded = text
                .and_then(|text| Program::load(text, &self.config.limits, &Pulse::default()))
                .map(|program| program.declaration().info());
            match loaded {
                Ok(info) => {
                    self.keep_declaration(path, &info);
                    Some((name.clone(), Known { info, usable: true }))
                }
                Err(error) => {
                    log::error!(
                        "{error}; tasks that use script '{name}' are refused until it is corrected"
                    );
                    let kept =
                        || self.store.as_ref().and_then(|store| store.last_declaration(path));
                    let info = rescue::info(&plain, &self.config.limits, kept)?;
                    Some((name.clone(), Known { info, usable: false }))
                }
            }
        });
        let declared: BTreeMap<String, Known> = declared.collect();
        let kept = self.store.as_ref().and_then(|store| store.last_declaration(&entry.path()));
        let info = entry.info(&declared, kept.as_ref());
        for clash in entry.clashes(&declared, &info) {
            log::warn!("script '{}': {}", clash.script, clash.message);
        }
        self.keep_declaration(&entry.path(), &info);
        info
    }
}
