//! What can be read only once: standard input, which is called `-`, process substitution (`<(…)`) and named
//! pipes.
//!
//! A script's text is read again and again (for its configuration, by each thread, by `check`), so that of a
//! pipe is kept for the life of the process. Data is read once and not kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::NamedTempFile;

/// The texts that came through pipes. A pipe can be read once in a process, and so they belong to it.
static TEXTS: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// The names of standard input.
const STANDARD_INPUT: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Tells whether a name means standard input.
pub fn is_standard_input(path: &Path) -> bool {
    STANDARD_INPUT.iter().any(|name| path.as_os_str() == *name)
}

/// Tells whether a name means standard input or something else that can be read only once.
pub fn is_piped(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    if path.as_os_str() == "-" {
        return true;
    }
    let kind = std::fs::metadata(path).map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device() || kind.is_socket())
}

/// Returns the folder of a script, where its modules, models and configuration are looked for: that of its
/// file, or the present one for a script that comes through a pipe.
pub(crate) fn folder(script: &Path) -> &Path {
    match script.parent() {
        Some(parent) if !is_piped(script) => parent,
        _ => Path::new(""),
    }
}

/// Opens a file, or standard input for `-`.
///
/// # Errors
/// A file that cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if path.as_os_str() == "-" {
        return Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    }
    File::open(path)
}

/// Reads a text; that of a pipe is kept, and read only once.
///
/// # Errors
/// A file that cannot be read, or is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    if !is_piped(path) {
        return std::fs::read_to_string(path);
    }
    // The texts are whole at any time: they are inserted after they were read.
    let mut texts = TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(text) = texts.get(path) {
        return Ok(text.clone());
    }
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    texts.insert(path.into(), text.clone());
    Ok(text)
}

/// A file that can be read at any place: of a pipe, a copy in a temporary file, which is gone with this value.
#[derive(Debug)]
pub(crate) enum Seekable {
    /// The file itself.
    File(PathBuf),
    /// A copy.
    Copy(NamedTempFile),
}

impl Seekable {
    /// Copies what comes through a pipe, and leaves a file as it is.
    ///
    /// # Errors
    /// A pipe that cannot be read, or a copy that cannot be written.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        if !is_piped(path) {
            return Ok(Self::File(path.into()));
        }
        let mut copy = NamedTempFile::new()?;
        io::copy(&mut open(path)?, copy.as_file_mut())?;
        Ok(Self::Copy(copy))
    }

    /// Opens it, from the beginning.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::File(path) => File::open(path),
            Self::Copy(copy) => File::open(copy.path()),
        }
    }
}
