//! The moments of the last `size` values.
//!
//! Up to [`SCAN`] values, the moments are computed when asked for, from the values: nothing but the
//! values is stored. Above, mean and variance come from two stacks of mergeable moments
//! ([`super::stacks`]). A window never subtracts a value that leaves it, so a value of 1e12 does not affect the
//! results after it has left.

use serde::{Deserialize, Serialize};

use super::{MeanVar, Window, stacks::Stacks};
use crate::stats::{
    error::{self, Result, StatsError},
    ring::Ring,
};

/// The largest window that is scanned on each question.
const SCAN: usize = 64;

/// Mean, variance, extremes and shape of a window by count.
///
/// Memory is 8 bytes a value and 40 for the rest; above 64 values, one byte more for each and up to
/// 1 KiB. `push` is O(1), amortised. `mean`, `sum`, `variance`, `stddev` and `z` are O(min(size, 64));
/// `min`, `max`, `skewness` and `kurtosis` are O(size).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct MovingStats {
    ring: Ring,
    stacks: Option<Box<Stacks>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    ring: Ring,
    front_len: u32,
}

impl MovingStats {
    /// Makes an empty window for `size` values, from 1 to `MAX_WINDOW`.
    pub fn new(size: usize) -> Result<MovingStats> {
        let ring = Ring::new(size)?;
        let stacks = (size > SCAN).then(Box::default);
        Ok(MovingStats { ring, stacks })
    }

    /// Appends `x` and drops the oldest value of a full window; an error if `x` is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.append(error::finite("value", x)?);
        Ok(())
    }

    /// Appends all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.append(x));
        Ok(())
    }

    fn append(&mut self, x: f64) {
        if let Some(stacks) = &mut self.stacks {
            if self.ring.is_full() {
                let ring = &self.ring;
                stacks.pop(ring.len(), |i| ring[i]);
            }
            stacks.push(x);
        }
        self.ring.push(x);
    }

    /// The number of values in the window.
    pub fn count(&self) -> usize {
        self.ring.len()
    }

    /// The number of values the window can hold.
    pub fn size(&self) -> usize {
        self.ring.size()
    }

    /// Whether the window holds `size` values.
    pub fn is_full(&self) -> bool {
        self.ring.is_full()
    }

    /// Whether the window has warmed up: the same as [`is_full`](MovingStats::is_full).
    pub fn ready(&self) -> bool {
        self.is_full()
    }

    /// The values, oldest first.
    pub fn values(&self) -> &Ring {
        &self.ring
    }

    /// Forgets all values; the size stays.
    pub fn reset(&mut self) {
        self.ring.clear();
        if let Some(stacks) = &mut self.stacks {
            **stacks = Stacks::default();
        }
    }

    fn front_len(&self) -> usize {
        self.stacks.as_ref().map_or(0, |stacks| stacks.front_len())
    }
}

impl Window for MovingStats {
    fn moments(&self) -> MeanVar {
        match &self.stacks {
            Some(stacks) => stacks.total(),
            None => MeanVar::of_parts(self.ring.as_slices()),
        }
    }

    fn parts(&self) -> [&[f64]; 2] {
        self.ring.as_slices()
    }
}

impl PartialEq for MovingStats {
    fn eq(&self, other: &MovingStats) -> bool {
        self.ring == other.ring && self.front_len() == other.front_len()
    }
}

impl From<MovingStats> for Stored {
    fn from(stats: MovingStats) -> Stored {
        let front_len = u32::try_from(stats.front_len()).expect("MAX_WINDOW fits u32");
        Stored { ring: stats.ring, front_len }
    }
}

impl TryFrom<Stored> for MovingStats {
    type Error = StatsError;

    fn try_from(Stored { ring, front_len }: Stored) -> Result<MovingStats> {
        let (front_len, len) = (front_len as usize, ring.len());
        let fits = front_len <= len && (front_len == 0 || ring.is_full() && ring.size() > SCAN);
        error::intact("moving_stats", fits, "its parts do not add up")?;
        let stacks =
            (ring.size() > SCAN).then(|| Box::new(Stacks::restore(front_len, len, |i| ring[i])));
        Ok(MovingStats { ring, stacks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    fn filled(size: usize, values: &[f64]) -> MovingStats {
        let mut stats = MovingStats::new(size).unwrap();
        stats.extend(values).unwrap();
        stats
    }

    #[test]
    fn knows_nothing_when_empty() {
        let stats = MovingStats::new(5).unwrap();
        assert_eq!((stats.count(), stats.mean(), stats.sum()), (0, None, Ok(0.0)));
        assert_eq!((stats.min(), stats.variance(), stats.skewness()), (None, Ok(None), None));
    }

    #[test]
    fn refuses_nan_and_keeps_its_state() {
        let mut stats = filled(3, &[1.0, 2.0]);
        let before = stats.clone();
        assert_eq!(stats.push(f64::NAN).unwrap_err().to_string(), "value is NaN");
        assert!(stats.extend(&[1.0, f64::INFINITY]).is_err());
        assert_eq!(stats, before);
        let error = MovingStats::new(0).unwrap_err().to_string();
        assert_eq!(error, "size must be from 1 to 10000000, got 0");
    }

    #[test]
    fn an_outlier_leaves_no_trace() {
        for size in [10, 300] {
            let quiet: Vec<f64> = (0..size).map(|i| 1e9 + (i % 7) as f64).collect();
            let mut stats = filled(size, &[1.0, 1e12, -1e12]);
            stats.extend(&quiet).unwrap();
            let exact = MeanVar::of(&quiet);
            assert_close(stats.mean().unwrap(), exact.mean().unwrap(), 1e-15);
            assert_close(
                stats.variance().unwrap().unwrap(),
                exact.variance().unwrap().unwrap(),
                1e-13,
            );
        }
    }

    #[test]
    fn a_small_window_is_small() {
        let stats = filled(10, &[1.0; 25]);
        assert!(stats.stacks.is_none());
        assert!(size_of::<MovingStats>() + 10 * size_of::<f64>() <= 128);
    }

    #[test]
    fn survives_damaged_snapshots() {
        for stats in [filled(5, &[1.0; 7]), filled(70, &[2.0; 100])] {
            survives_damage(&stats, |stats| {
                stats.extend(&[3.0; 200]).unwrap();
                stats.kurtosis();
            });
        }
    }

    #[test]
    fn refuses_a_damaged_snapshot() {
        let bytes = postcard::to_stdvec(&((100u32, vec![1.0, 2.0]), 1u32)).unwrap();
        assert!(postcard::from_bytes::<MovingStats>(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn equals_the_recomputed_window(
            size in 1usize..150,
            offset in prop_oneof![Just(0.0), Just(1e9)],
            values in prop::collection::vec(-1e3..1e3f64, 1..500),
        ) {
            let values: Vec<f64> = values.into_iter().map(|x| x + offset).collect();
            let mut stats = MovingStats::new(size).unwrap();
            for (i, &x) in values.iter().enumerate() {
                stats.push(x).unwrap();
                let window = &values[(i + 1).saturating_sub(size)..=i];
                let exact = MeanVar::of(window);
                let scale = offset + 1e3;
                prop_assert!((stats.mean().unwrap() - exact.mean().unwrap()).abs() <= 1e-14 * scale);
                if let Some(variance) = exact.variance().unwrap() {
                    assert_close(stats.variance().unwrap().unwrap(), variance, 1e-11);
                }
                prop_assert_eq!(stats.min(), window.iter().copied().reduce(f64::min));
                prop_assert!(stats.values().iter().eq(window.iter().copied()));
            }
        }

        #[test]
        fn a_snapshot_continues_the_same(
            size in 1usize..150,
            before in prop::collection::vec(-1e3..1e3f64, 0..400),
            after in prop::collection::vec(-1e3..1e3f64, 0..400),
        ) {
            continues_the_same(&filled(size, &before), |stats| {
                after.iter().map(|&x| { stats.push(x).unwrap(); stats.moments() }).collect::<Vec<_>>()
            });
        }
    }
}
