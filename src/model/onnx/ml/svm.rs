//! Support vector machines.

use super::super::core::dot;
use super::super::kernel::{Kernel, Node, Outputs};
use super::transform::Transform;
use crate::model::error::{ModelError, Result};
use crate::model::math::{argmax, sigmoid};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor};
use crate::model::value::Labels;

/// How similar two rows are.
#[derive(Clone, Copy)]
enum Similarity {
    Linear,
    Polynomial { gamma: f32, constant: f32, degree: f32 },
    Radial { gamma: f32 },
    Sigmoid { gamma: f32, constant: f32 },
}

impl Similarity {
    fn read(node: &mut Node<'_>) -> Result<Self> {
        let numbers = node.floats("kernel_params")?;
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0.0);
        let (gamma, constant, degree) = (number(0), number(1), number(2));
        Ok(match node.text("kernel_type", "LINEAR").as_str() {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Polynomial { gamma, constant, degree },
            "RBF" => Self::Radial { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, constant },
            other => return Err(ModelError::Damaged(format!("the kernel '{other}'"))),
        })
    }

    fn of(self, a: &[f32], b: &[f32]) -> f32 {
        match self {
            Self::Linear => dot(a, b),
            Self::Polynomial { gamma, constant, degree } => {
                libm::powf(gamma * dot(a, b) + constant, degree)
            }
            Self::Radial { gamma } => {
                let difference = |(a, b): (&f32, &f32)| f64::from(a - b);
                let square: f64 = a.iter().zip(b).map(difference).map(|d| d * d).sum();
                libm::expf(-gamma * square as f32)
            }
            Self::Sigmoid { gamma, constant } => libm::tanhf(gamma * dot(a, b) + constant),
        }
    }
}

/// The rows of a table, each with the right number of columns.
fn rows(tensor: &Tensor, features: usize) -> Result<(usize, std::borrow::Cow<'_, [f32]>)> {
    let (rows, columns) = tensor.table()?;
    if columns != features {
        let text = format!("{columns} columns, the model has {features}");
        return Err(ModelError::Data(text));
    }
    Ok((rows, tensor.floats()?))
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel> {
    let similarity = Similarity::read(node)?;
    let (vectors, weights) = (node.floats("support_vectors")?, node.floats("coefficients")?);
    let count = usize::try_from(node.int("n_supports", 0)).unwrap_or(0);
    let (one_class, transform) = (node.flag("one_class", false), Transform::read(node)?);
    let rho = node.floats("rho")?.first().copied();
    let rho = rho.ok_or_else(|| ModelError::damaged("no rho"))?;
    let features = vectors.len().checked_div(count).unwrap_or(weights.len());
    let fits = count == 0 || features * count == vectors.len() && weights.len() == count;
    if features == 0 || !fits {
        return Err(ModelError::damaged("support vectors and coefficients do not fit together"));
    }
    Ok(Box::new(move |inputs| {
        let (count_rows, x) = rows(inputs.tensor(0)?, features)?;
        let mut out = Vec::with_capacity(count_rows);
        for row in x.chunks_exact(features) {
            inputs.run.spend(vectors.len() + features)?;
            let mut sum = f64::from(rho);
            if count == 0 {
                sum += f64::from(similarity.of(row, &weights));
            } else {
                let terms = vectors.chunks_exact(features).zip(&weights);
                let term = |(vector, w): (&[f32], &f32)| {
                    f64::from(*w) * f64::from(similarity.of(row, vector))
                };
                sum += terms.map(term).sum::<f64>();
            }
            let sum = sum as f32;
            out.push(match one_class {
                true if sum > 0.0 => 1.0,
                true => -1.0,
                false => sum,
            });
        }
        out.chunks_exact_mut(1).for_each(|row| transform.apply(row));
        Ok(Tensor::new(Shape::new(&[count_rows, 1])?, Data::Float(out))?.into())
    }))
}

/// A machine for each pair of classes.
struct Pairs {
    similarity: Similarity,
    labels: Labels,
    transform: Transform,
    vectors: Vec<f32>,
    features: usize,
    weights: Vec<f32>,
    rho: Vec<f32>,
    /// The first support vector of each class, and the end of the last.
    starts: Vec<usize>,
    /// Platt's sigmoid for each pair; empty where there are no probabilities.
    sigmoids: Vec<(f32, f32)>,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel> {
    let labels = node.labels("classlabels_ints", "classlabels_strings");
    let per_class = node.ints("vectors_per_class").unwrap_or_default();
    if per_class.is_empty() {
        return linear(node, labels);
    }
    let (a, b) = (node.floats("prob_a")?, node.floats("prob_b")?);
    let mut starts = vec![0usize];
    for &count in &per_class {
        let last = starts[starts.len() - 1];
        let next = usize::try_from(count).ok().and_then(|count| last.checked_add(count));
        starts.push(next.ok_or_else(|| ModelError::damaged("a negative number of vectors"))?);
    }
    let machine = Pairs {
        similarity: Similarity::read(node)?,
        transform: Transform::read(node)?,
        vectors: node.floats("support_vectors")?,
        features: 0,
        weights: node.floats("coefficients")?,
        rho: node.floats("rho")?,
        sigmoids: a.into_iter().zip(b).collect(),
        starts,
        labels,
    }
    .checked()?;
    Ok(Box::new(move |inputs| {
        let (count, x) = rows(inputs.tensor(0)?, machine.features)?;
        machine.run(count, &x, inputs.run)
    }))
}

impl Pairs {
    fn checked(mut self) -> Result<Self> {
        let (classes, total) = (self.labels.len(), self.starts[self.starts.len() - 1]);
        let pairs = classes * classes.saturating_sub(1) / 2;
        self.features = self.vectors.len() / total.max(1);
        let fits = classes >= 2
            && self.starts.len() == classes + 1
            && self.features > 0
            && self.vectors.len() == self.features * total
            && self.weights.len() == total * (classes - 1)
            && self.rho.len() >= pairs
            && [0, pairs].contains(&self.sigmoids.len());
        if fits {
            return Ok(self);
        }
        Err(ModelError::damaged("support vectors, coefficients and classes do not fit together"))
    }

    fn run(&self, count: usize, x: &[f32], run: &Run<'_>) -> Result<Outputs> {
        let classes = self.labels.len();
        let (mut chosen, mut out) = (Vec::with_capacity(count), Vec::new());
        for row in x.chunks_exact(self.features) {
            run.spend(self.vectors.len() + self.weights.len())?;
            let (scores, votes) = self.vote(row);
            chosen.push(
                (0..classes).fold(0, |best, c| if votes[c] > votes[best] { c } else { best }),
            );
            if !self.sigmoids.is_empty() {
                out.extend(self.probabilities(&scores));
            } else if classes == 2 {
                out.extend(self.two(scores[0]));
            } else {
                let mut scores = scores;
                self.transform.apply(&mut scores);
                out.extend(scores);
            }
        }
        let width = match (self.sigmoids.is_empty(), classes) {
            (true, 3..) => classes * (classes - 1) / 2,
            _ => classes,
        };
        let scores = Tensor::new(Shape::new(&[count, width])?, Data::Float(out))?;
        Ok(Outputs::tensors([self.labels.pick(&chosen), scores]))
    }

    fn two(&self, score: f32) -> [f32; 2] {
        match self.transform {
            Transform::Logistic => [sigmoid(-score), sigmoid(score)],
            _ => [-score, score],
        }
    }

    /// The score of each pair of classes, and how many pairs each class has won.
    fn vote(&self, row: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let similar: Vec<f32> = self
            .vectors
            .chunks_exact(self.features)
            .map(|vector| self.similarity.of(row, vector))
            .collect();
        let classes = self.labels.len();
        let total = similar.len();
        let (mut scores, mut votes) = (Vec::new(), vec![0; classes]);
        for a in 0..classes {
            for b in a + 1..classes {
                let (of_a, of_b) = (&self.weights[(b - 1) * total..], &self.weights[a * total..]);
                let side = |weights: &[f32], class: usize| -> f64 {
                    let range = self.starts[class]..self.starts[class + 1];
                    range.map(|at| f64::from(weights[at]) * f64::from(similar[at])).sum()
                };
                let sum = side(of_a, a) + side(of_b, b);
                let score = (sum + f64::from(self.rho[scores.len()])) as f32;
                votes[if score > 0.0 { a } else { b }] += 1;
                scores.push(score);
            }
        }
        (scores, votes)
    }

    /// The probabilities that fit those of the pairs best.
    #[expect(clippy::needless_range_loop, reason = "both sides of a pair are written")]
    fn probabilities(&self, scores: &[f32]) -> Vec<f32> {
        let classes = self.labels.len();
        let mut pairs = vec![vec![0.0; classes]; classes];
        let mut sigmoids = scores.iter().zip(&self.sigmoids);
        for a in 0..classes {
            for b in a + 1..classes {
                let Some((score, (slope, offset))) = sigmoids.next() else { continue };
                let z = f64::from(score * slope + offset);
                let p = if z >= 0.0 {
                    libm::exp(-z) / (1.0 + libm::exp(-z))
                } else {
                    1.0 / (1.0 + libm::exp(z))
                };
                let p = p.clamp(1e-7, 1.0 - 1e-7);
                pairs[a][b] = p;
                pairs[b][a] = 1.0 - p;
            }
        }
        couple(&pairs).into_iter().map(|p| p as f32).collect()
    }
}

/// Wu, Lin and Weng (2004), "Probability estimates for multi-class classification by pairwise
/// coupling", the second method.
fn couple(pairs: &[Vec<f64>]) -> Vec<f64> {
    let k = pairs.len();
    let mut q = vec![vec![0.0; k]; k];
    for t in 0..k {
        for j in (0..k).filter(|&j| j != t) {
            q[t][t] += pairs[j][t] * pairs[j][t];
            q[t][j] = -pairs[j][t] * pairs[t][j];
        }
    }
    let mut p = vec![1.0 / k as f64; k];
    let enough = 0.005 / k as f64;
    for _ in 0..k.max(100) {
        let mut qp: Vec<f64> =
            q.iter().map(|row| row.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut pqp: f64 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
        if qp.iter().all(|x| (x - pqp).abs() < enough) {
            break;
        }
        for t in 0..k {
            let d = (pqp - qp[t]) / q[t][t];
            p[t] += d;
            pqp = (pqp + d * (d * q[t][t] + 2.0 * qp[t])) / (1.0 + d) / (1.0 + d);
            for j in 0..k {
                qp[j] = (qp[j] + d * q[t][j]) / (1.0 + d);
                p[j] /= 1.0 + d;
            }
        }
    }
    p
}

/// A classifier without support vectors: a row of weights for each class.
fn linear(node: &mut Node<'_>, labels: Labels) -> Result<Kernel> {
    let (weights, transform) = (node.floats("coefficients")?, Transform::read(node)?);
    let similarity = Similarity::read(node)?;
    let rho = node.floats("rho")?.first().copied().unwrap_or(0.0);
    let classes = labels.len();
    let features = weights.len() / classes.max(1);
    if features == 0 || features * classes != weights.len() {
        return Err(ModelError::damaged("coefficients and classes do not fit together"));
    }
    Ok(Box::new(move |inputs| {
        let (count, x) = rows(inputs.tensor(0)?, features)?;
        let (mut chosen, mut out) = (Vec::with_capacity(count), Vec::new());
        for row in x.chunks_exact(features) {
            inputs.run.spend(weights.len())?;
            let score = |weights| similarity.of(row, weights) + rho;
            let mut scores: Vec<f32> = weights.chunks_exact(features).map(score).collect();
            chosen.push(argmax(&scores));
            transform.apply(&mut scores);
            out.extend(scores);
        }
        let scores = Tensor::new(Shape::new(&[count, classes])?, Data::Float(out))?;
        Ok(Outputs::tensors([labels.pick(&chosen), scores]))
    }))
}
