//! `post_transform`: what classifiers do with their scores at the end.

use super::super::kernel::Node;
use super::super::table::Table;
use crate::model::error::{ModelError, Result};
use crate::model::math::{probit, sigmoid, softmax};

/// The score of the other one of two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// What is missing from one.
    Complement,
    /// The same with the other sign.
    Opposite,
}

/// The transformation of a row of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Softmax,
    /// As softmax, but scores of zero stay zero.
    SoftmaxZero,
    Logistic,
    Probit,
}

impl Transform {
    pub(super) fn read(node: &Node<'_>) -> Result<Self> {
        if node.attributes.get("post_transform").is_some_and(|a| a.text.is_empty()) {
            return Self::numbered(node.int("post_transform", 0));
        }
        Ok(match node.text("post_transform", "NONE").as_str() {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "LOGISTIC" => Self::Logistic,
            "PROBIT" => Self::Probit,
            other => return Err(ModelError::Damaged(format!("the post_transform '{other}'"))),
        })
    }

    /// The transformation as `TreeEnsemble` writes it.
    fn numbered(number: i64) -> Result<Self> {
        Ok(match number {
            // onnxruntime's numbers: the specification has softmax before logistic.
            0 => Self::None,
            1 => Self::Logistic,
            2 => Self::Softmax,
            3 => Self::SoftmaxZero,
            4 => Self::Probit,
            other => return Err(ModelError::Damaged(format!("the post_transform {other}"))),
        })
    }

    /// Refuses what has no meaning for a single score of two classes.
    pub(super) fn of_one_score(self) -> Result<()> {
        if self == Self::Probit {
            let text = "the post_transform PROBIT of one score for two classes";
            return Err(ModelError::Unsupported(text.into()));
        }
        Ok(())
    }

    /// The scores of two classes, of which the second is known.
    pub(super) fn two(self, score: f32, other: Other) -> [f32; 2] {
        match (self, other) {
            (Self::Logistic, _) => [sigmoid(-score), sigmoid(score)],
            (_, Other::Complement) => [1.0 - score, score],
            (_, Other::Opposite) => [-score, score],
        }
    }

    /// Makes the scores of two classes out of each score of a table.
    pub(super) fn both(self, table: &mut Table, other: Other) {
        let rows = table.numbers.len();
        table.numbers.resize(rows * 2, 0.0);
        for at in (0..rows).rev() {
            let both = self.two(table.numbers[at], other);
            table.numbers[at * 2..at * 2 + 2].copy_from_slice(&both);
        }
        table.columns = 2;
    }

    /// Changes the scores of a row. A single score is only changed by `PROBIT`.
    pub(super) fn apply(self, row: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Softmax | Self::SoftmaxZero | Self::Logistic if row.len() == 1 => {}
            Self::Softmax => softmax(row),
            Self::SoftmaxZero => softmax_zero(row),
            Self::Logistic => row.iter_mut().for_each(|x| *x = sigmoid(*x)),
            Self::Probit => row.iter_mut().for_each(|x| *x = probit(*x)),
        }
    }
}

fn softmax_zero(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        if x.abs() > 1e-7 {
            *x = libm::expf(*x - largest);
            sum += *x;
        } else {
            *x *= libm::expf(-largest);
        }
    }
    if sum > 0.0 {
        row.iter_mut().for_each(|x| *x /= sum);
    }
}
