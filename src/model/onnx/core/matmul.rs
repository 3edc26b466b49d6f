//! Products of matrices, and distances between their rows.
//!
//! Each element of a result is summed up in the same order whatever the number of rows, so a row
//! alone and the row in a batch give the same bits.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use super::arithmetic::add;
use crate::model::error::{ModelError, Result};
use crate::model::run::Run;
use crate::model::tensor::{Data, Shape, Tensor, offsets, transpose};
use std::num::Wrapping;
use std::ops::{Add, Mul};

/// Numbers that can be multiplied as matrices.
pub(crate) trait Number: Copy + Default + Add<Output = Self> + Mul<Output = Self> {
    /// The type in which long sums are added up.
    type Sum: Copy + Default + Add<Output = Self::Sum> + Mul<Output = Self::Sum>;

    fn widen(self) -> Self::Sum;
    fn narrow(sum: Self::Sum) -> Self;
}

impl Number for f32 {
    type Sum = f64;

    fn widen(self) -> f64 {
        self.into()
    }

    fn narrow(sum: f64) -> f32 {
        sum as f32
    }
}

impl Number for f64 {
    type Sum = f64;

    fn widen(self) -> f64 {
        self
    }

    fn narrow(sum: f64) -> f64 {
        sum
    }
}

impl Number for Wrapping<i64> {
    type Sum = Self;

    fn widen(self) -> Self {
        self
    }

    fn narrow(sum: Self) -> Self {
        sum
    }
}

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "MatMul" => {
            Box::new(
                |inputs| Ok(multiply(inputs.tensor(0)?, inputs.tensor(1)?, inputs.run)?.into()),
            )
        }
        "Gemm" => gemm(node)?,
        "Det" | "Inverse" => return Ok(None),
        _ => return Ok(None),
    }))
}

/// The sum of products, which is added up with double precision: long sums whose terms cancel each
/// other out, as those of kernels do, keep their digits. Four partial sums keep the order fixed.
pub(crate) fn dot<T: Number>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::Sum::default(); 4];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = *sum + a.widen() * b.widen();
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let rest = rest.fold(T::Sum::default(), |sum, (a, b)| sum + a.widen() * b.widen());
    T::narrow(sums.iter().fold(T::Sum::default(), |sum, x| sum + *x) + rest)
}

/// Adds to each row of `out`, of `n` columns, the product of a row of `a`, of `k` columns, and `b`.
pub(crate) fn product<T: Number>(
    a: &[T],
    b: &[T],
    (k, n): (usize, usize),
    out: &mut [T],
    run: &Run<'_>,
) -> Result<()> {
    if k == 0 || n == 0 {
        return Ok(());
    }
    for (row, out) in a.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
        run.spend(k.saturating_mul(n))?;
        if n == 1 {
            out[0] = out[0] + dot(row, b);
            continue;
        }
        for (x, b) in row.iter().zip(b.chunks_exact(n)) {
            for (out, b) in out.iter_mut().zip(b) {
                *out = *out + *x * *b;
            }
        }
    }
    Ok(())
}

/// The product as numpy's `matmul` defines it: lists are rows or columns, the rest is stacked.
pub(super) fn multiply(a: &Tensor, b: &Tensor, run: &Run<'_>) -> Result<Tensor> {
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
    let sizes = (places.2, k, columns);
    let places = (&places.0[..], &places.1[..]);
    let data = match (a.data(), b.data()) {
        (Data::Int(a), Data::Int(b)) => {
            let wrap = |v: &[i64]| v.iter().map(|&x| Wrapping(x)).collect::<Vec<_>>();
            let sums = stacked(&wrap(a), &wrap(b), places, sizes, run)?;
            Data::Int(sums.into_iter().map(|x| x.0).collect())
        }
        (Data::Double(_), _) | (_, Data::Double(_)) => {
            Data::Double(stacked(&a.doubles()?, &b.doubles()?, places, sizes, run)?)
        }
        _ => Data::Float(stacked(&a.floats()?, &b.floats()?, places, sizes, run)?),
    };
    Tensor::new(shape, data)
}

fn stacked<T: Number>(
    a: &[T],
    b: &[T],
    (a_places, b_places): (&[usize], &[usize]),
    (m, k, n): (usize, usize, usize),
    run: &Run<'_>,
) -> Result<Vec<T>> {
    let mut out = vec![T::default(); a_places.len() * m * n];
    if out.is_empty() {
        return Ok(out);
    }
    for (out, (&x, &y)) in out.chunks_exact_mut(m * n).zip(a_places.iter().zip(b_places)) {
        let (a, b) = (&a[x * m * k..(x + 1) * m * k], &b[y * k * n..(y + 1) * k * n]);
        product(a, b, (k, n), out, run)?;
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
        let product = scaled(multiply(a, b, inputs.run)?, alpha)?;
        let Some(c) = inputs.optional(2)? else { return Ok(product.into()) };
        let sum = if beta == 1.0 {
            add(&product, c, inputs.run)?
        } else {
            add(&product, &scaled(c.clone(), beta)?, inputs.run)?
        };
        if sum.shape() != product.shape() {
            return Err(ModelError::Data(format!("an addend of shape {}", c.shape())));
        }
        Ok(sum.into())
    }))
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
