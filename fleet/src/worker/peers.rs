//! The live workers, and which of them should own which partition: rendezvous hashing over heartbeats. The result is
//! a hint, and workers may disagree for a while; the journal decides.

use super::status::Beat;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After this long without a heartbeat a worker counts as gone.
pub(crate) const GONE: Duration = Duration::from_secs(4);
/// How long a worker may keep a partition that it should hand over.
const GIVES_AWAY: Duration = Duration::from_secs(8);

/// The other workers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    heard: BTreeMap<String, (Beat, Instant)>,
    /// Since when another worker has owned a partition that this one should own.
    held: BTreeMap<u32, Instant>,
}

impl Peers {
    /// Takes a heartbeat.
    pub(crate) fn hear(&mut self, beat: Beat) {
        self.heard.insert(beat.worker.clone(), (beat, Instant::now()));
    }

    /// Forgets workers that are silent.
    pub(crate) fn forget(&mut self) {
        self.heard.retain(|_, (_, at)| at.elapsed() < GONE);
    }

    /// The heartbeats of the live workers.
    pub(crate) fn beats(&self) -> impl Iterator<Item = &Beat> {
        self.heard.values().map(|(beat, _)| beat)
    }

    /// Whether `me` should have a partition.
    pub(crate) fn is_mine(&self, me: &str, number: u32) -> bool {
        let others = self.beats().filter(|beat| !beat.leaving).map(|beat| beat.worker.as_str());
        others.filter(|other| *other != me).all(|other| weight(other, number) < weight(me, number))
    }

    /// Whether a partition can be taken: no other worker owns it, or the other one has had time to hand it over.
    pub(crate) fn is_free(&mut self, me: &str, generation: u64, number: u32) -> bool {
        let has = |beat: &&Beat| {
            beat.worker != me
                && beat.generation == generation
                && beat.partitions.iter().any(|partition| partition.number == number)
        };
        if self.beats().find(has).is_none() {
            self.held.remove(&number);
            return true;
        }
        self.held.entry(number).or_insert_with(Instant::now).elapsed() > GIVES_AWAY
    }
}

/// The weight of a worker for a partition; the worker is a part of it so that no two are the same.
fn weight(worker: &str, number: u32) -> (u64, &str) {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{worker} {number}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(first), worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(workers: &[&str]) -> Vec<String> {
        let of = |number| {
            let mine = |me: &&&str| {
                let mut peers = Peers::default();
                for other in workers {
                    peers.hear(Beat { worker: (*other).into(), ..Beat::default() });
                }
                peers.is_mine(me, number)
            };
            let all: Vec<_> = workers.iter().filter(mine).collect();
            assert_eq!(all.len(), 1, "one owner of {number}");
            all[0].to_string()
        };
        (0..64).map(of).collect()
    }

    #[test]
    fn a_worker_that_goes_leaves_the_partitions_of_others_alone() {
        let (three, two) = (owners(&["a", "b", "c"]), owners(&["a", "b"]));
        for (before, after) in three.iter().zip(&two) {
            assert!(before == "c" || before == after);
        }
        for worker in ["a", "b", "c"] {
            let share = three.iter().filter(|owner| *owner == worker).count();
            assert!((10..=34).contains(&share), "{worker} has {share} of 64");
        }
    }
}
