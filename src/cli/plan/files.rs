//! The files that `--data` names: files, folders and patterns.

use anyhow::{Context, bail};
use rhai_udf::replay::source::is_known;
use std::path::{Path, PathBuf};

/// The characters that make a name a pattern.
const SIGNS: [char; 3] = ['*', '?', '['];

/// The number of files without data that a warning names.
const TOLD: usize = 3;

/// Finds the files that are meant: a file as it is, a folder with all data below it, or what a pattern
/// matches, each in the order of the names.
pub(super) fn find(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        let text = path.to_string_lossy();
        if path.is_dir() {
            folder(path, &mut files)?;
        } else if !path.exists() && text.contains(SIGNS) {
            pattern(&text, &mut files)?;
        } else {
            // A missing file is reported when it is opened.
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Adds all data below a folder.
fn folder(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    walk(folder, &mut found, &mut others)?;
    if found.is_empty() {
        bail!(
            "{}: there is no data in this folder: files of data are recognized by their names (.lp, .csv, .parquet, .srpl, .brpl, .bin, also with .gz or .zst); give files with other names one by one, with --data-format",
            folder.display()
        );
    }
    if !others.is_empty() {
        let shown: Vec<_> =
            others.iter().take(TOLD).map(|path| path.display().to_string()).collect();
        let more = if others.len() > TOLD { ", …" } else { "" };
        log::warn!(
            "{}: {} files are skipped, because their names are not those of data: {}{more}",
            folder.display(),
            others.len(),
            shown.join(", ")
        );
    }
    files.append(&mut found);
    Ok(())
}

/// Finds data and other files below a folder; hidden files are neither.
fn walk(folder: &Path, found: &mut Vec<PathBuf>, others: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unread = || format!("{}: cannot be read", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unread)?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.with_context(unread)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found, others)?;
        } else if is_known(&path) {
            found.push(path);
        } else {
            others.push(path);
        }
    }
    Ok(())
}

/// Adds the files that a pattern matches.
fn pattern(pattern: &str, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let before = files.len();
    let matches =
        glob::glob(pattern).with_context(|| format!("{pattern}: this is not a valid pattern"))?;
    for path in matches {
        let path = path?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.len() == before {
        bail!("{pattern}: no file matches this pattern");
    }
    Ok(())
}
