//! Walking from the roots to the leaves.

use super::crown::{Crown, LANES, LEVELS, Lanes, NARROW, top};
use super::{Aggregate, Forest, Leaves, Quick, Real, Step, Test, Tree};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;

/// Trees through which one row walks side by side.
const TOGETHER: usize = 12;

/// Rows that one tree sees before the next tree's turn.
const BLOCK: usize = 512;

/// Steps between two looks whether all walks have arrived.
const STEPS: u32 = 4;

/// The columns of a row whose keys are kept without an allocation: all that eight bits can count.
const FEW: usize = 256;

/// What counts as zero where zero is a missing value (LightGBM's `kZeroThreshold`).
const ZERO: f64 = 1e-35;

type Key<X> = <<X as Real>::Step as Step>::Key;

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
            if let Some(quick) = &self.quick
                && rows >= LANES
                && !x.iter().any(|x| x.is_missing())
            {
                self.add_block(quick, x, columns, out);
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
    fn add_block(&self, quick: &Quick<X, W>, x: &[X], columns: usize, out: &mut [W]) {
        let rest = x.chunks_exact(columns * LANES).remainder();
        let lanes = Lanes::new(x, columns);
        let (own, left) = out.split_at_mut(out.len() - rest.len() / columns * self.targets);
        match quick {
            Quick::Even(even) => {
                even.add_lanes(&lanes, own, |node, out: &mut [W]| self.gather(node, out))
            }
            Quick::Steps(steps, crowns) => self.add_lanes(steps, crowns.as_deref(), &lanes, own),
        }
        let rest = rest.chunks_exact(columns).zip(left.chunks_exact_mut(self.targets));
        rest.for_each(|(row, out)| self.add_row(row, out));
    }

    fn add_lanes(
        &self,
        steps: &[X::Step],
        crowns: Option<&[Crown<X>]>,
        lanes: &Lanes<X>,
        out: &mut [W],
    ) {
        for (at, tree) in self.trees.iter().enumerate() {
            let crown = crowns.and_then(|crowns| crowns.get(at));
            let groups = lanes.keys.chunks_exact(lanes.columns);
            for (x, out) in groups.zip(out.chunks_exact_mut(LANES * self.targets)) {
                let (start, depth) = match crown {
                    // The first node of a tree has the place 1 there, and its levels lie in the same order.
                    Some(crown) => {
                        let at = top::<15, _>(crown, x);
                        (at.map(|at| tree.root + at - 1), tree.depth - LEVELS)
                    }
                    None => ([tree.root; LANES], tree.depth),
                };
                let ends = match <&[_; NARROW]>::try_from(x) {
                    Ok(x) => {
                        let key = |lane, feature| x[usize::from(feature) % NARROW][lane];
                        descend(steps, key, start, depth)
                    }
                    Err(_) => {
                        let key = |lane, feature| x[usize::from(feature)][lane];
                        descend(steps, key, start, depth)
                    }
                };
                self.gather_each(&ends, out);
            }
        }
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
        let steps = match &self.quick {
            Some(Quick::Even(even)) if !missing() => {
                return even.add_row(row, out, |node, out: &mut [W]| self.gather(node, out));
            }
            Some(Quick::Steps(steps, _)) if !missing() => steps,
            _ => {
                (0..self.trees.len()).for_each(|tree| self.gather(self.walk(row, tree), out));
                return;
            }
        };
        if self.features > FEW {
            let keys: Vec<_> = row.iter().map(|x| x.key()).collect();
            return self.add_keys(steps, |_, feature| keys[usize::from(feature)], out);
        }
        // An index of eight bits needs no check.
        let mut keys = [X::default().key(); FEW];
        keys.iter_mut().zip(row).for_each(|(key, x)| *key = x.key());
        self.add_keys(steps, |_, feature| keys[usize::from(feature as u8)], out);
    }

    /// One row, given by its keys, through all trees.
    #[inline(always)]
    fn add_keys(
        &self,
        steps: &[X::Step],
        key: impl Fn(usize, u16) -> Key<X> + Copy,
        out: &mut [W],
    ) {
        let (many, rest) = self.trees.as_chunks::<TOGETHER>();
        let (few, rest) = rest.as_chunks::<4>();
        many.iter().for_each(|trees| self.add_trees(steps, trees, key, out));
        few.iter().for_each(|trees| self.add_trees(steps, trees, key, out));
        rest.iter().for_each(|tree| self.add_trees(steps, &[*tree], key, out));
    }

    /// One row, given by its keys, through some trees side by side.
    #[inline(always)]
    fn add_trees<const N: usize>(
        &self,
        steps: &[X::Step],
        trees: &[Tree; N],
        key: impl Fn(usize, u16) -> Key<X>,
        out: &mut [W],
    ) {
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
        let ends = descend(steps, key, trees.map(|tree| tree.root), depth);
        match &self.leaves {
            Leaves::Single(weights) => {
                out[0] = ends.iter().fold(out[0], |mut sum, &end| {
                    sum += weights[end as usize];
                    sum
                });
            }
            Leaves::Many(..) => ends.iter().for_each(|&end| self.gather(end as usize, out)),
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

/// Takes several walks down together; `key` gives a feature of the row of a walk.
#[inline(always)]
fn descend<S: Step, const N: usize>(
    steps: &[S],
    key: impl Fn(usize, u16) -> S::Key,
    roots: [u32; N],
    depth: u32,
) -> [u32; N] {
    let mut at = roots;
    let mut left = depth;
    while left > 0 {
        let before = at;
        let count = left.min(STEPS);
        for _ in 0..count {
            let go = |lane: usize, at: &mut u32| {
                let step = steps[*at as usize];
                *at += step.stride(key(lane, step.feature()));
            };
            let (fours, rest) = at.as_chunks_mut::<4>();
            for (group, at) in fours.iter_mut().enumerate() {
                at.iter_mut().enumerate().for_each(|(lane, at)| go(group * 4 + lane, at));
            }
            rest.iter_mut().enumerate().for_each(|(lane, at)| go(N / 4 * 4 + lane, at));
        }
        left -= count;
        // Not `at == before`, which calls a function.
        let moved = at.iter().zip(before).fold(0, |moved, (at, before)| moved | (at ^ before));
        if left == 0 || moved == 0 {
            break;
        }
    }
    at
}
