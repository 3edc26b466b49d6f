//! The novelty of a state: its distance to the nearest state seen before, ranked among the earlier distances. A novel
//! state is remembered.

use serde::{Deserialize, Serialize};

use super::Landmarks;
use crate::stats::{error::Result, tail::ForgettingRank};

/// Ranks states of the plane by their novelty; 13 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Novelty {
    count: u64,
    landmarks: Landmarks,
    rank: ForgettingRank,
}

impl Novelty {
    /// The number of states remembered.
    const LANDMARKS: usize = 512;
    /// A state at least this rare is remembered, once the memory is full.
    const LEARN: f64 = 0.1;
    /// The number of distances that the rank remembers.
    const MEMORY: usize = 8192;
    /// The number of states at the beginning that are not ranked, because every state is new to an empty memory.
    const WARMUP: u64 = 50;

    pub(super) fn new() -> Novelty {
        Novelty {
            count: 0,
            landmarks: Landmarks::new(Novelty::LANDMARKS).expect("the size is within limits"),
            rank: ForgettingRank::new(Novelty::MEMORY).expect("the size is within limits"),
        }
    }

    /// The p-value of a state; 1 at first. Then learns it.
    pub(super) fn push(&mut self, state: [f64; 2]) -> Result<f64> {
        self.count = self.count.saturating_add(1);
        let distance = self.landmarks.visit(state)?;
        let pvalue = if self.count > Novelty::WARMUP { self.rank.push(distance)? } else { 1.0 };
        if distance > 0.0 && (!self.landmarks.is_full() || pvalue <= Novelty::LEARN) {
            self.landmarks.add(state)?;
        }
        Ok(pvalue)
    }

    /// Whether its sizes are those of a new one.
    pub(super) fn fits(&self) -> bool {
        self.landmarks.size() == Novelty::LANDMARKS && self.rank.memory() == Novelty::MEMORY
    }
}
