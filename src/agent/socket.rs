//! A Unix socket that the daemon connects to: one connection is one use of a UDF.

use super::Control;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process serves it.
    #[error("socket {0}: another process serves it; stop that one first")]
    Live(PathBuf),
    /// Something else has the name.
    #[error("socket {0}: there is a file of that name that is no socket; move it away")]
    NoSocket(PathBuf),
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

/// Listens on a socket file. A stale one is replaced, a live one is not. Nobody can connect before
/// the permissions are set: the socket takes its name last.
///
/// # Errors
/// A live socket, a file of another kind, a folder that cannot be written, an owner that only root
/// may set.
pub fn bind(path: &Path, access: Access) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError::Io { path: path.into(), source };
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NoSocket(path.into()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(SocketError::Live(path.into())),
        Ok(_) => log::info!("socket {}: stale, replaced", path.display()),
        Err(_) => {}
    }
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let _ = std::fs::remove_file(&new);
    let listener = UnixListener::bind(&new).map_err(failed)?;
    let ready = std::fs::set_permissions(&new, std::fs::Permissions::from_mode(access.mode))
        .and_then(|()| match access.owner {
            Some((user, group)) => std::os::unix::fs::chown(&new, user, group),
            None => Ok(()),
        })
        .and_then(|()| std::fs::rename(&new, path));
    if let Err(error) = ready {
        let _ = std::fs::remove_file(&new);
        return Err(failed(error));
    }
    Ok(listener)
}

/// The sessions that run, each in its own thread.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    controls: Mutex<Vec<(usize, Control)>>,
    number: AtomicUsize,
    stopping: std::sync::atomic::AtomicBool,
}

/// The stack of a session: scripts call each other deep.
pub const STACK: usize = 256 << 20;

impl Sessions {
    /// The number of sessions that run.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Runs a session in a thread of its own. Whatever happens in it, the others go on.
    ///
    /// # Errors
    /// No more threads can be started.
    pub fn spawn(
        &self,
        name: String,
        session: impl FnOnce(&Control) + Send + 'static,
    ) -> io::Result<()> {
        let number = self.0.number.fetch_add(1, Ordering::Relaxed);
        let control = Control::default();
        self.lock().push((number, control.clone()));
        if self.0.stopping.load(Ordering::Acquire) {
            control.stop();
        }
        let entry = Entry { sessions: self.clone(), number };
        std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
            // Dropped at the end, also by a panic.
            let _entry = entry;
            session(&control);
        })?;
        Ok(())
    }

    /// Asks every session for a status report.
    pub fn report(&self) {
        self.lock().iter().for_each(|(_, control)| control.report());
    }

    /// Asks every session to end and waits; gives the number of those that still run at the end of
    /// `patience`.
    pub fn stop(&self, patience: Duration) -> usize {
        self.0.stopping.store(true, Ordering::Release);
        self.lock().iter().for_each(|(_, control)| control.stop());
        let end = Instant::now() + patience;
        while self.count() > 0 && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        self.count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Control)>> {
        self.0.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session among those that run.
struct Entry {
    sessions: Sessions,
    number: usize,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.sessions.lock().retain(|(number, _)| *number != self.number);
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
        drop(bind(&path, ACCESS).unwrap());
        assert!(path.exists(), "stale");
        let _live = bind(&path, ACCESS).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(bind(&path, ACCESS), Err(SocketError::Live(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path, ACCESS), Err(SocketError::NoSocket(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_session_that_panics_leaves_the_others_alone() {
        let sessions = Sessions::default();
        sessions.spawn("a".into(), |_| panic!("on purpose")).unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        sessions
            .spawn("b".into(), move |control| {
                while !control.stops() {
                    std::thread::yield_now();
                }
                send.send(()).unwrap();
            })
            .unwrap();
        assert_eq!(sessions.stop(Duration::from_secs(20)), 0);
        receive.try_recv().unwrap();
    }
}
