//! The connections of a server, and which one loses its place when all places are taken.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for a request.
    Idle,
    /// It receives a request.
    Receiving,
    /// The request is worked on, or its answer is sent.
    Answering,
}

/// A connection that has been receiving a request for less than this keeps its place.
const PROMPT: Duration = Duration::from_secs(1);

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Places {
    limit: usize,
    taken: Mutex<Taken>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    number: u64,
    ending: bool,
    seats: HashMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    socket: Arc<TcpStream>,
    state: State,
    since: Instant,
}

/// The place of one connection; dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Places {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, taken: Mutex::default(), left: Condvar::new() })
    }

    /// Takes a place, if necessary that of the connection that has kept the server waiting longest; `None` if all
    /// connections are busy, or the server ends.
    pub(super) fn enter(self: &Arc<Self>, socket: &Arc<TcpStream>) -> Option<Place> {
        let mut taken = self.lock();
        if taken.ending || taken.seats.len() >= self.limit && !taken.make_room() {
            return None;
        }
        taken.number += 1;
        let number = taken.number;
        let seat = Seat { socket: socket.clone(), state: State::Idle, since: Instant::now() };
        taken.seats.insert(number, seat);
        Some(Place { places: self.clone(), number })
    }

    /// Ends a connection that keeps the server waiting, if there is one.
    pub(super) fn make_room(&self) -> bool {
        self.lock().make_room()
    }

    /// Ends all connections: those that wait for a request at once, those that receive one after
    /// `patience`.
    pub(super) fn end(&self, patience: Duration) {
        let mut taken = self.lock();
        taken.ending = true;
        taken.shut(|seat| seat.state == State::Idle);
        let wait = |taken: MutexGuard<'_, Taken>, patience| {
            let waited =
                self.left.wait_timeout_while(taken, patience, |taken| !taken.seats.is_empty());
            drop(waited);
        };
        wait(taken, patience);
        let mut taken = self.lock();
        taken.shut(|_| true);
        // Their threads can end now.
        wait(taken, Duration::from_secs(1));
    }

    pub(super) fn is_ending(&self) -> bool {
        self.lock().ending
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn make_room(&mut self) -> bool {
        let rank = |seat: &Seat| match seat.state {
            State::Idle => Some(0),
            State::Receiving if seat.since.elapsed() > PROMPT => Some(1),
            State::Receiving | State::Answering => None,
        };
        let waiting = self.seats.iter().filter_map(|(number, seat)| {
            let rank = rank(seat)?;
            Some((rank, seat.since, *number))
        });
        let Some((_, _, number)) = waiting.min() else { return false };
        if let Some(seat) = self.seats.remove(&number) {
            let _ = seat.socket.shutdown(Shutdown::Both);
        }
        true
    }

    fn shut(&mut self, which: impl Fn(&Seat) -> bool) {
        for seat in self.seats.values().filter(|seat| which(seat)) {
            let _ = seat.socket.shutdown(Shutdown::Both);
        }
    }
}

impl Place {
    /// Sets the state of the connection.
    pub(super) fn is_now(&self, state: State) {
        let mut taken = self.places.lock();
        if let Some(seat) = taken.seats.get_mut(&self.number)
            && seat.state != state
        {
            (seat.state, seat.since) = (state, Instant::now());
        }
    }

    /// Tells whether the server ends: no request is taken after this one.
    pub(super) fn is_ending(&self) -> bool {
        self.places.is_ending()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().seats.remove(&self.number);
        self.places.left.notify_all();
    }
}
