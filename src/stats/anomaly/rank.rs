//! A conformal p-value: how rare a value is among the last ones.
//!
//! p = (1 + the number of remembered values at least as large) / (1 + the number remembered), which is
//! below any e for at most a fraction e of exchangeable values, whatever their distribution (Vovk,
//! Gammerman and Shafer 2005, "Algorithmic learning in a random world", chapter 2). A value beyond all that
//! are remembered gets less than 1 / (1 + number): the tail is taken to fall as x^-2, which is slower than
//! most distributions fall, so that a record by a wide margin ranks below a narrow one.
//!
//! Values are remembered in 2 bytes: as multiples of the first that was not 0, so that the unit does
//! not matter, to 5 binary digits (3 %).

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    snapshot::checked_snapshot,
};

/// The power of the assumed tail.
const TAIL: i32 = 2;
/// Bits of a double that are dropped: 47 of the 52 of its fraction.
const DROPPED: u32 = 47;
/// Moves a value off the edge of a code, so that values that differ only by rounding have the same one.
const GUARD: f64 = 1.0 + 1.0 / (1 << 20) as f64;

/// Ranks each value among the `size` before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ConformalRank {
    size: u32,
    unit: f64,
    codes: Vec<u16>,
    oldest: u32,
    /// How often each code is remembered; built again after a snapshot was read.
    #[serde(skip)]
    census: Census,
}

impl ConformalRank {
    /// Makes an empty one that remembers `size` values, from 1 to [`MAX_WINDOW`]; 2 bytes each, and 6 for
    /// each code that occurs: some hundreds.
    pub fn new(size: usize) -> Result<ConformalRank> {
        let size = error::size("size", size, 1, MAX_WINDOW)?;
        Ok(ConformalRank {
            size: u32::try_from(size).expect("MAX_WINDOW fits u32"),
            unit: 0.0,
            codes: Vec::new(),
            oldest: 0,
            census: Census::default(),
        })
    }

    /// Returns the p-value of `x` among the values before it, then remembers `x`.
    ///
    /// `x` may be infinite; an error if it is negative or NaN. The first value, and each of a constant
    /// series, has p = 1; p = 0 means infinitely far beyond all before.
    pub fn push(&mut self, x: f64) -> Result<f64> {
        error::range("value", x, x >= 0.0, "at least 0")?;
        let x = self.in_units(x);
        let code = encode(x);
        if self.census.total != self.codes.len() {
            self.census = Census::of(&self.codes);
        }
        let above = self.census.at_least(code);
        let p = (above + 1) as f64 / (self.codes.len() + 1) as f64;
        let beyond = if above == 0 { self.shrinkage(x) } else { 1.0 };
        self.remember(code);
        Ok(p * beyond)
    }

    /// The number of values it can remember.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// How many values are remembered.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Removes all that was learnt; the parameters stay.
    pub fn clear(&mut self) {
        (self.unit, self.codes, self.oldest) = (0.0, Vec::new(), 0);
        self.census = Census::default();
    }

    fn in_units(&mut self, x: f64) -> f64 {
        if self.unit == 0.0 && x.is_finite() {
            self.unit = x;
        }
        // Before there is a unit x is 0 or infinite, which any unit leaves as it is.
        if self.unit > 0.0 { x / self.unit } else { x }
    }

    fn shrinkage(&self, x: f64) -> f64 {
        match self.census.codes.last().map(|&code| decode(code)) {
            Some(record) if record > 0.0 && x > record => (record / x).powi(TAIL),
            _ => 1.0,
        }
    }

    fn remember(&mut self, code: u16) {
        self.census.add(code);
        if self.codes.len() < self.size as usize {
            self.codes.push(code);
            return;
        }
        let gone = std::mem::replace(&mut self.codes[self.oldest as usize], code);
        self.census.remove(gone);
        self.oldest = (self.oldest + 1) % self.size;
    }

    fn check(&self) -> Result<()> {
        ConformalRank::new(self.size as usize)?;
        let fits = self.codes.len() <= self.size as usize && self.oldest < self.size;
        error::intact("rank", fits, "more values than its size")?;
        let known = self.codes.iter().all(|&code| code <= encode(f64::INFINITY));
        let unit = self.unit >= 0.0 && self.unit.is_finite();
        error::intact("rank", known && unit, "a value is not a number")
    }
}

impl PartialEq for ConformalRank {
    fn eq(&self, other: &Self) -> bool {
        let stored = |of: &Self| (of.size, of.unit, of.oldest);
        stored(self) == stored(other) && self.codes == other.codes
    }
}

/// How often each code occurs, in the order of the codes. There are few: 32 for each power of 2.
#[derive(Clone, Debug, Default, PartialEq)]
struct Census {
    codes: Vec<u16>,
    counts: Vec<u32>,
    total: usize,
}

impl Census {
    fn of(codes: &[u16]) -> Self {
        let mut sorted = codes.to_vec();
        sorted.sort_unstable();
        let runs = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32));
        let (codes, counts) = runs.unzip();
        Self { codes, counts, total: sorted.len() }
    }

    fn add(&mut self, code: u16) {
        self.total += 1;
        match self.codes.binary_search(&code) {
            Ok(at) => self.counts[at] += 1,
            Err(at) => {
                self.codes.insert(at, code);
                self.counts.insert(at, 1);
            }
        }
    }

    fn remove(&mut self, code: u16) {
        let at = self.codes.binary_search(&code).expect("a remembered code was counted");
        self.total -= 1;
        self.counts[at] -= 1;
        if self.counts[at] == 0 {
            self.codes.remove(at);
            self.counts.remove(at);
        }
    }

    /// The number of codes that are not below `code`.
    fn at_least(&self, code: u16) -> usize {
        let first = self.codes.partition_point(|&other| other < code);
        // MAX_WINDOW fits u32.
        self.counts[first..].iter().sum::<u32>() as usize
    }
}

fn encode(x: f64) -> u16 {
    ((x * GUARD).to_bits() >> DROPPED) as u16
}

fn decode(code: u16) -> f64 {
    f64::from_bits(u64::from(code) << DROPPED)
}

checked_snapshot!(ConformalRank);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    fn ranks<const N: usize>(size: usize, values: [f64; N]) -> [f64; N] {
        let mut rank = ConformalRank::new(size).unwrap();
        values.map(|x| rank.push(x).unwrap())
    }

    #[test]
    fn counts_the_values_at_least_as_large() {
        let expected = [1.0, 1.0, 1.0 / 3.0 / 4.0, 0.75, 0.8];
        assert_eq!(ranks(9, [2.0, 1.0, 4.0, 2.0, 1.5]), expected);
        assert_eq!(ranks(9, [7.0, 7.0, 7.0 * (1.0 + 1e-15), 7.0]), [1.0; 4]);
        assert_eq!(ranks(9, [21.0, 7.0, 7.0 / 3.0 * 3.0]), [1.0; 3]);
        assert_eq!(ranks(9, [0.0, 0.0, 1.0]), [1.0, 1.0, 1.0 / 3.0]);
    }

    #[test]
    fn refuses_what_has_no_rank() {
        let mut rank = ConformalRank::new(3).unwrap();
        assert!(rank.push(f64::NAN).is_err() && rank.push(-1.0).is_err());
        assert!(rank.is_empty() && ConformalRank::new(0).is_err());
    }

    #[test]
    fn forgets_beyond_its_size() {
        assert_eq!(ranks(2, [8.0, 1.0, 1.0, 8.0])[3], 1.0 / 3.0 / 64.0);
    }

    #[test]
    fn a_record_by_far_is_rarer() {
        assert_close(ranks(9, [1.0, 10.0])[1], 0.005, 1e-15);
        assert_eq!(ranks(9, [1.0, 1e308])[1], 0.0);
        let infinite = [1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(ranks(9, infinite), [1.0, 0.0, 2.0 / 3.0]);
        assert_eq!(ranks(9, [5e-324, 1e-323]), [1.0, 0.125]);
        assert_eq!(ranks(9, [1e308, 1e-308, 1e-309]), [1.0; 3]);
    }

    #[test]
    fn is_below_e_for_a_fraction_e_of_values() {
        let mut rank = ConformalRank::new(1000).unwrap();
        let mut rng = crate::stats::Rng::new(1);
        let n = 20_000;
        let rare = (0..n).filter(|_| rank.push(-rng.uniform().ln()).unwrap() <= 0.01);
        assert_close(rare.count() as f64 / f64::from(n), 0.01, 0.2);
    }

    proptest! {
        #[test]
        fn counts_what_a_scan_counts(
            values in prop::collection::vec(0u8..50, 1..300),
            size in 1usize..60,
        ) {
            let mut rank = ConformalRank::new(size).unwrap();
            for (i, x) in values.into_iter().enumerate() {
                let code = encode(rank.in_units(f64::from(x)));
                let above = rank.codes.iter().filter(|&&c| c >= code).count();
                let expected = (above + 1) as f64 / (rank.len() + 1) as f64;
                let p = rank.push(f64::from(x)).unwrap();
                prop_assert!(p == expected || above == 0 && p < expected);
                prop_assert_eq!(&rank.census, &Census::of(&rank.codes));
                if i % 40 == 39 {
                    rank.census = Census::default();
                }
            }
        }
    }

    #[test]
    fn snapshots() {
        let mut rank = ConformalRank::new(3).unwrap();
        for x in [1.0, 5.0, 2.0, 4.0] {
            rank.push(x).unwrap();
        }
        continues_the_same(&rank, |rank| [3.0, 9.0].map(|x| rank.push(x).unwrap()));
        survives_damage(&rank, |rank| {
            for x in [3.0, 9.0, 1.0, 1.0] {
                rank.push(x).unwrap();
            }
        });
    }
}
