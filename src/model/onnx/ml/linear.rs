//! Linear models.

use super::super::core::{Factors, Fused, turned, unpacked};
use super::super::kernel::{Kernel, Node};
use super::super::table::Table;
use super::transform::{Other, Transform};
use crate::model::error::{ModelError, Result};
use crate::model::math::argmax;
use crate::model::run::Run;

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

    /// Replaces the columns by the scores of the targets.
    fn apply(&self, table: &mut Table, run: &Run<'_>) -> Result<()> {
        if table.columns != self.features {
            let text = format!("{} columns, the model has {}", table.columns, self.features);
            return Err(ModelError::Data(text));
        }
        run.room(table.rows.saturating_mul(self.targets), 4)?;
        let sizes = (self.features, self.targets);
        let block = unpacked(self.features, self.targets);
        let factors = Factors { block, ..Factors::new(&table.numbers, &self.coefficients, sizes) };
        if let (1, Ok(&intercept)) =
            (table.rows, <[f32; 1]>::try_from(&self.intercepts[..]).as_ref())
        {
            // A score for a row needs no allocation.
            let mut score = intercept;
            factors.add_to::<Fused>(&mut score, run)?;
            table.numbers.clear();
            table.numbers.extend(score);
        } else {
            let mut scores = self.intercepts.repeat(table.rows);
            factors.add_to::<Fused>(&mut scores, run)?;
            table.numbers = scores;
        }
        table.columns = self.targets;
        Ok(())
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
    Ok(node.changing(move |table, run| {
        weights.apply(table, run)?;
        table.numbers.chunks_exact_mut(weights.targets).for_each(|row| transform.apply(row));
        Ok(())
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
    Ok(node.changing(move |table, run| {
        weights.apply(table, run)?;
        if binary && labels.len() == 2 {
            let above = table.numbers.iter().map(|&score| usize::from(score > 0.0));
            table.label = Some(labels.data(above));
            transform.both(table, Other::Complement);
            return Ok(());
        }
        table.label = Some(labels.data(table.numbers.chunks_exact(count).map(argmax)));
        table.numbers.chunks_exact_mut(count).for_each(|row| transform.apply(row));
        Ok(())
    }))
}
