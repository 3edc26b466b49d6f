//! How much a row would change a random partition of the last rows: robust random cut forests.
//!
//! Guha, Mishra, Roy and Schrijvers (2016), "Robust random cut forest based anomaly detection on streams".
//! Each tree holds the last `window` rows, cut at random, wide columns more often. A row's collusive
//! displacement is how many others would be less deep without it and those like it; the score is its mean over
//! the trees. Columns should be of one scale.

mod tree;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use self::tree::{Part, Tree};
use crate::stats::{
    Rng,
    error::{self, Result, StatsError},
    progress::Progress,
};

const MAX_COLUMNS: usize = 32;
const MAX_WINDOW: usize = 4096;
const MAX_TREES: usize = 1000;
/// Trees times rows times columns: some 40 bytes each.
const MAX_CELLS: usize = 1 << 22;
/// The largest value: differences and their sums must not overflow.
const LARGEST: f64 = 1e100;

/// Trees over the last rows; about 40 + 32 · columns bytes for each tree and row.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct RandomCutForest {
    columns: usize,
    window: usize,
    rng: Rng,
    count: u64,
    rows: VecDeque<Vec<f64>>,
    trees: Vec<Tree>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    columns: u32,
    window: u32,
    rng: Rng,
    count: u64,
    values: Vec<f64>,
    trees: Vec<Vec<Part>>,
}

/// The judgement of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomCutStep {
    /// The mean collusive displacement.
    pub score: f64,
    /// The share of each column; they add up to 1, or are all 0 for a row like all others.
    pub contributions: Vec<f64>,
}

impl RandomCutForest {
    /// Makes one of `trees` (1 to 1,000) over the last `window` (8 to 4,096) rows of `columns` (1 to 32)
    /// values, from `seed`; trees times window times columns are at most 4,194,304.
    pub fn new(columns: usize, window: usize, trees: usize, seed: u64) -> Result<RandomCutForest> {
        error::size("columns", columns, 1, MAX_COLUMNS)?;
        error::size("window", window, 8, MAX_WINDOW)?;
        error::size("trees", trees, 1, MAX_TREES)?;
        error::size("trees times window times columns", trees * window * columns, 1, MAX_CELLS)?;
        let trees = vec![Tree::new(columns); trees];
        Ok(RandomCutForest {
            columns,
            window,
            rng: Rng::new(seed),
            count: 0,
            rows: VecDeque::new(),
            trees,
        })
    }

    /// Takes a row in, in place of the oldest once the window is full, and scores it; `None` until a quarter of
    /// the window is there.
    ///
    /// An error unless all values are between -1e100 and 1e100; a row that is interrupted is not taken in.
    pub fn push(&mut self, row: &[f64], progress: &Progress<'_>) -> Result<Option<RandomCutStep>> {
        error::same_length(("the row", row.len()), ("columns", self.columns))?;
        for &x in row {
            error::range("value", x, x.abs() < LARGEST, "between -1e100 and 1e100")?;
        }
        // The steps below take at most some milliseconds.
        progress.check()?;
        self.count = self.count.saturating_add(1);
        // -0 and 0 are one point.
        let row: Vec<f64> = row.iter().map(|x| x + 0.0).collect();
        if self.rows.len() == self.window {
            let oldest = self.rows.pop_front().unwrap_or_default();
            self.trees.iter_mut().for_each(|tree| tree.remove(&oldest));
        }
        let mut step = RandomCutStep { score: 0.0, contributions: vec![0.0; self.columns] };
        for tree in &mut self.trees {
            let leaf = tree.insert(&row, &mut self.rng);
            let (displacement, column) = tree.displacement(leaf);
            step.score += displacement;
            step.contributions[column] += displacement;
        }
        self.rows.push_back(row);
        if step.score > 0.0 {
            step.contributions.iter_mut().for_each(|share| *share /= step.score);
        }
        step.score /= self.trees.len() as f64;
        Ok(self.ready().then_some(step))
    }

    /// The number of fields of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether a quarter of the window is there.
    pub fn ready(&self) -> bool {
        self.rows.len() * 4 > self.window
    }

    /// Forgets all rows; the random sequence continues.
    pub fn reset(&mut self) {
        self.rows.clear();
        self.count = 0;
        self.trees.iter_mut().for_each(|tree| *tree = Tree::new(self.columns));
    }

    fn stored(&self) -> Stored {
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        let rows = || self.rows.iter().map(Vec::as_slice);
        Stored {
            columns: narrow(self.columns),
            window: narrow(self.window),
            rng: self.rng.clone(),
            count: self.count,
            values: self.rows.iter().flatten().copied().collect(),
            trees: self.trees.iter().map(|tree| tree.parts(rows())).collect(),
        }
    }
}

impl PartialEq for RandomCutForest {
    fn eq(&self, other: &RandomCutForest) -> bool {
        self.stored() == other.stored()
    }
}

impl From<RandomCutForest> for Stored {
    fn from(forest: RandomCutForest) -> Stored {
        forest.stored()
    }
}

impl TryFrom<Stored> for RandomCutForest {
    type Error = StatsError;

    fn try_from(stored: Stored) -> Result<RandomCutForest> {
        let (columns, window) = (stored.columns as usize, stored.window as usize);
        let mut forest = RandomCutForest::new(columns, window, stored.trees.len(), 0)?;
        let whole = stored.values.len().is_multiple_of(columns);
        let rows: Vec<&[f64]> = stored.values.chunks(columns).collect();
        let fits = whole && rows.len() <= window && stored.count >= rows.len() as u64;
        error::intact("random cut forest", fits, "wrong number of rows")?;
        let small = stored.values.iter().all(|x| x.abs() < LARGEST);
        error::intact("random cut forest", small, "a value is out of range")?;
        for (tree, parts) in forest.trees.iter_mut().zip(&stored.trees) {
            let damaged = StatsError::Damaged {
                name: "random cut forest",
                reason: "a tree does not hold the rows",
            };
            *tree = Tree::from_parts(parts, &rows, columns).ok_or(damaged)?;
        }
        forest.rows = rows.iter().map(|row| row.to_vec()).collect();
        (forest.rng, forest.count) = (stored.rng, stored.count);
        Ok(forest)
    }
}

#[cfg(test)]
mod tests;
