//! CatBoost's JSON, and what both of its formats share.

use super::objective::Objective;
use super::{Boosted, Trees, real_names};
use crate::model::error::{ModelError, Result};
use crate::model::forest::{Branch, Builder, Grown, Test};
use crate::model::value::Labels;
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::Arc;

/// The deepest symmetric tree; CatBoost itself allows 16.
const DEPTH: usize = 20;

#[derive(Deserialize)]
pub(super) struct Document {
    features_info: Option<Features>,
    model_info: Option<Json>,
    oblivious_trees: Option<Vec<Symmetric>>,
    trees: Option<Vec<Free>>,
    scale_and_bias: Option<(f64, Bias)>,
}

#[derive(Deserialize)]
struct Features {
    #[serde(default)]
    float_features: Vec<FloatFeature>,
    #[serde(default)]
    categorical_features: Vec<Json>,
    #[serde(default)]
    text_features: Vec<Json>,
    #[serde(default)]
    embedding_features: Vec<Json>,
}

#[derive(Deserialize)]
struct FloatFeature {
    flat_feature_index: usize,
    #[serde(default)]
    feature_id: Option<String>,
    #[serde(default)]
    nan_value_treatment: String,
}

#[derive(Deserialize)]
struct Symmetric {
    #[serde(default)]
    splits: Option<Vec<Split>>,
    leaf_values: Vec<f64>,
}

#[derive(Deserialize)]
struct Split {
    #[serde(default)]
    float_feature_index: Option<usize>,
    #[serde(default)]
    border: Option<f64>,
    split_type: String,
}

/// A tree that grew by itself: a branch has a split and two sides, a leaf a value.
#[derive(Deserialize)]
struct Free {
    split: Option<Split>,
    left: Option<Box<Free>>,
    right: Option<Box<Free>>,
    value: Option<Bias>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Bias {
    One(f64),
    Many(Vec<f64>),
}

impl Bias {
    fn list(self) -> Vec<f64> {
        match self {
            Self::One(x) => vec![x],
            Self::Many(list) => list,
        }
    }
}

impl Document {
    pub(super) fn is_one(&self) -> bool {
        self.features_info.is_some() && (self.oblivious_trees.is_some() || self.trees.is_some())
    }
}

/// A float feature as both formats have it.
pub(super) struct Feature {
    pub(super) column: usize,
    pub(super) name: String,
    /// Whether a missing value counts as larger than every border.
    pub(super) missing_is_large: bool,
}

/// A decision: the feature and the border that it has to exceed.
#[derive(Clone, Copy)]
pub(super) struct Decision {
    pub(super) feature: usize,
    pub(super) border: f64,
}

pub(super) fn build(document: Document) -> Result<Boosted> {
    let Some(features) = document.features_info else {
        return Err(ModelError::damaged("there is no features_info"));
    };
    if !features.text_features.is_empty() || !features.embedding_features.is_empty() {
        return Err(unsupported("text or embedding features"));
    }
    let categorical = features.categorical_features.len();
    let features: Vec<Feature> = features
        .float_features
        .into_iter()
        .map(|feature| Feature {
            column: feature.flat_feature_index,
            name: feature.feature_id.unwrap_or_default(),
            missing_is_large: feature.nan_value_treatment == "AsTrue",
        })
        .collect();
    let (scale, bias) = match document.scale_and_bias {
        Some((scale, bias)) => (scale, bias.list()),
        None => (1.0, vec![0.0]),
    };
    let info = document.model_info.unwrap_or_default();
    let mut grower = Grower::new(&features, bias.len());
    for tree in document.oblivious_trees.unwrap_or_default() {
        let splits = tree.splits.unwrap_or_default();
        let decisions = splits.iter().map(decision).collect::<Result<Vec<_>>>()?;
        grower.symmetric(&decisions, &tree.leaf_values)?;
    }
    for tree in document.trees.unwrap_or_default() {
        let root = grower.free(tree)?;
        grower.builder.roots.push(root);
    }
    grower.finish("CatBoost JSON", &info, scale, bias, categorical)
}

fn decision(split: &Split) -> Result<Decision> {
    match (split.split_type.as_str(), split.float_feature_index, split.border) {
        ("FloatFeature", Some(feature), Some(border)) => Ok(Decision { feature, border }),
        ("FloatFeature", ..) => Err(ModelError::damaged("a split without feature or border")),
        (other, ..) => Err(unsupported(&format!("splits of the type {other}"))),
    }
}

pub(super) fn unsupported(what: &str) -> ModelError {
    ModelError::Unsupported(format!("CatBoost's {what} (only float features can be evaluated)"))
}

/// Makes trees out of decisions.
pub(super) struct Grower<'a> {
    features: &'a [Feature],
    targets: usize,
    pub(super) builder: Builder,
}

impl<'a> Grower<'a> {
    pub(super) fn new(features: &'a [Feature], targets: usize) -> Self {
        Self { features, targets, builder: Builder { targets, ..Builder::default() } }
    }

    /// A branch; the first child is for values that do not exceed the border.
    pub(super) fn branch(&self, decision: Decision, (yes, no): (u32, u32)) -> Result<Grown> {
        let Some(feature) = self.features.get(decision.feature) else {
            return Err(ModelError::damaged("a split by a feature that is not there"));
        };
        let feature_column = u32::try_from(feature.column);
        Ok(Grown::Branch(Branch {
            test: Test::AtMost(!feature.missing_is_large),
            feature: feature_column.map_err(|_| ModelError::damaged("a feature's column"))?,
            value: f64::from(decision.border as f32),
            yes,
            no,
        }))
    }

    /// A leaf with a value for each target.
    pub(super) fn leaf(&mut self, values: &[f64]) -> Result<Grown> {
        if values.len() != self.targets {
            return Err(ModelError::damaged("a leaf with another number of values"));
        }
        let start = self.builder.weights.len() as u32;
        self.builder.weights.extend((0u32..).zip(values.iter().copied()));
        Ok(Grown::Leaf(start, self.builder.weights.len() as u32))
    }

    /// A tree that asks the same question on each level; the first one is the lowest bit.
    pub(super) fn symmetric(&mut self, decisions: &[Decision], values: &[f64]) -> Result<()> {
        let depth = decisions.len();
        if depth > DEPTH || values.len() != self.targets << depth {
            let text = format!("a tree of depth {depth} with {} values", values.len());
            return Err(ModelError::Damaged(text));
        }
        let first = self.builder.nodes.len() as u32;
        self.builder.roots.push(first);
        for level in 0..depth {
            let start = first + (1 << level) - 1;
            for at in 0..1u32 << level {
                let child = first + (1 << (level + 1)) - 1 + 2 * at;
                debug_assert_eq!(self.builder.nodes.len() as u32, start + at);
                let branch = self.branch(decisions[depth - 1 - level], (child, child + 1))?;
                self.builder.nodes.push(branch);
            }
        }
        for values in values.chunks_exact(self.targets) {
            let leaf = self.leaf(values)?;
            self.builder.nodes.push(leaf);
        }
        Ok(())
    }

    fn free(&mut self, tree: Free) -> Result<u32> {
        let at = self.builder.nodes.len();
        self.builder.nodes.push(Grown::Leaf(0, 0));
        let node = match (tree.split, tree.left, tree.right, tree.value) {
            (Some(split), Some(left), Some(right), _) => {
                let children = (self.free(*left)?, self.free(*right)?);
                self.branch(decision(&split)?, children)?
            }
            (None, None, None, Some(value)) => self.leaf(&value.list())?,
            _ => return Err(ModelError::damaged("a node that is neither branch nor leaf")),
        };
        self.builder.nodes[at] = node;
        Ok(at as u32)
    }

    pub(super) fn finish(
        self,
        format: &'static str,
        info: &Json,
        scale: f64,
        bias: Vec<f64>,
        categorical: usize,
    ) -> Result<Boosted> {
        let float_columns = self.features.iter().map(|feature| feature.column + 1).max();
        let columns = float_columns.unwrap_or(0);
        if categorical > 0 && columns > self.features.len() {
            return Err(unsupported("categorical features"));
        }
        let mut names = vec![String::new(); columns.min(1 << 20)];
        for feature in self.features {
            if let Some(name) = names.get_mut(feature.column) {
                name.clone_from(&feature.name);
            }
        }
        let objective = objective(info, bias.len())?;
        Boosted {
            format,
            producer: producer(info),
            columns,
            labels: labels(info, objective.classes(bias.len())),
            features: real_names(names),
            value_name: "predictions",
            trees: Trees::Double(self.builder.build()?),
            bias,
            scale,
            objective,
        }
        .checked()
    }
}

/// A document inside a string of the model's information.
fn inner(info: &Json, key: &str) -> Json {
    match info.get(key) {
        Some(Json::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Json::Null,
    }
}

fn producer(info: &Json) -> String {
    let text = info.get("catboost_version_info").and_then(Json::as_str).unwrap_or("");
    let release = text.split("CatBoost release ").nth(1);
    let version = release.and_then(|text| text.split([' ', '.', '\n']).next().map(|_| text));
    let version = version.and_then(|text| text.split(['\n', ' ']).next());
    format!("CatBoost {}", version.unwrap_or("").trim_end_matches('.')).trim_end().into()
}

fn objective(info: &Json, sums: usize) -> Result<Objective> {
    let params = inner(info, "params");
    let loss = params.pointer("/loss_function/type").and_then(Json::as_str);
    Ok(match loss.unwrap_or("RMSE") {
        "Logloss" | "CrossEntropy" if sums == 1 => Objective::TwoClasses { steepness: 1.0 },
        "MultiClass" => Objective::Softmax,
        "MultiClassOneVsAll" => Objective::OneVersusAll { steepness: 1.0, normalized: false },
        "Poisson" | "Tweedie" | "LogCosh" if loss != Some("LogCosh") => Objective::Exponential,
        "MultiLogloss" | "MultiCrossEntropy" => Objective::Logistic,
        "RMSEWithUncertainty" => {
            return Err(ModelError::Unsupported("CatBoost's RMSEWithUncertainty".into()));
        }
        _ => Objective::Value,
    })
}

/// The names of the classes, which older and newer versions write at different places.
fn labels(info: &Json, classes: Option<usize>) -> Option<Labels> {
    let classes = classes?;
    let (own, params) = (inner(info, "class_params"), inner(info, "params"));
    let multi = inner(info, "multiclass_params");
    let lists = [
        own.get("class_names").cloned(),
        own.get("class_to_label").cloned(),
        multi.get("class_names").cloned(),
        multi.get("class_to_label").cloned(),
        params.pointer("/data_processing_options/class_names").cloned(),
    ];
    let list = lists
        .into_iter()
        .flatten()
        .find_map(|list| list.as_array().filter(|list| list.len() == classes).cloned())?;
    if list.iter().all(Json::is_number) {
        let whole = |value: &Json| value.as_f64().map(|x| x as i64);
        return list.iter().map(whole).collect::<Option<_>>().map(Labels::Ints);
    }
    let text = |value: &Json| Arc::from(value.as_str().map_or(value.to_string(), str::to_owned));
    Some(Labels::Texts(list.iter().map(text).collect()))
}
