//! `replay --watch`: each save starts a replay, and the differences to the previous version are printed: alerts and
//! values of the output as `diff` shows them, then other lines.
//!
//! Each replay is a process of its own with the same arguments, so that one version cannot affect the next.

use super::args::ReplayArgs;
use super::manner;
use super::plan::is_tick;
use super::stdout;
use anyhow::Context;
use rhai_udf::agent::Pulse;
use rhai_udf::diff::Difference;
use rhai_udf::diff::lines::{Fate, LineDiff};
use rhai_udf::replay::outcome::Outcome;
use rhai_udf::script::config::{Config, Limits};
use rhai_udf::script::{Program, ScriptText, Watcher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Steps of the interpreter that loading a script may take.
const LOADING: u64 = 20_000_000;

/// Changed lines that are shown.
const SHOWN: usize = 40;

/// Replays now, and again whenever the script is saved, or a script that a TICKscript calls, or a module
/// of one, until it is stopped. `programs` are what a TICKscript calls; those that are no files are not
/// followed.
pub(super) fn run(args: &ReplayArgs, config: &Config) -> anyhow::Result<()> {
    let script = args.script.as_path();
    let programs = args.tick.udf.iter().map(|(_, program)| PathBuf::from(program));
    let watcher = Watcher::start().context("the script cannot be watched")?;
    let scripts: Vec<PathBuf> =
        std::iter::once(script.into()).chain(programs.filter(|p| p.is_file())).collect();
    let follow = watcher.follow(&texts(&scripts, config), || {});
    let folder = tempfile::tempdir()
        .context("a temporary folder for the output of each run cannot be made")?;
    // Of a sweep, only the table is compared.
    let kept = args.judge.sweep.is_empty().then(|| folder.path().join("outcome"));
    // Output that is neither alerts nor points: tables, and what a TICKscript logs or serves.
    let has_lines = is_tick(script) || args.judge.labels.is_some();
    let mut before: Option<Replayed> = None;
    loop {
        // A version that fails has printed its error; the next one is compared with the last one that did not fail.
        if let Some(replayed) = replay(kept.as_deref())? {
            let shown = match &before {
                None => replayed.text.clone(),
                Some(before) => manner::changes(&replayed.against(before, has_lines)),
            };
            stdout::print(&shown)?;
            before = Some(replayed);
        }
        manner::note(&format!("-- waiting for a change of {}", script.display()));
        while !follow.wait(Duration::from_secs(3600)) {}
        follow.refollow(&texts(&scripts, config));
    }
}

/// The scripts and what they import, as far as they can be loaded.
fn texts(scripts: &[PathBuf], config: &Config) -> Vec<(PathBuf, String)> {
    scripts.iter().flat_map(|script| with_modules(script, config)).collect()
}

/// A script and what it imports; the script alone if it cannot be loaded, or is a TICKscript.
pub(super) fn with_modules(script: &Path, config: &Config) -> Vec<(PathBuf, String)> {
    // The text of the file itself, which is not that of a script: TICKscripts are followed too.
    let text = std::fs::read_to_string(script).unwrap_or_default();
    let Ok(source) = ScriptText::read(script) else { return vec![(script.into(), text)] };
    // No watchdog runs here; the imports of a script are known after few steps.
    let limits = Limits { operations: LOADING, ..config.limits.clone() };
    match Program::load(source, &limits, &Pulse::default()) {
        Ok(program) => program
            .files()
            .into_iter()
            .map(|path| {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                (path, text)
            })
            .collect(),
        Err(_) => vec![(script.into(), text)],
    }
}

/// The output of a replay.
struct Replayed {
    text: String,
    outcome: Option<Outcome>,
}

impl Replayed {
    /// The differences to the previous version.
    fn against(&self, before: &Self, has_lines: bool) -> String {
        let lines = || difference(&before.text, &self.text);
        let (Some(old), Some(new)) = (&before.outcome, &self.outcome) else { return lines() };
        let found = Difference::of(old, new, 0.0);
        match (found.is_equal(), before.text == self.text) {
            (true, true) => "the output is the same\n".into(),
            (true, false) => lines(),
            (false, _) if has_lines => found.text() + lines().as_str(),
            (false, _) => found.text(),
        }
    }
}

/// Runs this program again without `--watch`; what it says to people is passed on. `None` if it failed.
fn replay(kept: Option<&Path>) -> anyhow::Result<Option<Replayed>> {
    let program = std::env::current_exe().context("the path of rhai-udf itself")?;
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--watch");
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(path) = kept {
        command.arg("--outcome").arg(path);
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("the replay cannot be started")?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcome =
        kept.map(Outcome::read).transpose().context("the output of the last run cannot be read")?;
    Ok(Some(Replayed { text, outcome }))
}

/// The lines that were removed and added, and their numbers.
fn difference(before: &str, after: &str) -> String {
    let changed = LineDiff::of_texts(before, after).changed();
    if changed.is_empty() {
        return "the output is the same\n".into();
    }
    let count = |fate| changed.iter().filter(|change| change.0 == fate).count();
    let mut text = format!(
        "{} lines were removed (-), {} lines were added (+)\n",
        count(Fate::Removed),
        count(Fate::Added)
    );
    for (fate, line) in changed.iter().take(SHOWN) {
        let sign = if *fate == Fate::Removed { '-' } else { '+' };
        text.push_str(&format!("{sign} {}\n", line.trim_end()));
    }
    if changed.len() > SHOWN {
        text.push_str(&format!(
            "… and {} more; -o FILE keeps all of them\n",
            changed.len() - SHOWN
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_shown() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), "the output is the same\n");
        assert_eq!(
            difference("a\nb\nc\n", "a\nx\nc\n"),
            "1 lines were removed (-), 1 lines were added (+)\n- b\n+ x\n"
        );
        let long: String = (0..100).map(|i| format!("{i}\n")).collect();
        assert!(difference("", &long).ends_with("… and 60 more; -o FILE keeps all of them\n"));
    }
}
