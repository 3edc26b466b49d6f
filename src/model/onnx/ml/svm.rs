//! Support vector machines.

use super::super::core::{Factors, Fused, turned, unpacked};
use super::super::kernel::{Kernel, Node, Outputs};
use super::transform::{Other, Transform};
use crate::model::error::{ModelError, Result};
use crate::model::math::{argmax, exp, sigmoid};
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
}

/// Support vectors, and how rows are compared with them.
struct Vectors {
    similarity: Similarity,
    /// The vectors as rows.
    rows: Vec<f32>,
    /// The vectors as columns.
    columns: Vec<f32>,
    features: usize,
    count: usize,
}

impl Vectors {
    fn new(similarity: Similarity, rows: Vec<f32>, features: usize) -> Self {
        let (columns, count) = (turned(&rows, features), rows.len() / features);
        Self { similarity, rows, columns, features, count }
    }

    /// How similar one row is to each vector.
    fn compare(&self, row: &[f32], similar: &mut [f32], run: &Run<'_>) -> Result<()> {
        match self.similarity {
            Similarity::Linear => self.products(row, (0.0, 1.0), similar, run)?,
            Similarity::Polynomial { gamma, constant, degree } => {
                self.products(row, (constant, gamma), similar, run)?;
                let power = |x: f32| match degree {
                    2.0 => x * x,
                    3.0 => x * x * x,
                    _ => libm::powf(x, degree),
                };
                similar.iter_mut().for_each(|x| *x = power(*x));
            }
            Similarity::Sigmoid { gamma, constant } => {
                self.products(row, (constant, gamma), similar, run)?;
                similar.iter_mut().for_each(|x| *x = libm::tanhf(*x));
            }
            Similarity::Radial { gamma } => {
                run.spend(self.rows.len())?;
                let vectors = self.rows.chunks_exact(self.features);
                for (similar, vector) in similar.iter_mut().zip(vectors) {
                    let square = |(a, b): (&f32, &f32)| (a - b) * (a - b);
                    let sum: f32 = row.iter().zip(vector).map(square).sum();
                    *similar = exp(-gamma * sum);
                }
            }
        }
        Ok(())
    }

    /// start + scale · row · vectors
    fn products(
        &self,
        row: &[f32],
        (start, scale): (f32, f32),
        similar: &mut [f32],
        run: &Run<'_>,
    ) -> Result<()> {
        similar.fill(start);
        let block = unpacked(self.features, self.count);
        let factors = Factors::new(row, &self.columns, (self.features, self.count));
        Factors { block, scale, ..factors }.add_to::<Fused>(similar, run)
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
    let one_class = node.flag("one_class", false);
    let rho = node.floats("rho")?.first().copied();
    let rho = rho.ok_or_else(|| ModelError::damaged("no rho"))?;
    let features = vectors.len().checked_div(count).unwrap_or(weights.len());
    let fits = count == 0 || features * count == vectors.len() && weights.len() == count;
    if features == 0 || !fits {
        return Err(ModelError::damaged("support vectors and coefficients do not fit together"));
    }
    // Without support vectors, the weights are the only vector of a linear kernel.
    let (vectors, weights) = match count {
        0 => (Vectors::new(Similarity::Linear, weights, features), vec![1.0]),
        _ => (Vectors::new(similarity, vectors, features), weights),
    };
    let block = unpacked(vectors.count, 1);
    Ok(Box::new(move |inputs| {
        let (rows, x) = rows(inputs.tensor(0)?, features)?;
        let mut out = vec![rho; rows];
        let mut similar = vec![0.0; vectors.count];
        for (row, out) in x.chunks_exact(features).zip(out.as_chunks_mut::<1>().0) {
            vectors.compare(row, &mut similar, inputs.run)?;
            let factors = Factors::new(&similar, &weights, (vectors.count, 1));
            Factors { block, ..factors }.add_to::<Fused>(out, inputs.run)?;
            if one_class {
                out[0] = if out[0] > 0.0 { 1.0 } else { -1.0 };
            }
        }
        Ok(Tensor::new(Shape::new(&[rows, 1])?, Data::Float(out))?.into())
    }))
}

/// A machine for each pair of classes.
struct Pairs {
    labels: Labels,
    transform: Transform,
    vectors: Vectors,
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
    let total = starts[starts.len() - 1];
    let (similarity, rows_of) = (Similarity::read(node)?, node.floats("support_vectors")?);
    let features = rows_of.len() / total.max(1);
    if features == 0 || rows_of.len() != features * total {
        return Err(misfit());
    }
    let machine = Pairs {
        transform: Transform::read(node)?,
        vectors: Vectors::new(similarity, rows_of, features),
        weights: node.floats("coefficients")?,
        rho: node.floats("rho")?,
        sigmoids: a.into_iter().zip(b).collect(),
        starts,
        labels,
    };
    machine.check()?;
    Ok(Box::new(move |inputs| {
        let (count, x) = rows(inputs.tensor(0)?, machine.vectors.features)?;
        machine.run(count, &x, inputs.run)
    }))
}

fn misfit() -> ModelError {
    ModelError::damaged("support vectors, coefficients and classes do not fit together")
}

impl Pairs {
    fn check(&self) -> Result<()> {
        let classes = self.labels.len();
        let pairs = classes * classes.saturating_sub(1) / 2;
        let fits = classes >= 2
            && self.starts.len() == classes + 1
            && self.weights.len() == self.vectors.count * (classes - 1)
            && self.rho.len() >= pairs
            && [0, pairs].contains(&self.sigmoids.len());
        if classes == 2 && self.sigmoids.is_empty() {
            self.transform.of_one_score()?;
        }
        if fits { Ok(()) } else { Err(misfit()) }
    }

    fn run(&self, count: usize, x: &[f32], run: &Run<'_>) -> Result<Outputs> {
        let classes = self.labels.len();
        let (mut chosen, mut out) = (Vec::with_capacity(count), Vec::new());
        let mut similar = vec![0.0; self.vectors.count];
        for row in x.chunks_exact(self.vectors.features) {
            run.spend(self.weights.len())?;
            self.vectors.compare(row, &mut similar, run)?;
            let (scores, votes) = self.vote(&similar);
            chosen.push(
                (0..classes).fold(0, |best, c| if votes[c] > votes[best] { c } else { best }),
            );
            if !self.sigmoids.is_empty() {
                let mut probabilities = self.probabilities(&scores);
                self.transform.apply(&mut probabilities);
                out.extend(probabilities);
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
        Ok(Outputs::tensors([self.labels.pick(chosen.into_iter()), scores]))
    }

    /// The scores of two classes without probabilities.
    fn two(&self, score: f32) -> [f32; 2] {
        let plain = self.transform == Transform::None;
        self.transform.two(score, if plain { Other::Opposite } else { Other::Complement })
    }

    /// The score of each pair of classes, and how many pairs each class has won.
    fn vote(&self, similar: &[f32]) -> (Vec<f32>, Vec<u32>) {
        let classes = self.labels.len();
        let total = similar.len();
        let (mut scores, mut votes) = (Vec::new(), vec![0; classes]);
        for a in 0..classes {
            for b in a + 1..classes {
                let (of_a, of_b) = (&self.weights[(b - 1) * total..], &self.weights[a * total..]);
                let side = |weights: &[f32], class: usize, start: f64| -> f64 {
                    let range = self.starts[class]..self.starts[class + 1];
                    range.fold(start, |sum, at| sum + f64::from(weights[at] * similar[at]))
                };
                let sum = side(of_b, b, side(of_a, a, 0.0));
                let sum = sum + f64::from(self.rho[scores.len()]);
                votes[if sum > 0.0 { a } else { b }] += 1;
                scores.push(sum as f32);
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
                let p = (1.0 - sigmoid(score * slope + offset)).clamp(1e-7, 1.0 - 1e-7);
                pairs[a][b] = p;
                pairs[b][a] = 1.0 - p;
            }
        }
        couple(&pairs)
    }
}

/// Wu, Lin and Weng (2004), "Probability estimates for multi-class classification by pairwise
/// coupling", the second method.
fn couple(pairs: &[Vec<f32>]) -> Vec<f32> {
    let k = pairs.len();
    let mut q = vec![vec![0.0f32; k]; k];
    for t in 0..k {
        for j in (0..k).filter(|&j| j != t) {
            q[t][t] += pairs[j][t] * pairs[j][t];
            q[t][j] = -pairs[j][t] * pairs[t][j];
        }
    }
    let mut p = vec![1.0 / k as f32; k];
    let enough = 0.005 / k as f32;
    for _ in 0..100 {
        let mut qp: Vec<f32> =
            q.iter().map(|row| row.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut pqp: f32 = p.iter().zip(&qp).map(|(p, qp)| p * qp).sum();
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
    let rho = node.floats("rho")?.first().copied();
    let rho = rho.ok_or_else(|| ModelError::damaged("no rho"))?;
    let classes = labels.len();
    let features = weights.len() / classes.max(1);
    if features == 0 || features * classes != weights.len() {
        return Err(misfit());
    }
    let positive = weights.iter().all(|&weight| weight >= 0.0);
    let vectors = Vectors::new(Similarity::Linear, weights, features);
    Ok(Box::new(move |inputs| {
        let (count, x) = rows(inputs.tensor(0)?, features)?;
        let (mut chosen, mut out) = (Vec::with_capacity(count), Vec::new());
        let mut scores = vec![0.0; classes];
        for row in x.chunks_exact(features) {
            vectors.products(row, (rho, 1.0), &mut scores, inputs.run)?;
            let best = argmax(&scores);
            // Of two classes, the second is chosen if any score says that a row belongs to one.
            let threshold = if positive { 0.5 } else { 0.0 };
            let passed = scores[best] > threshold || positive && scores[best] >= threshold;
            chosen.push(if classes == 2 && passed { 1 } else { best });
            transform.apply(&mut scores);
            out.extend_from_slice(&scores);
        }
        let scores = Tensor::new(Shape::new(&[count, classes])?, Data::Float(out))?;
        Ok(Outputs::tensors([labels.pick(chosen.into_iter()), scores]))
    }))
}
