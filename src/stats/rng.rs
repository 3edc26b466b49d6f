//! Random numbers that are the same everywhere: from a seed, and stored with what uses them.
//!
//! SplitMix64 (Steele, Lea & Flood 2014). Not for secrets.

use crate::stats::distribution::Normal;
use serde::{Deserialize, Serialize};

/// A seeded generator; every seed is good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Makes a generator from a seed.
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A standard normal number, by inversion; never infinite.
    pub fn normal(&mut self) -> f64 {
        Normal::STANDARD.ppf(self.uniform().max(f64::EPSILON / 4.0))
    }

    /// A whole number from 0 to below `n`; 0 for `n` = 0.
    pub fn below(&mut self, n: usize) -> usize {
        // Lemire's multiplication; the bias of 2^-64 n does not matter here.
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Puts a random sample of `wanted` values, without replacement, at the front of `values`.
    pub(crate) fn sample<T>(&mut self, values: &mut [T], wanted: usize) {
        for i in 0..wanted.min(values.len()) {
            let other = i + self.below(values.len() - i);
            values.swap(i, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_the_published_sequence() {
        let mut rng = Rng::new(1_234_567);
        let bits = [rng.bits(), rng.bits(), rng.bits()];
        assert_eq!(
            bits,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn stays_in_range() {
        let mut rng = Rng::new(7);
        let mean = (0..10_000).map(|_| rng.uniform()).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02);
        assert!((0..1000).all(|_| rng.below(3) < 3));
        let mut values = [1, 2, 3, 4, 5];
        rng.sample(&mut values, 9);
        values.sort_unstable();
        assert_eq!(values, [1, 2, 3, 4, 5]);
    }
}
