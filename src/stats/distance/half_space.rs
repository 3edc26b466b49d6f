//! Streaming half-space trees: how many rows of the last window fell where this one does.
//!
//! Tan, Ting & Liu (2011), "Fast anomaly detection for streaming data".

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    rng::Rng,
    snapshot::checked_snapshot,
};

const MAX_TREES: usize = 200;
const MAX_DEPTH: usize = 12;

/// Complete trees of random half-cuts with two masses for each node: of the last whole window, and of the one that is
/// being filled.
///
/// `push` is O(trees · depth); memory is 24 bytes · trees · 2^(depth + 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HalfSpaceTrees {
    columns: u32,
    depth: u32,
    window: u32,
    seen: u64,
    trees: Vec<Vec<Node>>,
}

/// A node of a complete tree; the children of node i are 2i + 1 and 2i + 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    column: u32,
    cut: f64,
    reference: u32,
    latest: u32,
}

impl HalfSpaceTrees {
    /// Makes `trees` (1 to 200, usually 25) of a `depth` from 1 to 12, renewed each `window` rows (from
    /// 2, usually 250).
    ///
    /// `ranges` are the usual least and largest value of each column; values beyond are allowed. Cuts
    /// are random, from `seed`.
    pub fn new(
        ranges: &[(f64, f64)],
        trees: usize,
        depth: usize,
        window: usize,
        seed: u64,
    ) -> Result<HalfSpaceTrees> {
        error::size("columns", ranges.len(), 1, 1_000)?;
        for &(lower, upper) in ranges {
            error::finite("lower end of a range", lower)?;
            let fits = lower < upper && (upper - lower).is_finite();
            error::range("upper end of a range", upper, fits, "finite and above the lower end")?;
        }
        error::size("trees", trees, 1, MAX_TREES)?;
        error::size("depth", depth, 1, MAX_DEPTH)?;
        error::size("window", window, 2, MAX_WINDOW)?;
        let mut rng = Rng::new(seed);
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        Ok(HalfSpaceTrees {
            columns: narrow(ranges.len()),
            depth: narrow(depth),
            window: narrow(window),
            seen: 0,
            trees: (0..trees).map(|_| build(ranges, depth, &mut rng)).collect(),
        })
    }

    /// Scores a row as [`score`](HalfSpaceTrees::score) does, then counts it.
    ///
    /// An error unless it has a finite value for each column.
    pub fn push(&mut self, row: &[f64]) -> Result<Option<f64>> {
        let score = self.score(row)?;
        for tree in &mut self.trees {
            let mut at = 0;
            for _ in 0..=self.depth {
                tree[at].latest = tree[at].latest.saturating_add(1);
                at = child(&tree[at], at, row);
            }
        }
        self.seen = self.seen.saturating_add(1);
        if self.seen.is_multiple_of(u64::from(self.window)) {
            for node in self.trees.iter_mut().flatten() {
                node.reference = std::mem::take(&mut node.latest);
            }
        }
        Ok(score)
    }

    /// How rare rows like this were in the last window: 1 where there was none, 0.5 at the density of evenly spread
    /// rows, and towards 0 in dense regions; `None` in the first window.
    ///
    /// 1 / (1 + s), with the paper's score s (mass · 2^depth of the node where fewer than a tenth of the
    /// window is left, or of the leaf) as a share of the window.
    pub fn score(&self, row: &[f64]) -> Result<Option<f64>> {
        error::same_length(("row", row.len()), ("the ranges", self.columns as usize))?;
        error::all_finite("value", row)?;
        let window = f64::from(self.window);
        let density = |tree: &Vec<Node>| {
            let mut at = 0;
            for depth in 0..self.depth {
                if f64::from(tree[at].reference) < 0.1 * window {
                    return f64::from(tree[at].reference) * f64::from(depth).exp2();
                }
                at = child(&tree[at], at, row);
            }
            f64::from(tree[at].reference) * f64::from(self.depth).exp2()
        };
        let mean = self.trees.iter().map(density).sum::<f64>() / self.trees.len() as f64;
        Ok(self.ready().then(|| 1.0 / (1.0 + mean / window)))
    }

    /// How many rows were seen.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// Whether a window is complete.
    pub fn ready(&self) -> bool {
        self.seen >= u64::from(self.window)
    }

    /// Forgets all rows; the cuts stay.
    pub fn reset(&mut self) {
        self.seen = 0;
        for node in self.trees.iter_mut().flatten() {
            (node.reference, node.latest) = (0, 0);
        }
    }

    fn check(&self) -> Result<()> {
        error::size("trees", self.trees.len(), 1, MAX_TREES)?;
        let depth = error::size("depth", self.depth as usize, 1, MAX_DEPTH)?;
        error::size("window", self.window as usize, 2, MAX_WINDOW)?;
        let nodes = (2 << depth) - 1;
        let sound = |tree: &Vec<Node>| {
            tree.len() == nodes && tree.iter().all(|node| node.column < self.columns)
        };
        let fits = self.trees.iter().all(sound);
        error::intact("half_space_trees", fits, "a tree is not complete")
    }
}

/// The child on the row's side; for a leaf, a position that is not used.
fn child(node: &Node, at: usize, row: &[f64]) -> usize {
    2 * at + if row[node.column as usize] < node.cut { 1 } else { 2 }
}

/// A complete tree that halves a work range, drawn around each column's range as in the paper.
fn build(ranges: &[(f64, f64)], depth: usize, rng: &mut Rng) -> Vec<Node> {
    let mut work = |&(lower, upper): &(f64, f64)| {
        let share = rng.uniform();
        let reach = 2.0 * share.max(1.0 - share);
        let width = upper - lower;
        (lower + width * (share - reach), lower + width * (share + reach))
    };
    let mut areas: Vec<Vec<(f64, f64)>> = vec![ranges.iter().map(&mut work).collect()];
    let mut nodes = Vec::with_capacity((2 << depth) - 1);
    for _ in 0..=depth {
        let mut next = Vec::with_capacity(2 * areas.len());
        for area in areas {
            let column = rng.below(area.len());
            let cut = f64::midpoint(area[column].0, area[column].1);
            nodes.push(Node { column: column as u32, cut, reference: 0, latest: 0 });
            let (mut below, mut above) = (area.clone(), area);
            (below[column].1, above[column].0) = (cut, cut);
            next.extend([below, above]);
        }
        areas = next;
    }
    nodes
}

checked_snapshot!(HalfSpaceTrees);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        series::ranks,
        testing::{continues_the_same, free, numbers, reference, survives_damage},
        trend::pearson,
    };

    /// The order of river's mean scores of 500 trees, where both sum the masses of random cuts.
    #[test]
    fn ranks_rows_as_river_does() {
        let case = reference(include_str!("../../../tests/reference/half_space_trees.json"));
        let column = |name: &str| numbers(&case[name]);
        let mut trees = HalfSpaceTrees::new(&[(0.0, 1.0), (0.0, 1.0)], 200, 8, 250, 5).unwrap();
        for (&x, &y) in column("x").iter().zip(&column("y")) {
            trees.push(&[x, y]).unwrap();
        }
        let probes = column("probe_x").into_iter().zip(column("probe_y"));
        let scores: Vec<f64> =
            probes.map(|(x, y)| trees.score(&[x, y]).unwrap().unwrap()).collect();
        let rho =
            pearson(&ranks(&scores, &free()).unwrap(), &ranks(&column("scores"), &free()).unwrap())
                .unwrap()
                .unwrap();
        assert!(rho > 0.9, "{rho}");
    }

    #[test]
    fn misses_what_it_has_not_seen() {
        let mut rng = Rng::new(2);
        let mut trees = HalfSpaceTrees::new(&[(0.0, 1.0), (0.0, 10.0)], 25, 8, 100, 3).unwrap();
        let mut row = || [0.4 + 0.1 * rng.uniform(), 2.0 + rng.uniform()];
        for i in 0..200 {
            assert_eq!(trees.push(&row()).unwrap().is_some(), i >= 100);
        }
        let (usual, odd) = (trees.score(&[0.45, 2.5]).unwrap(), trees.score(&[0.95, 9.0]).unwrap());
        assert!(usual.unwrap() < 0.2 && odd.unwrap() > 0.6, "{usual:?} {odd:?}");
        assert!(trees.push(&[1.0]).is_err() && trees.push(&[f64::NAN, 1.0]).is_err());
        assert!(HalfSpaceTrees::new(&[(1.0, 1.0)], 5, 5, 5, 5).is_err());
        continues_the_same(&trees, |trees| trees.push(&[0.5, 0.5]));
        let mut small = HalfSpaceTrees::new(&[(0.0, 1.0)], 2, 1, 2, 3).unwrap();
        small.push(&[0.5]).unwrap();
        survives_damage(&small, |small| drop((small.push(&[0.1]), small.push(&[0.9]))));
    }
}
