//! The sessions of a server, each in a thread of its own.

use crate::agent::Control;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The stack of a session, which is large because calls of scripts can be nested deep.
pub const STACK: usize = 256 << 20;

/// The sessions that run, each in its own thread.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    controls: Mutex<Vec<(usize, Control)>>,
    /// Notified whenever a session has ended.
    ended: Condvar,
    number: AtomicUsize,
    stopping: AtomicBool,
}

impl Sessions {
    /// The number of sessions that run.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Runs a session in a thread of its own. Whatever happens in it, the other sessions continue.
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
        let controls = self.lock();
        controls.iter().for_each(|(_, control)| control.stop());
        let waited =
            self.0.ended.wait_timeout_while(controls, patience, |controls| !controls.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.len()
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
        self.sessions.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
