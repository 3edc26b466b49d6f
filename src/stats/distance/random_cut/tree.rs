//! One robust random cut tree. After each insertion and removal, it is distributed like a tree that was drawn for the
//! points that it holds (Guha et al. 2016, theorems 2 and 3).

use crate::stats::Rng;

/// No node.
const NONE: u32 = u32::MAX;

/// A tree over points of `columns` numbers. Equal points share a leaf.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    columns: usize,
    root: u32,
    nodes: Vec<Node>,
    /// The lowest and then the highest corner of the points below each node.
    boxes: Vec<f64>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    /// Left and right; none for a leaf.
    children: [u32; 2],
    column: u32,
    cut: f64,
    /// Points below.
    count: u32,
}

/// A node as it is stored, parents before children and left before right.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) enum Part {
    /// Points whose `column` is at most `cut` are on the left.
    Cut { column: u32, cut: f64 },
    /// The points equal to this row.
    Leaf { row: u32 },
}

impl Tree {
    pub(super) fn new(columns: usize) -> Tree {
        Tree { columns, root: NONE, nodes: Vec::new(), boxes: Vec::new(), free: Vec::new() }
    }

    fn low(&self, node: u32) -> &[f64] {
        let at = node as usize * 2 * self.columns;
        &self.boxes[at..at + self.columns]
    }

    fn high(&self, node: u32) -> &[f64] {
        let at = (node as usize * 2 + 1) * self.columns;
        &self.boxes[at..at + self.columns]
    }

    fn is_leaf(&self, node: u32) -> bool {
        self.nodes[node as usize].children[0] == NONE
    }

    fn make(&mut self, node: Node) -> u32 {
        if let Some(free) = self.free.pop() {
            self.nodes[free as usize] = node;
            return free;
        }
        self.nodes.push(node);
        self.boxes.resize(self.boxes.len() + 2 * self.columns, 0.0);
        u32::try_from(self.nodes.len() - 1).expect("windows are smaller")
    }

    fn make_leaf(&mut self, point: &[f64]) -> u32 {
        let leaf = Node { parent: NONE, children: [NONE; 2], column: 0, cut: 0.0, count: 1 };
        let leaf = self.make(leaf);
        let at = leaf as usize * 2 * self.columns;
        self.boxes[at..at + self.columns].copy_from_slice(point);
        self.boxes[at + self.columns..at + 2 * self.columns].copy_from_slice(point);
        leaf
    }

    fn child(&self, node: u32, point: &[f64]) -> u32 {
        let Node { children, column, cut, .. } = self.nodes[node as usize];
        children[usize::from(point[column as usize] > cut)]
    }

    /// The leaf where `point` is or would be.
    pub(super) fn leaf(&self, point: &[f64]) -> Option<u32> {
        let mut node = self.root;
        if node == NONE {
            return None;
        }
        while !self.is_leaf(node) {
            node = self.child(node, point);
        }
        (self.low(node) == point).then_some(node)
    }

    /// Inserts a point and returns its leaf.
    pub(super) fn insert(&mut self, point: &[f64], rng: &mut Rng) -> u32 {
        if self.root == NONE {
            self.root = self.make_leaf(point);
            return self.root;
        }
        if let Some(leaf) = self.leaf(point) {
            self.grow(leaf, point);
            return leaf;
        }
        let mut node = self.root;
        loop {
            if let Some((column, cut)) = self.separate(node, point, rng) {
                let leaf = self.make_leaf(point);
                self.split(node, leaf, column, cut);
                return leaf;
            }
            node = self.child(node, point);
        }
    }

    /// A random cut of the box of `node` with `point`, if it lies between the two.
    fn separate(&self, node: u32, point: &[f64], rng: &mut Rng) -> Option<(u32, f64)> {
        let (low, high) = (self.low(node), self.high(node));
        let span = |j: usize| high[j].max(point[j]) - low[j].min(point[j]);
        let total: f64 = (0..self.columns).map(span).sum();
        let mut rest = rng.uniform() * total;
        let mut column = 0;
        while column + 1 < self.columns && rest >= span(column) {
            rest -= span(column);
            column += 1;
        }
        // The last column may have no span where sums are rounded.
        let cut = low[column].min(point[column]) + rest;
        let below = cut >= point[column] && cut < low[column];
        let above = cut >= high[column] && cut < point[column];
        let last_resort = self.is_leaf(node) && !below && !above;
        if last_resort {
            return (0..self.columns).find_map(|j| {
                let (a, b) = (low[j].min(point[j]), low[j].max(point[j]));
                (a < b).then_some((j as u32, a))
            });
        }
        (below || above).then_some((column as u32, cut))
    }

    /// Puts a branch in the place of `node`, with `node` and `leaf` below it.
    fn split(&mut self, node: u32, leaf: u32, column: u32, cut: f64) {
        let Node { parent, count, .. } = self.nodes[node as usize];
        let left = self.low(leaf)[column as usize] <= cut;
        let children = if left { [leaf, node] } else { [node, leaf] };
        let branch = self.make(Node { parent, children, column, cut, count });
        let corners = 2 * self.columns;
        let from = node as usize * corners;
        self.boxes.copy_within(from..from + corners, branch as usize * corners);
        self.replace(parent, node, branch);
        for child in children {
            self.nodes[child as usize].parent = branch;
        }
        let point = self.low(leaf).to_vec();
        self.grow(branch, &point);
    }

    fn replace(&mut self, parent: u32, old: u32, new: u32) {
        match parent {
            NONE => self.root = new,
            parent => {
                let children = &mut self.nodes[parent as usize].children;
                children[usize::from(children[1] == old)] = new;
            }
        }
    }

    /// Counts a point in `node` and all above it.
    fn grow(&mut self, mut node: u32, point: &[f64]) {
        while node != NONE {
            self.nodes[node as usize].count += 1;
            let at = node as usize * 2 * self.columns;
            for (j, &x) in point.iter().enumerate() {
                let high = at + self.columns + j;
                self.boxes[at + j] = self.boxes[at + j].min(x);
                self.boxes[high] = self.boxes[high].max(x);
            }
            node = self.nodes[node as usize].parent;
        }
    }

    /// Removes a point that is in the tree.
    pub(super) fn remove(&mut self, point: &[f64]) {
        let Some(leaf) = self.leaf(point) else {
            return;
        };
        let Node { parent, count, .. } = self.nodes[leaf as usize];
        let mut above = parent;
        if count > 1 {
            self.nodes[leaf as usize].count -= 1;
        } else {
            self.free.push(leaf);
            if parent == NONE {
                self.root = NONE;
                return;
            }
            let Node { parent: grandparent, children, .. } = self.nodes[parent as usize];
            let sibling = children[usize::from(children[0] == leaf)];
            self.replace(grandparent, parent, sibling);
            self.nodes[sibling as usize].parent = grandparent;
            self.free.push(parent);
            above = grandparent;
        }
        while above != NONE {
            self.nodes[above as usize].count -= 1;
            self.shrink(above);
            above = self.nodes[above as usize].parent;
        }
    }

    /// Makes the box of a branch from those of its children.
    fn shrink(&mut self, node: u32) {
        let [left, right] = self.nodes[node as usize].children;
        let at = |node: u32| node as usize * 2 * self.columns;
        let (to, a, b) = (at(node), at(left), at(right));
        for j in 0..self.columns {
            let high = self.columns + j;
            self.boxes[to + j] = self.boxes[a + j].min(self.boxes[b + j]);
            self.boxes[to + high] = self.boxes[a + high].max(self.boxes[b + high]);
        }
    }

    /// The collusive displacement of a leaf, and the column of the cut that gives it.
    ///
    /// The largest ratio, over the leaf and all above it, of the points beside to the points below: how many
    /// points become less deep for each that is taken away.
    pub(super) fn displacement(&self, leaf: u32) -> (f64, usize) {
        let (mut node, mut best) = (leaf, (0.0, 0));
        while self.nodes[node as usize].parent != NONE {
            let parent = &self.nodes[self.nodes[node as usize].parent as usize];
            let count = self.nodes[node as usize].count;
            let ratio = f64::from(parent.count - count) / f64::from(count);
            if ratio > best.0 {
                best = (ratio, parent.column as usize);
            }
            node = self.nodes[node as usize].parent;
        }
        best
    }

    /// The tree for a snapshot; leaves name the first of `rows` that they hold.
    pub(super) fn parts<'r>(&self, rows: impl DoubleEndedIterator<Item = &'r [f64]>) -> Vec<Part> {
        let mut first = vec![0; self.nodes.len()];
        let rows: Vec<&[f64]> = rows.collect();
        for (i, row) in rows.iter().enumerate().rev() {
            if let Some(leaf) = self.leaf(row) {
                first[leaf as usize] = i as u32;
            }
        }
        let mut parts = Vec::new();
        let mut open = if self.root == NONE { vec![] } else { vec![self.root] };
        while let Some(node) = open.pop() {
            let Node { children, column, cut, .. } = self.nodes[node as usize];
            if self.is_leaf(node) {
                parts.push(Part::Leaf { row: first[node as usize] });
            } else {
                parts.push(Part::Cut { column, cut });
                open.extend([children[1], children[0]]);
            }
        }
        parts
    }

    /// Reads a tree back; `None` unless it is one of exactly these rows.
    pub(super) fn from_parts(parts: &[Part], rows: &[&[f64]], columns: usize) -> Option<Tree> {
        let mut tree = Tree::new(columns);
        let mut open: Vec<(u32, usize)> = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let node = match *part {
                Part::Leaf { row } => tree.make_leaf(rows.get(row as usize)?),
                Part::Cut { column, cut } => {
                    (cut.is_finite() && (column as usize) < columns).then_some(())?;
                    let children = [NONE - 1; 2];
                    tree.make(Node { parent: NONE, children, column, cut, count: 0 })
                }
            };
            match open.pop() {
                Some((parent, side)) => {
                    tree.nodes[parent as usize].children[side] = node;
                    tree.nodes[node as usize].parent = parent;
                }
                None if i == 0 => tree.root = node,
                None => return None,
            }
            if let Part::Cut { .. } = part {
                open.extend([(node, 1), (node, 0)]);
            }
        }
        open.is_empty().then_some(())?;
        // Children stand behind their parents.
        for node in (0..tree.nodes.len() as u32).rev() {
            if !tree.is_leaf(node) {
                tree.shrink(node);
            }
        }
        tree.nodes.iter_mut().for_each(|node| node.count = 0);
        for row in rows {
            let leaf = tree.leaf(row)?;
            tree.grow(leaf, row);
        }
        tree.nodes.iter().all(|node| node.count > 0).then_some(tree)
    }
}
