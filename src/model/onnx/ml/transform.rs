//! `post_transform`: what classifiers do with their scores at the end.

use super::super::kernel::Node;
use crate::model::error::{ModelError, Result};
use crate::model::math::{probit, sigmoid, softmax};

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
            0 => Self::None,
            1 => Self::Softmax,
            2 => Self::Logistic,
            3 => Self::SoftmaxZero,
            4 => Self::Probit,
            other => return Err(ModelError::Damaged(format!("the post_transform {other}"))),
        })
    }

    pub(super) fn apply(self, row: &mut [f32]) {
        match self {
            Self::None => {}
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
