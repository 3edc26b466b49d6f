//! Several fields at once: Hotelling's T² measures the directions in which they vary together, and Q measures all
//! other directions.
//!
//! Jackson and Mudholkar (1979), "Control procedures for residuals associated with principal component
//! analysis". Of the first `learn` rows two thirds make the mean, the deviations and the principal components
//! of the correlations; the components that explain `keep` of the variance are kept. A row of standardised
//! fields x has
//!
//! T² = |A x|² with A = P Λ^(-1/2) Pᵀ, and Q = |B x|² with B = I - P Pᵀ:
//!
//! T² is large if a row is far out along the usual directions, Q if the fields no longer vary together. The last
//! third gives the usual values: T² and Q are divided by their quantile `level` there, so that the score, the larger
//! of the two ratios, is above 1 for what is rarer. What each field contributes is the share of its coordinate of A x
//! and B x (reconstruction by the square root, Alcala and Qin 2009, "complete decomposition").

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result, StatsError},
    order::{QuantileMethod, quantile},
    progress::Progress,
    snapshot::checked_snapshot,
};

const MAX_COLUMNS: usize = 32;
const MAX_LEARN: usize = 100_000;
/// The largest value: squares must not overflow.
const LARGEST: f64 = 1e100;
/// The deviation of a field that has none, relative to its mean.
const LEAST: f64 = 1e-9;
/// The square of a smaller deviation may have vanished.
const LEAST_DEVIATION: f64 = 1e-152;
/// Sweeps of Jacobi's method; 8 are enough for 32 columns.
const SWEEPS: usize = 30;

/// A baseline of rows; 8 · columns · learn bytes while it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Subspace {
    columns: u32,
    learn: u32,
    keep: f64,
    level: f64,
    rows: Vec<f64>,
    count: u64,
    model: Option<Model>,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Model {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    along: Vec<f64>,
    beside: Vec<f64>,
    t2_limit: f64,
    q_limit: f64,
}

/// The judgement of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct SubspaceStep {
    /// The larger of the two ratios.
    pub score: f64,
    /// T² over its limit.
    pub t2: f64,
    /// Q over its limit.
    pub q: f64,
    /// The share of each field; they add up to 1, or are all 0 for the mean itself.
    pub contributions: Vec<f64>,
}

impl Subspace {
    /// Makes one for rows of `columns` (1 to 32) fields that learns from `learn` rows (at least 6 and 3 for each
    /// column, at most 100,000). `keep` and `level` are between 0 and 1, usually 0.9 and 0.99.
    pub fn new(columns: usize, learn: usize, keep: f64, level: f64) -> Result<Subspace> {
        error::size("columns", columns, 1, MAX_COLUMNS)?;
        error::size("learn", learn, 6.max(3 * columns), MAX_LEARN)?;
        error::fraction("keep", keep)?;
        error::fraction("level", level)?;
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        let (columns, learn) = (narrow(columns), narrow(learn));
        Ok(Subspace { columns, learn, keep, level, rows: Vec::new(), count: 0, model: None })
    }

    /// Judges a row; `None` while it learns. An error unless all values are between -1e100 and 1e100.
    ///
    /// The last row of those it learns from takes O(learn · columns²); if that is interrupted, the row is not
    /// taken in.
    pub fn push(&mut self, row: &[f64], progress: &Progress<'_>) -> Result<Option<SubspaceStep>> {
        error::same_length(("the row", row.len()), ("columns", self.columns()))?;
        for &x in row {
            error::range("value", x, x.abs() < LARGEST, "between -1e100 and 1e100")?;
        }
        if let Some(model) = &self.model {
            self.count = self.count.saturating_add(1);
            return Ok(Some(model.judge(row)));
        }
        let before = self.rows.len();
        self.rows.extend_from_slice(row);
        if self.rows.len() == self.columns() * self.learn as usize {
            match Model::learn(&self.rows, self.columns(), self.keep, self.level, progress) {
                Ok(model) => (self.model, self.rows) = (Some(model), Vec::new()),
                Err(error) => {
                    self.rows.truncate(before);
                    return Err(error);
                }
            }
        }
        self.count = self.count.saturating_add(1);
        Ok(None)
    }

    /// The number of fields of a row.
    pub fn columns(&self) -> usize {
        self.columns as usize
    }

    /// How many rows were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the next row is judged.
    pub fn ready(&self) -> bool {
        self.model.is_some()
    }

    /// Forgets all rows and starts to learn again.
    pub fn reset(&mut self) {
        (self.rows, self.count, self.model) = (Vec::new(), 0, None);
    }

    fn check(&self) -> Result<()> {
        let (columns, learn) = (self.columns(), self.learn as usize);
        Subspace::new(columns, learn, self.keep, self.level)?;
        let learning = self.rows.len().is_multiple_of(columns) && self.rows.len() < columns * learn;
        error::intact("subspace", learning, "wrong number of rows")?;
        let small = self.rows.iter().all(|x| x.abs() < LARGEST);
        error::intact("subspace", small, "a value is out of range")?;
        self.model.as_ref().map_or(Ok(()), |model| model.check(columns))
    }
}

impl Model {
    fn learn(
        rows: &[f64],
        columns: usize,
        keep: f64,
        level: f64,
        progress: &Progress<'_>,
    ) -> Result<Model> {
        let count = rows.len() / columns;
        let (first, last) = rows.split_at(count * 2 / 3 * columns);
        let (mean, deviation) = columns_of(first, columns);
        for (j, deviation) in deviation.iter().enumerate() {
            let mut column = first.iter().skip(j).step_by(columns);
            if *deviation <= LEAST_DEVIATION && column.any(|x| *x != first[j]) {
                let reason = "the values of a column differ by less than 1e-150: multiply them by a power \
                              of ten first";
                return Err(StatsError::Undefined { name: "subspace", reason });
            }
        }
        let mut model = Model {
            mean,
            deviation,
            along: Vec::new(),
            beside: Vec::new(),
            t2_limit: 1.0,
            q_limit: 1.0,
        };
        model.components(first, keep, progress)?;
        let judged = last.chunks(columns).map(|row| progress.check().map(|()| model.judge(row)));
        let steps = judged.collect::<Result<Vec<SubspaceStep>>>()?;
        let limit = |of: fn(&SubspaceStep) -> f64| {
            let values: Vec<f64> = steps.iter().map(of).collect();
            quantile(&values, level, QuantileMethod::Linear, progress)
        };
        // Q is nothing where all components are kept.
        let positive = |limit: f64| if limit > LEAST { limit } else { LEAST };
        (model.t2_limit, model.q_limit) = (positive(limit(|s| s.t2)?), positive(limit(|s| s.q)?));
        Ok(model)
    }

    /// Makes the matrices of the principal components of the correlations.
    fn components(&mut self, rows: &[f64], keep: f64, progress: &Progress<'_>) -> Result<()> {
        let d = self.mean.len();
        let mut correlations = vec![0.0; d * d];
        let n = (rows.len() / d) as f64;
        for row in rows.chunks(d) {
            progress.check()?;
            let x = self.standardised(row);
            for i in 0..d {
                for j in 0..d {
                    correlations[i * d + j] += x[i] * x[j] / n;
                }
            }
        }
        let (values, vectors) = eigen(correlations, d);
        let total: f64 = values.iter().map(|v| v.max(0.0)).sum();
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        (self.along, self.beside) = (vec![0.0; d * d], vec![0.0; d * d]);
        let mut explained = 0.0;
        for component in order {
            let value = values[component];
            let kept = explained < keep * total && value > LEAST;
            explained += value.max(0.0);
            for i in 0..d {
                for j in 0..d {
                    let product = vectors[i * d + component] * vectors[j * d + component];
                    if kept {
                        self.along[i * d + j] += product / value.sqrt();
                    } else {
                        self.beside[i * d + j] += product;
                    }
                }
            }
        }
        Ok(())
    }

    fn standardised(&self, row: &[f64]) -> Vec<f64> {
        let columns = row.iter().zip(&self.mean).zip(&self.deviation);
        columns.map(|((x, mean), deviation)| (x - mean) / deviation).collect()
    }

    fn judge(&self, row: &[f64]) -> SubspaceStep {
        let x = self.standardised(row);
        let squares = |matrix: &[f64], limit: f64| {
            let rows = matrix.chunks(x.len());
            let of = |row: &[f64]| row.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>();
            rows.map(|row| of(row).powi(2).min(f64::MAX / 1e6) / limit).collect::<Vec<_>>()
        };
        let (along, beside) =
            (squares(&self.along, self.t2_limit), squares(&self.beside, self.q_limit));
        let (t2, q) = (along.iter().sum::<f64>(), beside.iter().sum::<f64>());
        let total = t2 + q;
        let share = |(a, b): (&f64, &f64)| if total > 0.0 { (a + b) / total } else { 0.0 };
        let contributions = along.iter().zip(&beside).map(share).collect();
        SubspaceStep { score: t2.max(q), t2, q, contributions }
    }

    fn check(&self, columns: usize) -> Result<()> {
        let sizes = [self.mean.len(), self.deviation.len()] == [columns; 2]
            && [self.along.len(), self.beside.len()] == [columns * columns; 2];
        error::intact("subspace", sizes, "its matrices do not fit")?;
        let numbers = self.mean.iter().chain(&self.along).chain(&self.beside);
        let finite = numbers.into_iter().all(|x| x.abs() < LARGEST)
            && self.deviation.iter().all(|&x| x > 0.0 && x < LARGEST);
        let limits = [self.t2_limit, self.q_limit].iter().all(|&x| x >= LEAST && x.is_finite());
        error::intact("subspace", finite && limits, "a number is out of range")
    }
}

/// The mean and the standard deviation of each column; never 0.
fn columns_of(rows: &[f64], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (rows.len() / columns) as f64;
    let each = |of: &dyn Fn(usize) -> f64| (0..columns).map(of).collect::<Vec<_>>();
    let mean = each(&|j| rows.iter().skip(j).step_by(columns).map(|x| x / n).sum());
    let deviation = each(&|j| {
        let squares = rows.iter().skip(j).step_by(columns).map(|x| (x - mean[j]).powi(2) / n);
        squares.sum::<f64>().sqrt().max(LEAST * mean[j].abs()).max(LEAST_DEVIATION)
    });
    (mean, deviation)
}

/// Eigenvalues, and eigenvectors as columns, of a symmetric matrix by Jacobi's rotations.
fn eigen(mut a: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; d * d];
    (0..d).for_each(|i| vectors[i * d + i] = 1.0);
    for _ in 0..SWEEPS {
        for p in 0..d {
            for q in p + 1..d {
                rotate(&mut a, &mut vectors, d, (p, q));
            }
        }
    }
    ((0..d).map(|i| a[i * d + i]).collect(), vectors)
}

/// Makes the element at (p, q) zero (Golub and Van Loan, "Matrix Computations", section 8.5).
fn rotate(a: &mut [f64], vectors: &mut [f64], d: usize, (p, q): (usize, usize)) {
    let off = a[p * d + q];
    if off == 0.0 {
        return;
    }
    let tau = (a[q * d + q] - a[p * d + p]) / (2.0 * off);
    let sign = if tau < 0.0 { -1.0 } else { 1.0 };
    let t = sign / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    let turn = |m: &mut [f64], i: usize, j: usize| {
        let (x, y) = (m[i], m[j]);
        (m[i], m[j]) = (c * x - s * y, s * x + c * y);
    };
    for k in 0..d {
        turn(a, k * d + p, k * d + q);
    }
    for k in 0..d {
        turn(a, p * d + k, q * d + k);
        turn(vectors, k * d + p, k * d + q);
    }
}

checked_snapshot!(Subspace);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{
            assert_all_close, continues_the_same, free, numbers, reference, survives_damage,
        },
    };

    /// Three fields, of which the third is the sum of the others.
    fn row(rng: &mut Rng) -> [f64; 3] {
        let (a, b) = (10.0 + rng.uniform(), 100.0 * rng.uniform());
        [a, b, a + b + 0.01 * rng.uniform()]
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let case = reference(include_str!("../../../tests/reference/subspace.json"));
        let values = numbers(&case["values"]);
        let mut subspace = Subspace::new(5, 300, 0.8, 0.99).unwrap();
        let steps = values.chunks(5).map(|row| subspace.push(row, &free()).unwrap());
        let steps: Vec<SubspaceStep> = steps.flatten().collect();
        let of = |pick: fn(&SubspaceStep) -> f64| steps.iter().map(pick).collect::<Vec<_>>();
        assert_all_close(&of(|s| s.t2), &numbers(&case["t2"]), 1e-9);
        assert_all_close(&of(|s| s.q), &numbers(&case["q"]), 1e-9);
    }

    #[test]
    fn fields_that_part_company_are_named() {
        let mut rng = Rng::new(3);
        let mut subspace = Subspace::new(3, 300, 0.9, 0.99).unwrap();
        (0..300).for_each(|_| assert!(subspace.push(&row(&mut rng), &free()).unwrap().is_none()));
        let quiet = (0..500)
            .filter(|_| subspace.push(&row(&mut rng), &free()).unwrap().unwrap().score > 1.0);
        assert!(quiet.count() < 30);
        // Each value is usual, but the first is not what the others say.
        let odd = subspace.push(&[10.5, 50.0, 90.0], &free()).unwrap().unwrap();
        assert!(odd.q > 10.0 && odd.t2 < 10.0, "{odd:?}");
        let far = subspace.push(&[30.0, 50.0, 80.0], &free()).unwrap().unwrap();
        assert!(far.score > 10.0 && far.contributions[0] > 0.5, "{far:?}");
        assert!((far.contributions.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn takes_constant_fields_and_extremes() {
        let mut subspace = Subspace::new(2, 6, 0.9, 0.9).unwrap();
        (0..6).for_each(|i| drop(subspace.push(&[5.0, f64::from(i)], &free()).unwrap()));
        assert!(subspace.push(&[5.0, 3.0], &free()).unwrap().unwrap().score <= 1.0);
        assert!(subspace.push(&[5.1, 3.0], &free()).unwrap().unwrap().score > 1e3);
        let far = subspace.push(&[9e99, -9e99], &free()).unwrap().unwrap();
        assert!(far.score.is_finite() && far.contributions.iter().all(|x| x.is_finite()));
        assert!(
            subspace.push(&[1e100, 0.0], &free()).is_err()
                && subspace.push(&[1.0], &free()).is_err()
        );
        assert!(Subspace::new(0, 9, 0.9, 0.9).is_err() && Subspace::new(3, 8, 0.9, 0.9).is_err());
    }

    #[test]
    fn snapshots() {
        let mut rng = Rng::new(4);
        let mut subspace = Subspace::new(3, 12, 0.9, 0.9).unwrap();
        (0..10).for_each(|_| drop(subspace.push(&row(&mut rng), &free())));
        let rows: Vec<[f64; 3]> = (0..9).map(|_| row(&mut rng)).collect();
        continues_the_same(&subspace, |subspace| {
            rows.iter().map(|row| subspace.push(row, &free()).unwrap()).collect::<Vec<_>>()
        });
        rows.iter().for_each(|row| drop(subspace.push(row, &free())));
        survives_damage(&subspace, |subspace| drop(subspace.push(&rows[0], &free())));
    }
}
