//! Forests of decision trees, as ONNX and the boosting libraries write them.
//!
//! All trees lie in one flat array; the two children of a node are neighbours, so a step is a
//! comparison and an addition. A leaf is its own child: several walks go side by side without
//! asking which of them has arrived, which keeps the processor busy while memory answers.
//!
//! The sums of a row are added up in the order of the trees, whether it comes alone or in a batch.

mod build;
mod walk;

pub(crate) use build::{Branch, Builder, Grown, Test};

use std::ops::AddAssign;

/// Floats of either precision, for thresholds and for weights.
pub(crate) trait Real:
    Copy + Default + PartialOrd + PartialEq + AddAssign + Send + Sync + 'static
{
    /// Larger than everything else.
    const INFINITY: Self;

    fn of(value: f64) -> Self;
    fn to_f64(self) -> f64;

    fn is_missing(self) -> bool {
        self.to_f64().is_nan()
    }
}

impl Real for f32 {
    const INFINITY: Self = f32::INFINITY;

    fn of(value: f64) -> Self {
        value as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    const INFINITY: Self = f64::INFINITY;

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

/// A node in eight bytes (twelve with double precision), so that more of a tree fits into the
/// nearest memory: the child lies `ahead` nodes behind this one, a leaf 0.
#[derive(Clone, Copy)]
struct Step<X> {
    value: X,
    feature: u16,
    ahead: u16,
}

/// What is added up when a walk ends in a leaf.
enum Leaves<W> {
    /// The weight at each node, for the only target; meaningless at branches.
    Single(Vec<W>),
    /// The number of the leaf at each node, where the weights of each leaf start, and a target with
    /// each weight.
    Many(Vec<u32>, Vec<u32>, Vec<(u32, W)>),
}

/// The levels at the top of a tree whose nodes need not be looked up.
const TOP: u32 = 3;

/// Where a tree lies.
#[derive(Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
    /// Whether all nodes of the uppermost levels are branches: they lie in the order of the levels.
    whole: bool,
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
pub(crate) struct Forest<X, W> {
    nodes: Vec<Node<X>>,
    /// The kind of test of each node, and where a missing value goes.
    tests: Vec<Test>,
    leaves: Leaves<W>,
    trees: Vec<Tree>,
    /// The values that lead to the first child, for tests of membership.
    sets: Vec<Vec<f32>>,
    /// The nodes in short, for rows without missing values; none where there are other tests than
    /// `<=` with a number, or more features or nodes of a tree than a step can count.
    steps: Option<Vec<Step<X>>>,
    features: usize,
    targets: usize,
}

/// The nodes in short, where that is possible.
fn steps<X: Real>(nodes: &[Node<X>], tests: &[Test]) -> Option<Vec<Step<X>>> {
    let step = |((at, node), test): ((usize, &Node<X>), &Test)| {
        let plain = matches!(test, Test::AtMost(_)) && !node.value.is_missing();
        let ahead = (node.child as usize).checked_sub(at).and_then(|ahead| ahead.try_into().ok());
        let step =
            Step { value: node.value, feature: node.feature.try_into().ok()?, ahead: ahead? };
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
