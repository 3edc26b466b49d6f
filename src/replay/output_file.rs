//! A file that a replay writes, which appears once the replay has succeeded.
//!
//! Output is collected in a temporary file beside the requested one, and [`OutputFile::keep`] renames it, so that a
//! run that fails leaves an earlier file unchanged. Devices and pipes (`/dev/null`, a FIFO) are written directly. The
//! temporary file of a run that was killed stays; the next run that writes the same file removes it.

use crate::replay::parquet::{self, is_parquet};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Why there is no output file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputFileError {
    /// The file is also read.
    #[error(
        "{path}: the replay reads this file, and writing to it would destroy it; write to another file"
    )]
    Input {
        /// The file.
        path: PathBuf,
    },
    /// A dash, which stands for standard output elsewhere.
    #[error(
        "-: output goes to standard output without this option; for a file of that name write ./-"
    )]
    Dash,
    /// The file cannot be made or written.
    #[error("{path}: cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The ending of temporary files.
const PART: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    writer: Target,
    /// Lines of which a file of Parquet is made at the end.
    lines: Option<BufWriter<NamedTempFile>>,
}

#[derive(Debug)]
enum Target {
    /// A temporary file that becomes the real one.
    Renamed(BufWriter<NamedTempFile>),
    /// A device or a pipe.
    Direct(BufWriter<File>),
}

impl OutputFile {
    /// Begins a file; `inputs` are the files that the replay reads.
    ///
    /// # Errors
    /// A file that is one of the inputs under any name, or that cannot be written.
    pub fn create<'p>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> Result<Self, OutputFileError> {
        let failed = |source| OutputFileError::Write { path: path.into(), source };
        refuse_input(path, inputs)?;
        let present = std::fs::metadata(path).ok();
        if let Some(present) = &present {
            if present.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            if !present.is_file() {
                let file = File::options().write(true).open(path).map_err(failed)?;
                let writer = Target::Direct(BufWriter::with_capacity(1 << 16, file));
                return Ok(Self { path: path.into(), writer, lines: None });
            }
        }
        // A link stays a link: what it points to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let mode = present.map_or(0o666, |present| present.mode() & 0o777);
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        remove_stale(folder, &prefix);
        let begin = || {
            let file = Builder::new()
                .prefix(&prefix)
                .suffix(PART)
                .permissions(Permissions::from_mode(mode))
                .tempfile_in(folder)
                .map_err(failed)?;
            // Held as long as the process lives, so that no other run treats the file as stale.
            let _ = file.as_file().try_lock();
            Ok(BufWriter::with_capacity(1 << 16, file))
        };
        let lines = if is_parquet(&path) { Some(begin()?) } else { None };
        let writer = Target::Renamed(begin()?);
        Ok(Self { path: path.clone(), writer, lines })
    }

    /// Begins a file that is written at once, for data that never ends; `inputs` as in
    /// [`OutputFile::create`].
    ///
    /// # Errors
    /// As [`OutputFile::create`].
    pub fn live<'p>(
        path: &Path,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> Result<Self, OutputFileError> {
        refuse_input(path, inputs)?;
        let file = File::create(path)
            .map_err(|source| OutputFileError::Write { path: path.into(), source })?;
        let writer = Target::Direct(BufWriter::with_capacity(1 << 16, file));
        Ok(Self { path: path.into(), writer, lines: None })
    }

    /// Gives the file its name: all has been written. Without this, it is removed.
    ///
    /// # Errors
    /// A disk that is full, a folder that is gone.
    pub fn keep(self) -> Result<(), OutputFileError> {
        let Self { path, mut writer, lines } = self;
        let failed = |source| OutputFileError::Write { path: path.clone(), source };
        if let Some(lines) = lines {
            let lines = lines.into_inner().map_err(|error| failed(error.into_error()))?;
            parquet::write(|| lines.reopen(), &mut writer).map_err(failed)?;
        }
        match writer {
            Target::Direct(mut writer) => writer.flush().map_err(failed),
            Target::Renamed(writer) => {
                let file = writer.into_inner().map_err(|error| failed(error.into_error()))?;
                file.persist(&path).map(drop).map_err(|error| failed(error.error))
            }
        }
    }

    /// Names the file in an error of writing to it.
    pub fn failed(&self, source: io::Error) -> OutputFileError {
        OutputFileError::Write { path: self.path.clone(), source }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.lines {
            Some(lines) => lines.write(bytes),
            None => self.writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.lines {
            Some(lines) => lines.flush(),
            None => self.writer.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Renamed(writer) => writer.write(bytes),
            Self::Direct(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Renamed(writer) => writer.flush(),
            Self::Direct(writer) => writer.flush(),
        }
    }
}

/// Removes the files of runs that were killed: temporary files for the same output that no process holds.
fn remove_stale(folder: &Path, prefix: &OsStr) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let (name, prefix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes());
        let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(PART.as_bytes()));
        if !middle.is_some_and(|middle| middle.len() == 6 && middle.is_ascii()) {
            continue;
        }
        let Ok(file) = File::options().write(true).open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            // A file that cannot be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Refuses a file that is one of the inputs, under whatever name.
///
/// # Errors
/// A file that is one of the inputs, or a dash.
pub fn refuse_input<'p>(
    path: &Path,
    inputs: impl IntoIterator<Item = &'p Path>,
) -> Result<(), OutputFileError> {
    if path == Path::new("-") {
        return Err(OutputFileError::Dash);
    }
    match std::fs::metadata(path) {
        Ok(present) if inputs.into_iter().any(|input| is_same(&present, input)) => {
            Err(OutputFileError::Input { path: path.into() })
        }
        _ => Ok(()),
    }
}

/// True if a path leads to this very file, under whatever name; devices may be read and written.
fn is_same(file: &Metadata, path: &Path) -> bool {
    file.is_file()
        && std::fs::metadata(path)
            .is_ok_and(|other| (other.dev(), other.ino()) == (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_not_overwritten_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data.lp");
        let link = folder.path().join("link.lp");
        let hard = folder.path().join("hard.lp");
        std::fs::write(&data, "m x=1 1\n").unwrap();
        std::os::unix::fs::symlink(&data, &link).unwrap();
        std::fs::hard_link(&data, &hard).unwrap();
        for path in [&data, &link, &hard] {
            let error = OutputFile::create(path, [data.as_path()]).unwrap_err();
            assert!(matches!(error, OutputFileError::Input { .. }), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&data).unwrap(), "m x=1 1\n");
    }

    #[test]
    fn a_failed_run_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.lp");
        std::fs::write(&path, "old\n").unwrap();
        let mut file = OutputFile::create(&path, []).unwrap();
        file.write_all(b"half of ").unwrap();
        file.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut file = OutputFile::create(&path, []).unwrap();
        file.write_all(b"new\n").unwrap();
        file.keep().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn what_a_killed_run_was_writing_is_removed_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.lp");
        std::fs::write(folder.path().join(".out.lp.Ab12Cd.part"), "half").unwrap();
        std::fs::write(folder.path().join(".out.lp.mine.part"), "another's").unwrap();
        std::fs::write(folder.path().join(".other.lp.Ab12Cd.part"), "another's").unwrap();
        let first = OutputFile::create(&path, []).unwrap();
        let second = OutputFile::create(&path, []).unwrap();
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(count(), 4, "two of other programs and two that are being written");
        first.keep().unwrap();
        second.keep().unwrap();
        assert_eq!(count(), 3);
    }

    #[test]
    fn links_stay_links_and_devices_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = OutputFile::create(&link, []).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
        let null = Path::new("/dev/null");
        let mut file = OutputFile::create(null, [null]).unwrap();
        file.write_all(b"gone").unwrap();
        file.keep().unwrap();
        let dash = OutputFile::create(Path::new("-"), []).unwrap_err().to_string();
        assert!(dash.contains("without this option"), "{dash}");
        let missing = OutputFile::create(Path::new("/nope/x"), []).unwrap_err().to_string();
        assert!(missing.starts_with("/nope/x: cannot be written: "), "{missing}");
    }
}
