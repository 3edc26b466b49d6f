//! The scripts of a task, loaded once before each replay: their problems, declarations and version, and whether all
//! files that they read are in the folder.

use super::problems::{self, Finding};
use crate::replay::ReplayError;
use crate::replay::task::{Task, TickTask};
use crate::replay::udfs::UdfCommand;
use crate::script::config::Config;
use crate::script::{Declaration, Program, ScriptText};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The facts about the scripts of a task.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Errors and warnings.
    pub(super) findings: Vec<Finding>,
    /// What the scripts declare, by their paths.
    pub(super) declarations: BTreeMap<PathBuf, Declaration>,
    /// The version of all files. A file that cannot be read is a version too.
    pub(super) version: String,
}

/// Loads the scripts of a task as `check` does. `given` is the task as the command line has it: the files that its
/// text reads were chosen by the user who started the program, and not on a page.
pub(super) fn load(task: &Task, given: &Task, folder: &Path) -> Loaded {
    let mut loaded = Loaded::default();
    match task {
        Task::Script(task) => loaded.add(&task.script, &task.config, folder),
        Task::Tick(task) => {
            loaded.version = sum(Path::new(&task.name));
            for (_, command) in &task.udfs {
                if let UdfCommand::Script(path) = command {
                    loaded.add(path, &task.config, folder);
                }
            }
            if let Task::Tick(given) = given
                && !loaded.is_broken()
            {
                loaded.findings.extend(strangers(task, given, folder));
            }
        }
    }
    loaded
}

impl Loaded {
    /// Tells whether nothing can be played.
    pub(super) fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.error)
    }

    fn add(&mut self, path: &Path, config: &Config, folder: &Path) {
        let (program, findings) = match ScriptText::read(path) {
            Ok(source) => problems::check(source, config, folder),
            Err(error) => (None, problems::of_replay(&ReplayError::Script(error), folder)),
        };
        self.findings.extend(findings);
        let version = program.as_ref().map_or_else(|| sum(path), |p| p.hash().to_owned());
        self.version = format!("{} {version}", self.version);
        if let Some(program) = program {
            self.findings.extend(links(&program, path, folder));
            self.declarations.insert(path.into(), program.declaration().clone());
        }
    }
}

fn sum(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    format!("{:08x}-{}", crc32fast::hash(&text), text.len())
}

/// Modules that are links out of the folder. The modules of a script outside of the folder are not checked.
fn links(program: &Program, script: &Path, folder: &Path) -> Vec<Finding> {
    if !script.starts_with(folder) {
        return Vec::new();
    }
    let files = program.files();
    let out = files.iter().filter(|path| !is_inside(path, folder));
    out.map(|path| {
        let message =
            format!("{}: this is a link that leads out of the script's folder", path.display());
        Finding::plain(message, true)
    })
    .collect()
}

/// Tells whether a path leads to something in the folder.
pub(super) fn is_inside(path: &Path, folder: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.starts_with(folder))
}

/// The folders outside that a TICKscript reads with `|sideload()`, and did not when the program was started.
fn strangers(task: &TickTask, given: &TickTask, folder: &Path) -> Vec<Finding> {
    let before = sources(given);
    let outside = |source: &String| {
        let path = source.strip_prefix("file://").unwrap_or(source);
        !before.contains(source) && !all_inside(Path::new(path), folder, 0)
    };
    let found = sources(task).into_iter().filter(outside);
    found
        .map(|source| {
            let message = format!(
                "|sideload() reads '{source}', which is not in the script's folder: a page cannot open \
                 other folders; start rhai-udf lab again with this script"
            );
            Finding::plain(message, true)
        })
        .collect()
}

/// The folders that a TICKscript names.
fn sources(task: &TickTask) -> Vec<String> {
    // A script that cannot be compiled reads nothing; its error is reported when it is played.
    let Ok(definitions) = task.definitions() else { return Vec::new() };
    let sideloads = definitions.definitions.iter().filter(|d| d.is_node("sideload"));
    sideloads.filter_map(|d| Some(d.string("source")?.to_string())).collect()
}

/// Tells whether a folder and all that is in it lead to nothing outside.
fn all_inside(path: &Path, folder: &Path, depth: usize) -> bool {
    const DEPTH: usize = 16;
    if !is_inside(path, folder) || depth > DEPTH {
        return false;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return true };
    entries.flatten().all(|entry| all_inside(&entry.path(), folder, depth + 1))
}
