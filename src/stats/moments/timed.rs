//! The moments of the values of the last so many nanoseconds.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{MeanVar, Window, stacks::Stacks};
use crate::stats::error::{self, MAX_WINDOW, Result, StatsError};

/// Mean, variance, extremes and shape of a window by time.
///
/// The window holds the values later than the newest time less the duration. `push` is O(1),
/// amortised, as are mean, variance and sum; `min`, `max`, `skewness` and `kurtosis` are O(n).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TimedStats {
    duration: u64,
    times: VecDeque<i64>,
    values: VecDeque<f64>,
    stacks: Stacks,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    duration: u64,
    front_len: u32,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl TimedStats {
    /// Makes an empty window of `duration` nanoseconds, at least 1.
    pub fn new(duration: u64) -> Result<TimedStats> {
        error::range("duration", duration as f64, duration > 0, "above 0")?;
        let (times, values) = (VecDeque::new(), VecDeque::new());
        Ok(TimedStats { duration, times, values, stacks: Stacks::default() })
    }

    /// Moves the window to `time` (nanoseconds) and takes in `x`.
    ///
    /// An error, and no change, if `x` is not finite, `time` lies before the last one, or the window
    /// would hold more than `MAX_WINDOW` values.
    pub fn push(&mut self, time: i64, x: f64) -> Result<()> {
        error::finite("value", x)?;
        self.move_to(time)?;
        error::size("values in the window", self.values.len() + 1, 1, MAX_WINDOW)?;
        self.times.push_back(time);
        self.values.push_back(x);
        self.stacks.push(x);
        Ok(())
    }

    /// Drops what is too old at `time` (nanoseconds); an error if it lies before the last one.
    pub fn move_to(&mut self, time: i64) -> Result<()> {
        if let Some(&last) = self.times.back() {
            error::elapsed(last, time)?;
        }
        while let Some(&oldest) = self.times.front() {
            if time.abs_diff(oldest) < self.duration {
                break;
            }
            let values = &self.values;
            self.stacks.pop(values.len(), |i| values[i]);
            self.times.pop_front();
            self.values.pop_front();
        }
        Ok(())
    }

    /// The number of values in the window.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Whether there is a variance: two values or more.
    pub fn ready(&self) -> bool {
        self.count() > 1
    }

    /// The values, oldest first.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = f64> + '_ {
        self.values.iter().copied()
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.times.clear();
        self.values.clear();
        self.stacks = Stacks::default();
    }
}

impl Window for TimedStats {
    fn moments(&self) -> MeanVar {
        self.stacks.total()
    }

    fn parts(&self) -> [&[f64]; 2] {
        self.values.as_slices().into()
    }
}

impl PartialEq for TimedStats {
    fn eq(&self, other: &TimedStats) -> bool {
        self.duration == other.duration
            && self.times == other.times
            && self.values == other.values
            && self.stacks.front_len() == other.stacks.front_len()
    }
}

impl From<TimedStats> for Stored {
    fn from(stats: TimedStats) -> Stored {
        Stored {
            duration: stats.duration,
            front_len: u32::try_from(stats.stacks.front_len()).expect("MAX_WINDOW fits u32"),
            times: stats.times.into(),
            values: stats.values.into(),
        }
    }
}

impl TryFrom<Stored> for TimedStats {
    type Error = StatsError;

    fn try_from(stored: Stored) -> Result<TimedStats> {
        let Stored { duration, front_len, times, values } = stored;
        let (front_len, len) = (front_len as usize, values.len());
        let fits = front_len <= len && len == times.len() && len <= MAX_WINDOW;
        error::intact("timed_stats", fits, "its parts do not add up")?;
        error::intact("timed_stats", times.is_sorted(), "its times are not in order")?;
        error::all_finite("value", &values)?;
        let stats = TimedStats::new(duration)?;
        let stacks = Stacks::restore(front_len, len, |i| values[i]);
        Ok(TimedStats { times: times.into(), values: values.into(), stacks, ..stats })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    proptest! {
        #[test]
        fn equals_the_recomputed_window(
            duration in 1u64..200,
            steps in prop::collection::vec((0i64..20, -1e3..1e3f64), 1..300),
        ) {
            let mut stats = TimedStats::new(duration).unwrap();
            let mut time = -50;
            let mut seen: Vec<(i64, f64)> = Vec::new();
            for (step, x) in steps {
                time += step;
                stats.push(time, x).unwrap();
                seen.push((time, x));
                let inside = seen.iter().filter(|(t, _)| time - t < duration as i64);
                let window: Vec<f64> = inside.map(|(_, x)| *x).collect();
                prop_assert!(stats.values().eq(window.iter().copied()));
                let exact = MeanVar::of(&window);
                prop_assert!((stats.mean().unwrap() - exact.mean().unwrap()).abs() <= 1e-11);
                if let Some(variance) = exact.variance().unwrap() {
                    assert_close(stats.variance().unwrap().unwrap(), variance, 1e-11);
                }
            }
            continues_the_same(&stats, |stats| {
                (0..500).map(|i| { stats.push(time + i, i as f64).unwrap(); stats.moments() }).collect::<Vec<_>>()
            });
        }
    }

    #[test]
    fn survives_damaged_snapshots() {
        let mut stats = TimedStats::new(50).unwrap();
        (0..60).for_each(|i| stats.push(i, i as f64).unwrap());
        survives_damage(&stats, |stats| {
            let _ = (stats.push(i64::MAX, 1.0), stats.push(i64::MAX, 2.0), stats.moments());
        });
    }
}
