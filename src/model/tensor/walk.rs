//! Walks over tensors that do not follow the order of memory: repeating, permuting, picking.

use super::{Data, MAX_RANK, Shape, Tensor, map_kind};
use crate::model::error::Result;
use crate::model::run::Run;

/// Applies `f` to each pair of elements; the smaller operand is repeated.
pub(crate) fn zip<A: Clone, B: Clone, C>(
    (a, a_shape): (&[A], &Shape),
    (b, b_shape): (&[B], &Shape),
    run: &Run<'_>,
    f: impl Fn(&A, &B) -> C,
) -> Result<(Shape, Vec<C>)> {
    let shape = a_shape.broadcast(b_shape)?;
    run.room(shape.elements(), size_of::<C>())?;
    if a_shape == b_shape {
        return Ok((shape, a.iter().zip(b).map(|(a, b)| f(a, b)).collect()));
    }
    if let ([b], true) = (b, a_shape == &shape) {
        return Ok((shape, a.iter().map(|a| f(a, b)).collect()));
    }
    let (mut out, total) = (Vec::with_capacity(shape.elements()), shape.elements());
    let Some(&inner) = shape.last().filter(|_| total > 0) else { return Ok((shape, out)) };
    let last = shape.len() - 1;
    let strides = [a_shape.strides_as(&shape), b_shape.strides_as(&shape)];
    let mut odometer = Odometer::new(&shape[..last], strides);
    for _ in 0..total / inner {
        let [at, bt] = odometer.at;
        match (strides[0][last], strides[1][last]) {
            (0, 0) => out.extend((0..inner).map(|_| f(&a[at], &b[bt]))),
            (0, _) => out.extend(b[bt..bt + inner].iter().map(|b| f(&a[at], b))),
            (_, 0) => out.extend(a[at..at + inner].iter().map(|a| f(a, &b[bt]))),
            _ => out.extend(a[at..at + inner].iter().zip(&b[bt..]).map(|(a, b)| f(a, b))),
        }
        odometer.step();
    }
    Ok((shape, out))
}

/// Where each element of the larger shape `to` lies in a tensor of shape `from` that is repeated.
pub(crate) fn offsets(from: &Shape, to: &Shape) -> Vec<usize> {
    walk(to, from.strides_as(to))
}

fn walk(shape: &[usize], strides: [usize; MAX_RANK]) -> Vec<usize> {
    let total = shape.iter().product();
    let mut odometer = Odometer::new(shape, [strides]);
    let mut offsets = Vec::with_capacity(total);
    for _ in 0..total {
        offsets.push(odometer.at[0]);
        odometer.step();
    }
    offsets
}

/// Counts through the positions of a shape and keeps N offsets that go along.
struct Odometer<'a, const N: usize> {
    sizes: &'a [usize],
    strides: [[usize; MAX_RANK]; N],
    counts: [usize; MAX_RANK],
    at: [usize; N],
}

impl<'a, const N: usize> Odometer<'a, N> {
    fn new(sizes: &'a [usize], strides: [[usize; MAX_RANK]; N]) -> Self {
        Self { sizes, strides, counts: [0; MAX_RANK], at: [0; N] }
    }

    fn step(&mut self) {
        for axis in (0..self.sizes.len()).rev() {
            self.counts[axis] += 1;
            for (at, strides) in self.at.iter_mut().zip(&self.strides) {
                *at += strides[axis];
            }
            if self.counts[axis] < self.sizes[axis] {
                return;
            }
            for (at, strides) in self.at.iter_mut().zip(&self.strides) {
                *at -= strides[axis] * self.counts[axis];
            }
            self.counts[axis] = 0;
        }
    }
}

/// The elements at the given positions, which must be inside.
#[expect(clippy::clone_on_copy, reason = "strings are not copied")]
pub(crate) fn gather(data: &Data, positions: &[usize]) -> Data {
    map_kind!(data, v => positions.iter().map(|&at| v[at].clone()).collect())
}

/// Reorders the dimensions; `order` is a permutation of them.
pub(crate) fn transpose(tensor: &Tensor, order: &[usize], run: &Run<'_>) -> Result<Tensor> {
    let from = tensor.shape();
    run.room(tensor.len(), tensor.data().width() + size_of::<usize>())?;
    let own = from.strides();
    let sizes: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
    let shape = Shape::new(&sizes)?;
    let mut strides = [0; MAX_RANK];
    for (stride, &axis) in strides.iter_mut().zip(order) {
        *stride = own[axis];
    }
    Tensor::new(shape, gather(tensor.data(), &walk(&shape, strides)))
}
