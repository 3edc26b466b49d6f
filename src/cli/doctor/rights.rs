//! What a user may do with files, by their modes. (Access control lists are ignored.)

use super::super::usage;
use rustix::process::{getegid, geteuid, getgroups};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of the daemon's user in Kapacitor's packages.
const DAEMON: &str = "kapacitor";

/// A user with its groups.
#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    id: u32,
    groups: BTreeSet<u32>,
    /// Whether it is the requested user, and not the current one.
    pub(super) known: bool,
}

/// An action on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Read = 4,
    Write = 2,
    /// Execute a file, or go through a folder.
    Execute = 1,
}

/// Why a user may not do something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// The file, or a folder in its path, does not exist.
    Missing(PathBuf),
    /// The rights of this file or folder do not allow it.
    Rights(PathBuf, u32),
}

impl User {
    /// Finds a user by name; without a name, the daemon's user, otherwise the current one.
    pub(super) fn find(named: Option<&str>) -> anyhow::Result<Self> {
        if let Some(user) = Self::named(named.unwrap_or(DAEMON)) {
            return Ok(user);
        }
        if let Some(name) = named {
            return usage(&format!("--user: there is no user '{name}' on this machine"));
        }
        let groups = getgroups().unwrap_or_default();
        let groups = groups.into_iter().chain([getegid()]).map(|group| group.as_raw());
        Ok(Self {
            name: "yourself".into(),
            id: geteuid().as_raw(),
            groups: groups.collect(),
            known: false,
        })
    }

    fn named(name: &str) -> Option<Self> {
        let users = std::fs::read_to_string("/etc/passwd").ok()?;
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).filter_map(|number| number.parse::<u32>().ok());
        let (id, group) = (numbers.next()?, numbers.next()?);
        let all = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let member = all.lines().filter_map(|line| {
            let parts: Vec<&str> = line.split(':').collect();
            let [_, _, number, members] = parts[..] else { return None };
            members.split(',').any(|member| member == name).then(|| number.parse().ok())?
        });
        let groups = member.chain([group]).collect();
        Some(Self { name: name.into(), id, groups, known: true })
    }

    /// Whether the user may do something with a file, and reach it.
    pub(super) fn may(&self, path: &Path, want: Want) -> Result<(), Denied> {
        let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
        folders.retain(|folder| !folder.as_os_str().is_empty());
        for folder in folders.into_iter().rev() {
            self.allowed(folder, Want::Execute)?;
        }
        self.allowed(path, want)
    }

    fn allowed(&self, path: &Path, want: Want) -> Result<(), Denied> {
        let Ok(metadata) = path.metadata() else { return Err(Denied::Missing(path.into())) };
        let mode = metadata.mode();
        // Root may do everything, but may execute a file only if it is executable for some user.
        let bits = match self.id {
            0 if want != Want::Execute || mode & 0o111 != 0 => 7,
            id if id == metadata.uid() => mode >> 6,
            _ if self.groups.contains(&metadata.gid()) => mode >> 3,
            _ => mode,
        };
        match bits & want as u32 {
            0 => Err(Denied::Rights(path.into(), mode & 0o7777)),
            _ => Ok(()),
        }
    }
}

impl Denied {
    /// The problem, as the rest of a sentence that begins with the file.
    pub(super) fn why(&self, user: &User, want: Want) -> String {
        let verb = match want {
            Want::Read => "read",
            Want::Write => "write to",
            Want::Execute => "execute",
        };
        match self {
            Self::Missing(path) => format!("{} does not exist", path.display()),
            Self::Rights(path, mode) => {
                format!("{} may not {verb} {} (mode {mode:04o})", user.name, path.display())
            }
        }
    }

    /// The command that solves the problem.
    pub(super) fn fix(&self, want: Want) -> Option<String> {
        let Self::Rights(path, _) = self else { return None };
        let letter = match want {
            Want::Read => "r",
            Want::Write => "w",
            Want::Execute => "x",
        };
        let letter = if path.is_dir() && want == Want::Read { "rx" } else { letter };
        Some(format!("chmod a+{letter} {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn rights_are_those_of_the_first_class_that_fits() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let file = folder.path().join("script.rhai");
        std::fs::write(&file, "").unwrap();
        let owner = file.metadata().unwrap().uid();
        let group = file.metadata().unwrap().gid();
        let user =
            |id, group| User { name: "u".into(), id, groups: BTreeSet::from([group]), known: true };
        for (mode, id, of, want, allowed) in [
            (0o640, 12345, 54321, Want::Read, false),
            (0o644, 12345, 54321, Want::Read, true),
            (0o640, 12345, group, Want::Read, true),
            (0o604, 12345, group, Want::Read, false),
            (0o644, 12345, 54321, Want::Execute, false),
            (0o644, 0, 54321, Want::Write, true),
            (0o644, 0, 54321, Want::Execute, false),
        ] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            let may = user(id, of).may(&file, want);
            assert_eq!(may.is_ok(), allowed, "{mode:o} {id} {of} {want:?} {may:?} (owner {owner})");
        }
        let gone = folder.path().join("no/where");
        let missing = user(0, 0).may(&gone, Want::Read);
        assert_eq!(missing, Err(Denied::Missing(folder.path().join("no"))));
    }
}
