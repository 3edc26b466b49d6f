//! Data that arrives: the latest points are kept, and replayed whenever there are new ones.

use super::{Bell, Held, Series};
use crate::replay::ReplayError;
use crate::replay::listen::Inbox;
use crate::replay::source::{Item, Scratch, Source};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time between two replays of arriving data at least.
const PACE: Duration = Duration::from_millis(250);

/// Keeps the points that arrive, and lets the lab replay them.
#[derive(Debug)]
pub struct Feed {
    inbox: Inbox,
    held: Held,
    keep: u64,
}

impl Feed {
    /// Takes points from an inbox and keeps so many.
    pub fn new(inbox: Inbox, keep: u64) -> Self {
        Self { inbox, held: Held::default(), keep }
    }

    /// Hands on the points that arrive, until the listener ends.
    ///
    /// # Errors
    /// Points that cannot be read.
    pub fn run(mut self, bell: &Bell) -> Result<(), ReplayError> {
        let mut scratch = Scratch::default();
        let mut fed = Instant::now();
        while self.inbox.wait() {
            while self.inbox.next(&mut scratch)?.is_some() {
                self.held.push(Item::Point, &mut scratch);
            }
            self.held.keep(self.keep);
            // A replay of all that is kept may take longer than the next points do: they wait for it.
            while fed.elapsed() < PACE || bell.is_behind() {
                if bell.has_ended() {
                    return Ok(());
                }
                std::thread::sleep(PACE / 10);
            }
            let held = Arc::new(self.held.clone());
            bell.feed(vec![Series { held, anomalies: Vec::new() }]);
            fed = Instant::now();
        }
        Ok(())
    }
}
