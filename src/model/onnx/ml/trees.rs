//! Trees as `ai.onnx.ml` lists them in its versions 1 to 3, and `TreeEnsembleRegressor`.

use super::super::kernel::{Kernel, Node};
use super::super::table::Table;
use super::transform::Transform;
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Aggregate, Branch, Builder, Forest, Grown, Test};
use crate::model::run::Run;
use crate::model::tensor::{Data, Tensor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Trees with thresholds of the precision that the model has.
pub(super) enum Trees {
    Float(Forest<f32, f32>),
    Double(Forest<f64, f64>),
}

impl Trees {
    pub(super) fn build(builder: Builder, double: bool) -> Result<Self> {
        Ok(if double { Self::Double(builder.build()?) } else { Self::Float(builder.build()?) })
    }

    /// The scores of all rows.
    fn of_tensor(&self, tensor: &Tensor, aggregate: Aggregate, run: &Run<'_>) -> Result<Vec<f32>> {
        let (rows, columns) = tensor.table()?;
        match self {
            Self::Float(forest) => {
                let x = match tensor.data() {
                    Data::Double(v) => v.iter().map(|&x| up(x)).collect(),
                    _ => tensor.floats()?,
                };
                forest.aggregate(&x, columns, rows, aggregate, run)
            }
            Self::Double(forest) => {
                let sums = forest.aggregate(&tensor.doubles()?, columns, rows, aggregate, run)?;
                Ok(sums.into_iter().map(|x| x as f32).collect())
            }
        }
    }

    /// The same for a table.
    fn of_table(&self, table: &Table, aggregate: Aggregate, run: &Run<'_>) -> Result<Vec<f32>> {
        let (rows, columns) = (table.rows, table.columns);
        match self {
            Self::Float(forest) => forest.aggregate(&table.numbers, columns, rows, aggregate, run),
            Self::Double(forest) => {
                run.room(table.numbers.len(), 8)?;
                let x: Vec<f64> = table.numbers.iter().map(|&x| x.into()).collect();
                let sums = forest.aggregate(&x, columns, rows, aggregate, run)?;
                Ok(sums.into_iter().map(|x| x as f32).collect())
            }
        }
    }
}

/// The smallest 32 bit float that is not below: it passes the same thresholds as the double.
fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x { near.next_up() } else { near }
}

/// Which classes or targets got a weight: the others have no score, which is not a score of zero.
pub(super) enum Scored {
    /// The same ones in each row.
    Always(Vec<bool>),
    /// It depends on the leaves; the trees count the weights.
    Counted(Box<Trees>),
}

impl Scored {
    /// The builder's trees must have been checked: they do not go round in a circle.
    pub(super) fn read(mut builder: Builder, double: bool) -> Result<Self> {
        let mut always = vec![false; builder.targets];
        for &root in &builder.roots {
            let mut in_all = vec![true; builder.targets];
            let mut open = vec![root];
            while let Some(at) = open.pop() {
                match builder.nodes[at as usize] {
                    Grown::Branch(branch) => open.extend([branch.yes, branch.no]),
                    Grown::Leaf(start, end) => {
                        let weights = &builder.weights[start as usize..end as usize];
                        let has = |class: usize| weights.iter().any(|(c, _)| *c as usize == class);
                        in_all.iter_mut().enumerate().for_each(|(class, all)| *all &= has(class));
                    }
                }
            }
            always.iter_mut().zip(in_all).for_each(|(always, all)| *always |= all);
        }
        if builder.weights.iter().all(|(class, _)| always[*class as usize]) {
            return Ok(Self::Always(always));
        }
        builder.weights.iter_mut().for_each(|(_, weight)| *weight = 1.0);
        Ok(Self::Counted(Box::new(Trees::build(builder, double)?)))
    }

    /// A flag for each class or target: for each row, or once for all of them.
    pub(super) fn rows(&self, asked: &Asked<'_>) -> Result<Cow<'_, [bool]>> {
        match self {
            Self::Always(has) => Ok(has.into()),
            Self::Counted(trees) => {
                let counts = asked.scores(trees, Aggregate::Sum)?;
                Ok(counts.into_iter().map(|count| count > 0.0).collect())
            }
        }
    }
}

/// The rows that trees are asked about.
pub(super) enum Asked<'a> {
    Tensor(&'a Tensor, &'a Run<'a>),
    Table(&'a Table, &'a Run<'a>),
}

impl Asked<'_> {
    /// The sums, or another aggregate, of each row.
    pub(super) fn scores(&self, trees: &Trees, aggregate: Aggregate) -> Result<Vec<f32>> {
        match self {
            Self::Tensor(tensor, run) => trees.of_tensor(tensor, aggregate, run),
            Self::Table(table, run) => trees.of_table(table, aggregate, run),
        }
    }
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
pub(super) fn is_double(node: &Node<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| {
        let tensor = node.tensor(&format!("{name}_as_tensor")).or(node.tensor(name));
        tensor.is_some_and(|tensor| matches!(tensor.data(), Data::Double(_)))
    })
}

/// Reads the trees of a classifier (`prefix` is `class`) or a regressor (`target`).
pub(super) fn read(node: &mut Node<'_>, prefix: &str, targets: usize) -> Result<Builder> {
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
pub(super) enum Mode {
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

    pub(super) fn numbered(number: i64) -> Result<Self> {
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
    pub(super) fn branch(
        self,
        feature: u32,
        value: f64,
        missing: bool,
        (yes, no): (u32, u32),
    ) -> Branch {
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

pub(super) fn base_values(node: &mut Node<'_>) -> Result<Vec<f32>> {
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
    let builder = read(node, "target", targets)?;
    regression(node, builder, double, aggregate, base, transform)
}

/// What trees say about some rows.
pub(super) struct Answered {
    pub(super) label: Option<Data>,
    pub(super) scores: Vec<f32>,
    pub(super) columns: usize,
}

/// The kernel of an operator that asks trees, by the function that answers.
pub(super) fn asking(
    node: &mut Node<'_>,
    answer: impl Fn(&Asked<'_>) -> Result<Answered> + Send + Sync + 'static,
) -> Kernel {
    let answer = Arc::new(answer);
    let of_table = answer.clone();
    node.change = Some(Arc::new(move |table, run| {
        let Answered { label, scores, columns } = of_table(&Asked::Table(table, run))?;
        (table.label, table.numbers, table.columns) = (label, scores, columns);
        Ok(())
    }));
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let rows = tensor.table()?.0;
        let Answered { label, scores, columns } = answer(&Asked::Tensor(tensor, inputs.run))?;
        let mut table = Table::new(rows, columns, scores);
        table.label = label;
        table.into_outputs()
    })
}

/// The kernel of a regressor.
pub(super) fn regression(
    node: &mut Node<'_>,
    builder: Builder,
    double: bool,
    aggregate: Aggregate,
    base: Vec<f32>,
    transform: Transform,
) -> Result<Kernel> {
    let targets = builder.targets;
    if ![0, 1, targets].contains(&base.len()) {
        return Err(ModelError::damaged("the number of base values"));
    }
    let copy = (targets > 1).then(|| builder.clone());
    let trees = Trees::build(builder, double)?;
    // Several targets: one that no tree gave a weight is zero, whatever its base value is.
    let scored = copy.map(|copy| Scored::read(copy, double)).transpose()?;
    let answer = move |asked: &Asked<'_>| {
        let mut scores = asked.scores(&trees, aggregate)?;
        if !base.is_empty() {
            scores.iter_mut().zip(base.iter().cycle()).for_each(|(x, base)| *x += base);
        }
        if let Some(scored) = &scored {
            let scored = scored.rows(asked)?;
            let scored = scored.iter().cycle();
            scores.iter_mut().zip(scored).filter(|(_, has)| !**has).for_each(|(x, _)| *x = 0.0);
        }
        scores.chunks_exact_mut(targets).for_each(|row| transform.apply(row));
        Ok(Answered { label: None, scores, columns: targets })
    };
    Ok(asking(node, answer))
}
