//! `fmt`: formats the indentation and the spaces of scripts.

use super::stdout;
use super::usage;
use anyhow::{Context, bail};
use rhai_udf::diff::lines::LineDiff;
use rhai_udf::script::{ScriptText, format::format};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Format the indentation and the spaces of scripts; lines and comments are not changed
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scripts; a folder stands for all scripts in it, `-` for standard input, which is written to standard output
    #[arg(required = true)]
    scripts: Vec<PathBuf>,
    /// Write no file; print what would change, and fail if anything would
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.scripts.iter().any(|path| path.as_os_str() == "-") {
        if args.scripts.len() > 1 {
            return usage("`-` is standard input and cannot be given together with files");
        }
        return standard_input(args.check);
    }
    let scripts = super::check::scripts(&args.scripts)?;
    let (mut broken, mut changed) = (0, 0);
    for (path, _) in &scripts {
        match one(path, args.check) {
            Ok(false) => {}
            Ok(true) => changed += 1,
            Err(error) => {
                broken += 1;
                super::logging::fatal(&error);
            }
        }
    }
    let all = scripts.len();
    match (broken, changed) {
        (0, n) if n > 0 && args.check => bail!("{n} of {all} scripts would be formatted"),
        (0, _) => Ok(()),
        (n, _) => bail!("{n} of {all} scripts cannot be formatted"),
    }
}

/// Formats a file; true if that changes it.
fn one(path: &Path, check: bool) -> anyhow::Result<bool> {
    let before = ScriptText::read(path).map(|_| std::fs::read_to_string(path))??;
    let after = format(path, &before)?;
    if before == after {
        return Ok(false);
    }
    if check {
        show(path, &before, &after)?;
        return Ok(true);
    }
    write(path, &after).with_context(|| format!("{}: cannot be written", path.display()))?;
    stdout::print(&format!("formatted {}\n", path.display()))?;
    Ok(true)
}

fn standard_input(check: bool) -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    let name = Path::new("<stdin>");
    let after = format(name, &text)?;
    if !check {
        return stdout::print(&after);
    }
    if after != text {
        show(name, &text, &after)?;
        bail!("standard input would be formatted");
    }
    Ok(())
}

fn show(path: &Path, before: &str, after: &str) -> anyhow::Result<()> {
    let name = path.display().to_string();
    stdout::print(&LineDiff::of_texts(before, after).unified(&name))
}

/// Replaces the text of a file, or leaves the file unchanged.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // A link keeps pointing to its file.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.persist(&path).map(drop).map_err(|error| error.error)
}
