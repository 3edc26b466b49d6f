//! Pools: one number out of each window, or out of each channel.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::window::{OUTSIDE, Window, count};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor};

/// What a pool makes of the elements in a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    Largest,
    /// The mean, which may count padding as zeros.
    Mean {
        padding: bool,
    },
    /// The p-th root of the sum of the p-th powers.
    Norm {
        p: i64,
    },
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    let pool = match node.operator.as_str() {
        "MaxPool" | "GlobalMaxPool" => Pool::Largest,
        "AveragePool" => Pool::Mean { padding: node.flag("count_include_pad", false) },
        "GlobalAveragePool" => Pool::Mean { padding: false },
        "LpPool" | "GlobalLpPool" => Pool::Norm { p: node.int("p", 2) },
        _ => return Ok(None),
    };
    if node.outputs > 1 {
        let text = format!("operator {} with indices", node.operator);
        return Err(ModelError::Unsupported(text));
    }
    if node.operator.starts_with("Global") {
        return Ok(Some(Box::new(move |inputs| global(inputs, pool))));
    }
    let window = Window::read(node)?;
    Ok(Some(Box::new(move |inputs| slide(inputs, pool, &window))))
}

impl Pool {
    fn of(self, values: impl Iterator<Item = f32>, padded: usize) -> f32 {
        match self {
            Self::Largest => {
                values.fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
            }
            Self::Mean { padding } => {
                let (mut sum, mut count) = (0.0, 0);
                for value in values {
                    sum += value;
                    count += 1;
                }
                sum / (if padding { padded } else { count }) as f32
            }
            Self::Norm { p: 1 } => values.map(f32::abs).sum(),
            Self::Norm { p: 2 } => libm::sqrtf(values.map(|x| x * x).sum()),
            Self::Norm { p } => {
                let p = p as f32;
                libm::powf(values.map(|x| libm::powf(x.abs(), p)).sum(), 1.0 / p)
            }
        }
    }
}

fn image(tensor: &Tensor) -> Result<(usize, &[usize])> {
    match tensor.shape()[..] {
        [n, c, ref image @ ..] if !image.is_empty() => Ok((n * c, image)),
        _ => Err(ModelError::Data(format!("a tensor of shape {}", tensor.shape()))),
    }
}

fn global(inputs: &Inputs<'_>, pool: Pool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let (_, sizes) = image(tensor)?;
    let area = count(sizes)?;
    if area == 0 {
        return Err(ModelError::data("a pool of no elements"));
    }
    inputs.run.room(tensor.len(), 1)?;
    let values = tensor.floats()?;
    let out = values.chunks_exact(area).map(|plane| pool.of(plane.iter().copied(), area));
    let mut sizes = tensor.shape().to_vec();
    sizes[2..].fill(1);
    Ok(Tensor::new(Shape::new(&sizes)?, Data::Float(out.collect()))?.into())
}

fn slide(inputs: &Inputs<'_>, pool: Pool, window: &Window) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let (planes, sizes) = image(tensor)?;
    let placed = window.place(sizes, window.kernel(&[])?)?;
    let table = window.table(&placed, sizes, inputs.run)?;
    let padded = window.padded_counts(&placed, sizes)?;
    let (positions, area) = (count(&placed.sizes)?, count(sizes)?);
    let mut to = tensor.shape()[..2].to_vec();
    to.extend_from_slice(&placed.sizes);
    let shape = Shape::new(&to)?;
    inputs.run.room(shape.elements(), 4)?;
    let values = tensor.floats()?;
    let mut out = Vec::with_capacity(shape.elements());
    for plane in 0..planes {
        inputs.run.spend(table.len())?;
        let source = &values[plane * area..(plane + 1) * area];
        for (position, &padded) in padded.iter().enumerate() {
            let cells = table.iter().skip(position).step_by(positions);
            let seen = cells.filter(|&&at| at != OUTSIDE).map(|&at| source[at]);
            out.push(pool.of(seen, padded));
        }
    }
    Ok(Tensor::new(shape, Data::Float(out))?.into())
}
