//! A script as a [`Handler`]: what each request means in each of its stages.
//!
//! `bound.rs` is a script that runs in a task; `stream.rs` and `batch.rs` say what happens with its
//! data, `keeping.rs` with snapshots, `reloading.rs` with new versions; `crew.rs` is a script that is spread
//! over workers, `entry.rs` a folder of scripts of which the task names one.

mod batch;
mod bound;
mod crew;
#[cfg(test)]
mod cuts_tests;
mod entry;
mod keeping;
mod reloading;
mod stream;

use super::program::Program;
use super::reload::{Follow, Watcher};
use super::rescue;
use crate::agent::{Control, Handler, HandlerError, Info, Output, Pulse};
use crate::protocol::message::{BeginBatch, EndBatch, InitRequest};
use crate::protocol::{Batch, Point};
use crate::script::config::Config;
use crate::script::declaration::Declaration;
use crate::script::error::ScriptError;
use crate::script::state::bounds::Bounds;
use crate::script::state::store::Store;
use crate::script::text::ScriptText;
use bound::Bound;
pub use crew::{Changed, WorkerReport};
pub use entry::Chosen;
use std::path::Path;
use std::rc::Rc;

/// A script as a handler.
#[derive(Debug)]
pub struct ScriptHandler {
    stage: Stage,
    config: Rc<Config>,
    store: Option<Store>,
    follow: Option<Follow>,
    /// The value of `now()` in a replay.
    now: Option<i64>,
    /// Its part in a crew, if its groups are spread over workers.
    crew: Option<crew::Crewed>,
    /// Groups are forgotten, by their number or their age.
    forgets: bool,
    /// Its folder, if a task names the script.
    seat: Option<entry::Seat>,
}

/// The stage of a script.
#[derive(Debug)]
enum Stage {
    /// It cannot be used: `info` is answered as well as possible, and `init` is refused.
    Refusing { error: ScriptError, info: Info },
    /// It is one of a folder, and `init` names it.
    Choosing,
    /// It is compiled, and waits for `init`.
    Loaded(Box<Program>),
    /// It has taken the options of a task.
    Bound(Box<Bound>),
}

impl ScriptHandler {
    /// Loads a script. One that is broken still makes a handler: it answers `info` as well as it
    /// can and refuses `init` with the script's problems.
    pub fn load(path: &Path, config: Config, pulse: &Pulse) -> Self {
        let source = ScriptText::read(path);
        let text = source.as_ref().map(|source| source.text.clone()).unwrap_or_default();
        let program = source.and_then(|source| Program::load(source, &config.limits, pulse));
        let mut handler = Self::new(program, config);
        handler.know_declaration(path, &text);
        handler
    }

    /// A handler that answers `info` as well as it can and refuses `init` with `error`.
    pub fn refusing(path: &Path, error: ScriptError) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut handler = Self::new(Err(error), Config::default());
        handler.know_declaration(path, &text);
        handler
    }

    /// A handler of a program that may have failed to load.
    pub fn new(program: Result<Program, ScriptError>, config: Config) -> Self {
        let stage = match program {
            Ok(program) => Stage::Loaded(Box::new(program)),
            Err(error) => Stage::Refusing { error, info: nothing() },
        };
        let store = config.state.dir.as_ref().map(|dir| Store::new(dir, config.state.keep));
        let forgets = Bounds::of(&config).any();
        let config = Rc::new(config);
        Self { stage, config, store, follow: None, now: None, crew: None, forgets, seat: None }
    }

    /// Saves the declaration of a good script, or finds that of a broken one.
    fn know_declaration(&mut self, path: &Path, text: &str) {
        match &mut self.stage {
            Stage::Refusing { info, .. } => {
                let kept = || self.store.as_ref().and_then(|store| store.last_declaration(path));
                if let Some(known) = rescue::info(text, &self.config.limits, kept) {
                    *info = known;
                }
            }
            Stage::Loaded(program) => {
                let info = program.declaration().info();
                self.keep_declaration(path, &info);
            }
            Stage::Choosing | Stage::Bound(_) => {}
        }
    }

    /// Keeps a good declaration in the state folder, if there is one.
    fn keep_declaration(&self, path: &Path, info: &Info) {
        if let Some(store) = &self.store
            && let Err(error) = store.declared(path, info)
        {
            log::warn!("the declaration cannot be saved in the state folder: {error}");
        }
    }

    /// Follows changes of the script and its modules; `control` belongs to the session.
    pub fn watch(&mut self, watcher: &Watcher, control: &Control) {
        self.watch_files(watcher, control, true);
    }

    /// Follows changes of models, and of the script and its modules too if it is `whole`.
    fn watch_files(&mut self, watcher: &Watcher, control: &Control, whole: bool) {
        if let (Stage::Choosing, Some(seat)) = (&self.stage, &mut self.seat) {
            seat.watch = Some((watcher.clone(), control.clone()));
            return;
        }
        let Ok(program) = self.program() else { return };
        let texts = if whole { program.texts() } else { Vec::new() };
        let follow = watcher.follow(&texts, self.waker(control));
        program.follow_models(&follow);
        self.follow = Some(follow);
        if let Stage::Bound(bound) = &mut self.stage {
            bound.watched();
        }
    }

    /// The program, or why there is none.
    ///
    /// # Errors
    /// The problems of a script that could not be loaded.
    pub fn program(&self) -> Result<&Program, &ScriptError> {
        match &self.stage {
            Stage::Refusing { error, .. } => Err(error),
            Stage::Choosing => Err(&ScriptError::Unbound),
            Stage::Loaded(program) => Ok(program),
            Stage::Bound(bound) => Ok(&bound.instance.program),
        }
    }

    /// Fixes what `now()` gives, in nanoseconds since the epoch; for a replay.
    pub fn set_now(&mut self, now: i64) {
        self.now = Some(now);
        if let Ok(program) = self.program() {
            program.host().now.set(self.now);
        }
    }

    /// True if points may wait to be handled together, until [`Handler::ready`].
    pub fn gathers(&self) -> bool {
        match &self.stage {
            Stage::Bound(bound) => bound.gathers(),
            Stage::Refusing { .. } | Stage::Choosing | Stage::Loaded(_) => false,
        }
    }

    /// The fields that the script has read from points that lacked them.
    pub fn missed(&self) -> Vec<String> {
        self.program().map_or_else(|_| Vec::new(), |program| program.host().missed())
    }

    /// The fields that the script looks for: those that it has read from points that lacked them, and
    /// the features of its models.
    pub fn sought(&self) -> Vec<String> {
        let Ok(program) = self.program() else { return Vec::new() };
        let mut names = program.host().missed();
        for loaded in program.host().library.all() {
            names.extend(loaded.model.features.iter().flatten().cloned());
        }
        names
    }

    /// The number of groups that have state.
    pub fn group_count(&self) -> usize {
        match &self.stage {
            Stage::Bound(bound) => bound.instance.groups.with_state(),
            Stage::Refusing { .. } | Stage::Choosing | Stage::Loaded(_) => 0,
        }
    }

    /// The script in its task; data can be handled then only.
    #[inline]
    fn bound(&mut self) -> Result<&mut Bound, HandlerError> {
        match &mut self.stage {
            Stage::Bound(bound) => Ok(bound),
            Stage::Refusing { error, .. } => Err(error.clone().into()),
            Stage::Choosing | Stage::Loaded(_) => Err(ScriptError::Unbound.into()),
        }
    }

    /// Takes the options of a task. If they are refused, the script waits for others.
    fn bind(&mut self, request: &InitRequest) -> Result<(), ScriptError> {
        match self.seat.clone() {
            Some(seat) => self.bind_chosen(&seat, request),
            None => self.bind_options(request),
        }
    }

    /// Takes the options of the script that is loaded.
    fn bind_options(&mut self, request: &InitRequest) -> Result<(), ScriptError> {
        let nothing = Stage::Refusing { error: ScriptError::Unbound, info: nothing() };
        let program = match std::mem::replace(&mut self.stage, nothing) {
            Stage::Loaded(program) => *program,
            Stage::Bound(bound) => bound.instance.program,
            Stage::Choosing => return Err(ScriptError::Unbound),
            Stage::Refusing { error, info } => {
                self.stage = Stage::Refusing { error: error.clone(), info };
                return Err(error);
            }
        };
        let watched = self.follow.is_some();
        match Bound::new(program, request, &self.config, self.store.clone(), watched) {
            Ok(bound) => {
                self.stage = Stage::Bound(Box::new(bound));
                Ok(())
            }
            Err((program, error)) => {
                self.stage = Stage::Loaded(program);
                Err(error)
            }
        }
    }
}

/// The declaration of a script of which nothing is known.
fn nothing() -> Info {
    Declaration::default().info()
}

impl Handler for ScriptHandler {
    fn info(&mut self) -> Info {
        match &self.stage {
            Stage::Refusing { error, info } => {
                log::error!("{error}");
                info.clone()
            }
            Stage::Choosing => self.folder_info(),
            Stage::Loaded(program) => program.declaration().info(),
            Stage::Bound(bound) => bound.instance.program.declaration().info(),
        }
    }

    fn init(&mut self, request: &InitRequest) -> Result<(), HandlerError> {
        self.bind(request)?;
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, HandlerError> {
        match &mut self.stage {
            // Without a task there is no state yet.
            Stage::Loaded(program) => Ok(Bound::empty_snapshot(program)),
            _ => Ok(self.bound()?.take_snapshot()?),
        }
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), HandlerError> {
        self.bound()?.take_back(snapshot)?;
        Ok(())
    }

    fn begin_batch(&mut self, begin: BeginBatch, output: &mut Output) -> Result<(), HandlerError> {
        self.bound()?.begin_batch(begin, output)
    }

    #[inline]
    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        let bound = self.bound()?;
        match bound.wants_batches {
            true => bound.batch_point(point, output),
            false => bound.stream_point(point, output),
        }
    }

    fn batch_points(&mut self, batch: &Batch) -> bool {
        self.bound().is_ok_and(|bound| bound.batch_points(batch))
    }

    fn ready(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        match &mut self.stage {
            Stage::Bound(bound) => bound.run_chunks(output),
            Stage::Refusing { .. } | Stage::Choosing | Stage::Loaded(_) => Ok(()),
        }
    }

    fn end_batch(&mut self, end: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        self.bound()?.end_batch(end, output)
    }

    fn between(&mut self) {
        if let (Stage::Bound(bound), Some(follow)) = (&mut self.stage, &self.follow)
            && follow.take_changed()
        {
            bound.reload(follow);
        }
    }

    fn pulse(&self) -> Pulse {
        match (self.program(), &self.seat) {
            (Ok(program), _) => program.pulse().clone(),
            (Err(_), Some(seat)) => seat.pulse.clone(),
            (Err(_), None) => Pulse::default(),
        }
    }

    fn name(&self) -> String {
        format!("rhai-udf {}", env!("CARGO_PKG_VERSION"))
    }

    fn status(&self) -> String {
        match &self.stage {
            Stage::Refusing { .. } => "the script is broken".into(),
            Stage::Choosing => "the task has not named a script yet".into(),
            Stage::Loaded(_) => "the script waits for init".into(),
            Stage::Bound(bound) => bound.describe(),
        }
    }

    fn close(&mut self, _: &mut Output) -> Result<(), HandlerError> {
        if let (Stage::Bound(bound), None) = (&self.stage, &self.crew) {
            bound.end();
        }
        Ok(())
    }
}
