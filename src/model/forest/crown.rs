//! The uppermost levels of trees, whose nodes are not looked up one after the other: all of them are asked for all rows.

use super::{Forest, Real, Split, Test, Tree};

/// Rows that go through a tree side by side.
pub(super) const LANES: usize = 16;

/// The columns that rows have at least: with exactly so many an index needs no check.
pub(super) const NARROW: usize = 8;

/// The levels of a crown, and the branches that are kept for it: one is not used.
pub(super) const LEVELS: u32 = 4;
const SIZE: usize = 1 << LEVELS;

/// The branches of a crown.
pub(super) type Crown<X> = [<X as Real>::Split; SIZE];

type Key<X> = <<X as Real>::Split as Split>::Key;

/// Rows in groups: the keys of each column of a group lie side by side.
pub(super) struct Lanes<X: Real> {
    pub(super) keys: Vec<[Key<X>; LANES]>,
    /// The columns of a group, at least [`NARROW`].
    pub(super) columns: usize,
}

impl<X: Real> Lanes<X> {
    /// Turns rows into groups; those that do not fill a group are left out.
    pub(super) fn new(x: &[X], columns: usize) -> Self {
        let padding = NARROW.saturating_sub(columns);
        let groups = x.chunks_exact(columns * LANES).flat_map(|rows| {
            let key = move |lane: usize, column: usize| rows[lane * columns + column].key();
            let columns = (0..columns).chain(std::iter::repeat_n(0, padding));
            columns.map(move |column| std::array::from_fn(|lane| key(lane, column)))
        });
        Self { keys: groups.collect(), columns: columns + padding }
    }

    pub(super) fn groups(&self) -> usize {
        self.keys.len() / self.columns
    }
}

/// Lays the branches of a tree out level by level, down to a depth: one that is not used, and then node `n` has the children `2n` and
/// `2n + 1`. Gives the nodes of the forest at which walks of that depth end; none where a node has another test than branches have.
pub(super) fn fill<X: Real, W>(
    forest: &Forest<X, W>,
    tree: &Tree,
    depth: u32,
    splits: &mut Vec<X::Split>,
) -> Option<Vec<u32>> {
    let mut level = vec![tree.root];
    splits.push(X::Split::default());
    for _ in 0..depth {
        let mut next = Vec::with_capacity(level.len() * 2);
        for at in level {
            let node = &forest.nodes[at as usize];
            if node.child == at {
                splits.push(X::Split::pass());
                next.extend([at, at]);
                continue;
            }
            if !matches!(forest.tests[at as usize], Test::AtMost(_)) || node.value.is_missing() {
                return None;
            }
            splits.push(X::Split::new(node.value.key(), node.feature.try_into().ok()?));
            next.extend([node.child, node.child + 1]);
        }
        level = next;
    }
    Some(level)
}

/// The crowns of all trees, where each has one.
pub(super) fn crowns<X: Real, W>(forest: &Forest<X, W>) -> Option<Vec<Crown<X>>> {
    let crown = |tree: &Tree| {
        let mut splits = Vec::with_capacity(SIZE);
        let whole = tree.whole >= LEVELS && fill(forest, tree, LEVELS, &mut splits).is_some();
        splits.try_into().ok().filter(|_| whole)
    };
    forest.trees.iter().map(crown).collect()
}

/// The places below the uppermost three or four levels of a tree at which the walks arrive. All
/// `NODES` of these levels are asked for all walks, which is faster than to look them up.
#[inline(always)]
pub(super) fn top<const NODES: usize, S: Split>(
    splits: &[S],
    x: &[[S::Key; LANES]],
) -> [u32; LANES] {
    let nodes = &splits[1..][..NODES];
    // Of each node and walk, whether the walk would go to the second child: all bits or none.
    let mut above = [[0u8; LANES]; NODES];
    for (above, node) in above.iter_mut().zip(nodes) {
        let (x, threshold) = (&x[usize::from(node.feature())], node.threshold());
        for (above, x) in above.iter_mut().zip(x) {
            *above = u8::from(*x > threshold).wrapping_neg();
        }
    }
    let pick = |mask: u8, no: u8, yes: u8| (yes & mask) | (no & !mask);
    let mut at = [0u8; LANES];
    for (lane, at) in at.iter_mut().enumerate() {
        let above = |node: usize| above[node][lane];
        let first = above(0);
        let second = pick(first, above(1), above(2));
        let left = pick(first, above(3), above(5));
        let right = pick(first, above(4), above(6));
        let third = pick(second, left, right);
        if NODES == 7 {
            *at = 8 + (first & 4) + (second & 2) + (third & 1);
            continue;
        }
        let below = |node: usize| pick(first, above(7 + node), above(11 + node));
        let left = pick(second, below(0), below(2));
        let right = pick(second, below(1), below(3));
        let fourth = pick(third, left, right);
        *at = 16 + (first & 8) + (second & 4) + (third & 2) + (fourth & 1);
    }
    at.map(u32::from)
}
