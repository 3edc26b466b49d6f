//! Operators that prepare the columns of a table.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor, gather, within};

/// A tensor of floats and the width of its rows.
fn columns(inputs: &Inputs<'_>, counts: &[usize]) -> Result<usize> {
    let tensor = inputs.tensor(0)?;
    let width = tensor.shape().last().copied().unwrap_or(1);
    inputs.run.room(tensor.len(), 8)?;
    fits(width, counts)?;
    Ok(width.max(1))
}

/// Refuses columns that are not as many as an operator has numbers for.
fn fits(width: usize, counts: &[usize]) -> Result<()> {
    match counts.iter().find(|&&count| count > 1 && count != width) {
        Some(count) => Err(ModelError::Data(format!("{width} columns, the model has {count}"))),
        None => Ok(()),
    }
}

/// `(x - offset) * scale`, with numbers for each column or for all.
pub(super) fn scaler(node: &mut Node<'_>) -> Result<Kernel> {
    let (offset, scale) = (node.floats("offset")?, node.floats("scale")?);
    if offset.is_empty() || scale.is_empty() {
        return Err(ModelError::damaged("a scaler without offsets or scales"));
    }
    Ok(node.changing_rows(move |table, run| {
        fits(table.columns, &[offset.len(), scale.len()])?;
        run.room(table.numbers.len(), 4)?;
        for row in table.numbers.chunks_mut(table.columns.max(1)) {
            let numbers = offset.iter().cycle().zip(scale.iter().cycle());
            row.iter_mut().zip(numbers).for_each(|(x, (offset, scale))| *x = (*x - offset) * scale);
        }
        Ok(())
    }))
}

/// Divides each row by its largest element, its sum, or its length.
pub(super) fn normalizer(node: &mut Node<'_>) -> Result<Kernel> {
    let norm = node.text("norm", "MAX");
    let norm: fn(&[f32]) -> f32 = match norm.as_str() {
        "MAX" => |row| row.iter().copied().fold(f32::MIN, f32::max),
        "L1" => |row| row.iter().map(|x| x.abs()).sum(),
        "L2" => |row| libm::sqrtf(row.iter().map(|x| x * x).sum()),
        other => return Err(ModelError::Damaged(format!("the norm '{other}'"))),
    };
    Ok(node.changing_rows(move |table, run| {
        run.room(table.numbers.len(), 4)?;
        for row in table.numbers.chunks_mut(table.columns.max(1)) {
            let norm = norm(row);
            if norm != 0.0 {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
        Ok(())
    }))
}

/// Replaces the missing values of each column.
pub(super) fn imputer(node: &mut Node<'_>) -> Result<Kernel> {
    let floats = node.floats("imputed_value_floats")?;
    let ints = node.ints("imputed_value_int64s").unwrap_or_default();
    let missing = node.float("replaced_value_float", 0.0);
    let missing_int = node.int("replaced_value_int64", 0);
    if floats.is_empty() && ints.is_empty() {
        return Err(ModelError::damaged("an imputer without values"));
    }
    Ok(Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        let width = columns(inputs, &[floats.len(), ints.len()])?;
        let data = match tensor.data() {
            Data::Int(v) if !ints.is_empty() => {
                let fill =
                    |(at, &x)| if x == missing_int { ints[at % width % ints.len()] } else { x };
                Data::Int(v.iter().enumerate().map(fill).collect())
            }
            _ if floats.is_empty() => return Err(ModelError::data("integers are wanted")),
            _ => {
                let is_missing = |x: f32| x == missing || missing.is_nan() && x.is_nan();
                let fill = |(at, &x): (usize, &f32)| {
                    if is_missing(x) { floats[at % width % floats.len()] } else { x }
                };
                Data::Float(tensor.floats()?.iter().enumerate().map(fill).collect())
            }
        };
        Ok(Tensor::new(*tensor.shape(), data)?.into())
    }))
}

pub(super) fn binarizer(node: &mut Node<'_>) -> Kernel {
    let threshold = node.float("threshold", 0.0);
    Box::new(move |inputs| {
        let tensor = inputs.tensor(0)?;
        inputs.run.room(tensor.len(), 4)?;
        let above = |&x: &f32| if x > threshold { 1.0 } else { 0.0 };
        let out = tensor.floats()?.iter().map(above).collect();
        Ok(Tensor::new(*tensor.shape(), Data::Float(out))?.into())
    })
}

/// Picks columns by their numbers.
pub(super) fn extractor() -> Kernel {
    Box::new(|inputs| {
        let (tensor, wanted) = (inputs.tensor(0)?, inputs.tensor(1)?.integers()?);
        let width = columns(inputs, &[])?;
        let error = |at: &i64| ModelError::Data(format!("column {at} of {width}"));
        let wanted: Vec<usize> = wanted
            .iter()
            .map(|at| within(*at, width).ok_or_else(|| error(at)))
            .collect::<Result<_>>()?;
        let rows = tensor.len() / width;
        inputs.run.room(rows.saturating_mul(wanted.len()), 16)?;
        let places: Vec<usize> =
            (0..rows).flat_map(|row| wanted.iter().map(move |at| row * width + at)).collect();
        let shape = match tensor.shape()[..] {
            [] | [_] => Shape::new(&[1, wanted.len()])?,
            _ => tensor.shape().with(tensor.shape().len() - 1, wanted.len())?,
        };
        Ok(Tensor::new(shape, gather(tensor.data(), &places))?.into())
    })
}

/// Puts the columns of several tables side by side, as floats.
pub(super) fn vectorizer() -> Kernel {
    Box::new(|inputs| {
        let mut tables = Vec::with_capacity(inputs.len());
        for at in 0..inputs.len() {
            let tensor = inputs.tensor(at)?;
            let (rows, columns) = match tensor.shape()[..] {
                [rows] => (rows, 1),
                _ => tensor.table()?,
            };
            tables.push((rows, columns, tensor.floats()?));
        }
        let rows = tables.first().map_or(0, |table| table.0);
        if tables.iter().any(|table| table.0 != rows) {
            return Err(ModelError::data("tables of different numbers of rows"));
        }
        let width: usize = tables.iter().map(|table| table.1).sum();
        let shape = Shape::new(&[rows, width])?;
        inputs.run.room(shape.elements(), 4)?;
        let mut out = Vec::with_capacity(shape.elements());
        for row in 0..rows {
            for (_, columns, values) in &tables {
                out.extend_from_slice(&values[row * columns..(row + 1) * columns]);
            }
        }
        Ok(Outputs::from(Tensor::new(shape, Data::Float(out))?))
    })
}
