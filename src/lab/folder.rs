//! The folder of the script, and the only place where the page reads and writes.
//!
//! A name is walked from the open folder, one component after the other, and no link is followed on the way:
//! neither `..` nor a symbolic link leads out, even if a link is made at the same time.

use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// What can be edited.
const EDITABLE: [&str; 2] = ["rhai", "tick"];

/// Bytes of a file at most.
pub(super) const LARGEST: u64 = 8 << 20;

/// Files that are listed at most.
const LISTED: usize = 500;

/// How deep folders are searched.
const DEPTH: usize = 4;

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    /// The name leads out of the folder, or is not valid.
    #[error("'{0}': only files in the script's folder can be used; name them without '..'")]
    Outside(String),
    /// A link is on the way.
    #[error(
        "'{0}': it is a link, or inside a folder that is one, and the page does not follow links"
    )]
    Link(String),
    /// It is no script.
    #[error("'{name}': only {wanted} can be used here")]
    Kind {
        /// The name.
        name: String,
        /// What can be.
        wanted: &'static str,
    },
    /// It is too large.
    #[error("'{0}': it is larger than 8 MB")]
    Large(String),
    /// It is not UTF-8.
    #[error("'{0}': it is not UTF-8")]
    Text(String),
    /// The system refuses.
    #[error("'{name}': {source}")]
    System {
        /// The name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    /// One that cannot be opened.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { path: path.into(), handle })
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a script, or a file of test cases.
    ///
    /// # Errors
    /// A name that leads elsewhere, or a file that cannot be read.
    pub(super) fn read(&self, name: &str) -> Result<String, FolderError> {
        let system = |source| FolderError::System { name: name.into(), source };
        let (folder, file) = self.walk(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = openat(&folder, &file, flags, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(name, error))?);
        let meta = opened.metadata().map_err(system)?;
        if !meta.is_file() {
            return Err(FolderError::Kind { name: name.into(), wanted: "plain files" });
        }
        let mut bytes = Vec::new();
        opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(system)?;
        if bytes.len() as u64 > LARGEST {
            return Err(FolderError::Large(name.into()));
        }
        String::from_utf8(bytes).map_err(|_| FolderError::Text(name.into()))
    }

    /// Writes a file as a whole: a reader sees either the old text or the new one.
    ///
    /// # Errors
    /// As [`Folder::read`].
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        if text.len() as u64 > LARGEST {
            return Err(FolderError::Large(name.into()));
        }
        let (folder, file) = self.walk(name)?;
        // The file that is there keeps its mode; a link in its place is refused.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = match openat(&folder, &file, flags, Mode::empty()) {
            Ok(old) => Some(fstat(&old).map_err(|error| failed(name, error))?.st_mode),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(failed(name, error)),
        };
        let mode = Mode::from_raw_mode(mode.unwrap_or(0o644) & 0o777);
        let passing = format!(".{file}.{}.lab", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let new = openat(&folder, &passing, flags, mode).map_err(|error| failed(name, error))?;
        let written =
            put(new, text, mode).and_then(|()| Ok(renameat(&folder, &passing, &folder, &file)?));
        if let Err(source) = written {
            let _ = unlinkat(&folder, &passing, AtFlags::empty());
            return Err(FolderError::System { name: name.into(), source });
        }
        Ok(())
    }

    /// Lists the scripts, those of the folder itself first.
    pub(super) fn scripts(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![(self.path.clone(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && depth < DEPTH && !name.starts_with('.') {
                    folders.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
                } else if kind.is_file() && is_editable(&name) && names.len() < LISTED {
                    names.push(format!("{prefix}{name}"));
                }
            }
        }
        names.sort_by_key(|name| (name.matches('/').count(), name.clone()));
        names
    }

    /// Opens the folder that a name lies in; returns it with the last component.
    fn walk(&self, name: &str) -> Result<(OwnedFd, String), FolderError> {
        let outside = || FolderError::Outside(name.into());
        if name.contains('\0') || name.contains('\\') {
            return Err(outside());
        }
        let mut parts = Vec::new();
        for component in Path::new(name).components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str().ok_or_else(outside)?),
                _ => return Err(outside()),
            }
        }
        let file = parts.pop().ok_or_else(outside)?;
        let is_of_tests = file.ends_with(".test.toml") || file.ends_with(".lp");
        if !is_editable(file) && !is_of_tests {
            let wanted = "scripts (.rhai, .tick) and test cases (.test.toml, .lp)";
            return Err(FolderError::Kind { name: name.into(), wanted });
        }
        let system = |source| FolderError::System { name: name.into(), source };
        let mut folder = self.handle.try_clone().map_err(system)?;
        for part in parts {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = openat(&folder, part, flags, Mode::empty());
            folder = next.map_err(|error| failed(name, error))?;
        }
        Ok((folder, file.to_owned()))
    }
}

fn put(file: OwnedFd, text: &str, mode: Mode) -> std::io::Result<()> {
    // The mask of the process does not change what a file had.
    rustix::fs::fchmod(&file, mode)?;
    let mut file = File::from(file);
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(name: &str, error: Errno) -> FolderError {
    match error {
        // A link in place of a file, and in place of a folder.
        Errno::LOOP | Errno::NOTDIR => FolderError::Link(name.into()),
        error => FolderError::System { name: name.into(), source: error.into() },
    }
}

/// Whether a file is a script, by its name.
pub(super) fn is_editable(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && EDITABLE.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn made() -> (tempfile::TempDir, Folder) {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("scripts");
        std::fs::create_dir_all(inner.join("parts")).unwrap();
        std::fs::write(outer.path().join("secret.rhai"), "secret").unwrap();
        std::fs::write(inner.join("a.rhai"), "a").unwrap();
        std::fs::write(inner.join("parts/b.rhai"), "b").unwrap();
        std::fs::write(inner.join("notes.txt"), "n").unwrap();
        symlink("../secret.rhai", inner.join("link.rhai")).unwrap();
        symlink("..", inner.join("out")).unwrap();
        let folder = Folder::open(&inner).unwrap();
        (outer, folder)
    }

    #[test]
    fn only_what_lies_in_the_folder_is_read_and_written() {
        let (outer, folder) = made();
        assert_eq!(folder.read("a.rhai").unwrap(), "a");
        assert_eq!(folder.read("parts/b.rhai").unwrap(), "b");
        assert_eq!(folder.scripts(), ["a.rhai", "parts/b.rhai"]);
        let secret = outer.path().join("secret.rhai");
        let absolute = secret.to_str().unwrap();
        for name in [
            "../secret.rhai",
            "parts/../../secret.rhai",
            "link.rhai",
            "out/secret.rhai",
            absolute,
            "",
            ".",
            "..",
            "notes.txt",
            "parts",
            "a.rhai\0",
            "none/x.rhai/../../../secret.rhai",
        ] {
            assert!(folder.read(name).is_err(), "{name}");
            assert!(folder.write(name, "x").is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(secret).unwrap(), "secret");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_mode() {
        let (outer, folder) = made();
        let path = outer.path().join("scripts/a.rhai");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        folder.write("a.rhai", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        folder.write("case.test.toml", "x").unwrap();
        assert_eq!(folder.read("case.test.toml").unwrap(), "x");
        let left = std::fs::read_dir(folder.path()).unwrap().flatten();
        assert!(left.into_iter().all(|e| !e.file_name().to_string_lossy().ends_with(".lab")));
    }
}
