//! Isolation forest: a row that random cuts easily separate from the others is an anomaly.
//!
//! Liu, Ting & Zhou (2008), "Isolation forest".

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    progress::Progress,
    rng::Rng,
    snapshot::checked_snapshot,
};

/// The most trees, and the largest sample of a tree.
const MAX_TREES: usize = 1_000;
const MAX_SAMPLE: usize = 4_096;
/// The mark of a leaf.
const LEAF: u32 = u32::MAX;

/// Trees of random cuts through a sample of rows, grown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct IsolationForest {
    columns: u32,
    sample: u32,
    trees: Vec<Vec<Node>>,
}

/// A cut, its left child following it and its right one at `right`; or a leaf with `size` rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    right: u32,
    column: u32,
    size: u32,
    cut: f64,
}

impl IsolationForest {
    /// Grows `trees` (1 to 1,000, usually 100) on random samples of `sample` rows (2 to 4,096, usually
    /// 256, and no more than there are) of the given columns; O(trees · sample · log sample).
    ///
    /// Columns must be equally long, finite, and hold two rows or more. The same seed gives the same
    /// forest.
    pub fn fit(
        columns: &[&[f64]],
        trees: usize,
        sample: usize,
        seed: u64,
        progress: &Progress<'_>,
    ) -> Result<IsolationForest> {
        error::size("columns", columns.len(), 1, 1_000)?;
        for column in columns {
            error::same_length(("the first column", columns[0].len()), ("another", column.len()))?;
            error::sample("column", column, 2)?;
        }
        error::size("trees", trees, 1, MAX_TREES)?;
        let sample = error::size("sample", sample, 2, MAX_SAMPLE)?.min(columns[0].len());
        let nodes = trees.saturating_mul(2 * sample * size_of::<Node>());
        progress.room("isolation_forest", nodes.saturating_add(columns[0].len() * 8))?;
        let mut rng = Rng::new(seed);
        let mut rows: Vec<usize> = (0..columns[0].len()).collect();
        let depth = (sample as f64).log2().ceil() as u32;
        let grow = |_| {
            rng.sample(&mut rows, sample);
            let mut nodes = Vec::new();
            grow(&mut nodes, columns, &mut rows[..sample], depth, &mut rng, progress)?;
            Ok(nodes)
        };
        let trees = (0..trees).map(grow).collect::<Result<_>>()?;
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        Ok(IsolationForest { columns: narrow(columns.len()), sample: narrow(sample), trees })
    }

    /// How easily a row is isolated: near 1 if one cut is enough, about 0.5 if it is like the others, towards 0 if it
    /// lies in their middle; O(trees · log sample).
    ///
    /// An error unless the row has as many values as there were columns, all finite.
    pub fn score(&self, row: &[f64]) -> Result<f64> {
        error::same_length(("row", row.len()), ("the forest", self.columns as usize))?;
        error::all_finite("value", row)?;
        let depth: f64 = self.trees.iter().map(|tree| path_length(tree, row)).sum();
        let mean = depth / self.trees.len() as f64;
        Ok((-mean / expected_path(self.sample)).exp2())
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns as usize
    }

    fn check(&self) -> Result<()> {
        error::size("trees", self.trees.len(), 1, MAX_TREES)?;
        error::size("sample", self.sample as usize, 2, MAX_SAMPLE)?;
        let fits = |tree: &Vec<Node>| {
            let sound = |(i, node): (usize, &Node)| {
                node.right == LEAF
                    || node.right as usize > i + 1
                        && (node.right as usize) < tree.len()
                        && node.column < self.columns
            };
            !tree.is_empty() && tree.iter().enumerate().all(sound)
        };
        error::intact("isolation_forest", self.trees.iter().all(fits), "a tree is not a tree")
    }
}

fn grow(
    nodes: &mut Vec<Node>,
    columns: &[&[f64]],
    rows: &mut [usize],
    depth: u32,
    rng: &mut Rng,
    progress: &Progress<'_>,
) -> Result<()> {
    progress.steps(1 + rows.len() * columns.len())?;
    let at = nodes.len();
    let size = u32::try_from(rows.len()).unwrap_or(LEAF - 1);
    nodes.push(Node { right: LEAF, column: 0, size, cut: 0.0 });
    if depth == 0 || rows.len() < 2 {
        return Ok(());
    }
    let range = |column: &[f64]| {
        let values = || rows.iter().map(|&row| column[row]);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ranges: Vec<(f64, f64)> = columns.iter().map(|column| range(column)).collect();
    let wide: Vec<usize> = (0..columns.len()).filter(|&i| ranges[i].0 < ranges[i].1).collect();
    if wide.is_empty() {
        return Ok(());
    }
    let column = wide[rng.below(wide.len())];
    let (min, max) = ranges[column];
    let share = rng.uniform();
    // Halved ends, so that the range of extreme values does not overflow; above the least value, so
    // that both sides get a row.
    let cut = (min + 2.0 * share * (max / 2.0 - min / 2.0)).min(max).max(min.next_up());
    let mut left = 0;
    for i in 0..rows.len() {
        if columns[column][rows[i]] < cut {
            rows.swap(i, left);
            left += 1;
        }
    }
    let (lower, upper) = rows.split_at_mut(left);
    grow(nodes, columns, lower, depth - 1, rng, progress)?;
    let right = u32::try_from(nodes.len()).unwrap_or(LEAF);
    grow(nodes, columns, upper, depth - 1, rng, progress)?;
    nodes[at] = Node { right, column: column as u32, size, cut };
    Ok(())
}

fn path_length(tree: &[Node], row: &[f64]) -> f64 {
    let (mut at, mut length) = (0, 0.0);
    loop {
        let node = &tree[at];
        if node.right == LEAF {
            return length + expected_path(node.size);
        }
        at = if row[node.column as usize] < node.cut { at + 1 } else { node.right as usize };
        length += 1.0;
    }
}

/// The mean path length of an unsuccessful search in a binary tree of `n` rows: c(n) of the paper.
fn expected_path(n: u32) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = f64::from(n);
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

checked_snapshot!(IsolationForest);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        distribution::Normal,
        series::ranks,
        testing::{assert_close, continues_the_same, free, numbers, reference, survives_damage},
        trend::pearson,
    };

    /// Scikit-learn's mean scores of 2,500 trees; ours of 500 differ from them by chance alone.
    #[test]
    fn agrees_with_scikit_learn() {
        let case = reference(include_str!("../../../tests/reference/isolation_forest.json"));
        let sizes = case["sizes"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
        for (size, expected) in sizes.zip(numbers(&case["average_path"])) {
            assert_close(expected_path(size as u32), expected, 1e-12);
        }
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        let expected = numbers(&case["scores"]);
        let forest = IsolationForest::fit(&[&x, &y], 500, 256, 3, &free()).unwrap();
        let scores: Vec<f64> =
            x.iter().zip(&y).map(|(&x, &y)| forest.score(&[x, y]).unwrap()).collect();
        let rho = pearson(&ranks(&scores, &free()).unwrap(), &ranks(&expected, &free()).unwrap())
            .unwrap()
            .unwrap();
        assert!(rho > 0.99, "{rho}");
        let farthest = scores.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(farthest < 0.02, "{farthest}");
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((mean(&scores) - mean(&expected)).abs() < 0.003);
    }

    #[test]
    fn isolates_what_lies_apart() {
        let mut rng = Rng::new(1);
        let mut normal = || Normal::STANDARD.ppf(rng.uniform().max(1e-9));
        let x: Vec<f64> = (0..1000).map(|_| normal()).collect();
        // The second column follows the first.
        let y: Vec<f64> = x.iter().map(|x| 2.0 * x + 0.1 * normal()).collect();
        let forest = IsolationForest::fit(&[&x, &y], 100, 256, 7, &free()).unwrap();
        let score = |row: [f64; 2]| forest.score(&row).unwrap();
        assert!(score([0.0, 0.0]) < 0.45, "{}", score([0.0, 0.0]));
        assert!(score([6.0, 12.0]) > 0.7, "{}", score([6.0, 12.0]));
        assert!(score([1.5, -3.0]) > score([1.5, 3.0]) + 0.03);
        assert_eq!(forest, IsolationForest::fit(&[&x, &y], 100, 256, 7, &free()).unwrap());
        assert!(forest.score(&[1.0]).is_err() && forest.score(&[1.0, f64::NAN]).is_err());
        continues_the_same(&forest, |forest| forest.score(&[1.0, 0.0]));
    }

    #[test]
    fn survives_odd_data() {
        assert_close(expected_path(256), 10.244_770_920_116_851, 1e-12);
        let constant = IsolationForest::fit(&[&[3.0; 9]], 5, 256, 1, &free()).unwrap();
        assert_close(constant.score(&[3.0]).unwrap(), 0.5, 1e-12);
        let extreme = [f64::MAX, -f64::MAX, 0.0, 5e-324, 0.0];
        let forest = IsolationForest::fit(&[&extreme], 3, 256, 1, &free()).unwrap();
        assert!(forest.score(&[1.0]).unwrap() > 0.0);
        assert!(IsolationForest::fit(&[], 5, 256, 1, &free()).is_err());
        survives_damage(&forest, |forest| drop(forest.score(&vec![1.0; forest.columns().min(9)])));
    }
}
