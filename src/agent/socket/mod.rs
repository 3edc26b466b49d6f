//! Unix sockets that the daemon connects to: one connection is one use of a UDF.
//!
//! [`SocketFile`] is a socket with its name in the file system, [`Acceptor`] waits for connections on
//! several of them, [`Sessions`] are the threads that serve the connections.

mod acceptor;
mod sessions;

pub use acceptor::{Accepted, Acceptor, Stopper};
pub use sessions::{STACK, Sessions};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Why a socket cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another process serves it.
    #[error("socket {0}: another process serves it; stop that one first")]
    Live(PathBuf),
    /// Something else has the name.
    #[error(
        "socket {0}: a file of that name exists that is not a socket; move it away, or choose another path"
    )]
    NoSocket(PathBuf),
    /// The folder of the socket does not exist.
    #[error("socket {path}: the folder {folder} does not exist; create it first")]
    NoFolder {
        /// The socket.
        path: PathBuf,
        /// The first folder on the way to it that is missing.
        folder: PathBuf,
    },
    /// The path is longer than an address of a socket can be.
    #[error(
        "socket {0}: the path is longer than the address of a socket may be (about 100 bytes); use a \
         shorter one"
    )]
    TooLong(PathBuf),
    /// The system refuses.
    #[error("socket {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Who may connect.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The permissions of the socket file.
    pub mode: u32,
    /// Its owner and group, where they are to be changed.
    pub owner: Option<(Option<u32>, Option<u32>)>,
}

/// A socket that is listened on, with its file.
#[derive(Debug)]
pub struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
    /// The device and inode of the file, if it is ours to remove.
    own: Option<(u64, u64)>,
}

impl SocketFile {
    /// Listens on a socket file. A stale one is replaced, a live one is not. Nobody can connect before
    /// the permissions are set: the socket takes its name last.
    ///
    /// # Errors
    /// A live socket, a file of another kind, a folder that is missing or cannot be written, an owner
    /// that only root may set.
    pub fn bind(path: &Path, access: Access) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Io { path: path.into(), source };
        match path.symlink_metadata() {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(SocketError::NoSocket(path.into()));
            }
            Ok(_) if is_live(path) => return Err(SocketError::Live(path.into())),
            Ok(_) => log::info!(
                "socket {}: no server listens on it any more; it is replaced",
                path.display()
            ),
            Err(_) => check_place(path)?,
        }
        // A short name: it must not be too long where the real one is not.
        let new = path.with_file_name(format!(".{}", std::process::id()));
        let _ = std::fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(failed)?;
        let own = name(&listener, &new, path, access).inspect_err(|_| {
            let _ = std::fs::remove_file(&new);
        });
        Ok(Self { listener, path: path.into(), own: Some(own.map_err(failed)?) })
    }

    /// A socket that somebody else made, as systemd does; its file is left alone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn inherited(listener: UnixListener, path: &Path) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.into(), own: None })
    }

    /// Tells whether the file is still there and leads to this socket.
    pub fn is_reachable(&self) -> bool {
        let there = self.path.symlink_metadata().ok().map(|metadata| identity(&metadata));
        self.own.is_none() || there == self.own
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    /// Removes the file, unless another server has put its own there since.
    fn drop(&mut self) {
        let there = self.path.symlink_metadata().ok().map(|metadata| identity(&metadata));
        if self.own.is_some() && there == self.own {
            let _ = std::fs::remove_file(&self.path);
        } else if self.own.is_some() && there.is_some() {
            log::warn!(
                "socket {}: another server has replaced it; it is not removed",
                self.path.display()
            );
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Makes a new socket ready and gives it its name.
fn name(
    listener: &UnixListener,
    new: &Path,
    path: &Path,
    access: Access,
) -> io::Result<(u64, u64)> {
    // An acceptor must not hang on a connection that is gone when it is taken.
    listener.set_nonblocking(true)?;
    std::fs::set_permissions(new, std::fs::Permissions::from_mode(access.mode))?;
    if let Some((user, group)) = access.owner {
        std::os::unix::fs::chown(new, user, group)?;
    }
    let own = identity(&new.symlink_metadata()?);
    std::fs::rename(new, path)?;
    Ok(own)
}

/// Tells whether a process serves a socket, also one that has no time to answer.
fn is_live(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let tried = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|socket| rustix::net::connect(&socket, &SocketAddrUnix::new(path)?));
    matches!(tried, Ok(()) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INPROGRESS))
}

/// Returns what is wrong with the path of a socket that does not exist yet.
fn check_place(path: &Path) -> Result<(), SocketError> {
    if SocketAddrUnix::new(path).is_err() {
        return Err(SocketError::TooLong(path.into()));
    }
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    match folders.take_while(|folder| !folder.exists()).last() {
        Some(folder) => {
            Err(SocketError::NoFolder { path: path.into(), folder: folder.to_path_buf() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access = Access { mode: 0o600, owner: None };

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "stale");
        let live = SocketFile::bind(&path, ACCESS).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(SocketFile::bind(&path, ACCESS), Err(SocketError::Live(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
        drop(live);
        assert!(!path.exists(), "it is removed at the end");
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(SocketFile::bind(&path, ACCESS), Err(SocketError::NoSocket(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_socket_that_another_server_made_since_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        let first = SocketFile::bind(&path, ACCESS).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = SocketFile::bind(&path, ACCESS).unwrap();
        drop(first);
        assert!(is_live(&path));
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_folder_and_a_long_path_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = SocketFile::bind(&dir.path().join("a/b/x.sock"), ACCESS).unwrap_err();
        let folder = dir.path().join("a");
        assert!(error.to_string().ends_with(&format!(
            "x.sock: the folder {} does not exist; create it first",
            folder.display()
        )));
        let long = dir.path().join("x".repeat(120));
        assert!(matches!(SocketFile::bind(&long, ACCESS), Err(SocketError::TooLong(_))));
        let fits = dir.path().join("x".repeat(105 - dir.path().as_os_str().len()));
        SocketFile::bind(&fits, ACCESS).unwrap();
    }
}
