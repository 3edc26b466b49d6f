//! Problems and warnings of a script: those of `check`, with the same texts.

use super::document::Document;
use crate::agent::Pulse;
use crate::script::config::{Config, Limits};
use crate::script::{Problem, Program, ScriptError, ScriptText};
use lsp_types::{Diagnostic, DiagnosticSeverity, Range};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The limits during typing: `info` and the top level run at each change.
const OPERATIONS: u64 = 2_000_000;

/// Scripts of a folder that are asked whether they import a module.
const NEIGHBOURS: usize = 200;

/// Problems and warnings, by file.
pub(super) type Found = BTreeMap<PathBuf, Vec<(Problem, DiagnosticSeverity)>>;

/// Everything that is wrong with a text, and with the modules that it imports.
pub(super) fn of(document: &Document) -> Found {
    let mut found = Found::from([(document.path.clone(), Vec::new())]);
    match is_module(document) {
        true => of_module(document, &mut found),
        false => of_script(&document.path, &document.text, &mut found),
    }
    found
}

/// A file without `info` that a script of its folder, or of one above, imports.
fn is_module(document: &Document) -> bool {
    let names = super::names::Names::of(&document.text);
    names.function("info").is_none() && !importers(&document.path).is_empty()
}

fn of_script(path: &Path, text: &str, found: &mut Found) {
    let config = Config::beside(path);
    let mut limits =
        config.as_ref().map_or_else(|_| Limits::default(), |config| config.limits.clone());
    limits.operations = limits.operations.clamp(1, OPERATIONS);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    let source = ScriptText { path: path.into(), text };
    let mut add = |problem: Problem, severity| {
        found.entry(problem.file.clone()).or_default().push((problem, severity));
    };
    if let Err(error) = config {
        add(Problem::new(path, error.to_string()), DiagnosticSeverity::ERROR);
    }
    match Program::load(source, &limits, &Pulse::default()) {
        Ok(program) => {
            // A module whose problems are solved is reported as well, with an empty list.
            for module in program.files() {
                found.entry(module).or_default();
            }
            for warning in program.warnings() {
                let file = warning.file.clone();
                found.entry(file).or_default().push((warning, DiagnosticSeverity::WARNING));
            }
        }
        Err(ScriptError::Load(problems)) => {
            problems.into_iter().for_each(|problem| add(problem, DiagnosticSeverity::ERROR));
        }
        Err(other) => add(Problem::new(path, other.to_string()), DiagnosticSeverity::ERROR),
    }
}

/// A module has no declaration: the syntax of its open text is checked, and the rest as the scripts that import it
/// see it on the disk.
fn of_module(document: &Document, found: &mut Found) {
    if let Err(ScriptError::Load(problems)) =
        crate::script::format::format(&document.path, &document.text)
    {
        let problems = problems.into_iter().map(|problem| (problem, DiagnosticSeverity::ERROR));
        found.entry(document.path.clone()).or_default().extend(problems);
        return;
    }
    for script in importers(&document.path) {
        let Ok(text) = std::fs::read_to_string(&script) else { continue };
        let mut seen = Found::new();
        of_script(&script, &text, &mut seen);
        for (file, problems) in seen {
            if super::document::same_file(&file, &document.path) {
                let own = found.entry(document.path.clone()).or_default();
                own.extend(
                    problems.into_iter().filter(|one| !own.contains(one)).collect::<Vec<_>>(),
                );
            }
        }
    }
}

/// The scripts beside a module, or in a folder above, that import it.
pub(super) fn importers(module: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in module.ancestors().skip(1).take(4) {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let scripts = entries.flatten().map(|entry| entry.path());
        let scripts = scripts.filter(|path| path.extension().is_some_and(|e| e == "rhai"));
        for script in scripts.take(NEIGHBOURS).filter(|path| path != module) {
            let Ok(text) = std::fs::read_to_string(&script) else { continue };
            let names = super::names::Names::of(&text);
            let imports = super::navigate::modules(&names, &script);
            if imports.iter().any(|(_, path)| super::document::same_file(path, module)) {
                found.push(script);
            }
        }
    }
    found
}

/// The diagnostics of a file whose text is this.
pub(super) fn shown(
    document: &Document,
    problems: &[(Problem, DiagnosticSeverity)],
) -> Vec<Diagnostic> {
    let shown = problems.iter().map(|(problem, severity)| {
        let range = match problem.place {
            Some((line, column)) => {
                let (start, end) = document.place(line, column);
                document.range(start, end)
            }
            None => Range::default(),
        };
        Diagnostic {
            range,
            severity: Some(*severity),
            source: Some("rhai-udf".to_owned()),
            message: problem.message.clone(),
            ..Diagnostic::default()
        }
    });
    shown.collect()
}
