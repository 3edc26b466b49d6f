//! Products of matrices, and distances between their rows.
//!
//! Each element of a result is summed up in the same order whatever the number of rows, so a row
//! alone and the row in a batch give the same bits.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::arithmetic::add;
use super::product::{Factors, Fused, PACKED, Plain, Rounding, unpacked};
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor, offsets, transpose};
use std::num::Wrapping;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "MatMul" => {
            let constant = node.constant(1).is_some();
            Box::new(move |inputs| {
                let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
                Ok(multiply(a, b, constant, inputs.run)?.into())
            })
        }
        "Gemm" => gemm(node)?,
        _ => return Ok(None),
    }))
}

/// The product as numpy's `matmul` defines it: lists are rows or columns, the rest is stacked.
/// Sums are rounded as for a constant right matrix, or as for one that is computed.
pub(super) fn multiply(a: &Tensor, b: &Tensor, constant: bool, run: &Run<'_>) -> Result<Tensor> {
    let error = || ModelError::Data(format!("a product of shapes {} and {}", a.shape(), b.shape()));
    let (s, t) = (a.shape(), b.shape());
    let (Some(&k), false) = (s.last(), t.is_empty()) else { return Err(error()) };
    let (rows, a_stack) =
        if s.len() == 1 { (1, &s[..0]) } else { (s[s.len() - 2], &s[..s.len() - 2]) };
    let (depth, columns, b_stack) = match t[..] {
        [depth] => (depth, 1, &t[..0]),
        _ => (t[t.len() - 2], t[t.len() - 1], &t[..t.len() - 2]),
    };
    if depth != k {
        return Err(error());
    }
    let (a_stack, b_stack) = (Shape::new(a_stack)?, Shape::new(b_stack)?);
    let stack = a_stack.broadcast(&b_stack)?;
    let mut sizes = stack.to_vec();
    sizes.extend((s.len() > 1).then_some(rows));
    sizes.extend((t.len() > 1).then_some(columns));
    let shape = Shape::new(&sizes)?;
    // One matrix on the right: all rows on the left are one tall matrix.
    let places = if b_stack.elements() == 1 && stack == a_stack {
        (vec![0], vec![0], rows * stack.elements())
    } else {
        (offsets(&a_stack, &stack), offsets(&b_stack, &stack), rows)
    };
    run.room(shape.elements(), 8)?;
    let block = if constant { PACKED } else { unpacked(k, columns) };
    let sizes = (places.2, k, columns, block);
    let places = (&places.0[..], &places.1[..]);
    let data = match (a.data(), b.data()) {
        (Data::Int(a), Data::Int(b)) => {
            let wrap = |v: &[i64]| v.iter().map(|&x| Wrapping(x)).collect::<Vec<_>>();
            let sums = stacked::<_, Plain>(&wrap(a), &wrap(b), places, sizes, run)?;
            Data::Int(sums.into_iter().map(|x| x.0).collect())
        }
        (Data::Double(_), _) | (_, Data::Double(_)) => {
            Data::Double(stacked::<_, Plain>(&a.doubles()?, &b.doubles()?, places, sizes, run)?)
        }
        _ => {
            let (a, b) = (a.floats()?, b.floats()?);
            Data::Float(if columns == 1 {
                stacked::<_, Fused>(&a, &b, places, sizes, run)?
            } else {
                stacked::<_, Plain>(&a, &b, places, sizes, run)?
            })
        }
    };
    Tensor::new(shape, data)
}

fn stacked<T: Copy + Default, R: Rounding<T>>(
    a: &[T],
    b: &[T],
    (a_places, b_places): (&[usize], &[usize]),
    (m, k, n, block): (usize, usize, usize, usize),
    run: &Run<'_>,
) -> Result<Vec<T>> {
    let mut out = vec![T::default(); a_places.len() * m * n];
    if out.is_empty() {
        return Ok(out);
    }
    for (out, (&x, &y)) in out.chunks_exact_mut(m * n).zip(a_places.iter().zip(b_places)) {
        let (a, b) = (&a[x * m * k..(x + 1) * m * k], &b[y * k * n..(y + 1) * k * n]);
        Factors { block, ..Factors::new(a, b, (k, n)) }.add_to::<R>(out, run)?;
    }
    Ok(out)
}

/// alpha · A · B + beta · C, with A and B turned when the node says so.
fn gemm(node: &mut Node<'_>) -> Result<Kernel> {
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let (turn_a, turn_b) = (node.flag("transA", false), node.flag("transB", false));
    // Weights that are known are turned once, at load.
    let known = match node.constant(1).filter(|b| turn_b && b.shape().len() == 2) {
        Some(b) => Some(transpose(b, &[1, 0], &Run::new(&|| false, usize::MAX))?),
        None => None,
    };
    let constant = node.constant(1).is_some();
    Ok(Box::new(move |inputs| {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        if a.shape().len() != 2 || b.shape().len() != 2 {
            return Err(ModelError::data("two matrices are wanted"));
        }
        let (turned_a, turned_b);
        let a = if turn_a {
            turned_a = transpose(a, &[1, 0], inputs.run)?;
            &turned_a
        } else {
            a
        };
        let b = match &known {
            Some(known) => known,
            None if turn_b => {
                turned_b = transpose(b, &[1, 0], inputs.run)?;
                &turned_b
            }
            None => b,
        };
        let addend = inputs.optional(2)?.map(|c| scaled(c.clone(), beta)).transpose()?;
        Ok(product_and_sum(a, b, addend, (alpha, constant), inputs.run)?.into())
    }))
}

/// scale · A · B + C, rounded as for a constant B or as for one that is computed.
fn product_and_sum(
    a: &Tensor,
    b: &Tensor,
    addend: Option<Tensor>,
    (scale, constant): (f32, bool),
    run: &Run<'_>,
) -> Result<Tensor> {
    let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    if b.shape()[0] != k {
        return Err(ModelError::Data(format!(
            "a product of shapes {} and {}",
            a.shape(),
            b.shape()
        )));
    }
    let shape = Shape::new(&[m, n])?;
    run.room(shape.elements(), 8)?;
    let double = matches!(a.data(), Data::Double(_)) || matches!(b.data(), Data::Double(_));
    let zeros = match (a.data(), double) {
        (_, true) => Data::Double(vec![0.0; shape.elements()]),
        (Data::Int(_), _) => Data::Int(vec![0; shape.elements()]),
        _ => Data::Float(vec![0.0; shape.elements()]),
    };
    let mut sum = Tensor::new(shape, zeros)?;
    if let Some(addend) = addend {
        sum = add(&sum, &addend, run)?;
        if *sum.shape() != shape {
            return Err(ModelError::Data(format!("an addend of shape {}", addend.shape())));
        }
    }
    let block = if constant { PACKED } else { unpacked(k, n) };
    let data = match sum.into_data() {
        Data::Float(mut out) => {
            let (a, b) = (a.floats()?, b.floats()?);
            let factors = Factors { block, scale, ..Factors::new(&a, &b, (k, n)) };
            // A scale belongs to the squares of distances, whose terms cancel each other out.
            if scale != 1.0 || n == 1 {
                factors.add_to::<Fused>(&mut out, run)?;
            } else {
                factors.add_to::<Plain>(&mut out, run)?;
            }
            Data::Float(out)
        }
        Data::Double(mut out) => {
            let (a, b) = (a.doubles()?, b.doubles()?);
            Factors { block, scale, ..Factors::new(&a, &b, (k, n)) }
                .add_to::<Plain>(&mut out, run)?;
            Data::Double(out)
        }
        Data::Int(out) => {
            let wrap = |v: &[i64]| v.iter().map(|&x| Wrapping(x)).collect::<Vec<_>>();
            let (a, b, mut out) = (wrap(&a.integers()?), wrap(&b.integers()?), wrap(&out));
            Factors { block, ..Factors::new(&a, &b, (k, n)) }.add_to::<Plain>(&mut out, run)?;
            Data::Int(out.into_iter().map(|x| x.0).collect())
        }
        _ => return Err(ModelError::data("numbers are wanted")),
    };
    Tensor::new(shape, data)
}

fn scaled(tensor: Tensor, factor: f32) -> Result<Tensor> {
    if factor == 1.0 {
        return Ok(tensor);
    }
    let shape = *tensor.shape();
    let data = match tensor.into_data() {
        Data::Float(v) => Data::Float(v.into_iter().map(|x| x * factor).collect()),
        Data::Double(v) => Data::Double(v.into_iter().map(|x| x * f64::from(factor)).collect()),
        data => data,
    };
    Tensor::new(shape, data)
}

/// `CDist`: the distance of each row of one matrix to each row of another.
pub(super) fn distances(node: &mut Node<'_>) -> Result<Kernel> {
    let metric = node.text("metric", "sqeuclidean");
    let root = match metric.as_str() {
        "euclidean" => true,
        "sqeuclidean" => false,
        other => return Err(ModelError::Unsupported(format!("operator CDist with {other}"))),
    };
    Ok(Box::new(move |inputs| distance(inputs, root)))
}

fn distance(inputs: &Inputs<'_>, root: bool) -> Result<Outputs> {
    let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
    let ((m, k), (n, depth)) = (a.table()?, b.table()?);
    if k != depth || k == 0 {
        return Err(ModelError::Data(format!("rows of {k} and of {depth} columns")));
    }
    let shape = Shape::new(&[m, n])?;
    inputs.run.room(shape.elements(), 8)?;
    let (x, y) = (a.doubles()?, b.doubles()?);
    let mut out = Vec::with_capacity(shape.elements());
    for row in x.chunks_exact(k) {
        inputs.run.spend(k * n)?;
        for other in y.chunks_exact(k) {
            let sum: f64 = row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
            out.push(if root { libm::sqrt(sum) } else { sum });
        }
    }
    let data = match a.data() {
        Data::Double(_) => Data::Double(out),
        _ => Data::Float(out.into_iter().map(|x| x as f32).collect()),
    };
    Ok(Tensor::new(shape, data)?.into())
}
