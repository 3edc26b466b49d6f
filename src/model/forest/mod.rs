//! Forests of decision trees, as ONNX and the boosting libraries write them.
//!
//! All trees lie in one flat array; the two children of a node are neighbours, so a step is a
//! comparison and an addition. A leaf is its own child: several walks go side by side without
//! asking which of them has arrived, which keeps the processor busy while memory answers. Shallow
//! trees are filled up to one depth, so that not even the place of a child is looked up (`even`).
//!
//! The sums of a row are added up in the order of the trees, whether it comes alone or in a batch.

mod build;
mod crown;
mod even;
mod node;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use build::{Branch, Builder, Grown, Test};

use crown::{Crown, crowns};
use even::Even;
use node::{LongSplit, LongStep, ShortSplit, Split, Step};
use std::ops::AddAssign;

/// Floats of either precision, for thresholds and for weights.
pub(crate) trait Real:
    Copy + Default + PartialOrd + PartialEq + AddAssign + Send + Sync + 'static
{
    /// Positive infinity.
    const INFINITY: Self;

    /// Nodes with thresholds of this type.
    type Step: Step<Key = <Self::Split as Split>::Key>;

    /// Branches with thresholds of this type.
    type Split: Split;

    /// An integer in the order of the floats; both zeros have the same.
    fn key(self) -> <Self::Step as Step>::Key;

    fn of(value: f64) -> Self;
    fn to_f64(self) -> f64;

    fn is_missing(self) -> bool {
        self.to_f64().is_nan()
    }
}

impl Real for f32 {
    const INFINITY: Self = f32::INFINITY;

    type Step = u64;
    type Split = ShortSplit;

    #[inline(always)]
    fn key(self) -> i32 {
        let bits = (self + 0.0).to_bits().cast_signed();
        bits ^ ((bits >> 31) & i32::MAX)
    }

    fn of(value: f64) -> Self {
        value as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    const INFINITY: Self = f64::INFINITY;

    type Step = LongStep;
    type Split = LongSplit;

    #[inline(always)]
    fn key(self) -> i64 {
        let bits = (self + 0.0).to_bits().cast_signed();
        bits ^ ((bits >> 63) & i64::MAX)
    }

    fn of(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }
}

/// A node of a tree. A leaf has itself as a child and is never left; its threshold is infinite.
#[derive(Clone, Copy)]
struct Node<X> {
    value: X,
    feature: u32,
    /// The child for `x <= value`; the other one follows it.
    child: u32,
}

/// What is added up when a walk ends in a leaf.
enum Leaves<W> {
    /// The weight at each node, for the only target; meaningless at branches.
    Single(Vec<W>),
    /// The number of the leaf at each node, where the weights of each leaf start, and a target with
    /// each weight.
    Many(Vec<u32>, Vec<u32>, Vec<(u32, W)>),
}

/// Where a tree lies.
#[derive(Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
    /// The levels from the root on that have branches only: they lie in the order of the levels.
    whole: u32,
}

/// What the weights of the trees are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    Average,
    Smallest,
    Largest,
}

/// Trees with thresholds of type `X` and weights of type `W`.
pub(crate) struct Forest<X: Real, W> {
    nodes: Vec<Node<X>>,
    /// The kind of test of each node, and where a missing value goes.
    tests: Vec<Test>,
    leaves: Leaves<W>,
    trees: Vec<Tree>,
    /// The values that lead to the first child, for tests of membership.
    sets: Vec<Vec<f32>>,
    /// The same trees for rows without missing values; none where there are other tests than `<=` with a number, or more features or
    /// nodes of a tree than a step can count.
    quick: Option<Quick<X, W>>,
    features: usize,
    targets: usize,
}

/// Trees in a form that is walked quickly.
enum Quick<X: Real, W> {
    /// All of one depth.
    Even(Even<X, W>),
    /// The nodes in short, and the uppermost levels.
    Steps(Vec<X::Step>, Option<Vec<Crown<X>>>),
}

impl<X: Real, W: Real> Quick<X, W> {
    fn new(forest: &Forest<X, W>) -> Option<Self> {
        let steps = || Some(Self::Steps(steps(&forest.nodes, &forest.tests)?, crowns(forest)));
        Even::new(forest).map(Self::Even).or_else(steps)
    }
}

/// The nodes in short, where that is possible.
fn steps<X: Real>(nodes: &[Node<X>], tests: &[Test]) -> Option<Vec<X::Step>> {
    let step = |((at, node), test): ((usize, &Node<X>), &Test)| {
        let plain = matches!(test, Test::AtMost(_)) && !node.value.is_missing();
        let ahead = (node.child as usize).checked_sub(at).and_then(|ahead| ahead.try_into().ok());
        let step = X::Step::new(node.value.key(), node.feature.try_into().ok()?, ahead?);
        plain.then_some(step)
    };
    nodes.iter().enumerate().zip(tests).map(step).collect()
}

impl<X: Real, W: Real> Forest<X, W> {
    /// The number of columns that the trees look at.
    pub(crate) fn features(&self) -> usize {
        self.features
    }

    /// The number of trees.
    pub(crate) fn trees(&self) -> usize {
        self.trees.len()
    }
}
