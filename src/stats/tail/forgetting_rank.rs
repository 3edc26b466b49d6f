//! The rank of a value among all before it, in which old values count less and less.
//!
//! p = (1 + the number of values at least as large) / (1 + the number of values), as in conformal
//! prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", chapter 2): on
//! values that could have come in any order, p is below any e for at most a fraction e of them. The values
//! are counted in classes of equal ratio (16 to an octave, 4 % wide), so that a long past costs 3 KB and
//! a value costs O(1). When twice `memory` values have been counted all counts are halved.
//!
//! A value beyond all that were counted gets less than 1 / (1 + number): the tail is taken to fall as x^-2,
//! which is slower than most distributions fall, so that a record by a wide margin ranks below a narrow
//! one.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
    tail::forgetting::{self, ONE, SEEN},
};

/// Classes: 768, in blocks of 32 whose sums are kept.
const CLASSES: usize = 768;
const BLOCK: usize = 32;
/// The class of the unit, which is the first value above 0: 20 octaves lie below it, 28 above.
const UNIT_CLASS: i64 = 320;
/// Bits of a double that are dropped: 48 of the 52 of its fraction.
const DROPPED: u32 = 48;
/// Moves a value off the edge of a class, so that values that differ only by rounding are in the same one.
const GUARD: f64 = 1.0 + 1.0 / (1 << 20) as f64;

/// Ranks each value among those before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ForgettingRank {
    memory: u32,
    unit: f64,
    counts: Vec<u32>,
    blocks: Vec<u32>,
    total: u32,
}

impl ForgettingRank {
    /// Makes an empty one that forgets half of its past after twice `memory` values, from 1 to 4,194,304.
    pub fn new(memory: usize) -> Result<ForgettingRank> {
        Ok(ForgettingRank {
            memory: forgetting::memory(memory)?,
            unit: 0.0,
            counts: vec![0; CLASSES],
            blocks: vec![0; CLASSES / BLOCK],
            total: 0,
        })
    }

    /// Returns the p-value of `x` among the values before it, then counts `x`.
    ///
    /// `x` may be infinite; an error if it is negative or NaN. The first value, and each of a constant
    /// series, has p = 1.
    pub fn push(&mut self, x: f64) -> Result<f64> {
        error::range("value", x, x >= 0.0, "at least 0")?;
        if self.unit == 0.0 && x.is_finite() {
            self.unit = x;
        }
        let class = self.class(x);
        let above = self.at_least(class);
        let one = f64::from(ONE);
        let p = (f64::from(above) + one) / (f64::from(self.total) + one);
        let beyond = if above < SEEN { self.shrinkage(class) } else { 1.0 };
        self.count(class);
        Ok(p * beyond)
    }

    /// The memory it was made with.
    pub fn memory(&self) -> usize {
        self.memory as usize
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.unit = 0.0;
        self.total = 0;
        self.counts.fill(0);
        self.blocks.fill(0);
    }

    fn class(&self, x: f64) -> usize {
        if x == 0.0 || self.unit == 0.0 {
            return if x == 0.0 { 0 } else { CLASSES - 1 };
        }
        let step = |x: f64| (x.to_bits() >> DROPPED) as i64;
        let class = step(x / self.unit * GUARD) - step(1.0) + UNIT_CLASS;
        usize::try_from(class).unwrap_or(0).clamp(1, CLASSES - 1)
    }

    fn at_least(&self, class: usize) -> u32 {
        let next = class / BLOCK + 1;
        let near: u32 = self.counts[class..next * BLOCK].iter().sum();
        near + self.blocks[next..].iter().sum::<u32>()
    }

    /// How much rarer than its rank a record is: the square of the ratio to the record before it.
    fn shrinkage(&self, class: usize) -> f64 {
        let lower_end = |class: usize| {
            let step = (1.0f64.to_bits() >> DROPPED) as i64 + class as i64 - UNIT_CLASS;
            f64::from_bits((step as u64) << DROPPED)
        };
        match self.counts[1..class.max(1)].iter().rposition(|&count| count >= SEEN) {
            Some(before) => (lower_end(before + 1) / lower_end(class)).powi(2),
            None => 1.0,
        }
    }

    fn count(&mut self, class: usize) {
        self.counts[class] += ONE;
        self.blocks[class / BLOCK] += ONE;
        self.total += ONE;
        if forgetting::is_due(self.total, self.memory) {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            for (block, counts) in self.blocks.iter_mut().zip(self.counts.chunks(BLOCK)) {
                *block = counts.iter().sum();
            }
            self.total = self.blocks.iter().sum();
        }
    }

    fn check(&self) -> Result<()> {
        ForgettingRank::new(self.memory as usize)?;
        let sizes = self.counts.len() == CLASSES && self.blocks.len() == CLASSES / BLOCK;
        error::intact("rank", sizes, "wrong number of classes")?;
        let sum = |counts: &[u32]| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        let pairs = self.blocks.iter().zip(self.counts.chunks(BLOCK));
        let adds_up = pairs.into_iter().all(|(&block, counts)| u64::from(block) == sum(counts));
        error::intact("rank", adds_up, "its counts do not add up")?;
        forgetting::check(self.total, sum(&self.blocks), self.memory)?;
        let unit = self.unit >= 0.0 && self.unit.is_finite();
        error::intact("rank", unit, "its unit is not a number")
    }
}

checked_snapshot!(ForgettingRank);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{assert_close, continues_the_same, survives_damage},
    };

    fn ranks<const N: usize>(memory: usize, values: [f64; N]) -> [f64; N] {
        let mut rank = ForgettingRank::new(memory).unwrap();
        values.map(|x| rank.push(x).unwrap())
    }

    #[test]
    fn counts_the_values_at_least_as_large() {
        assert_eq!(ranks(99, [2.0, 1.0, 4.0, 2.0, 1.5]), [1.0, 1.0, 1.0 / 3.0 / 4.0, 0.75, 0.8]);
        assert_eq!(ranks(99, [7.0, 7.0, 7.0 * (1.0 + 1e-15), 7.0]), [1.0; 4]);
        assert_eq!(ranks(99, [0.0, 0.0, 1.0, 0.0]), [1.0, 1.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn refuses_what_has_no_rank() {
        let mut rank = ForgettingRank::new(3).unwrap();
        assert!(rank.push(f64::NAN).is_err() && rank.push(-1.0).is_err());
        assert!(ForgettingRank::new(0).is_err());
        assert_eq!(rank.push(f64::INFINITY).unwrap(), 1.0);
        assert_eq!(rank.push(1.0).unwrap(), 1.0);
        assert_eq!(rank.push(5e-324).unwrap(), 1.0);
        assert_eq!(rank.push(f64::MAX).unwrap(), 0.5);
    }

    #[test]
    fn a_record_by_far_is_rarer() {
        assert_close(ranks(99, [1.0, 8.0])[1], 0.5 / 64.0, 1e-15);
        assert_close(ranks(99, [1.0, 2.0, 2.05])[2], 2.0 / 3.0, 1e-15);
    }

    #[test]
    fn is_below_e_for_a_fraction_e_of_values_and_forgets() {
        let mut rank = ForgettingRank::new(2000).unwrap();
        let mut rng = Rng::new(1);
        let n = 20_000;
        let rare = (0..n).filter(|_| rank.push(-rng.uniform().ln()).unwrap() <= 0.01);
        assert_close(rare.count() as f64 / f64::from(n), 0.01, 0.2);
        // All further values are ten times as large, which becomes usual after a while.
        let rare = |rank: &mut ForgettingRank, rng: &mut Rng| {
            let n = 10_000;
            (0..n).filter(|_| rank.push(-10.0 * rng.uniform().ln()).unwrap() <= 0.01).count()
        };
        assert!(rare(&mut rank, &mut rng) < 1_000);
        assert!(rare(&mut rank, &mut rng) < 150);
    }

    #[test]
    fn snapshots() {
        let mut rank = ForgettingRank::new(3).unwrap();
        for x in [1.0, 5.0, 2.0, 4.0, 0.0, 3.0, 8.0] {
            rank.push(x).unwrap();
        }
        continues_the_same(&rank, |rank| [3.0, 9.0].map(|x| rank.push(x).unwrap()));
        let mut fewer = ForgettingRank::new(2).unwrap();
        fewer.push(2.0).unwrap();
        survives_damage(&fewer, |rank| {
            for x in [3.0, 9.0, 1.0, 1.0] {
                rank.push(x).unwrap();
            }
        });
        rank.clear();
        assert_eq!(rank, ForgettingRank::new(3).unwrap());
    }
}
