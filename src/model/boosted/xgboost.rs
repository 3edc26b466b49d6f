//! XGBoost's JSON and UBJSON.

use super::objective::Objective;
use super::ubjson;
use super::{Boosted, Trees, real_names};
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Branch, Builder, Grown, Test};
use serde::Deserialize;
use std::collections::HashMap;

/// The `learner` of a document.
#[derive(Deserialize)]
pub(super) struct Learner {
    gradient_booster: Booster,
    learner_model_param: ModelParam,
    objective: ObjectiveName,
    #[serde(default)]
    feature_names: Vec<String>,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

#[derive(Deserialize)]
struct ModelParam {
    base_score: String,
    #[serde(default)]
    num_class: String,
    num_feature: String,
    #[serde(default)]
    num_target: String,
}

#[derive(Deserialize)]
struct ObjectiveName {
    name: String,
}

/// `gbtree` has a model; `dart` has one inside with weights for its trees; `gblinear` has weights.
#[derive(Deserialize)]
struct Booster {
    name: String,
    model: Option<Model>,
    gbtree: Option<Box<Booster>>,
    weight_drop: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    trees: Vec<Tree>,
    #[serde(default)]
    tree_info: Vec<i64>,
    #[serde(default)]
    iteration_indptr: Vec<i64>,
    #[serde(default)]
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<i64>,
    split_conditions: Vec<f32>,
    default_left: Vec<u8>,
    #[serde(default)]
    split_type: Vec<u8>,
    #[serde(default)]
    categories: Vec<i64>,
    #[serde(default)]
    categories_nodes: Vec<i64>,
    #[serde(default)]
    categories_segments: Vec<i64>,
    #[serde(default)]
    categories_sizes: Vec<i64>,
    tree_param: TreeParam,
}

#[derive(Deserialize)]
struct TreeParam {
    #[serde(default)]
    size_leaf_vector: String,
}

#[derive(Deserialize)]
struct Document {
    learner: Learner,
}

/// Reads UBJSON.
pub(super) fn binary(bytes: &[u8]) -> Result<Boosted> {
    let document: Document = ubjson::read(bytes)?;
    build(document.learner)
}

pub(super) fn build(learner: Learner) -> Result<Boosted> {
    let param = &learner.learner_model_param;
    let (columns, classes) = (whole(&param.num_feature)?, whole(&param.num_class)?);
    let sums = classes.max(whole(&param.num_target)?).max(1);
    if sums > 1 << 16 {
        return Err(ModelError::damaged("the number of classes"));
    }
    let name = learner.objective.name.as_str();
    let objective = objective(name)?;
    let bias = bias(&param.base_score, name, sums)?;
    let best = learner.attributes.get("best_iteration").and_then(|text| text.parse().ok());
    let trees = match learner.gradient_booster {
        Booster { name, model: Some(model), .. } if name == "gblinear" => {
            linear(&model.weights, columns, sums)?
        }
        Booster { gbtree: Some(inner), weight_drop, .. } => {
            let model = inner.model.ok_or_else(|| ModelError::damaged("there is no model"))?;
            forest(model, sums, weight_drop.as_deref(), best)?
        }
        Booster { model: Some(model), .. } => forest(model, sums, None, best)?,
        _ => return Err(ModelError::damaged("there is no model")),
    };
    let mut bias = bias;
    if let Trees::Linear(weights) = &trees {
        // The last weight of each sum belongs to no feature; the base score is the first for all.
        let base = bias[0];
        let last = weights.iter().map(|w| base + w.last().unwrap_or(&0.0));
        bias.iter_mut().zip(last).for_each(|(bias, last)| *bias = last);
    }
    let trees = match trees {
        Trees::Linear(mut weights) => {
            weights.iter_mut().for_each(|w| w.truncate(columns));
            Trees::Linear(weights)
        }
        trees => trees,
    };
    Boosted {
        format: "XGBoost",
        producer: String::new(),
        columns,
        labels: None,
        features: real_names(learner.feature_names),
        value_name: "variable",
        trees,
        bias,
        scale: 1.0,
        objective,
    }
    .checked()
}

fn whole(text: &str) -> Result<usize> {
    match text.trim() {
        "" => Ok(0),
        text => text.parse().map_err(|_| ModelError::Damaged(format!("'{text}' is no number"))),
    }
}

fn objective(name: &str) -> Result<Objective> {
    Ok(match name {
        "binary:logistic" => Objective::TwoClasses { steepness: 1.0 },
        "multi:softprob" | "multi:softmax" => Objective::Softmax,
        "binary:hinge" => Objective::Step,
        "reg:logistic" => Objective::Logistic,
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            Objective::Exponential
        }
        name if ["reg:", "rank:", "binary:logitraw"]
            .iter()
            .any(|known| name.starts_with(known)) =>
        {
            Objective::Value
        }
        other => return Err(ModelError::Unsupported(format!("the objective '{other}'"))),
    })
}

/// The base score is what would be predicted without trees; it is turned back into a sum.
fn bias(text: &str, objective: &str, sums: usize) -> Result<Vec<f64>> {
    let error = || ModelError::Damaged(format!("the base score '{text}'"));
    let list = text.trim().trim_start_matches('[').trim_end_matches(']');
    let scores = list
        .split(',')
        .map(|score| score.trim().parse::<f32>().map_err(|_| error()))
        .collect::<Result<Vec<_>>>()?;
    let scores = match scores[..] {
        [score] => vec![score; sums],
        _ if scores.len() == sums => scores,
        _ => return Err(error()),
    };
    let margin = |score: f32| match objective {
        "binary:logistic" | "reg:logistic" => f64::from(-libm::logf(1.0 / score - 1.0)),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            f64::from(libm::logf(score))
        }
        _ => score.into(),
    };
    Ok(scores.into_iter().map(margin).collect())
}

fn linear(weights: &[f64], columns: usize, sums: usize) -> Result<Trees> {
    if columns.checked_add(1).and_then(|rows| rows.checked_mul(sums)) != Some(weights.len()) {
        return Err(ModelError::damaged("the number of weights"));
    }
    // One row for each feature and one for the bias, with a column for each sum.
    let row = |sum: usize| weights.iter().skip(sum).step_by(sums).copied().collect();
    Ok(Trees::Linear((0..sums).map(row).collect()))
}

fn forest(model: Model, sums: usize, drop: Option<&[f64]>, best: Option<usize>) -> Result<Trees> {
    if model.tree_info.len() != model.trees.len() {
        return Err(ModelError::damaged("the lists of trees have different lengths"));
    }
    // A training that was stopped early predicts with the rounds up to the best one.
    let end = best.and_then(|best| model.iteration_indptr.get(best + 1));
    let count = end.and_then(|&end| usize::try_from(end).ok()).unwrap_or(model.trees.len());
    let mut builder = Builder { targets: sums, ..Builder::default() };
    for (at, (tree, target)) in model.trees.iter().zip(&model.tree_info).enumerate().take(count) {
        let weight = match drop {
            Some(drop) => *drop.get(at).ok_or_else(|| ModelError::damaged("a weight of a tree"))?,
            None => 1.0,
        };
        if !["", "0", "1"].contains(&tree.tree_param.size_leaf_vector.as_str()) {
            return Err(ModelError::Unsupported("XGBoost's trees with several targets".into()));
        }
        let target = u32::try_from(*target).map_err(|_| ModelError::damaged("a tree's target"))?;
        tree.add(&mut builder, target, weight as f32)?;
    }
    Ok(Trees::Single(builder.build()?))
}

impl Tree {
    fn add(&self, builder: &mut Builder, target: u32, weight: f32) -> Result<()> {
        let first = builder.nodes.len();
        let count = self.left_children.len();
        let lengths = [
            self.right_children.len(),
            self.split_indices.len(),
            self.split_conditions.len(),
            self.default_left.len(),
        ];
        let types = [0, count].contains(&self.split_type.len());
        if count == 0 || lengths.iter().any(|&length| length != count) || !types {
            return Err(ModelError::damaged("the lists of nodes have different lengths"));
        }
        builder.roots.push(first as u32);
        for at in 0..count {
            let node = if self.left_children[at] < 0 {
                let start = builder.weights.len() as u32;
                builder.weights.push((target, f64::from(self.split_conditions[at] * weight)));
                Grown::Leaf(start, start + 1)
            } else {
                Grown::Branch(self.branch(at, first, builder)?)
            };
            builder.nodes.push(node);
        }
        Ok(())
    }

    fn branch(&self, at: usize, first: usize, builder: &mut Builder) -> Result<Branch> {
        let child = |child: i64| {
            let inside = usize::try_from(child).ok().filter(|&c| c < self.left_children.len());
            let child = inside.ok_or_else(|| ModelError::damaged("a child that is not there"))?;
            Ok((first + child) as u32)
        };
        let (left, right) = (child(self.left_children[at])?, child(self.right_children[at])?);
        let feature = u32::try_from(self.split_indices[at]);
        let feature = feature.map_err(|_| ModelError::damaged("a negative feature"))?;
        let missing_left = self.default_left[at] != 0;
        if self.split_type.get(at).is_some_and(|&kind| kind == 1) {
            // The categories of the set go to the right.
            builder.sets.push(self.categories(at)?);
            let test = Test::WholeMember(!missing_left, builder.sets.len() as u32 - 1);
            return Ok(Branch { test, feature, value: 0.0, yes: right, no: left });
        }
        // Below the condition is at most the next smaller float.
        let value = self.split_conditions[at].next_down().into();
        Ok(Branch { test: Test::AtMost(missing_left), feature, value, yes: left, no: right })
    }

    fn categories(&self, at: usize) -> Result<Vec<f32>> {
        let error = || ModelError::damaged("a split without its categories");
        let place = self.categories_nodes.iter().position(|&node| node == at as i64);
        let place = place.ok_or_else(error)?;
        let number = |list: &[i64]| list.get(place).and_then(|&x| usize::try_from(x).ok());
        let start = number(&self.categories_segments).ok_or_else(error)?;
        let size = number(&self.categories_sizes).ok_or_else(error)?;
        let end = start.checked_add(size).ok_or_else(error)?;
        let list = self.categories.get(start..end).ok_or_else(error)?;
        Ok(list.iter().map(|&category| category as f32).collect())
    }
}
