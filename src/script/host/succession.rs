//! A new version is tried before it replaces the old one, whose states it then takes.

use crate::agent::Info;
use crate::model::{Layout, Model, ModelError, Port, Rows, Run};
use crate::protocol::message::{EdgeType, InitRequest};
use crate::script::config::Config;
use crate::script::error::ScriptError;
use crate::script::host::callback::Callback;
use crate::script::host::instance::Instance;
use crate::script::host::journal::Journal;
use crate::script::host::program::Program;
use crate::script::library::LibraryError;
use crate::script::state::bounds::Bounds;
use crate::script::state::checkpoint::Progress;
use crate::script::state::groups::{Group, Groups};
use crate::script::text::ScriptText;
use rhai::Dynamic;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The last messages that a new version is tried with.
const TRIALS: usize = 256;

/// How long it is tried with them.
const TRIAL_TIME: Duration = Duration::from_secs(2);

/// Why a new version does not take over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unproven {
    /// The text did not change.
    #[error("this version is already running")]
    Same,
    #[error("{0}")]
    Broken(#[from] ScriptError),
    #[error(
        "the declaration has changed ({0}), and the daemon reads it only when it starts: restart kapacitord to use this version"
    )]
    Declaration(String),
    #[error("the scope of the state has changed; restart the task to use this version")]
    Scope,
    #[error("it refuses the options of the task: {0}")]
    Options(ScriptError),
    #[error("it cannot take over the state: {0}")]
    Migrate(ScriptError),
    #[error("model '{name}' {why}")]
    Model { name: String, why: ModelRefusal },
    #[error("it fails on the latest messages, which were tried: {0}")]
    Trial(ScriptError),
}

/// Why a changed model does not take over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelRefusal {
    #[error("cannot be loaded: {0}")]
    Load(Box<LibraryError>),
    #[error("has other {what}: {before} → {after}")]
    Ports { what: &'static str, before: String, after: String },
    #[error("has other labels")]
    Labels,
    #[error("has other features")]
    Features,
    #[error("fails on a row of zeros: {0}")]
    Answer(Box<ModelError>),
}

/// A version that was refused: its hash, if it could be compiled, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) hash: Option<String>,
    pub(crate) why: Unproven,
}

/// Loads the changed script and tries it; the old version is not touched.
pub(crate) fn succeed(
    old: &Instance,
    request: &InitRequest,
    config: &Config,
    journal: &Journal,
) -> Result<Box<Instance>, Refused> {
    let refused = |why: Unproven| Refused { hash: None, why };
    let path = &old.program.source().path;
    let program = ScriptText::read(path)
        .and_then(|source| Program::load(source, &config.limits, old.program.pulse()))
        .map_err(|error| refused(error.into()))?;
    let hash = program.hash().to_owned();
    program.host().now.set(old.program.host().now.get());
    prove(program, old, request, config, journal).map_err(|why| Refused { hash: Some(hash), why })
}

fn prove(
    program: Program,
    old: &Instance,
    request: &InitRequest,
    config: &Config,
    journal: &Journal,
) -> Result<Box<Instance>, Unproven> {
    if program.hash() == old.program.hash() && !models(&program, old)? {
        return Err(Unproven::Same);
    }
    let (before, after) = (old.program.declaration(), program.declaration());
    if let Some(change) = change(&before.info(), &after.info()) {
        return Err(Unproven::Declaration(change));
    }
    if before.scope != after.scope {
        return Err(Unproven::Scope);
    }
    let mut new = Box::new(Instance::new(program, Bounds::of(config)));
    new.bind(request).map_err(Unproven::Options)?;
    inherit(&mut new, &old.groups)?;
    try_out(&mut new, journal)?;
    Ok(new)
}

/// Loads the models that the same script has loaded so far, and says whether one of them changed.
fn models(program: &Program, old: &Instance) -> Result<bool, Unproven> {
    let mut changed = false;
    for before in old.program.host().library.all() {
        let refused = |why| Unproven::Model { name: before.name.clone(), why };
        let loaded = program.host().library.load(&before.name);
        let after = loaded.map_err(|error| refused(ModelRefusal::Load(Box::new(error))))?;
        if after.model.digest == before.model.digest {
            continue;
        }
        prove_model(&before.model, &after.model).map_err(refused)?;
        let short = |digest: &str| digest.get(..12).unwrap_or_default().to_owned();
        log::info!(
            "reload: model {} {} → {}",
            before.name,
            short(&before.model.digest),
            short(&after.model.digest)
        );
        changed = true;
    }
    Ok(changed)
}

/// A model that replaces another one must have the same inputs, outputs and labels, and must give answers.
fn prove_model(before: &Model, after: &Model) -> Result<(), ModelRefusal> {
    for (what, before, after) in
        [("inputs", &before.inputs, &after.inputs), ("outputs", &before.outputs, &after.outputs)]
    {
        if before != after {
            let list =
                |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
            let (before, after) = (list(before), list(after));
            return Err(ModelRefusal::Ports { what, before, after });
        }
    }
    if before.labels != after.labels {
        return Err(ModelRefusal::Labels);
    }
    if before.features != after.features {
        return Err(ModelRefusal::Features);
    }
    let Ok(layout) = after.layout() else { return Ok(()) };
    let rows = if let Layout::Window { steps, .. } = layout { steps } else { 1 };
    let text = after.text_columns().into_iter().enumerate().filter(|(_, text)| *text);
    let row = Rows {
        rows,
        numbers: vec![0.0; rows.saturating_mul(layout.columns())],
        texts: text.map(|(at, _)| (at, vec!["".into(); rows])).collect(),
    };
    let end = Instant::now() + TRIAL_TIME;
    let stop = || Instant::now() > end;
    let answer = after.predict(row, &Run::new(&stop, 1 << 30));
    answer.map(drop).map_err(|error| ModelRefusal::Answer(Box::new(error)))
}

/// The difference of two declarations, as far as the daemon knows them.
fn change(before: &Info, after: &Info) -> Option<String> {
    let edge = |edge: EdgeType| if edge == EdgeType::Batch { "batch" } else { "stream" };
    if before.wants != after.wants {
        return Some(format!("wants: {} → {}", edge(before.wants), edge(after.wants)));
    }
    if before.provides != after.provides {
        return Some(format!("provides: {} → {}", edge(before.provides), edge(after.provides)));
    }
    if let Some(name) = after.options.keys().find(|name| !before.options.contains_key(*name)) {
        return Some(format!("option '{name}' is new"));
    }
    if let Some(name) = before.options.keys().find(|name| !after.options.contains_key(*name)) {
        return Some(format!("option '{name}' was removed"));
    }
    let other = before.options.iter().find(|(name, types)| after.options.get(*name) != Some(types));
    other.map(|(name, _)| format!("option '{name}' has another type"))
}

/// Copies the states, through `migrate` where the new version has it.
fn inherit(new: &mut Instance, groups: &Groups) -> Result<(), Unproven> {
    new.groups.evicted = groups.evicted;
    new.groups.expired = groups.expired;
    let migrates = new.program.has(Callback::Migrate);
    for (key, group) in groups.iter() {
        let mut state = group.state.clone();
        if let (true, Some(old)) = (migrates, &mut state) {
            state = Some(new.migrate(key, std::mem::take(old)).map_err(Unproven::Migrate)?);
        }
        new.groups.insert(key, Group::new(state, group.seen));
    }
    Ok(())
}

/// Runs the last messages over a copy of the states they touch.
fn try_out(new: &mut Instance, journal: &Journal) -> Result<(), Unproven> {
    let end = Instant::now() + TRIAL_TIME;
    let mut scrap = new.scrap();
    let mut saved: BTreeMap<usize, Option<Dynamic>> = BTreeMap::new();
    let mut result = Ok(());
    for entry in journal.last(TRIALS).filter(|entry| !entry.failed) {
        let Some(place) = new.groups.find(&entry.group) else { continue };
        saved.entry(place).or_insert_with(|| new.groups.at(place).state.clone());
        if let Err(error) = new.again_at(place, entry, Progress::default(), &mut scrap) {
            result = Err(Unproven::Trial(error));
            break;
        }
        if Instant::now() > end {
            break;
        }
    }
    for (place, state) in saved {
        new.groups.at(place).state = state;
    }
    new.program.host().asked.set(None);
    new.program.pulse().renew();
    result
}
