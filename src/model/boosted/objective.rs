//! The objective of a boosted model: how the sums of its trees become predictions.

use crate::model::error::Result;
use crate::model::tensor::{Data, Shape, Tensor};
use crate::model::value::{Labels, Values};
use smallvec::smallvec;

/// The function at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    /// The sums themselves.
    Value,
    /// The exponential of the sums: counts, amounts, times.
    Exponential,
    /// 1 / (1 + exp(-x)), as a value.
    Logistic,
    /// ln(1 + exp(x)), as LightGBM's `cross_entropy_lambda` has it.
    LogOnePlusExp,
    /// The square with its sign: LightGBM learnt the root.
    SignedSquare,
    /// Whether the sum is above zero, as 0 or 1.
    Step,
    /// Two classes from one sum, whose steepness LightGBM can change.
    TwoClasses { steepness: f64 },
    /// Classes whose probabilities sum up to one.
    Softmax,
    /// Classes that are independent of each other; they may be scaled to a sum of one.
    OneVersusAll { steepness: f64, normalized: bool },
}

impl Objective {
    /// The number of classes for so many sums; none for a regressor.
    pub(super) fn classes(self, sums: usize) -> Option<usize> {
        match self {
            Self::TwoClasses { .. } => Some(2),
            Self::Softmax | Self::OneVersusAll { .. } => Some(sums),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Exponential => "the exponential of a value",
            Self::Logistic => "a value between 0 and 1",
            Self::LogOnePlusExp => "a positive value",
            Self::SignedSquare => "the square of a value",
            Self::Step => "0 or 1",
            Self::TwoClasses { .. } => "two classes",
            Self::Softmax | Self::OneVersusAll { .. } => "several classes",
        }
    }

    /// Makes the outputs from the sums of all rows.
    pub(super) fn finish(
        self,
        mut sums: Vec<f64>,
        rows: usize,
        width: usize,
        labels: Option<&Labels>,
    ) -> Result<Values> {
        let Some(classes) = self.classes(width) else {
            sums.iter_mut().for_each(|x| *x = self.value(*x));
            let values = sums.into_iter().map(|x| x as f32).collect();
            let values = Tensor::new(Shape::new(&[rows, width])?, Data::Float(values))?;
            return Ok(smallvec![values.into()]);
        };
        let (mut chosen, mut out) = (Vec::with_capacity(rows), Vec::with_capacity(rows * classes));
        for row in sums.chunks_exact_mut(width) {
            match self {
                Self::TwoClasses { steepness } => {
                    let p = logistic(row[0] * steepness);
                    chosen.push(usize::from(row[0] > 0.0));
                    out.extend([(1.0 - p) as f32, p as f32]);
                }
                _ => {
                    self.probabilities(row);
                    let best = |best, at| if row[at] > row[best] { at } else { best };
                    chosen.push((1..classes).fold(0, best));
                    out.extend(row.iter().map(|&x| x as f32));
                }
            }
        }
        let numbers;
        let labels = match labels {
            Some(labels) => labels,
            None => {
                numbers = Labels::Ints((0..classes as i64).collect());
                &numbers
            }
        };
        let out = Tensor::new(Shape::new(&[rows, classes])?, Data::Float(out))?;
        Ok(smallvec![labels.pick(chosen.into_iter()).into(), out.into()])
    }

    fn value(self, x: f64) -> f64 {
        match self {
            Self::Exponential => libm::exp(x),
            Self::Logistic => logistic(x),
            Self::LogOnePlusExp => libm::log1p(libm::exp(x)),
            Self::SignedSquare => x * x.abs(),
            Self::Step => f64::from(u8::from(x > 0.0)),
            _ => x,
        }
    }

    fn probabilities(self, row: &mut [f64]) {
        match self {
            Self::OneVersusAll { steepness, normalized } => {
                row.iter_mut().for_each(|x| *x = logistic(*x * steepness));
                let sum: f64 = row.iter().sum();
                if normalized && sum > 0.0 {
                    row.iter_mut().for_each(|x| *x /= sum);
                }
            }
            _ => {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter_mut().for_each(|x| *x = libm::exp(*x - largest));
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
        }
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
