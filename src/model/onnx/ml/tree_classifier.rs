//! `TreeEnsembleClassifier`: how the sums of trees become a label and scores.
//!
//! The rules for two classes are onnxruntime's, which the specification leaves open. Where it
//! answers with the labels 1 and 0 whatever the model's labels are, these are the model's.

use super::super::kernel::{Kernel, Node};
use super::transform::{Other, Transform};
use super::trees::{Answered, Asked, Scored, Trees, asking, base_values, is_double, read};
use crate::model::error::{ModelError, Result};
use crate::model::forest::Aggregate;
use crate::model::value::Labels;

/// How the sums of a row become a label and scores.
struct Classifier {
    labels: Labels,
    transform: Transform,
    base: Vec<f32>,
    /// Two classes, of which all weights belong to the same one.
    binary: bool,
    /// No weight is negative: the sum is a probability, not a margin.
    positive: bool,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel> {
    let double = is_double(node, &["nodes_values", "class_weights"]);
    let labels = node.labels("classlabels_int64s", "classlabels_strings");
    if labels.is_empty() {
        return Err(ModelError::damaged("a classifier without classes"));
    }
    let (transform, base) = (Transform::read(node)?, base_values(node)?);
    let mut builder = read(node, "class", labels.len())?;
    let first = builder.weights.first().map(|(class, _)| *class);
    let binary = labels.len() == 2 && builder.weights.iter().all(|(c, _)| Some(*c) == first);
    let positive = builder.weights.iter().all(|(_, weight)| *weight >= 0.0);
    if ![0, 1, labels.len()].contains(&base.len()) {
        return Err(ModelError::damaged("the number of base values"));
    }
    let single = labels.len() == 1 || binary && first == Some(0) && base.len() < 2;
    if single && labels.len() == 2 {
        transform.of_one_score()?;
    }
    let classifier = Classifier { labels, transform, base, binary, positive };
    if single {
        builder.weights.iter_mut().for_each(|(class, _)| *class = 0);
        builder.targets = 1;
        let trees = Trees::build(builder, double)?;
        return Ok(asking(node, move |asked| classifier.one_score(&trees, asked)));
    }
    let copy = builder.clone();
    let trees = Trees::build(builder, double)?;
    let scored = Scored::read(copy, double)?;
    Ok(asking(node, move |asked| classifier.many_scores(&trees, &scored, asked)))
}

impl Classifier {
    /// All sums belong to one class.
    fn one_score(&self, trees: &Trees, asked: &Asked<'_>) -> Result<Answered> {
        let mut scores = asked.scores(trees, Aggregate::Sum)?;
        let base = self.base.first().copied().unwrap_or(0.0);
        scores.iter_mut().for_each(|score| *score += base);
        if self.labels.len() == 1 {
            scores.chunks_exact_mut(1).for_each(|row| self.transform.apply(row));
            let label = self.labels.data(std::iter::repeat_n(0, scores.len()));
            return Ok(Answered { label: Some(label), scores, columns: 1 });
        }
        let chosen = scores.iter().map(|&score| usize::from(score > self.threshold()));
        let label = Some(self.labels.data(chosen));
        let both = scores.iter().flat_map(|&score| self.transform.two(score, self.other()));
        Ok(Answered { label, scores: both.collect(), columns: 2 })
    }

    fn many_scores(&self, trees: &Trees, scored: &Scored, asked: &Asked<'_>) -> Result<Answered> {
        let classes = self.labels.len();
        let mut scores = asked.scores(trees, Aggregate::Sum)?;
        let scored = scored.rows(asked)?;
        let rows = scores.chunks_exact_mut(classes).zip(scored.chunks_exact(classes).cycle());
        let chosen = rows.map(|(row, has)| match row {
            [first, second] => {
                let (class, both) = self.pair([*first, *second], [has[0], has[1]]);
                [*first, *second] = both;
                class
            }
            row => self.best(row, has),
        });
        let label = Some(self.labels.data(chosen));
        Ok(Answered { label, scores, columns: classes })
    }

    /// Above this the second of two classes is chosen.
    fn threshold(&self) -> f32 {
        if self.binary && self.positive { 0.5 } else { 0.0 }
    }

    fn other(&self) -> Other {
        if self.binary && self.positive { Other::Complement } else { Other::Opposite }
    }

    /// The class and the scores of two classes that have sums of their own.
    fn pair(&self, [mut first, mut second]: [f32; 2], has: [bool; 2]) -> (usize, [f32; 2]) {
        match (&self.base[..], has[1]) {
            (&[_, base], true) => {
                second = base + first;
                first = -second;
            }
            (&[base, ..], _) => first += base,
            ([], _) => {}
        }
        let score = if has[1] { second } else { first };
        let class = usize::from(score > self.threshold());
        if !has[1] && self.base.len() < 2 {
            return (class, self.transform.two(first, self.other()));
        }
        let mut both = [if has[0] { first } else { 0.0 }, if has[1] { second } else { 0.0 }];
        self.transform.apply(&mut both);
        (class, both)
    }

    /// The class of the largest score, among those that have one.
    fn best(&self, row: &mut [f32], has: &[bool]) -> usize {
        let given = self.base.len() == row.len();
        if given {
            row.iter_mut().zip(&self.base).for_each(|(x, base)| *x += base);
        }
        let mut best: Option<usize> = None;
        for at in (0..row.len()).filter(|&at| given || has[at]) {
            if best.is_none_or(|best| row[at] > row[best]) {
                best = Some(at);
            }
        }
        self.transform.apply(row);
        best.unwrap_or(0)
    }
}
