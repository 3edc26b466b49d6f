//! The problems of a script with their places, as the editor shows them.

use crate::agent::{AgentError, Pulse};
use crate::replay::ReplayError;
use crate::script::config::Config;
use crate::script::{Problem, Program, ScriptError, ScriptText};
use crate::tick::TickError;
use serde::Serialize;
use std::path::Path;

/// Steps of the interpreter that loading a script may take.
const LOADING: u64 = 20_000_000;

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The path of the file in the script's folder; empty if the file is elsewhere.
    pub(super) file: String,
    /// The line from 1; 0 is the file as a whole.
    pub(super) line: usize,
    /// The column from 1; 0 is the line as a whole.
    pub(super) column: usize,
    /// Whether it keeps the script from being used.
    pub(super) error: bool,
    /// What is wrong and what to do.
    pub(super) message: String,
    /// The whole text, as `check` prints it.
    pub(super) text: String,
}

impl Finding {
    fn of(problem: &Problem, error: bool, folder: &Path) -> Self {
        let (line, column) = problem.place.unwrap_or_default();
        Self {
            file: name_in(folder, &problem.file),
            line,
            column,
            error,
            message: problem.message.clone(),
            text: problem.pretty(),
        }
    }

    /// Something that has no place.
    pub(super) fn plain(message: String, error: bool) -> Self {
        let text = message.clone();
        Self { file: String::new(), line: 0, column: 0, error, message, text }
    }
}

/// Returns a file's name as the page calls it.
pub(super) fn name_in(folder: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(folder).ok();
    inside.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Loads a script as `check` does; returns the program and what was found.
pub(super) fn check(
    source: ScriptText,
    config: &Config,
    folder: &Path,
) -> (Option<Program>, Vec<Finding>) {
    // No watchdog runs here: a script whose top level never ends is stopped by the limit of operations.
    let mut limits = config.limits.clone();
    if limits.operations == 0 || limits.operations > LOADING {
        limits.operations = LOADING;
    }
    match Program::load(source, &limits, &Pulse::default()) {
        Ok(program) => {
            let warnings = program.warnings();
            let found = warnings.iter().map(|warning| Finding::of(warning, false, folder));
            let found = found.collect();
            (Some(program), found)
        }
        Err(error) => (None, of_script(&error, folder)),
    }
}

fn of_script(error: &ScriptError, folder: &Path) -> Vec<Finding> {
    // The line of a file that a link leads to is not shown.
    let leads_out = |problem: &&Problem| {
        problem.file.starts_with(folder)
            && problem.file.canonicalize().is_ok_and(|real| !real.starts_with(folder))
    };
    if let ScriptError::Load(problems) = error
        && let Some(problem) = problems.iter().find(leads_out)
    {
        let file = problem.file.display();
        return vec![Finding::plain(
            format!("{file}: this is a link that leads out of the script's folder"),
            true,
        )];
    }
    match error {
        ScriptError::Load(problems) => {
            problems.iter().map(|problem| Finding::of(problem, true, folder)).collect()
        }
        ScriptError::Call { problem, .. } => {
            let mut finding = Finding::of(problem, true, folder);
            finding.message = error.to_string();
            vec![finding]
        }
        error => vec![Finding::plain(error.to_string(), true)],
    }
}

/// Finds the places that an error of a replay names.
pub(super) fn of_replay(error: &ReplayError, folder: &Path) -> Vec<Finding> {
    match error {
        ReplayError::Script(error) => of_script(error, folder),
        ReplayError::Agent(AgentError::Handler(error)) => match error.downcast_ref() {
            Some(error) => of_script(error, folder),
            None => vec![of_text(&error.to_string(), folder)],
        },
        ReplayError::Tick(error) => of_tick(error, folder),
        error => vec![of_text(&error.to_string(), folder)],
    }
}

fn of_tick(error: &TickError, folder: &Path) -> Vec<Finding> {
    match error {
        TickError::Script { place, message } => vec![Finding {
            file: name_in(folder, Path::new(&place.file)),
            line: place.line,
            column: place.column,
            error: true,
            message: message.clone(),
            text: error.to_string(),
        }],
        TickError::Outside(error) => {
            if let Some(error) = error.downcast_ref::<ScriptError>() {
                of_script(error, folder)
            } else {
                vec![of_text(&error.to_string(), folder)]
            }
        }
        error => vec![of_text(&error.to_string(), folder)],
    }
}

/// Finds a place that a text names, as in `…/script.rhai:3:7: …`; what came through a session is text.
fn of_text(text: &str, folder: &Path) -> Finding {
    let prefix = format!("{}/", folder.display());
    let found = text.find(&prefix).and_then(|start| {
        let rest = &text[start + prefix.len()..];
        let (file, rest) = rest.split_once(':')?;
        let (line, rest) = rest.split_once(':')?;
        let line = line.parse().ok()?;
        let (column, message) = match rest.split_once(':') {
            Some((column, message)) if column.parse::<usize>().is_ok() => {
                (column.parse().unwrap_or(0), message)
            }
            _ => (0, rest),
        };
        Some(Finding {
            file: file.into(),
            line,
            column,
            error: true,
            message: message.trim().into(),
            text: text.into(),
        })
    });
    found.unwrap_or_else(|| Finding::plain(text.into(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_text_is_found() {
        let folder = Path::new("/a/b");
        let found = of_text("@f: script /a/b/parts/x.rhai:3:7: no field: x", folder);
        assert_eq!((&*found.file, found.line, found.column), ("parts/x.rhai", 3, 7));
        assert_eq!(found.message, "no field: x");
        let found = of_text("/a/b/x.rhai:3: whole line", folder);
        assert_eq!((found.line, found.column, &*found.message), (3, 0, "whole line"));
        assert_eq!(of_text("no place: 3:7: here", folder).line, 0);
    }
}
