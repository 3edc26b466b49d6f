//! Which worker handles which groups, where groups are spread over several.

use super::group::{KEY_GROUPS, key_group};

/// Groups are spread over so many workers at most.
pub const MOST_WORKERS: usize = 64;

/// Which worker has which key group. The first group that is seen of a key group gives it to the next
/// worker in turn, so that a few groups are spread evenly.
#[derive(Debug, Clone)]
pub struct Owners {
    owners: [u8; KEY_GROUPS],
    next: usize,
    workers: usize,
}

/// A key group that nobody has yet.
const NOBODY: u8 = u8::MAX;

impl Owners {
    /// Makes a table for so many workers, at most [`MOST_WORKERS`].
    pub fn new(workers: usize) -> Self {
        Self { owners: [NOBODY; KEY_GROUPS], next: 0, workers: workers.clamp(1, MOST_WORKERS) }
    }

    /// Returns the worker of a group.
    pub fn of_group(&mut self, id: &[u8]) -> usize {
        self.of(key_group(id))
    }

    /// Returns the worker of a key group.
    #[inline]
    pub fn of(&mut self, key_group: usize) -> usize {
        let owner = &mut self.owners[key_group % KEY_GROUPS];
        if *owner == NOBODY {
            *owner = self.next as u8;
            self.next = (self.next + 1) % self.workers;
        }
        usize::from(*owner)
    }
}
