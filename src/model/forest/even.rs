//! Forests of shallow trees, filled up to one depth: the place of a node says where its children are.
//!
//! A leaf above that depth becomes branches that all rows pass to the left. All walks then take as many steps, a node needs half
//! the memory, and a step is one comparison and one addition. The walks end at the leaves of the trees as they were.

use super::crown::{LANES, Lanes, NARROW, fill, top};
use super::{Forest, Leaves, Real, Split};

/// The deepest trees that are filled up.
const DEEPEST: u32 = 11;

/// How many times as many nodes a forest may have once it is filled up.
const GROWTH: usize = 4;

/// Trees through which one row walks side by side.
const TOGETHER: usize = 20;

/// The trees of a forest, filled up to the same depth.
pub(super) struct Even<X: Real, W> {
    /// The steps of each walk.
    depth: u32,
    /// The branches of each tree, as [`fill`] lays them out.
    splits: Vec<X::Split>,
    /// What lies at the ends of the walks, `1 << depth` for each tree.
    ends: Ends<W>,
}

/// What lies at the ends of walks.
enum Ends<W> {
    /// The weight for the only target.
    Weights(Vec<W>),
    /// The node of the forest that is the leaf.
    Nodes(Vec<u32>),
}

/// Adds the weights of a node that is a leaf to a row of sums.
pub(super) trait Gather<W>: Fn(usize, &mut [W]) {}

impl<W, F: Fn(usize, &mut [W])> Gather<W> for F {}

type Probe<X> = <<X as Real>::Split as Split>::Probe;

impl<X: Real, W: Real> Even<X, W> {
    /// Fills a forest up; none where it has other tests than branches have, or where it would grow too much.
    pub(super) fn new(forest: &Forest<X, W>) -> Option<Self> {
        let depth = forest.trees.iter().map(|tree| tree.depth).max()?;
        let size = 1usize.checked_shl(depth)?;
        let filled = forest.trees.len().checked_mul(size)?;
        if depth > DEEPEST || filled > forest.nodes.len().saturating_mul(GROWTH) {
            return None;
        }
        let (mut splits, mut leaves) = (Vec::with_capacity(filled), Vec::with_capacity(filled));
        for tree in &forest.trees {
            leaves.extend(fill(forest, tree, depth, &mut splits)?);
        }
        let ends = match &forest.leaves {
            Leaves::Single(weights) => {
                Ends::Weights(leaves.into_iter().map(|at| weights[at as usize]).collect())
            }
            Leaves::Many(..) => Ends::Nodes(leaves),
        };
        Some(Self { depth, splits, ends })
    }

    /// Adds the weights of all trees to one row.
    pub(super) fn add_row(&self, row: &[X], out: &mut [W], gather: impl Gather<W>) {
        let probe = |(probe, x): (&mut Probe<X>, &X)| *probe = X::Split::probe(x.key());
        if row.len() <= NARROW {
            let mut probes = [Probe::<X>::default(); NARROW];
            probes.iter_mut().zip(row).for_each(probe);
            let of = |feature| probes[usize::from(feature) % NARROW];
            return self.add_probes(of, out, gather);
        }
        // An index of eight bits needs no check.
        let mut probes = [Probe::<X>::default(); 1 << u8::BITS];
        probes.iter_mut().zip(row).for_each(probe);
        self.add_probes(|feature| probes[usize::from(feature)], out, gather);
    }

    #[inline(always)]
    fn add_probes(
        &self,
        probe: impl Fn(u8) -> Probe<X> + Copy,
        out: &mut [W],
        gather: impl Gather<W>,
    ) {
        let mut many = self.splits.chunks_exact(TOGETHER << self.depth);
        let mut first = 0;
        for trees in &mut many {
            self.gather(first, self.descend::<TOGETHER>(trees, probe), out, &gather);
            first += TOGETHER;
        }
        let mut few = many.remainder().chunks_exact(4 << self.depth);
        for trees in &mut few {
            self.gather(first, walk::<_, 4>(trees, probe, self.depth), out, &gather);
            first += 4;
        }
        for tree in few.remainder().chunks_exact(1 << self.depth) {
            self.gather(first, walk::<_, 1>(tree, probe, self.depth), out, &gather);
            first += 1;
        }
    }

    /// The places of the ends of some walks. That the size of the trees is known to the compiler makes them a fifth faster.
    #[inline(always)]
    fn descend<const N: usize>(
        &self,
        splits: &[X::Split],
        probe: impl Fn(u8) -> Probe<X>,
    ) -> [usize; N] {
        match self.depth {
            3 => sized::<_, N, 8>(splits, probe, 3),
            4 => sized::<_, N, 16>(splits, probe, 4),
            5 => sized::<_, N, 32>(splits, probe, 5),
            6 => sized::<_, N, 64>(splits, probe, 6),
            7 => sized::<_, N, 128>(splits, probe, 7),
            8 => sized::<_, N, 256>(splits, probe, 8),
            depth => walk(splits, probe, depth),
        }
    }

    /// Adds the weights at the ends of some walks; `first` is the tree of the first one.
    #[inline(always)]
    fn gather<const N: usize>(
        &self,
        first: usize,
        ends: [usize; N],
        out: &mut [W],
        gather: &impl Gather<W>,
    ) {
        let size = 1 << self.depth;
        let range = first * size..(first + N) * size;
        match &self.ends {
            Ends::Weights(weights) => {
                let weights = &weights[range];
                let mut sum = out[0];
                ends.iter().enumerate().for_each(|(lane, end)| sum += weights[lane * size + end]);
                out[0] = sum;
            }
            Ends::Nodes(nodes) => {
                let nodes = &nodes[range];
                for (lane, end) in ends.iter().enumerate() {
                    gather(nodes[lane * size + end] as usize, out);
                }
            }
        }
    }

    /// Adds the weights of all trees to groups of rows, tree by tree.
    pub(super) fn add_lanes(&self, x: &Lanes<X>, out: &mut [W], gather: impl Gather<W>) {
        let (size, width) = (1usize << self.depth, x.columns);
        let targets = out.len().checked_div(x.groups() * LANES).unwrap_or(0);
        // Where the uppermost levels are all, nothing is looked up.
        let looked_up = if self.depth > 4 { &x.keys[..] } else { &[] };
        let probes: Vec<_> = looked_up.iter().map(|keys| keys.map(X::Split::probe)).collect();
        for (tree, splits) in self.splits.chunks_exact(size).enumerate() {
            let groups = x.keys.chunks_exact(width).zip(out.chunks_exact_mut(targets * LANES));
            for (group, (x, out)) in groups.enumerate() {
                let probes = probes.get(group * width..(group + 1) * width).unwrap_or_default();
                let (mut at, left) = match self.depth {
                    0..3 => ([1; LANES], self.depth),
                    3 => (top::<7, _>(splits, x), 0),
                    _ => (top::<15, _>(splits, x), self.depth - 4),
                };
                if self.depth < 3 {
                    let key =
                        |lane: usize, feature: u8| X::Split::probe(x[usize::from(feature)][lane]);
                    lanes(splits, key, &mut at, left);
                } else if let Ok(x) = <&[_; NARROW]>::try_from(probes) {
                    let key = |lane, feature: u8| x[usize::from(feature) % NARROW][lane];
                    lanes(splits, key, &mut at, left);
                } else {
                    let key = |lane: usize, feature: u8| probes[usize::from(feature)][lane];
                    lanes(splits, key, &mut at, left);
                }
                self.gather_lanes(tree, &at, out, targets, &gather);
            }
        }
    }

    #[inline(always)]
    fn gather_lanes(
        &self,
        tree: usize,
        at: &[u32; LANES],
        out: &mut [W],
        targets: usize,
        gather: &impl Gather<W>,
    ) {
        let size = 1 << self.depth;
        let range = tree * size..(tree + 1) * size;
        match &self.ends {
            Ends::Weights(weights) => {
                let weights = &weights[range];
                for (at, out) in at.iter().zip(out) {
                    *out += weights[*at as usize - size];
                }
            }
            Ends::Nodes(nodes) => {
                let nodes = &nodes[range];
                for (at, out) in at.iter().zip(out.chunks_exact_mut(targets)) {
                    gather(nodes[*at as usize - size] as usize, out);
                }
            }
        }
    }
}

/// One row through some trees of a size that the compiler knows.
#[inline(always)]
fn sized<S: Split, const N: usize, const SIZE: usize>(
    splits: &[S],
    probe: impl Fn(u8) -> S::Probe,
    depth: u32,
) -> [usize; N] {
    let Ok(trees) = <&[[S; SIZE]; N]>::try_from(splits.as_chunks::<SIZE>().0) else {
        return walk(splits, probe, depth);
    };
    let mut at = [1; N];
    for _ in 0..depth {
        for (lane, at) in at.iter_mut().enumerate() {
            let split = trees[lane][*at % SIZE];
            *at = *at * 2 + usize::from(split.right(probe(split.feature())));
        }
    }
    at.map(|at| at - SIZE)
}

/// One row through some trees.
#[inline(always)]
fn walk<S: Split, const N: usize>(
    splits: &[S],
    probe: impl Fn(u8) -> S::Probe,
    depth: u32,
) -> [usize; N] {
    let mut at = [1; N];
    for _ in 0..depth {
        for (lane, at) in at.iter_mut().enumerate() {
            let split = splits[(lane << depth) + *at];
            *at = *at * 2 + usize::from(split.right(probe(split.feature())));
        }
    }
    at.map(|at| at - (1 << depth))
}

/// A group of rows through some levels of one tree.
#[inline(always)]
fn lanes<S: Split>(
    splits: &[S],
    probe: impl Fn(usize, u8) -> S::Probe,
    at: &mut [u32; LANES],
    levels: u32,
) {
    for _ in 0..levels {
        for (lane, at) in at.iter_mut().enumerate() {
            let split = splits[*at as usize];
            *at = *at * 2 + u32::from(split.right(probe(lane, split.feature())));
        }
    }
}
