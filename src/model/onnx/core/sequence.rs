//! Operators on lists of tensors, and on strings.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::layout::{concat, pieces};
use super::search::position;
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor, zip};
use crate::model::value::Value;
use std::sync::Arc;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let axis = node.int("axis", 0);
    Ok(Some(match node.operator.as_str() {
        "SequenceEmpty" => Box::new(|_| Ok(Outputs::One(Value::Sequence(Vec::new())))),
        "SequenceConstruct" => Box::new(|inputs| {
            let tensors = (0..inputs.len()).map(|at| inputs.tensor(at).cloned());
            Ok(Outputs::One(Value::Sequence(tensors.collect::<Result<_>>()?)))
        }),
        "SequenceAt" => Box::new(|inputs| {
            let sequence = inputs.value(0)?.sequence()?;
            let at = position(inputs.tensor(1)?.single_int()?, sequence.len())?;
            Ok(sequence[at].clone().into())
        }),
        "SequenceLength" => {
            Box::new(|inputs| Ok(Tensor::int(inputs.value(0)?.sequence()?.len() as i64).into()))
        }
        "SequenceInsert" => Box::new(insert),
        "SequenceErase" => Box::new(|inputs| {
            let mut sequence = inputs.value(0)?.sequence()?.to_vec();
            let at = match inputs.optional(1)? {
                Some(at) => at.single_int()?,
                None => -1,
            };
            sequence.remove(position(at, sequence.len())?);
            Ok(Outputs::One(Value::Sequence(sequence)))
        }),
        "ConcatFromSequence" => {
            let new_axis = node.flag("new_axis", false);
            Box::new(move |inputs| concat_sequence(inputs, axis, new_axis))
        }
        "SplitToSequence" => {
            let keep = node.flag("keepdims", true);
            Box::new(move |inputs| split_sequence(inputs, axis, keep))
        }
        "StringNormalizer" => normalizer(node),
        "StringConcat" => Box::new(|inputs| {
            let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
            let (Data::Text(x), Data::Text(y)) = (a.data(), b.data()) else {
                return Err(ModelError::data("strings are wanted"));
            };
            let join = |a: &Arc<str>, b: &Arc<str>| Arc::from(format!("{a}{b}"));
            let (shape, v) = zip((x, a.shape()), (y, b.shape()), inputs.run, join)?;
            Ok(Tensor::new(shape, Data::Text(v))?.into())
        }),
        _ => return Ok(None),
    }))
}

fn insert(inputs: &Inputs<'_>) -> Result<Outputs> {
    let mut sequence = inputs.value(0)?.sequence()?.to_vec();
    let at = match inputs.optional(2)? {
        Some(at) => position(at.single_int()?, sequence.len() + 1)?,
        None => sequence.len(),
    };
    sequence.insert(at, inputs.tensor(1)?.clone());
    Ok(Outputs::One(Value::Sequence(sequence)))
}

fn concat_sequence(inputs: &Inputs<'_>, axis: i64, new_axis: bool) -> Result<Outputs> {
    let sequence = inputs.value(0)?.sequence()?;
    if !new_axis {
        return Ok(concat(&sequence.iter().collect::<Vec<_>>(), axis, inputs.run)?.into());
    }
    let widen = |tensor: &Tensor| {
        let mut sizes = tensor.shape().to_vec();
        let at = position(axis, sizes.len() + 1)?;
        sizes.insert(at, 1);
        tensor.reshaped(Shape::new(&sizes)?)
    };
    let tensors = sequence.iter().map(widen).collect::<Result<Vec<_>>>()?;
    Ok(concat(&tensors.iter().collect::<Vec<_>>(), axis, inputs.run)?.into())
}

fn split_sequence(inputs: &Inputs<'_>, axis: i64, keep: bool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(axis)?;
    let total = tensor.shape()[axis];
    let sizes = match inputs.optional(1)? {
        Some(sizes) if sizes.shape().is_empty() => {
            let each = usize::try_from(sizes.single_int()?).ok().filter(|&each| each > 0);
            let each = each.ok_or_else(|| ModelError::data("pieces of no elements"))?;
            (0..total).step_by(each).map(|at| each.min(total - at) as i64).collect()
        }
        Some(sizes) => sizes.integers()?.into_owned(),
        None => vec![1; total],
    };
    let mut parts = pieces(tensor, axis, &sizes, inputs.run)?;
    if inputs.optional(1)?.is_none() && !keep {
        for part in &mut parts {
            let mut sizes = part.shape().to_vec();
            sizes.remove(axis);
            *part = part.reshaped(Shape::new(&sizes)?)?;
        }
    }
    Ok(Outputs::One(Value::Sequence(parts)))
}

/// Changes the case of strings, and drops those that mean nothing.
fn normalizer(node: &mut Node<'_>) -> Kernel {
    let case = node.text("case_change_action", "NONE");
    let sensitive = node.flag("is_case_sensitive", false);
    let stop: Vec<String> = node.texts("stopwords");
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let Data::Text(v) = tensor.data() else {
            return Err(ModelError::data("strings are wanted"));
        };
        let stopped = |text: &str| match sensitive {
            true => stop.iter().any(|word| word == text),
            false => stop.iter().any(|word| word.to_lowercase() == text.to_lowercase()),
        };
        let kept: Vec<Arc<str>> = v
            .iter()
            .filter(|text| !stopped(text))
            .map(|text| match case.as_str() {
                "LOWER" => text.to_lowercase().into(),
                "UPPER" => text.to_uppercase().into(),
                _ => text.clone(),
            })
            .collect();
        if stop.is_empty() {
            return Ok(Tensor::new(*tensor.shape(), Data::Text(kept))?.into());
        }
        let kept = if kept.is_empty() { vec!["".into()] } else { kept };
        let shape = match tensor.shape().len() {
            2 => Shape::table(1, kept.len()),
            _ => Shape::list(kept.len()),
        };
        Ok(Tensor::new(shape, Data::Text(kept))?.into())
    })
}
