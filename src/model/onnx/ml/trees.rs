//! Tree ensembles in all the forms that `ai.onnx.ml` had for them.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::transform::Transform;
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Aggregate, Branch, Builder, Forest, Grown, Test};
use crate::model::math::{argmax, sigmoid};
use crate::model::tensor::{Data, Shape, Tensor};
use crate::model::value::Labels;
use std::collections::HashMap;

/// Trees with thresholds of the precision that the model has.
enum Trees {
    Float(Forest<f32, f32>),
    Double(Forest<f64, f64>),
}

impl Trees {
    fn build(builder: Builder, double: bool) -> Result<Self> {
        Ok(if double { Self::Double(builder.build()?) } else { Self::Float(builder.build()?) })
    }

    /// The scores of all rows, and their number.
    fn scores(&self, inputs: &Inputs<'_>, aggregate: Aggregate) -> Result<(usize, Vec<f32>)> {
        let tensor = inputs.tensor(0)?;
        let (rows, columns) = tensor.table()?;
        let scores = match self {
            Self::Float(forest) => {
                let x = match tensor.data() {
                    Data::Double(v) => v.iter().map(|&x| up(x)).collect(),
                    _ => tensor.floats()?,
                };
                forest.aggregate(&x, columns, rows, aggregate, inputs.run)?
            }
            Self::Double(forest) => {
                let x = tensor.doubles()?;
                let sums = forest.aggregate(&x, columns, rows, aggregate, inputs.run)?;
                sums.into_iter().map(|x| x as f32).collect()
            }
        };
        Ok((rows, scores))
    }
}

/// The smallest 32 bit float that is not below: it passes the same thresholds as the double.
fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x { near.next_up() } else { near }
}

/// The attributes that describe the nodes, the same in classifiers and regressors.
struct Listed {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    values: Vec<f64>,
    modes: Vec<String>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
}

impl Listed {
    fn read(node: &mut Node<'_>) -> Result<Self> {
        let mut ints = |name: &str| node.take_ints(name);
        let listed = Self {
            trees: ints("nodes_treeids"),
            ids: ints("nodes_nodeids"),
            features: ints("nodes_featureids"),
            yes: ints("nodes_truenodeids"),
            no: ints("nodes_falsenodeids"),
            missing: ints("nodes_missing_value_tracks_true"),
            modes: node.texts("nodes_modes"),
            values: numbers(node, "nodes_values")?,
        };
        let count = listed.ids.len();
        let lengths = [
            listed.trees.len(),
            listed.features.len(),
            listed.values.len(),
            listed.modes.len(),
            listed.yes.len(),
            listed.no.len(),
        ];
        let missing = [0, count].contains(&listed.missing.len());
        if lengths.iter().any(|&length| length != count) || !missing {
            return Err(ModelError::damaged("the lists of nodes have different lengths"));
        }
        Ok(listed)
    }
}

/// Floats, or doubles as a tensor.
fn numbers(node: &mut Node<'_>, name: &str) -> Result<Vec<f64>> {
    if let Some(tensor) = node.tensor(&format!("{name}_as_tensor")) {
        return Ok(tensor.doubles()?.into_owned());
    }
    Ok(node.floats(name)?.into_iter().map(f64::from).collect())
}

/// Whether thresholds or weights are written with double precision.
fn is_double(node: &Node<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| {
        let tensor = node.tensor(&format!("{name}_as_tensor")).or(node.tensor(name));
        tensor.is_some_and(|tensor| matches!(tensor.data(), Data::Double(_)))
    })
}

/// Reads the trees of a classifier (`prefix` is `class`) or a regressor (`target`).
fn read(node: &mut Node<'_>, prefix: &str, targets: usize) -> Result<Builder> {
    let weights = numbers(node, &format!("{prefix}_weights"))?;
    let mut ints = |name: &str| node.take_ints(&format!("{prefix}_{name}"));
    let (of_tree, of_node, ids) = (ints("treeids"), ints("nodeids"), ints("ids"));
    let listed = Listed::read(node)?;
    if [of_tree.len(), of_node.len(), ids.len()].iter().any(|&length| length != weights.len()) {
        return Err(ModelError::damaged("the lists of weights have different lengths"));
    }
    let places: HashMap<(i64, i64), u32> =
        (0..listed.ids.len()).map(|at| ((listed.trees[at], listed.ids[at]), at as u32)).collect();
    let place = |tree: i64, id: i64| {
        let place = places.get(&(tree, id)).copied();
        place.ok_or_else(|| ModelError::Damaged(format!("tree {tree} has no node {id}")))
    };
    // The weights of a leaf stand next to each other once they are sorted by their nodes.
    let mut of_leaf: Vec<(u32, u32, f64)> = Vec::with_capacity(weights.len());
    for (at, &weight) in weights.iter().enumerate() {
        let target = u32::try_from(ids[at]);
        let target = target.map_err(|_| ModelError::damaged("a negative class or target"))?;
        of_leaf.push((place(of_tree[at], of_node[at])?, target, weight));
    }
    of_leaf.sort_by_key(|(node, ..)| *node);
    let (nodes, roots) = nodes(&listed, place, &of_leaf)?;
    let weights = of_leaf.into_iter().map(|(_, target, weight)| (target, weight)).collect();
    Ok(Builder { nodes, roots, weights, sets: Vec::new(), targets, complete: true })
}

fn nodes(
    listed: &Listed,
    place: impl Fn(i64, i64) -> Result<u32>,
    of_leaf: &[(u32, u32, f64)],
) -> Result<(Vec<Grown>, Vec<u32>)> {
    let count = listed.ids.len();
    let (mut nodes, mut child) = (Vec::with_capacity(count), vec![false; count]);
    for at in 0..count {
        if listed.modes[at] == "LEAF" {
            let start = of_leaf.partition_point(|(node, ..)| (*node as usize) < at);
            let end = of_leaf.partition_point(|(node, ..)| (*node as usize) <= at);
            nodes.push(Grown::Leaf(start as u32, end as u32));
            continue;
        }
        let mode = Mode::named(&listed.modes[at])?;
        let yes = place(listed.trees[at], listed.yes[at])?;
        let no = place(listed.trees[at], listed.no[at])?;
        child[yes as usize] = true;
        child[no as usize] = true;
        let feature = u32::try_from(listed.features[at]);
        let feature = feature.map_err(|_| ModelError::damaged("a negative feature"))?;
        let missing = listed.missing.get(at).is_some_and(|&flag| flag != 0);
        nodes.push(Grown::Branch(mode.branch(feature, listed.values[at], missing, (yes, no))));
    }
    // Each tree has one node that is no child: its root. A circle has none.
    let roots: Vec<u32> = (0..count).filter(|&at| !child[at]).map(|at| at as u32).collect();
    let mut with_root: Vec<i64> = roots.iter().map(|&root| listed.trees[root as usize]).collect();
    let mut trees = listed.trees.clone();
    with_root.sort_unstable();
    trees.sort_unstable();
    trees.dedup();
    if with_root != trees {
        return Err(ModelError::damaged(
            "a tree without a root, or one that goes round in a circle",
        ));
    }
    Ok((nodes, roots))
}

/// How a node compares.
#[derive(Clone, Copy)]
enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Different,
}

impl Mode {
    fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "BRANCH_LEQ" => Self::AtMost,
            "BRANCH_LT" => Self::Below,
            "BRANCH_GTE" => Self::AtLeast,
            "BRANCH_GT" => Self::Above,
            "BRANCH_EQ" => Self::Equal,
            "BRANCH_NEQ" => Self::Different,
            other => return Err(ModelError::Damaged(format!("the node mode '{other}'"))),
        })
    }

    fn numbered(number: i64) -> Result<Self> {
        Ok(match number {
            0 => Self::AtMost,
            1 => Self::Below,
            2 => Self::AtLeast,
            3 => Self::Above,
            4 => Self::Equal,
            5 => Self::Different,
            other => return Err(ModelError::Damaged(format!("the node mode {other}"))),
        })
    }

    /// The same decision as `<=` or `==`: the children change places where it has to be turned
    /// round, and the threshold of `<` is the next smaller float.
    fn branch(self, feature: u32, value: f64, missing: bool, (yes, no): (u32, u32)) -> Branch {
        // A value that is no 32 bit float belongs to a forest of doubles.
        let single = value as f32;
        let is_single = f64::from(single) == value;
        let below = || if is_single { single.next_down().into() } else { value.next_down() };
        let (test, value, turned): (fn(bool) -> Test, _, _) = match self {
            Self::AtMost => (Test::AtMost, value, false),
            Self::Below => (Test::AtMost, below(), false),
            Self::AtLeast => (Test::AtMost, below(), true),
            Self::Above => (Test::AtMost, value, true),
            Self::Equal => (Test::Equal, value, false),
            Self::Different => (Test::Equal, value, true),
        };
        // A missing value fails every comparison but `!=`, unless the node says otherwise.
        let first = missing || matches!(self, Self::Different);
        let test = test(first != turned);
        let (yes, no) = if turned { (no, yes) } else { (yes, no) };
        Branch { test, feature, value, yes, no }
    }
}

fn base_values(node: &mut Node<'_>) -> Result<Vec<f32>> {
    Ok(numbers(node, "base_values")?.into_iter().map(|x| x as f32).collect())
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel> {
    let double = is_double(node, &["nodes_values", "target_weights"]);
    let targets =
        usize::try_from(node.int("n_targets", 1)).ok().filter(|t| (1..=65_536).contains(t));
    let targets = targets.ok_or_else(|| ModelError::damaged("the number of targets"))?;
    let aggregate = match node.text("aggregate_function", "SUM").as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Smallest,
        "MAX" => Aggregate::Largest,
        other => return Err(ModelError::Damaged(format!("the aggregate '{other}'"))),
    };
    let (base, transform) = (base_values(node)?, Transform::read(node)?);
    let trees = Trees::build(read(node, "target", targets)?, double)?;
    regression(trees, targets, aggregate, base, transform)
}

fn regression(
    trees: Trees,
    targets: usize,
    aggregate: Aggregate,
    base: Vec<f32>,
    transform: Transform,
) -> Result<Kernel> {
    if ![0, 1, targets].contains(&base.len()) {
        return Err(ModelError::damaged("the number of base values"));
    }
    Ok(Box::new(move |inputs| {
        let (rows, mut scores) = trees.scores(inputs, aggregate)?;
        for row in scores.chunks_exact_mut(targets) {
            if !base.is_empty() {
                row.iter_mut().zip(base.iter().cycle()).for_each(|(x, base)| *x += base);
            }
            transform.apply(row);
        }
        Ok(Tensor::new(Shape::new(&[rows, targets])?, Data::Float(scores))?.into())
    }))
}

/// How the scores of a classifier become a label and probabilities.
struct Classifier {
    labels: Labels,
    transform: Transform,
    base: Vec<f32>,
    /// Two classes, of which all weights belong to the same one.
    binary: bool,
    /// No weight is negative: the sum is a probability, not a margin.
    positive: bool,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel> {
    let double = is_double(node, &["nodes_values", "class_weights"]);
    let labels = node.labels("classlabels_int64s", "classlabels_strings");
    if labels.is_empty() {
        return Err(ModelError::damaged("a classifier without classes"));
    }
    let (transform, base) = (Transform::read(node)?, base_values(node)?);
    let mut builder = read(node, "class", labels.len())?;
    let first = builder.weights.first().map(|(class, _)| *class);
    let binary = labels.len() <= 2 && builder.weights.iter().all(|(c, _)| Some(*c) == first);
    if binary {
        builder.weights.iter_mut().for_each(|(class, _)| *class = 0);
        builder.targets = 1;
    }
    let positive = builder.weights.iter().all(|(_, weight)| *weight >= 0.0);
    if !binary && ![0, labels.len()].contains(&base.len()) || binary && base.len() > 2 {
        return Err(ModelError::damaged("the number of base values"));
    }
    let trees = Trees::build(builder, double)?;
    let classifier = Classifier { labels, transform, base, binary, positive };
    Ok(Box::new(move |inputs| {
        let (rows, scores) = trees.scores(inputs, Aggregate::Sum)?;
        if classifier.binary {
            classifier.two(rows, &scores)
        } else {
            classifier.many(rows, scores)
        }
    }))
}

impl Classifier {
    /// Two classes from one score.
    fn two(&self, rows: usize, scores: &[f32]) -> Result<Outputs> {
        let base = self.base.last().copied().unwrap_or(0.0);
        let (mut chosen, mut out) = (Vec::with_capacity(rows), Vec::with_capacity(rows * 2));
        for score in scores {
            let s = score + base;
            let threshold = if self.positive { 0.5 } else { 0.0 };
            chosen.push(usize::from(s > threshold).min(self.labels.len() - 1));
            out.extend(match (self.positive, self.transform) {
                (true, _) => [1.0 - s, s],
                (false, Transform::Logistic) => [sigmoid(-s), sigmoid(s)],
                (false, _) => [-s, s],
            });
        }
        let scores = Tensor::new(Shape::new(&[rows, 2])?, Data::Float(out))?;
        Ok(Outputs::tensors([self.labels.pick(&chosen), scores]))
    }

    fn many(&self, rows: usize, mut scores: Vec<f32>) -> Result<Outputs> {
        let mut chosen = Vec::with_capacity(rows);
        for row in scores.chunks_exact_mut(self.labels.len()) {
            row.iter_mut().zip(&self.base).for_each(|(x, base)| *x += base);
            chosen.push(argmax(row));
            self.transform.apply(row);
        }
        let scores = Tensor::new(Shape::new(&[rows, self.labels.len()])?, Data::Float(scores))?;
        Ok(Outputs::tensors([self.labels.pick(&chosen), scores]))
    }
}

/// `TreeEnsemble` of version 5: branches and leaves are listed apart.
pub(super) fn ensemble(node: &mut Node<'_>) -> Result<Kernel> {
    let double = is_double(node, &["nodes_splits", "leaf_weights"]);
    let targets =
        usize::try_from(node.int("n_targets", 1)).ok().filter(|t| (1..=65_536).contains(t));
    let targets = targets.ok_or_else(|| ModelError::damaged("the number of targets"))?;
    let aggregate = match node.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Smallest,
        3 => Aggregate::Largest,
        other => return Err(ModelError::Damaged(format!("the aggregate {other}"))),
    };
    let transform = Transform::read(node)?;
    let builder = apart(node, targets)?;
    regression(Trees::build(builder, double)?, targets, aggregate, Vec::new(), transform)
}

fn apart(node: &mut Node<'_>, targets: usize) -> Result<Builder> {
    let tensor = |name: &str| -> Result<Vec<f64>> {
        let tensor = node.tensor(name).map(Tensor::doubles).transpose()?;
        Ok(tensor.map(std::borrow::Cow::into_owned).unwrap_or_default())
    };
    let (splits, weights, members) =
        (tensor("nodes_splits")?, tensor("leaf_weights")?, tensor("membership_values")?);
    let modes: Vec<i64> = tensor("nodes_modes")?.into_iter().map(|mode| mode as i64).collect();
    let mut ints = |name: &str| node.take_ints(name);
    let (features, roots) = (ints("nodes_featureids"), ints("tree_roots"));
    let (yes, yes_leaf) = (ints("nodes_truenodeids"), ints("nodes_trueleafs"));
    let (no, no_leaf) = (ints("nodes_falsenodeids"), ints("nodes_falseleafs"));
    let (missing, ids) = (ints("nodes_missing_value_tracks_true"), ints("leaf_targetids"));
    let count = features.len();
    let lengths = [splits.len(), modes.len(), yes.len(), yes_leaf.len(), no.len(), no_leaf.len()];
    if lengths.iter().any(|&length| length != count) || ids.len() != weights.len() {
        return Err(ModelError::damaged("the lists of nodes have different lengths"));
    }
    let mut sets = members.split(|value| value.is_nan());
    let mut builder = Builder { targets, ..Builder::default() };
    // Leaves stand behind the branches; each use of a leaf is a node of its own.
    let mut leaves = Vec::new();
    let mut child = |id: i64, is_leaf: i64| -> Result<u32> {
        let limit = if is_leaf != 0 { ids.len() } else { count };
        let at = usize::try_from(id).ok().filter(|&at| at < limit);
        let at = at.ok_or_else(|| ModelError::damaged("a tree's child that is not there"))? as u32;
        if is_leaf == 0 {
            return Ok(at);
        }
        leaves.push(Grown::Leaf(at, at + 1));
        Ok((count + leaves.len() - 1) as u32)
    };
    for at in 0..count {
        let feature = u32::try_from(features[at]);
        let feature = feature.map_err(|_| ModelError::damaged("a negative feature"))?;
        let children = (child(yes[at], yes_leaf[at])?, child(no[at], no_leaf[at])?);
        let missing = missing.get(at).is_some_and(|&flag| flag != 0);
        builder.nodes.push(Grown::Branch(if modes[at] == 6 {
            let set = sets.next().ok_or_else(|| ModelError::damaged("too few sets of values"))?;
            builder.sets.push(set.iter().map(|&x| x as f32).collect());
            let test = Test::Member(missing, builder.sets.len() as u32 - 1);
            Branch { test, feature, value: 0.0, yes: children.0, no: children.1 }
        } else {
            Mode::numbered(modes[at])?.branch(feature, splits[at], missing, children)
        }));
    }
    builder.nodes.extend(leaves);
    for root in roots {
        let root = u32::try_from(root).map_err(|_| ModelError::damaged("a negative root"))?;
        builder.roots.push(root);
    }
    for (id, weight) in ids.into_iter().zip(weights) {
        let target = u32::try_from(id).map_err(|_| ModelError::damaged("a negative target"))?;
        builder.weights.push((target, weight));
    }
    Ok(builder)
}
