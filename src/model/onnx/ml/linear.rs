//! Linear models.

use super::super::core::{Factors, Fused, turned, unpacked};
use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::transform::{Other, Transform};
use crate::model::error::{ModelError, Result};
use crate::model::math::argmax;
use crate::model::tensor::{Data, Shape, Tensor};

/// A matrix with a column of weights for each target, and what is added to its product.
struct Weights {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    targets: usize,
    features: usize,
}

impl Weights {
    fn new(coefficients: Vec<f32>, intercepts: Vec<f32>, targets: usize) -> Result<Self> {
        let features = coefficients.len() / targets.max(1);
        if features == 0 || features * targets != coefficients.len() || intercepts.len() != targets
        {
            let text = format!(
                "{} coefficients and {} intercepts for {targets} targets",
                coefficients.len(),
                intercepts.len()
            );
            return Err(ModelError::Damaged(text));
        }
        let coefficients = turned(&coefficients, features);
        Ok(Self { coefficients, intercepts, targets, features })
    }

    fn scores(&self, inputs: &Inputs<'_>) -> Result<(usize, Vec<f32>)> {
        let tensor = inputs.tensor(0)?;
        let (rows, columns) = tensor.table()?;
        if columns != self.features {
            let text = format!("{columns} columns, the model has {}", self.features);
            return Err(ModelError::Data(text));
        }
        inputs.run.room(rows.saturating_mul(self.targets), 4)?;
        let mut scores = self.intercepts.repeat(rows);
        let sizes = (self.features, self.targets);
        let block = unpacked(self.features, self.targets);
        let x = tensor.floats()?;
        Factors { block, ..Factors::new(&x, &self.coefficients, sizes) }
            .add_to::<Fused>(&mut scores, inputs.run)?;
        Ok((rows, scores))
    }
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel> {
    let targets = usize::try_from(node.int("targets", 1)).unwrap_or(0);
    let mut intercepts = node.floats("intercepts")?;
    if intercepts.is_empty() && targets <= 1 << 20 {
        intercepts = vec![0.0; targets];
    }
    let weights = Weights::new(node.floats("coefficients")?, intercepts, targets)?;
    let transform = Transform::read(node)?;
    Ok(Box::new(move |inputs| {
        let (rows, mut scores) = weights.scores(inputs)?;
        scores.chunks_exact_mut(weights.targets).for_each(|row| transform.apply(row));
        let shape = Shape::new(&[rows, weights.targets])?;
        Ok(Tensor::new(shape, Data::Float(scores))?.into())
    }))
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel> {
    let labels = node.labels("classlabels_ints", "classlabels_strings");
    let intercepts = node.floats("intercepts")?;
    let count = intercepts.len();
    let weights = Weights::new(node.floats("coefficients")?, intercepts, count)?;
    let transform = Transform::read(node)?;
    if labels.len() < count || labels.is_empty() {
        return Err(ModelError::damaged("fewer classes than scores"));
    }
    let binary = count == 1;
    if binary {
        transform.of_one_score()?;
    }
    Ok(Box::new(move |inputs| {
        let (rows, mut scores) = weights.scores(inputs)?;
        if binary && labels.len() == 2 {
            let chosen = labels.pick(scores.iter().map(|&score| usize::from(score > 0.0)));
            let mut both = Vec::with_capacity(rows * 2);
            both.extend(scores.iter().flat_map(|&score| transform.two(score, Other::Complement)));
            let scores = Tensor::new(Shape::table(rows, 2), Data::Float(both))?;
            return Ok(Outputs::tensors([chosen, scores]));
        }
        let mut chosen = Vec::with_capacity(rows);
        for row in scores.chunks_exact_mut(count) {
            chosen.push(argmax(row));
            transform.apply(row);
        }
        let scores = Tensor::new(Shape::new(&[rows, count])?, Data::Float(scores))?;
        Ok(Outputs::tensors([labels.pick(chosen.into_iter()), scores]))
    }))
}
