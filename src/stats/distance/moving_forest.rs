//! An isolation forest that follows a stream: it is regularly grown again from the last rows.
//!
//! Ding & Fei (2013), "An anomaly detection approach based on isolation forest algorithm for
//! streaming data using sliding window", with a new forest after a fixed number of rows instead of after a drift.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::isolation::IsolationForest;
use crate::stats::{
    error::{self, MAX_WINDOW, Result, StatsError},
    progress::Progress,
};

/// The limit of trees times rows of a sample times columns. Growing such a forest takes some seconds, also when a
/// snapshot is read.
const MAX_CELLS: usize = 50_000_000;

/// The last `window` rows and a forest of them, grown after each `refit` rows.
///
/// `push` is O(trees · log sample), and O(trees · sample · log sample) when the forest is grown:
/// some 10 ms for 100 trees of 256 rows. A snapshot holds the rows; the forest is grown again from
/// them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct MovingForest {
    stored: Stored,
    forest: Option<IsolationForest>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    columns: u32,
    window: u32,
    refit: u32,
    trees: u32,
    sample: u32,
    seed: u64,
    /// Rows seen in all, and since the forest was grown.
    count: u64,
    since: u32,
    /// The rows one after the other: the window, and behind it what the forest was grown from.
    values: VecDeque<f64>,
}

impl MovingForest {
    /// Makes one for rows of `columns` (1 to 1,000) values: a `window` of 2 rows or more, a new forest
    /// every `refit` rows (1 to `window`), of `trees` (1 to 1,000) on samples of `sample` (2 to
    /// 4,096) rows, from `seed`. Trees times sample times columns are at most 50 million.
    pub fn new(
        columns: usize,
        window: usize,
        refit: usize,
        trees: usize,
        sample: usize,
        seed: u64,
    ) -> Result<MovingForest> {
        error::size("columns", columns, 1, 1_000)?;
        error::size("window", window, 2, MAX_WINDOW / columns)?;
        error::size("refit", refit, 1, window)?;
        error::size("trees", trees, 1, 1_000)?;
        error::size("sample", sample, 2, 4_096)?;
        let cells = trees * sample.min(window) * columns;
        error::size("trees times sample times columns", cells, 1, MAX_CELLS)?;
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        let stored = Stored {
            columns: narrow(columns),
            window: narrow(window),
            refit: narrow(refit),
            trees: narrow(trees),
            sample: narrow(sample),
            seed,
            count: 0,
            since: 0,
            values: VecDeque::new(),
        };
        Ok(MovingForest { stored, forest: None })
    }

    /// Scores a row as [`IsolationForest::score`] does, then takes it in; `None` until the first
    /// forest is grown, after `refit` rows (at least 2).
    ///
    /// An error unless the row has a finite value for each column; one that is interrupted while a forest
    /// grows leaves that to the next.
    pub fn push(&mut self, row: &[f64], progress: &Progress<'_>) -> Result<Option<f64>> {
        let stored = &mut self.stored;
        error::same_length(("row", row.len()), ("the forest", stored.columns as usize))?;
        error::all_finite("value", row)?;
        let score = self.forest.as_ref().map(|forest| forest.score(row)).transpose()?;
        stored.values.extend(row);
        stored.count = stored.count.saturating_add(1);
        stored.since += 1;
        if stored.since >= stored.refit.max(2) {
            let due = std::mem::take(&mut stored.since);
            let surplus = stored.rows().saturating_sub(stored.window as usize);
            stored.values.drain(..surplus * stored.columns as usize);
            match stored.grow(progress) {
                Ok(forest) => self.forest = forest,
                Err(error) => {
                    stored.since = due - 1;
                    return Err(error);
                }
            }
        }
        Ok(score)
    }

    /// How many rows were seen.
    pub fn count(&self) -> u64 {
        self.stored.count
    }

    /// Whether there is a forest.
    pub fn ready(&self) -> bool {
        self.forest.is_some()
    }

    /// Forgets all rows.
    pub fn reset(&mut self) {
        (self.stored.count, self.stored.since) = (0, 0);
        self.stored.values.clear();
        self.forest = None;
    }
}

impl Stored {
    fn rows(&self) -> usize {
        self.values.len() / self.columns as usize
    }

    /// The forest of the rows before the last `since`.
    fn grow(&self, progress: &Progress<'_>) -> Result<Option<IsolationForest>> {
        let rows = self.rows().saturating_sub(self.since as usize);
        if rows < 2 {
            return Ok(None);
        }
        let width = self.columns as usize;
        let column = |j| (0..rows).map(|i| self.values[i * width + j]).collect();
        let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let seed = self.seed.wrapping_add(self.count - u64::from(self.since));
        let (trees, sample) = (self.trees as usize, self.sample as usize);
        IsolationForest::fit(&columns, trees, sample, seed, progress).map(Some)
    }
}

impl PartialEq for MovingForest {
    fn eq(&self, other: &MovingForest) -> bool {
        self.stored == other.stored
    }
}

impl From<MovingForest> for Stored {
    fn from(forest: MovingForest) -> Stored {
        forest.stored
    }
}

impl TryFrom<Stored> for MovingForest {
    type Error = StatsError;

    fn try_from(stored: Stored) -> Result<MovingForest> {
        let size = |n: u32| n as usize;
        MovingForest::new(
            size(stored.columns),
            size(stored.window),
            size(stored.refit),
            size(stored.trees),
            size(stored.sample),
            stored.seed,
        )?;
        let whole = stored.values.len().is_multiple_of(size(stored.columns));
        error::intact("moving_forest", whole, "its last row is not whole")?;
        let fits = stored.rows() <= size(stored.window) + size(stored.refit).max(2);
        error::intact("moving_forest", fits, "more rows than its window")?;
        let since = size(stored.since) <= stored.rows() && stored.since < stored.refit.max(2);
        error::intact("moving_forest", since, "more new rows than rows")?;
        let count = stored.count >= stored.rows() as u64;
        error::intact("moving_forest", count, "more rows than it has seen")?;
        error::intact("moving_forest", stored.values.iter().all(|x| x.is_finite()), "not finite")?;
        let forest = stored.grow(&Progress::free())?;
        Ok(MovingForest { stored, forest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{continues_the_same, free, survives_damage},
    };

    fn filled(rows: usize) -> MovingForest {
        let mut rng = Rng::new(1);
        let mut forest = MovingForest::new(2, 60, 20, 25, 32, 7).unwrap();
        for _ in 0..rows {
            forest.push(&[rng.uniform(), rng.uniform()], &free()).unwrap();
        }
        forest
    }

    #[test]
    fn follows_the_stream() {
        let mut forest = filled(19);
        assert!(!forest.ready());
        assert_eq!(forest.push(&[0.5, 0.5], &free()), Ok(None));
        assert!(forest.ready());
        let mut forest = filled(200);
        let inside = forest.push(&[0.5, 0.5], &free()).unwrap().unwrap();
        let outside = forest.push(&[5.0, -5.0], &free()).unwrap().unwrap();
        assert!(inside < 0.5 && outside > 0.6, "{inside} {outside}");
        // A row that was far out is normal once the stream has moved there.
        let mut rng = Rng::new(2);
        let mut there = || [5.0 + rng.uniform(), -5.0 + rng.uniform()];
        for _ in 0..80 {
            forest.push(&there(), &free()).unwrap();
        }
        assert!(forest.push(&[5.5, -4.5], &free()).unwrap().unwrap() < 0.55);
        assert!(forest.push(&[0.5], &free()).is_err());
        assert!(forest.push(&[0.5, f64::NAN], &free()).is_err());
    }

    #[test]
    fn goes_on_after_a_snapshot() {
        for rows in [0, 1, 19, 20, 33, 60, 75, 200] {
            let rest = [[0.1, 0.2], [3.0, 0.4], [0.5, 0.6]];
            continues_the_same(&filled(rows), |forest| {
                let scores: Vec<_> = (0..30)
                    .flat_map(|_| rest)
                    .map(|row| forest.push(&row, &free()).unwrap())
                    .collect();
                scores
            });
        }
        survives_damage(&filled(5), |forest| {
            let _ = forest.push(&[0.0, 0.0], &free());
        });
    }
}
