//! The tasks of a folder: TICKscripts that come, change and go.

use super::crew::Crew;
use crate::cli::args::ReplayArgs;
use crate::cli::plan::{LivePlan, Plan};
use anyhow::Context;
use rhai_udf::replay::task::{Task, id_by_file};
use rhai_udf::script::config::Config;
use rhai_udf::tick::flow::Edge;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tasks of a folder.
pub(super) struct Folder {
    path: PathBuf,
    args: ReplayArgs,
    config: Config,
    /// The texts of each task and of the scripts that it may call, as they were looked at last.
    seen: BTreeMap<PathBuf, Vec<u32>>,
}

/// What is to be done about a task.
pub(super) enum Change {
    /// There is a new version, or a first one.
    Saved(PathBuf),
    /// Its file has gone.
    Gone(PathBuf),
}

impl Folder {
    /// Looks into a folder.
    pub(super) fn open(path: &Path, args: &ReplayArgs, config: Config) -> anyhow::Result<Self> {
        path.read_dir().with_context(|| format!("--tasks {}", path.display()))?;
        Ok(Self { path: path.into(), args: args.clone(), config, seen: BTreeMap::new() })
    }

    /// Finds what has changed since the last look.
    pub(super) fn look(&mut self) -> Vec<Change> {
        let mut now = BTreeMap::new();
        let Ok(entries) = self.path.read_dir() else {
            // A folder that is being replaced is no reason to end its tasks.
            return Vec::new();
        };
        let called =
            self.args.tick.udf.iter().filter_map(|(_, program)| digest(Path::new(program)));
        let called: Vec<u32> = called.collect();
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.extension().is_some_and(|extension| extension == "tick")
                && let Some(text) = digest(&path)
            {
                now.insert(path, [&[text], &called[..]].concat());
            }
        }
        let gone = self.seen.keys().filter(|path| !now.contains_key(*path));
        let mut changes: Vec<Change> = gone.map(|path| Change::Gone(path.clone())).collect();
        let saved = now.iter().filter(|(path, texts)| self.seen.get(*path) != Some(texts));
        changes.extend(saved.map(|(path, _)| Change::Saved(path.clone())));
        self.seen = now;
        changes
    }

    /// Makes a plan of a task.
    pub(super) fn plan(&self, path: &Path) -> anyhow::Result<LivePlan> {
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
        Ok(plan)
    }

    /// Does what the changes ask for; tells what is wrong, and goes on.
    pub(super) fn follow(
        &mut self,
        crew: &mut Crew,
        batches: &mut super::ticks::Batches,
        first: bool,
    ) -> bool {
        let changes = self.look();
        let any = !changes.is_empty();
        for change in changes {
            match change {
                Change::Gone(path) => {
                    let name = id_by_file(&path);
                    log::info!("task {name}: its file has gone, and it has ended");
                    crew.remove(&name);
                    batches.remove(&name);
                }
                Change::Saved(path) => {
                    let name = id_by_file(&path);
                    match self.start(crew, batches, &path, &name) {
                        Ok(()) if first => log::info!("task {name}: started"),
                        Ok(()) => log::info!("task {name}: the version that was saved is at work"),
                        Err(error) => {
                            let old = crew.tasks.iter_mut().find(|task| task.name == name);
                            let goes_on = old.is_some() || batches.has(&name);
                            if let Some(old) = old {
                                old.reloads.1 += 1;
                                old.measure(&crew.measures);
                            }
                            let what = if goes_on {
                                "the version before goes on"
                            } else {
                                "it is not started"
                            };
                            log::error!("task {name}: {error:#}; {what}");
                        }
                    }
                }
            }
        }
        any
    }

    fn start(
        &self,
        crew: &mut Crew,
        batches: &mut super::ticks::Batches,
        path: &Path,
        name: &str,
    ) -> anyhow::Result<()> {
        let plan = self.plan(path)?;
        let is_batch = match &plan.task {
            Task::Tick(task) => task.definitions()?.edge() == Edge::Batch,
            Task::Script(_) => false,
        };
        if is_batch {
            batches.start(name, plan)?;
            crew.remove(name);
        } else {
            crew.succeed(name, &plan)?;
            batches.remove(name);
        }
        Ok(())
    }
}

/// What tells whether a text has changed.
fn digest(path: &Path) -> Option<u32> {
    Some(crc32fast::hash(&std::fs::read(path).ok()?))
}
