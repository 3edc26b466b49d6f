//! Walking from the roots to the leaves.

use super::{Aggregate, Forest, Leaves, Real, Step, TOP, Test, Tree};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;

/// Walks that go side by side.
const LANES: usize = 16;

/// Trees through which one row walks side by side.
const TOGETHER: usize = 12;

/// Rows that one tree sees before the next tree's turn.
const BLOCK: usize = 256;

/// Steps between two looks whether all walks have arrived.
const STEPS: u32 = 4;

/// What counts as zero where zero is a missing value (LightGBM's `kZeroThreshold`).
const ZERO: f64 = 1e-35;

impl<X: Real, W: Real> Forest<X, W> {
    /// Adds the weights of all trees to the rows of `out`, which has a column for each target.
    ///
    /// # Errors
    /// Rows that have too few columns; the end of the run.
    pub(crate) fn add(&self, x: &[X], columns: usize, out: &mut [W], run: &Run<'_>) -> Result<()> {
        self.check(columns)?;
        if columns == 0 || self.targets == 0 {
            let (mut rows, width) = (out.chunks_exact_mut(self.targets.max(1)), self.trees.len());
            return rows.try_for_each(|out| {
                run.spend(width)?;
                (0..self.trees.len()).for_each(|tree| self.gather(self.walk(&[], tree), out));
                Ok(())
            });
        }
        let blocks = x.chunks(BLOCK * columns).zip(out.chunks_mut(BLOCK * self.targets));
        for (x, out) in blocks {
            let rows = x.len() / columns;
            run.spend(rows.saturating_mul(self.trees.len()).saturating_mul(8))?;
            if let Some(steps) = &self.steps
                && rows >= LANES
                && !x.iter().any(|x| x.is_missing())
            {
                self.add_block(steps, x, columns, out);
                continue;
            }
            for (row, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(self.targets)) {
                self.add_row(row, out);
            }
        }
        Ok(())
    }

    fn check(&self, columns: usize) -> Result<()> {
        if columns < self.features {
            let text = format!("{columns} columns, the trees look at {}", self.features);
            return Err(ModelError::Data(text));
        }
        Ok(())
    }

    /// Tree by tree, with some rows side by side. The rows that are left over go alone.
    fn add_block(&self, steps: &[Step<X>], x: &[X], columns: usize, out: &mut [W]) {
        let rows = x.chunks_exact(columns * LANES);
        let rest = rows.remainder();
        let turned: Vec<[X; LANES]> = rows
            .flat_map(|rows| {
                (0..columns).map(|column| std::array::from_fn(|lane| rows[lane * columns + column]))
            })
            .collect();
        let (own, left) = out.split_at_mut(out.len() - rest.len() / columns * self.targets);
        for tree in &self.trees {
            for (x, out) in
                turned.chunks_exact(columns).zip(own.chunks_exact_mut(LANES * self.targets))
            {
                let start = match (tree.whole, self.top(steps, tree, x)) {
                    (true, Some(nodes)) => nodes,
                    _ => [tree.root; LANES],
                };
                let depth = if tree.whole { tree.depth - TOP } else { tree.depth };
                let ends = descend(steps, |lane, feature| x[feature][lane], start, depth);
                self.gather_each(&ends, out);
            }
        }
        let rest = rest.chunks_exact(columns).zip(left.chunks_exact_mut(self.targets));
        rest.for_each(|(row, out)| self.add_row(row, out));
    }

    /// The nodes below the uppermost levels of a tree at which the walks arrive. All nodes of these
    /// levels are asked for all walks, which is faster than to look them up.
    #[inline(always)]
    fn top(&self, steps: &[Step<X>], tree: &Tree, x: &[[X; LANES]]) -> Option<[u32; LANES]> {
        let nodes = steps.get(tree.root as usize..)?.first_chunk::<{ (1 << TOP) - 1 }>()?;
        let mut above = [[0u32; LANES]; (1 << TOP) - 1];
        for (above, node) in above.iter_mut().zip(nodes) {
            let x = x.get(usize::from(node.feature))?;
            for (above, x) in above.iter_mut().zip(x) {
                *above = u32::from(*x > node.value).wrapping_neg();
            }
        }
        let mut at = [0; LANES];
        for (lane, at) in at.iter_mut().enumerate() {
            let pick = |mask: u32, no: u32, yes: u32| (yes & mask) | (no & !mask);
            let first = above[0][lane];
            let second = pick(first, above[1][lane], above[2][lane]);
            let left = pick(first, above[3][lane], above[5][lane]);
            let right = pick(first, above[4][lane], above[6][lane]);
            let third = pick(second, left, right);
            *at = tree.root + 7 + (first & 4) + (second & 2) + (third & 1);
        }
        Some(at)
    }

    /// Adds the weights of the leaves at some nodes to the rows of `out`.
    #[inline(always)]
    fn gather_each(&self, ends: &[u32; LANES], out: &mut [W]) {
        match &self.leaves {
            Leaves::Single(weights) => {
                for (end, out) in ends.iter().zip(out) {
                    *out += weights[*end as usize];
                }
            }
            Leaves::Many(..) => {
                for (end, out) in ends.iter().zip(out.chunks_exact_mut(self.targets)) {
                    self.gather(*end as usize, out);
                }
            }
        }
    }

    /// One row, with some trees side by side.
    fn add_row(&self, row: &[X], out: &mut [W]) {
        let missing = || row.iter().any(|x| x.is_missing());
        let Some(steps) = self.steps.as_deref().filter(|_| !missing()) else {
            (0..self.trees.len()).for_each(|tree| self.gather(self.walk(row, tree), out));
            return;
        };
        let (groups, rest) = self.trees.as_chunks::<TOGETHER>();
        for trees in groups {
            let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
            let value = |_, feature: usize| row[feature];
            let ends = descend(steps, value, trees.map(|tree| tree.root), depth);
            ends.iter().for_each(|&end| self.gather(end as usize, out));
        }
        for tree in rest {
            let [end] = descend(steps, |_, feature: usize| row[feature], [tree.root], tree.depth);
            self.gather(end as usize, out);
        }
    }

    /// Adds the weights of the leaf at a node.
    fn gather(&self, node: usize, out: &mut [W]) {
        match &self.leaves {
            Leaves::Single(weights) => out[0] += weights[node],
            Leaves::Many(leaf, starts, entries) => {
                let leaf = leaf[node] as usize;
                for &(target, weight) in &entries[starts[leaf] as usize..starts[leaf + 1] as usize]
                {
                    out[target as usize] += weight;
                }
            }
        }
    }

    /// The node at which one row's walk through one tree ends, with all kinds of tests.
    fn walk(&self, row: &[X], tree: usize) -> usize {
        let Tree { root, depth, .. } = self.trees[tree];
        let mut at = root as usize;
        for _ in 0..depth {
            let node = &self.nodes[at];
            if node.child as usize == at {
                break;
            }
            let x = row.get(node.feature as usize).copied().unwrap_or_default();
            at = node.child as usize + usize::from(!self.decide(at, x));
        }
        at
    }

    fn decide(&self, at: usize, x: X) -> bool {
        let value = self.nodes[at].value;
        let member = |set: u32, x: f64| self.sets[set as usize].contains(&(x as f32));
        match self.tests[at] {
            Test::AtMost(missing) => x <= value || missing && x.is_missing(),
            Test::AtMostZeroMissing(missing) => {
                if x.is_missing() || x.to_f64().abs() <= ZERO {
                    missing
                } else {
                    x <= value
                }
            }
            Test::Equal(missing) => x == value || missing && x.is_missing(),
            Test::Member(missing, set) => {
                if x.is_missing() {
                    missing
                } else {
                    member(set, x.to_f64())
                }
            }
            Test::WholeMember(missing, set) => {
                if x.is_missing() {
                    missing
                } else {
                    member(set, x.to_f64().trunc())
                }
            }
        }
    }

    /// What all trees give for each row: a sum, or another aggregate.
    pub(crate) fn aggregate(
        &self,
        x: &[X],
        columns: usize,
        rows: usize,
        aggregate: Aggregate,
        run: &Run<'_>,
    ) -> Result<Vec<W>> {
        run.room(rows.saturating_mul(self.targets), size_of::<W>())?;
        let mut out = vec![W::default(); rows * self.targets];
        match aggregate {
            Aggregate::Sum => self.add(x, columns, &mut out, run)?,
            Aggregate::Average => {
                self.add(x, columns, &mut out, run)?;
                let count = self.trees.len() as f64;
                out.iter_mut().for_each(|x| *x = W::of(x.to_f64() / count));
            }
            Aggregate::Smallest | Aggregate::Largest => {
                self.check(columns)?;
                for row in 0..rows {
                    run.spend(self.trees.len() * 8)?;
                    let x = &x[row * columns..(row + 1) * columns];
                    let out = &mut out[row * self.targets..(row + 1) * self.targets];
                    self.extreme(x, out, aggregate == Aggregate::Largest);
                }
            }
        }
        Ok(out)
    }

    /// The smallest or largest weight for each target, among the leaves that have one for it.
    fn extreme(&self, row: &[X], out: &mut [W], largest: bool) {
        let mut seen = vec![false; out.len()];
        let mut see = |target: usize, weight: W| {
            let better = if largest { weight > out[target] } else { weight < out[target] };
            if !std::mem::replace(&mut seen[target], true) || better {
                out[target] = weight;
            }
        };
        for tree in 0..self.trees.len() {
            let node = self.walk(row, tree);
            match &self.leaves {
                Leaves::Single(weights) => see(0, weights[node]),
                Leaves::Many(leaf, starts, entries) => {
                    let leaf = leaf[node] as usize;
                    let range = starts[leaf] as usize..starts[leaf + 1] as usize;
                    entries[range].iter().for_each(|&(target, w)| see(target as usize, w));
                }
            }
        }
    }
}

/// Takes several walks down together; `value` gives a feature of the row of a walk.
#[inline(always)]
fn descend<X: Real, const N: usize>(
    steps: &[Step<X>],
    value: impl Fn(usize, usize) -> X,
    roots: [u32; N],
    depth: u32,
) -> [u32; N] {
    let mut at = roots;
    let mut left = depth;
    while left > 0 {
        let before = at;
        let count = left.min(STEPS);
        for _ in 0..count {
            for (lane, at) in at.iter_mut().enumerate() {
                let step = steps[*at as usize];
                let above = value(lane, step.feature.into()) > step.value;
                *at += u32::from(step.ahead) + u32::from(above);
            }
        }
        left -= count;
        if at == before {
            break;
        }
    }
    at
}
