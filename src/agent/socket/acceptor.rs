//! Waiting for connections on several sockets at once.
//!
//! The wait is a `poll` of the sockets and of a pipe; closing the other end of the pipe ends it. So it also ends when
//! no client can connect any more, because a socket file was removed.

use super::SocketFile;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// Waits for connections until its [`Stopper`] stops it.
#[derive(Debug)]
pub struct Acceptor {
    /// The end of a pipe that is closed to end the wait.
    wake: UnixStream,
}

/// Ends the waiting of an [`Acceptor`], from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<UnixStream>);

impl Stopper {
    /// Ends this wait and all later ones.
    pub fn stop(&self) {
        // It fails only where the acceptor is gone.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

/// The result of a wait.
#[derive(Debug)]
pub enum Accepted {
    /// Connections, and failures to take one, with the number of the socket in the slice.
    Connections(Vec<(usize, io::Result<UnixStream>)>),
    /// It is time to stop.
    Stopped,
}

impl Acceptor {
    /// An acceptor and what stops it.
    ///
    /// # Errors
    /// No file descriptors are left.
    pub fn new() -> io::Result<(Self, Stopper)> {
        let (wake, stop) = UnixStream::pair()?;
        Ok((Self { wake }, Stopper(Arc::new(stop))))
    }

    /// Waits for connections on any of the sockets, at most for `timeout`.
    ///
    /// # Errors
    /// The system cannot wait for so many sockets.
    pub fn wait(&self, sockets: &[&SocketFile], timeout: Duration) -> io::Result<Accepted> {
        let mut fds: Vec<PollFd<'_>> =
            sockets.iter().map(|s| PollFd::new(&s.listener, PollFlags::IN)).collect();
        fds.push(PollFd::new(&self.wake, PollFlags::IN));
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[sockets.len()] {
            return Ok(Accepted::Stopped);
        }
        let taken = sockets.iter().enumerate().filter(|(i, _)| ready[*i]);
        Ok(Accepted::Connections(
            taken.filter_map(|(i, socket)| Some((i, accept(socket).transpose()?))).collect(),
        ))
    }

    /// Does nothing for `time`, or until it is time to stop.
    pub fn pause(&self, time: Duration) {
        let _ = self.wait(&[], time);
    }
}

/// Takes one connection; `None` if it has gone meanwhile.
fn accept(socket: &SocketFile) -> io::Result<Option<UnixStream>> {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    match socket.listener.accept() {
        Ok((stream, _)) => {
            // Some systems hand the listener's mode on.
            stream.set_nonblocking(false)?;
            Ok(Some(stream))
        }
        Err(error) if matches!(error.kind(), WouldBlock | ConnectionAborted | Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::socket::Access;

    #[test]
    fn a_wait_ends_though_the_socket_file_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        let socket = SocketFile::bind(&path, Access { mode: 0o600, owner: None }).unwrap();
        let (acceptor, stopper) = Acceptor::new().unwrap();
        let client = UnixStream::connect(&path).unwrap();
        let Ok(Accepted::Connections(taken)) = acceptor.wait(&[&socket], Duration::MAX) else {
            panic!()
        };
        assert!(matches!(taken.as_slice(), [(0, Ok(_))]));
        drop(client);
        std::fs::remove_file(&path).unwrap();
        let waiter = std::thread::spawn(move || {
            matches!(acceptor.wait(&[&socket], Duration::MAX), Ok(Accepted::Stopped))
        });
        stopper.stop();
        assert!(waiter.join().unwrap());
    }
}
