//! `Einsum`: sums of products along named dimensions.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor};

/// The names of the dimensions of the operands, of the result, and those that are summed up.
struct Equation {
    operands: Vec<Vec<char>>,
    result: Vec<char>,
    summed: Vec<char>,
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    if node.operator != "Einsum" {
        return Ok(None);
    }
    let equation = Equation::read(&node.text("equation", ""))?;
    Ok(Some(Box::new(move |inputs| equation.run(inputs))))
}

impl Equation {
    fn read(text: &str) -> Result<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if text.contains('.') {
            return Err(ModelError::Unsupported("operator Einsum with an ellipsis".into()));
        }
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let operands: Vec<Vec<char>> = left.split(',').map(|part| part.chars().collect()).collect();
        let mut names: Vec<char> = operands.concat();
        let once = |name: &char| names.iter().filter(|other| *other == name).count() == 1;
        let result: Vec<char> = match right {
            Some(right) => right.chars().collect(),
            None => {
                let mut free: Vec<char> = names.iter().copied().filter(|name| once(name)).collect();
                free.sort_unstable();
                free
            }
        };
        let distinct = result.iter().enumerate().all(|(at, name)| !result[..at].contains(name));
        let known = names.iter().chain(&result).all(|name| name.is_ascii_alphabetic())
            && result.iter().all(|name| names.contains(name));
        if !distinct || !known {
            return Err(ModelError::Damaged(format!("the equation '{text}'")));
        }
        names.sort_unstable();
        names.dedup();
        let summed = names.into_iter().filter(|name| !result.contains(name)).collect();
        Ok(Self { operands, result, summed })
    }

    fn run(&self, inputs: &Inputs<'_>) -> Result<Outputs> {
        if inputs.len() != self.operands.len() {
            return Err(ModelError::data("another number of inputs than the equation has"));
        }
        let tensors = (0..inputs.len()).map(|at| inputs.tensor(at)).collect::<Result<Vec<_>>>()?;
        let names: Vec<char> = self.result.iter().chain(&self.summed).copied().collect();
        let sizes =
            names.iter().map(|&name| self.size(name, &tensors)).collect::<Result<Vec<_>>>()?;
        let (outer, inner) = sizes.split_at(self.result.len());
        let (shape, sum) = (Shape::new(outer)?, Shape::new(inner)?.elements());
        let values = tensors.iter().map(|t| t.doubles()).collect::<Result<Vec<_>>>()?;
        inputs.run.room(shape.elements(), 8)?;
        let strides: Vec<Vec<usize>> = self
            .operands
            .iter()
            .zip(&tensors)
            .map(|(operand, tensor)| {
                names.iter().map(|&name| stride(name, operand, tensor)).collect()
            })
            .collect();
        let mut out = Vec::with_capacity(shape.elements());
        let mut at = vec![0; names.len()];
        for _ in 0..shape.elements() {
            inputs.run.spend(sum.saturating_mul(names.len() * tensors.len()))?;
            let mut total = 0.0;
            for _ in 0..sum {
                let place = |strides: &[usize]| strides.iter().zip(&at).map(|(s, i)| s * i).sum();
                let factor = |(v, strides): (&std::borrow::Cow<'_, [f64]>, &Vec<usize>)| {
                    let place: usize = place(strides);
                    v[place]
                };
                total += values.iter().zip(&strides).map(factor).product::<f64>();
                advance(&mut at[outer.len()..], inner);
            }
            out.push(total);
            advance(&mut at[..outer.len()], outer);
        }
        let data = match tensors[0].data() {
            Data::Double(_) => Data::Double(out),
            _ => Data::Float(out.into_iter().map(|x| x as f32).collect()),
        };
        Ok(Tensor::new(shape, data)?.into())
    }

    fn size(&self, name: char, tensors: &[&Tensor]) -> Result<usize> {
        let mut size = None;
        for (operand, tensor) in self.operands.iter().zip(tensors) {
            if operand.len() != tensor.shape().len() {
                let text = format!("an operand of shape {} for {operand:?}", tensor.shape());
                return Err(ModelError::Data(text));
            }
            for (&other, &this) in operand.iter().zip(tensor.shape().iter()) {
                if other == name && size.replace(this).is_some_and(|size| size != this) {
                    return Err(ModelError::Data(format!("dimension '{name}' has two sizes")));
                }
            }
        }
        Ok(size.unwrap_or(1))
    }
}

/// The distance in memory of neighbours along a named dimension; a diagonal has it more than once.
fn stride(name: char, operand: &[char], tensor: &Tensor) -> usize {
    let strides = tensor.shape().strides();
    let named = operand.iter().zip(strides).filter(|(other, _)| **other == name);
    named.map(|(_, stride)| stride).sum()
}

fn advance(at: &mut [usize], sizes: &[usize]) {
    for (at, size) in at.iter_mut().zip(sizes).rev() {
        *at += 1;
        if *at < *size {
            return;
        }
        *at = 0;
    }
}
