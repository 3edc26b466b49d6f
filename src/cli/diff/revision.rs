//! A version of a script: a file, or `REVISION:PATH` of git. Of a revision, the scripts, TICKscripts,
//! configurations and models of its folder are taken out of git together, so that what a script imports is
//! of the same revision.

use crate::cli::usage;
use anyhow::Context;
use std::io::{Cursor, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use zip::ZipArchive;

/// The endings of files that a script may need.
const ENDINGS: [&str; 9] = ["rhai", "tick", "toml", "onnx", "json", "txt", "ubj", "cbm", "dot"];

/// A version of a script.
#[derive(Debug)]
pub(super) struct Version {
    /// Its name, as it was given.
    pub(super) name: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// The files of a revision, until this is dropped.
    _folder: Option<TempDir>,
}

impl Version {
    /// Finds a version by its name. An existing file is preferred to a revision.
    pub(super) fn of(name: &str) -> anyhow::Result<Self> {
        let path = PathBuf::from(name);
        match name.split_once(':') {
            Some((revision, inner)) if !path.exists() && !inner.is_empty() => {
                Self::taken(name, revision, inner)
            }
            _ => Ok(Self { name: name.into(), path, _folder: None }),
        }
    }

    /// Takes a script and what lies beside it out of git.
    fn taken(name: &str, revision: &str, inner: &str) -> anyhow::Result<Self> {
        if revision.is_empty() || revision.starts_with('-') {
            return usage(&format!("{name}: write REVISION:PATH, as in HEAD:ttest.rhai"));
        }
        let top = git(&["rev-parse", "--show-toplevel"]).with_context(|| name.to_owned())?;
        let top = PathBuf::from(text(&top.stdout));
        let commit = format!("{revision}^{{commit}}");
        if let Err(error) = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
        {
            return Err(error.context(format!("{name}: git knows no revision '{revision}'")));
        }
        // As git does, from the top of the repository; else from here, as a shell would complete it.
        let here = text(&git(&["rev-parse", "--show-prefix"])?.stdout);
        let from_here = plain(&format!("{here}{inner}"));
        let places = [plain(inner), from_here].into_iter().flatten();
        let is_file = |place: &String| {
            let object = format!("{revision}:{place}");
            git(&["cat-file", "-t", &object]).is_ok_and(|kind| text(&kind.stdout) == "blob")
        };
        let Some(place) = places.into_iter().find(is_file) else {
            anyhow::bail!("{name}: there is no file {inner} in the revision '{revision}'");
        };
        let folder = tempfile::tempdir().context("a folder for files of git")?;
        take(&top, revision, &place, folder.path()).with_context(|| name.to_owned())?;
        Ok(Self { name: name.into(), path: folder.path().join(&place), _folder: Some(folder) })
    }
}

/// Writes a file of a revision, and what a script beside it may need, into a folder.
fn take(top: &Path, revision: &str, place: &str, into: &Path) -> anyhow::Result<()> {
    let folder = Path::new(place).parent().map(|folder| folder.to_string_lossy().into_owned());
    let folder = folder.filter(|folder| !folder.is_empty()).unwrap_or_else(|| ".".into());
    let top = top.to_string_lossy();
    let listed = git(&[
        "-C",
        &top,
        "ls-tree",
        "-r",
        "-z",
        "--name-only",
        revision,
        "--",
        &format!("{folder}/"),
    ])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let is_wanted = |name: &&str| {
        let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy();
        ENDINGS.contains(&&*ending) || *name == place
    };
    let names: Vec<&str> =
        listed.split('\0').filter(|name| !name.is_empty()).filter(is_wanted).collect();
    // A command can be given only so many names.
    for names in names.chunks(500) {
        let mut arguments = vec!["-C", &*top, "archive", "--format=zip", revision, "--"];
        arguments.extend(names);
        let archive = git(&arguments)?;
        ZipArchive::new(Cursor::new(archive.stdout))?.extract(into)?;
    }
    Ok(())
}

/// A path without `.` and `..`; `None` if it leaves the repository.
fn plain(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Runs git; an error is what it says.
fn git(arguments: &[&str]) -> anyhow::Result<Output> {
    let output = match Command::new("git").args(arguments).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("REVISION:PATH needs git, which is not installed; give a file")
        }
        Err(error) => return Err(error).context("git cannot be run"),
    };
    if output.status.success() {
        return Ok(output);
    }
    let said = text(&output.stderr);
    let said = said.strip_prefix("fatal: ").unwrap_or(&said);
    anyhow::bail!(
        "git {} failed{}",
        arguments.first().unwrap_or(&""),
        if said.is_empty() { String::new() } else { format!(": {said}") }
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
