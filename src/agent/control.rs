//! Requests from other threads to a session: to end, to report its status, to call its handler.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Passes requests of other threads to a session, which does what they ask between two messages.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    attention: AtomicBool,
    stop: AtomicBool,
    report: AtomicBool,
    /// Wakes a session that waits for input.
    wake: Mutex<Option<UnixStream>>,
    /// When a session stops waiting for input.
    deadline: Mutex<Option<Instant>>,
}

impl Control {
    /// Asks the session to end: it handles what it has read and reads nothing more.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Asks for a status report, a line in the log.
    pub fn report(&self) {
        self.0.report.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks the session to call its handler between two messages; see [`super::Handler::between`].
    pub fn wake(&self) {
        self.0.attention.store(true, Ordering::SeqCst);
        let wake = self.0.wake.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = &*wake {
            // A full pipe has a request that was not read yet, and a closed one is never read again.
            let mut stream = stream;
            let _ = stream.write(&[0]);
        }
    }

    /// Sets until when the session waits for input.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) {
        *self.0.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// How long the session still waits for input; `None`: for as long as it takes.
    fn patience(&self) -> Option<Duration> {
        let deadline = *self.0.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// True if there is a request.
    #[inline]
    pub(crate) fn needs_attention(&self) -> bool {
        self.0.attention.load(Ordering::Relaxed)
    }

    /// Takes the request for attention. A request that comes after this call is not missed. A request to end
    /// stays, since the session may have more to do before it can end.
    pub(crate) fn attend(&self) {
        self.0.attention.store(false, Ordering::SeqCst);
        if self.0.stop.load(Ordering::SeqCst) {
            self.0.attention.store(true, Ordering::SeqCst);
        }
    }

    pub(crate) fn stops(&self) -> bool {
        self.0.stop.load(Ordering::Acquire)
    }

    pub(crate) fn take_report(&self) -> bool {
        self.0.report.swap(false, Ordering::AcqRel)
    }
}

/// A reader whose waiting ends when its [`Control`] asks for something: `read` fails with
/// [`io::ErrorKind::WouldBlock`] then, and can be called again. Where a session does not wait any
/// longer, it fails with [`io::ErrorKind::TimedOut`].
#[derive(Debug)]
pub struct Wakeable<R> {
    reader: R,
    wake: UnixStream,
    control: Control,
}

impl<R: Read + AsFd> Wakeable<R> {
    /// A reader that `control` can wake.
    ///
    /// # Errors
    /// No file descriptors are left.
    pub fn new(reader: R, control: &Control) -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        *control.0.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
        // A request that came before is not missed.
        if control.needs_attention() {
            control.wake();
        }
        Ok(Self { reader, wake, control: control.clone() })
    }
}

impl<R: Read + AsFd> Read for Wakeable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds =
            [PollFd::new(&self.reader, PollFlags::IN), PollFd::new(&self.wake, PollFlags::IN)];
        let timeout = self.control.patience().map(|patience| Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Err(io::ErrorKind::Interrupted.into()),
            Err(error) => return Err(error.into()),
        }
        let woken = !fds[1].revents().is_empty();
        if woken {
            let mut bytes = [0; 64];
            while matches!(self.wake.read(&mut bytes), Ok(1..)) {}
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reader.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_waits_is_woken() {
        let control = Control::default();
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let mut reader = Wakeable::new(reader, &control).unwrap();
        let other = control.clone();
        let thread = std::thread::spawn(move || other.stop());
        let mut buffer = [0; 8];
        let error = reader.read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(control.needs_attention() && control.stops());
        thread.join().unwrap();
        writer.write_all(b"abc").unwrap();
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
    }
}
