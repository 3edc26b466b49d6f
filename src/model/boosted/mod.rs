//! The files of the boosting libraries: CatBoost, XGBoost and LightGBM.
//!
//! They hold trees and a function that turns the sums into predictions; categories that have to
//! be hashed or counted first are refused.

mod catboost;
mod cbm;
mod lightgbm;
mod objective;
mod ubjson;
mod xgboost;

use super::error::{ModelError, Result};
use super::forest::{Aggregate, Forest};
use super::port::{Port, PortKind};
use super::run::Run;
use super::tensor::{Kind, Tensor};
use super::value::{Labels, Values};
use objective::Objective;
use serde::Deserialize;

/// A boosted model of any library.
pub(super) struct Boosted {
    pub(super) format: &'static str,
    pub(super) producer: String,
    pub(super) columns: usize,
    pub(super) labels: Option<Labels>,
    pub(super) features: Option<Vec<String>>,
    /// The name of the output of a regressor.
    value_name: &'static str,
    trees: Trees,
    /// What is added to the sums, one for each of them.
    bias: Vec<f64>,
    scale: f64,
    objective: Objective,
}

/// What computes the sums of a row.
enum Trees {
    /// Weights of double precision, as CatBoost and LightGBM have them.
    Double(Forest<f32, f64>),
    /// Weights of single precision, as XGBoost adds them.
    Single(Forest<f32, f32>),
    /// A row of weights for each sum, without trees.
    Linear(Vec<Vec<f64>>),
}

/// A JSON document of CatBoost or XGBoost.
#[derive(Deserialize)]
struct Document {
    learner: Option<xgboost::Learner>,
    #[serde(flatten)]
    catboost: catboost::Document,
}

/// Reads the file of a boosting library; none where it is of no known one.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Boosted>> {
    if bytes.starts_with(b"CBM1") {
        return cbm::read(bytes).map(Some);
    }
    if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
        return lightgbm::read(bytes).map(Some);
    }
    let trimmed = bytes.trim_ascii_start();
    if !trimmed.starts_with(b"{") {
        return Ok(None);
    }
    let second = trimmed[1..].trim_ascii_start().first();
    if !matches!(second, Some(b'"' | b'}')) {
        return xgboost::binary(trimmed).map(Some);
    }
    let damaged = |error: serde_json::Error| ModelError::Damaged(error.to_string());
    let document: Document = serde_json::from_slice(trimmed).map_err(damaged)?;
    match document.learner {
        Some(learner) => xgboost::build(learner).map(Some),
        None if document.catboost.is_one() => catboost::build(document.catboost).map(Some),
        None => Err(ModelError::UnknownFormat),
    }
}

impl Boosted {
    /// Checks what all libraries have in common.
    fn checked(self) -> Result<Self> {
        let looked_at = match &self.trees {
            Trees::Double(forest) => forest.features(),
            Trees::Single(forest) => forest.features(),
            Trees::Linear(weights) => weights.first().map_or(0, Vec::len),
        };
        let classes = self.objective.classes(self.bias.len());
        let labels = self.labels.as_ref().map(Labels::len);
        let named = self.features.as_ref().map(Vec::len);
        if self.bias.is_empty() || looked_at > self.columns || self.columns > 1 << 20 {
            return Err(ModelError::damaged("the trees look at features that are not there"));
        }
        if labels.is_some() && labels != classes || named.is_some_and(|n| n != self.columns) {
            return Err(ModelError::damaged(
                "the names are not as many as the classes or features",
            ));
        }
        Ok(self)
    }

    /// The outputs: a label and probabilities, or values.
    pub(super) fn outputs(&self) -> Vec<Port> {
        let Some(classes) = self.objective.classes(self.bias.len()) else {
            return vec![Port::table(self.value_name, self.bias.len())];
        };
        let text = matches!(self.labels, Some(Labels::Texts(_)));
        let kind = PortKind::Tensor(if text { Kind::Text } else { Kind::Int });
        let label = Port { name: "label".into(), kind, shape: Some(vec![None]) };
        vec![label, Port::table("probabilities", classes)]
    }

    /// The kind of model in a few words.
    pub(super) fn describe(&self) -> String {
        let what = match &self.trees {
            Trees::Double(forest) => format!("{} trees", forest.trees()),
            Trees::Single(forest) => format!("{} trees", forest.trees()),
            Trees::Linear(_) => "a linear model".into(),
        };
        format!("{what}, {}", self.objective.name())
    }

    pub(super) fn run(&self, x: &Tensor, run: &Run<'_>) -> Result<Values> {
        let (rows, columns) = x.table()?;
        let (values, width) = (x.floats()?, self.bias.len());
        let mut sums: Vec<f64> = match &self.trees {
            Trees::Double(forest) => {
                forest.aggregate(&values, columns, rows, Aggregate::Sum, run)?
            }
            Trees::Single(forest) => forest
                .aggregate(&values, columns, rows, Aggregate::Sum, run)?
                .into_iter()
                .map(f64::from)
                .collect(),
            Trees::Linear(weights) => {
                run.spend(values.len().saturating_mul(width))?;
                let dot = |row: &[f32], w: &[f64]| -> f64 {
                    row.iter().zip(w).map(|(x, w)| f64::from(*x) * w).sum()
                };
                let rows = values.chunks_exact(columns.max(1));
                rows.flat_map(|row| weights.iter().map(move |w| dot(row, w))).collect()
            }
        };
        for row in sums.chunks_exact_mut(width) {
            for (sum, bias) in row.iter_mut().zip(&self.bias) {
                *sum = *sum * self.scale + bias;
            }
        }
        self.objective.finish(sums, rows, width, self.labels.as_ref())
    }
}

/// Names that are only the numbers of columns are no names.
fn real_names(names: Vec<String>) -> Option<Vec<String>> {
    let generic = |(at, name): (usize, &String)| {
        name.is_empty()
            || name.trim_start_matches("Column_").trim_start_matches('f') == at.to_string()
    };
    let all_generic = names.iter().enumerate().all(generic);
    (!names.is_empty() && !all_generic).then_some(names)
}
