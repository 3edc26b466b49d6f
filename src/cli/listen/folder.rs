//! The tasks of a folder, whose TICKscripts can be added, changed and removed.

use super::called::Called;
use super::crew::Crew;
use super::ticks::{Batches, Start};
use crate::cli::args::ReplayArgs;
use crate::cli::plan::{LivePlan, Plan};
use anyhow::Context;
use rhai_udf::replay::task::{Task, id_by_file};
use rhai_udf::script::config::Config;
use rhai_udf::tick::flow::Edge;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The tasks of a folder.
pub(super) struct Folder {
    path: PathBuf,
    args: ReplayArgs,
    config: Config,
    /// The scripts that tasks may call.
    called: Called,
    /// The checksums of each task's text and of those of the scripts that it calls, as they were at the last look.
    seen: BTreeMap<PathBuf, Vec<u32>>,
    /// The files that were missing at the last check: some editors remove a file for a moment when they save it.
    missing: BTreeSet<PathBuf>,
}

/// A change of a task.
pub(super) enum Change {
    /// There is a new version, or a first one.
    Saved(PathBuf),
    /// Its file was removed.
    Gone(PathBuf),
}

impl Folder {
    /// Looks into a folder.
    pub(super) fn open(path: &Path, args: &ReplayArgs, config: Config) -> anyhow::Result<Self> {
        path.read_dir().with_context(|| format!("--tasks {}", path.display()))?;
        let called = Called::new(&args.tick.udf, &config);
        let (path, args) = (path.to_owned(), args.clone());
        Ok(Self { path, args, config, called, seen: BTreeMap::new(), missing: BTreeSet::new() })
    }

    /// Finds what has changed since the last look.
    pub(super) fn look(&mut self) -> Vec<Change> {
        let mut now = BTreeMap::new();
        let Ok(entries) = self.path.read_dir() else {
            // The tasks do not end while the folder is being replaced.
            return Vec::new();
        };
        self.called.look();
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.extension().is_some_and(|extension| extension == "tick")
                && let Ok(text) = std::fs::read(&path)
            {
                let sums = [&[crc32fast::hash(&text)][..], &self.called.by(&text)].concat();
                now.insert(path, sums);
            }
        }
        let mut changes = Vec::new();
        let mut missing = BTreeSet::new();
        for (path, sums) in &self.seen {
            if now.contains_key(path) {
                continue;
            }
            if self.missing.contains(path) {
                changes.push(Change::Gone(path.clone()));
            } else {
                missing.insert(path.clone());
                now.insert(path.clone(), sums.clone());
            }
        }
        self.missing = missing;
        let saved = now.iter().filter(|(path, texts)| self.seen.get(*path) != Some(texts));
        changes.extend(saved.map(|(path, _)| Change::Saved(path.clone())));
        self.seen = now;
        changes
    }

    /// Makes a plan of a task; the files of one that is not the first go on.
    fn plan(&self, path: &Path, first: bool) -> anyhow::Result<LivePlan> {
        let mut args = self.args.clone();
        args.script = path.into();
        let name = id_by_file(path);
        // Each task writes files of its own.
        args.tick.out = args.tick.out.map(|out| out.join(&name));
        let mut plan = LivePlan::from(Plan::live(&args, self.config.clone())?);
        plan.keeps_state = true;
        if let Task::Tick(task) = &mut plan.task {
            task.is_one_of_many = true;
            for variant in &mut task.variants {
                variant.label.clone_from(&name);
            }
        }
        if !first {
            plan.go_on();
        }
        Ok(plan)
    }

    /// Applies the changes; errors are logged, and the other changes are still applied.
    pub(super) fn follow(&mut self, crew: &mut Crew, batches: &mut Batches, first: bool) -> bool {
        let changes = self.look();
        let any = !changes.is_empty();
        for change in changes {
            match change {
                Change::Gone(path) => {
                    let name = id_by_file(&path);
                    crew.remove(&name);
                    batches.forget(&name);
                    crew.measures.is_well(&name);
                    log::info!("task {name}: its file was removed, and the task has ended");
                }
                Change::Saved(path) => {
                    let name = id_by_file(&path);
                    let started = self.start(crew, batches, &path, first);
                    tell(&name, started, crew, batches, first);
                }
            }
        }
        any
    }

    fn start(
        &self,
        crew: &mut Crew,
        batches: &mut Batches,
        path: &Path,
        first: bool,
    ) -> anyhow::Result<Start> {
        let (plan, name) = (self.plan(path, first)?, id_by_file(path));
        let is_batch = match &plan.task {
            Task::Tick(task) => task.definitions()?.edge() == Edge::Batch,
            Task::Script(_) => false,
        };
        if is_batch {
            let start = batches.start(&name, plan)?;
            crew.remove(&name);
            Ok(start)
        } else {
            crew.succeed(&name, &plan)?;
            batches.remove(&name);
            Ok(Start::Done)
        }
    }
}

/// Logs what happened to a task whose file was saved.
fn tell(
    name: &str,
    started: anyhow::Result<Start>,
    crew: &mut Crew,
    batches: &mut Batches,
    first: bool,
) {
    let error = match started {
        Ok(Start::Handed) => return,
        Ok(Start::Done) => {
            crew.measures.is_well(name);
            let what = if first { "started" } else { "the saved version is running" };
            return log::info!("task {name}: {what}");
        }
        Err(error) => error,
    };
    let old = crew.tasks.iter_mut().find(|task| task.name == name);
    let goes_on = old.is_some() || batches.has(name);
    crew.measures.ails(name, goes_on);
    if let Some(old) = old {
        old.reloads.1 += 1;
        old.measure(&crew.measures);
    } else {
        batches.refused(name);
    }
    let what = if goes_on { "the previous version keeps running" } else { "it is not started" };
    log::error!("task {name}: {what}: {error:#}");
}
