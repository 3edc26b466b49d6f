//! Building forests: every index is checked, and no walk can go round in a circle.

use super::{Forest, Leaves, Node, Quick, Real, Tree};
use crate::model::error::{ModelError, Result};

/// How a branch decides; the flag says whether a missing value goes to the first child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// The value is at most the threshold.
    AtMost(bool),
    /// The same, where zero counts as a missing value.
    AtMostZeroMissing(bool),
    /// The value is equal to the threshold.
    Equal(bool),
    /// The value is one of a set.
    Member(bool, u32),
    /// The whole part of the value is one of a set.
    WholeMember(bool, u32),
}

/// A node that decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) test: Test,
    pub(crate) feature: u32,
    pub(crate) value: f64,
    pub(crate) yes: u32,
    pub(crate) no: u32,
}

/// A node as a format gives it; children are indices into the same list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grown {
    Branch(Branch),
    /// A leaf, with the range of its weights.
    Leaf(u32, u32),
}

/// The parts of a forest, before they are checked and laid out.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    pub(crate) nodes: Vec<Grown>,
    pub(crate) roots: Vec<u32>,
    /// A target with each weight; leaves name ranges of them.
    pub(crate) weights: Vec<(u32, f64)>,
    pub(crate) sets: Vec<Vec<f32>>,
    pub(crate) targets: usize,
    /// Whether each node must belong to a tree.
    pub(crate) complete: bool,
}

impl Builder {
    /// Lays the trees out.
    ///
    /// # Errors
    /// Indices that lead nowhere, nodes with two parents, trees that go round in a circle.
    pub(crate) fn build<X: Real, W: Real>(self) -> Result<Forest<X, W>> {
        let mut forest = Forest {
            nodes: Vec::with_capacity(self.nodes.len()),
            tests: Vec::with_capacity(self.nodes.len()),
            leaves: Leaves::Single(Vec::new()),
            trees: Vec::with_capacity(self.roots.len()),
            sets: Vec::new(),
            quick: None,
            features: 0,
            targets: self.targets,
        };
        if u32::try_from(self.nodes.len()).is_err() {
            return Err(ModelError::damaged("more nodes than can be counted"));
        }
        if self.weights.iter().any(|(target, _)| *target as usize >= self.targets) {
            return Err(ModelError::damaged("a weight belongs to no class and no target"));
        }
        let mut visited = vec![false; self.nodes.len()];
        let mut leaf_of = Vec::with_capacity(self.nodes.len());
        let (mut starts, mut entries) = (Vec::new(), Vec::new());
        for &root in &self.roots {
            self.tree(root, &mut visited, &mut forest, &mut leaf_of, |from, to| {
                let weights = self.weights.get(from as usize..to as usize);
                let weights = weights.ok_or_else(|| ModelError::damaged("a leaf's weights"))?;
                starts.push(entries.len() as u32);
                entries.extend(weights.iter().map(|&(target, w)| (target, W::of(w))));
                Ok(starts.len() as u32 - 1)
            })?;
        }
        if self.complete && visited.contains(&false) {
            return Err(circle());
        }
        starts.push(entries.len() as u32);
        let single = self.targets == 1 && starts.windows(2).all(|pair| pair[1] - pair[0] == 1);
        forest.leaves = if single {
            let weight = |leaf: &u32| entries.get(*leaf as usize).map_or(W::default(), |e| e.1);
            Leaves::Single(leaf_of.iter().map(weight).collect())
        } else {
            Leaves::Many(leaf_of, starts, entries)
        };
        forest.sets = self.sets;
        forest.quick = Quick::new(&forest);
        Ok(forest)
    }

    /// Lays out one tree, level by level.
    fn tree<X: Real, W: Real>(
        &self,
        root: u32,
        visited: &mut [bool],
        forest: &mut Forest<X, W>,
        leaf_of: &mut Vec<u32>,
        mut leaf: impl FnMut(u32, u32) -> Result<u32>,
    ) -> Result<()> {
        let first = forest.nodes.len() as u32;
        let empty = Node { value: X::INFINITY, feature: 0, child: first };
        let place = |forest: &mut Forest<X, W>, leaf_of: &mut Vec<u32>| {
            forest.nodes.push(empty);
            forest.tests.push(Test::AtMost(true));
            leaf_of.push(0);
        };
        place(forest, leaf_of);
        let (mut level, mut depth, mut whole) = (vec![(root, first)], 0, u32::MAX);
        while !level.is_empty() {
            let mut next = Vec::with_capacity(level.len());
            for (from, to) in level {
                match self.grown(from, visited)? {
                    Grown::Leaf(start, end) => {
                        forest.nodes[to as usize].child = to;
                        leaf_of[to as usize] = leaf(start, end)?;
                        whole = whole.min(depth);
                    }
                    Grown::Branch(branch) => {
                        let child = forest.nodes.len() as u32;
                        place(forest, leaf_of);
                        place(forest, leaf_of);
                        self.branch(&branch, forest, to as usize, child)?;
                        next.extend([(branch.yes, child), (branch.no, child + 1)]);
                    }
                }
            }
            depth += u32::from(!next.is_empty());
            level = next;
        }
        forest.trees.push(Tree { root: first, depth, whole });
        Ok(())
    }

    fn grown(&self, at: u32, visited: &mut [bool]) -> Result<Grown> {
        let Some(grown) = self.nodes.get(at as usize) else {
            return Err(ModelError::damaged("a tree's child that is not there"));
        };
        if std::mem::replace(&mut visited[at as usize], true) {
            return Err(circle());
        }
        Ok(*grown)
    }

    fn branch<X: Real, W: Real>(
        &self,
        branch: &Branch,
        forest: &mut Forest<X, W>,
        at: usize,
        child: u32,
    ) -> Result<()> {
        if let Test::Member(_, set) | Test::WholeMember(_, set) = branch.test
            && set as usize >= self.sets.len()
        {
            return Err(ModelError::damaged("a set of values that is not there"));
        }
        forest.features = forest.features.max(branch.feature as usize + 1);
        forest.tests[at] = branch.test;
        forest.nodes[at] = Node { value: X::of(branch.value), feature: branch.feature, child };
        Ok(())
    }
}

fn circle() -> ModelError {
    ModelError::damaged("a tree goes round in a circle, or two branches lead to the same node")
}
