//! `TreeEnsemble` of `ai.onnx.ml` 5: branches and leaves are listed apart.

use super::super::kernel::{Kernel, Node};
use super::transform::Transform;
use super::trees::{Mode, is_double, regression};
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Aggregate, Branch, Builder, Grown, Test};
use crate::model::tensor::Tensor;

/// The kernel of the operator.
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
    regression(node, builder, double, aggregate, Vec::new(), transform)
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
