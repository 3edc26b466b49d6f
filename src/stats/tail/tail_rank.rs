//! The rank of a value among all before it, with an error of at most a fifth, in little memory.
//!
//! p = (1 + the number of values at least as large) / (1 + the number of values), as in conformal
//! prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world", chapter 2). The
//! values are kept in a summary with relative error towards the largest (Cormode et al. 2005, "Effective
//! computation of biased quantiles over data streams"): neighbours are merged where together they are at most
//! a twelfth of what lies above them. So the 25 largest are exact, and no p is too small, whatever the
//! distribution. When twice `memory` values have been counted all counts are halved.
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

/// Entries that are merged when there are more, and how many may be left then.
const MOST: usize = 256;
const KEPT: usize = 192;
/// The largest share of those above it that an entry may stand for.
const SHARE: f64 = 0.08;
/// Bits of a double that are dropped, of the 52 of its fraction: what differs only by rounding is equal.
const DROPPED: u32 = 28;
/// Moves a value off a cut, so that values that differ only by rounding are equal.
const GUARD: f64 = 1.0 + 1.0 / (1 << 26) as f64;
/// The number of values that the assumed normal tail counts as.
const EXPECTED: f64 = 50.0;

/// Ranks each value among those before it; 4 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct TailRank {
    memory: u32,
    /// Whether values are taken for distances in standard deviations as long as little is known.
    normal: bool,
    total: u32,
    /// The largest first.
    entries: Vec<Entry>,
}

/// Values that were merged: the largest of them and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    value: f64,
    weight: u32,
}

impl TailRank {
    /// Makes an empty one that forgets half of its past after twice `memory` values, from 1 to 4,194,304.
    ///
    /// With `normal`, values are distances in standard deviations: 50 values of a normal distribution are
    /// taken for granted, and so is its tail beyond the largest value that was seen.
    pub fn new(memory: usize, normal: bool) -> Result<TailRank> {
        let memory = forgetting::memory(memory)?;
        Ok(TailRank { memory, normal, total: 0, entries: Vec::new() })
    }

    /// Returns the p-value of `x` among the values before it, then counts `x`.
    ///
    /// `x` may be infinite; an error if it is negative or NaN. Without `normal` the first value, and each of a
    /// constant series, has p = 1.
    pub fn push(&mut self, x: f64) -> Result<f64> {
        error::range("value", x, x >= 0.0, "at least 0")?;
        let x = cut(x);
        let (mut place, mut above) = (0, 0);
        for entry in self.entries.iter().take_while(|entry| entry.value >= x) {
            above += entry.weight;
            place += 1;
        }
        let p = self.pvalue(x, above);
        self.count(x, place);
        Ok(p)
    }

    fn pvalue(&self, x: f64, above: u32) -> f64 {
        let (above, total) =
            (f64::from(above) / f64::from(ONE), f64::from(self.total) / f64::from(ONE));
        let record = above < f64::from(SEEN) / f64::from(ONE);
        if self.normal {
            let expected = (EXPECTED + 1.0) * libm::erfc(x / std::f64::consts::SQRT_2);
            let tail = if record { expected } else { expected.max(1.0) };
            return (above + tail) / (total + EXPECTED + 1.0);
        }
        let p = (above + 1.0) / (total + 1.0);
        let before = self.entries.iter().find(|entry| entry.value < x && entry.weight >= SEEN);
        match before {
            Some(before) if record && before.value > 0.0 => p * (before.value / x).powi(2),
            _ => p,
        }
    }

    fn count(&mut self, x: f64, place: usize) {
        match place.checked_sub(1).map(|i| &mut self.entries[i]) {
            Some(entry) if entry.value == x => entry.weight += ONE,
            _ => self.entries.insert(place, Entry { value: x, weight: ONE }),
        }
        self.total += ONE;
        if forgetting::is_due(self.total, self.memory) {
            self.entries.iter_mut().for_each(|entry| entry.weight /= 2);
            self.entries.retain(|entry| entry.weight > 0);
            self.total = self.entries.iter().map(|entry| entry.weight).sum();
        }
        if self.entries.len() > MOST {
            self.merge();
        }
    }

    fn merge(&mut self) {
        let mut share = SHARE;
        while self.entries.len() > KEPT {
            let mut above = 0;
            let mut kept: Vec<Entry> = Vec::with_capacity(MOST + 1);
            for &entry in &self.entries {
                match kept.last_mut() {
                    Some(last)
                        if f64::from(last.weight + entry.weight) <= share * f64::from(above) =>
                    {
                        last.weight += entry.weight;
                    }
                    last => {
                        above += last.map_or(0, |last| last.weight);
                        kept.push(entry);
                    }
                }
            }
            self.entries = kept;
            share *= 2.0;
        }
    }

    /// Whether a normal tail is assumed as long as little is known.
    pub fn is_normal(&self) -> bool {
        self.normal
    }

    /// The memory it was made with.
    pub fn memory(&self) -> usize {
        self.memory as usize
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.total = 0;
        self.entries.clear();
    }

    fn check(&self) -> Result<()> {
        TailRank::new(self.memory as usize, self.normal)?;
        error::intact("rank", self.entries.len() <= MOST, "too many entries")?;
        let falls = self.entries.windows(2).all(|pair| pair[0].value > pair[1].value);
        let values = self.entries.iter().all(|entry| entry.value >= 0.0 && entry.weight > 0);
        error::intact("rank", falls && values, "its values are not in order")?;
        let total: u64 = self.entries.iter().map(|entry| u64::from(entry.weight)).sum();
        forgetting::check(self.total, total, self.memory)
    }
}

fn cut(x: f64) -> f64 {
    let bits = (x * GUARD).to_bits();
    f64::from_bits(bits >> DROPPED << DROPPED)
}

checked_snapshot!(TailRank);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{assert_close, continues_the_same, numbers, reference, survives_damage},
    };

    fn ranks<const N: usize>(normal: bool, values: [f64; N]) -> [f64; N] {
        let mut rank = TailRank::new(99, normal).unwrap();
        values.map(|x| rank.push(x).unwrap())
    }

    #[test]
    fn counts_the_values_at_least_as_large() {
        assert_eq!(ranks(false, [2.0, 1.0, 4.0, 2.0, 1.5]), [1.0, 1.0, 1.0 / 3.0 / 4.0, 0.75, 0.8]);
        assert_eq!(ranks(false, [7.0, 7.0, 7.0 * (1.0 + 1e-15), 7.0]), [1.0; 4]);
        assert_eq!(ranks(false, [0.0; 3]), [1.0; 3]);
        assert_eq!(ranks(false, [0.0, f64::INFINITY, f64::INFINITY]), [1.0, 0.5, 2.0 / 3.0]);
        assert!(
            TailRank::new(9, false).unwrap().push(-1.0).is_err()
                && TailRank::new(0, false).is_err()
        );
    }

    /// Five distributions, of which one is bounded and one has few values: p is never too small, and at most a
    /// fifth too large in the upper third, three tenths below it.
    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/tail_rank.json"));
        for (name, case) in cases.as_object().unwrap() {
            let mut rank = TailRank::new(1 << 20, false).unwrap();
            let (values, expected) = (numbers(&case["value"]), numbers(&case["pvalue"]));
            let mut largest = 0.0;
            for (i, (&x, &p)) in values.iter().zip(&expected).enumerate() {
                let found = rank.push(x).unwrap();
                if x > largest {
                    largest = x;
                    assert!(found <= p * 1.001, "{name} {i}: the record has {found} and not {p}");
                    continue;
                }
                let most = if p < 0.3 { 1.2 } else { 1.3 };
                assert!(found > 0.999 * p && found < most * p, "{name} {i}: {found} {p}");
            }
        }
    }

    #[test]
    fn a_normal_tail_is_taken_for_granted_until_it_is_known() {
        let [first, second, ..] = ranks(true, [1.0, 6.0, 6.0]);
        assert_close(first, 0.317_310_507_863, 1e-3);
        assert!(second < 1e-8, "{second}");
        let mut rank = TailRank::new(99_999, true).unwrap();
        let mut rng = Rng::new(3);
        for _ in 0..2_000 {
            rank.push(4.0 + rng.uniform()).unwrap();
        }
        // Values that a normal distribution never reaches are usual here.
        assert!(rank.push(4.0).unwrap() > 0.9);
        assert!((0.005..0.05).contains(&rank.push(4.99).unwrap()));
        assert!(rank.push(8.0).unwrap() < 1e-12);
    }

    #[test]
    fn forgets_and_stays_small() {
        let mut rank = TailRank::new(64, false).unwrap();
        let mut rng = Rng::new(4);
        for _ in 0..10_000 {
            rank.push(rng.uniform()).unwrap();
            assert!(rank.entries.len() <= MOST && rank.total < 128 * ONE);
        }
        for _ in 0..2_000 {
            rank.push(5.0 + rng.uniform()).unwrap();
        }
        assert!(rank.push(5.0).unwrap() > 0.8);
    }

    #[test]
    fn snapshots() {
        let mut rank = TailRank::new(9, true).unwrap();
        (0..40).for_each(|i| drop(rank.push(f64::from(i * 7 % 5))));
        continues_the_same(&rank, |rank| {
            (0..30).map(|i| rank.push(f64::from(i))).collect::<Vec<_>>()
        });
        survives_damage(&rank, |rank| (0..9).for_each(|i| drop(rank.push(f64::from(i)))));
        rank.clear();
        assert_eq!(rank, TailRank::new(9, true).unwrap());
    }
}
