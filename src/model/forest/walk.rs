//! Walking from the roots to the leaves.

use super::{Aggregate, Forest, Leaves, Real, Step, Test};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;

/// Walks that go side by side.
const LANES: usize = 12;

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

    /// Tree by tree, with some rows side by side.
    fn add_block(&self, steps: &[Step<X>], x: &[X], columns: usize, out: &mut [W]) {
        let (groups, rest) = groups(x, columns);
        for &(root, depth) in &self.trees {
            for (rows, out) in groups.iter().zip(out.chunks_exact_mut(LANES * self.targets)) {
                let value = |lane: usize, feature: usize| rows[lane][feature];
                let ends = descend(steps, value, [root; LANES], depth);
                for (end, out) in ends.iter().zip(out.chunks_exact_mut(self.targets)) {
                    self.gather(*end as usize, out);
                }
            }
        }
        let done = groups.len() * LANES * self.targets;
        let rest = rest.chunks_exact(columns).zip(out[done..].chunks_exact_mut(self.targets));
        rest.for_each(|(row, out)| self.add_row(row, out));
    }

    /// One row, with some trees side by side.
    fn add_row(&self, row: &[X], out: &mut [W]) {
        let missing = || row.iter().any(|x| x.is_missing());
        let Some(steps) = self.steps.as_deref().filter(|_| !missing()) else {
            (0..self.trees.len()).for_each(|tree| self.gather(self.walk(row, tree), out));
            return;
        };
        let (groups, rest) = self.trees.as_chunks::<LANES>();
        for trees in groups {
            let depth = trees.iter().map(|tree| tree.1).max().unwrap_or(0);
            let value = |_, feature: usize| row[feature];
            let ends = descend(steps, value, trees.map(|tree| tree.0), depth);
            ends.iter().for_each(|&end| self.gather(end as usize, out));
        }
        for &(root, depth) in rest {
            let [end] = descend(steps, |_, feature: usize| row[feature], [root], depth);
            self.gather(end as usize, out);
        }
    }

    /// Adds the weights of the leaf at a node.
    fn gather(&self, node: usize, out: &mut [W]) {
        let leaf = self.leaf[node] as usize;
        match &self.leaves {
            Leaves::Single(weights) => out[0] += weights[leaf],
            Leaves::Many(starts, entries) => {
                for &(target, weight) in &entries[starts[leaf] as usize..starts[leaf + 1] as usize]
                {
                    out[target as usize] += weight;
                }
            }
        }
    }

    /// The node at which one row's walk through one tree ends, with all kinds of tests.
    fn walk(&self, row: &[X], tree: usize) -> usize {
        let (root, depth) = self.trees[tree];
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
            let leaf = self.leaf[self.walk(row, tree)] as usize;
            match &self.leaves {
                Leaves::Single(weights) => see(0, weights[leaf]),
                Leaves::Many(starts, entries) => {
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

/// Cuts rows into groups that are walked together; the rows that are left over come along.
fn groups<X>(x: &[X], columns: usize) -> (Vec<[&[X]; LANES]>, &[X]) {
    let chunks = x.chunks_exact(columns * LANES);
    let rest = chunks.remainder();
    let row = |chunk, lane: usize| -> &[X] {
        let chunk: &[X] = chunk;
        &chunk[lane * columns..(lane + 1) * columns]
    };
    (chunks.map(|chunk| std::array::from_fn(|lane| row(chunk, lane))).collect(), rest)
}
