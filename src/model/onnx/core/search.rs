//! Operators that look for elements: the largest ones, those that are not zero, distinct ones.

use super::super::kernel::{Inputs, Kernel, Node, Outputs};
use crate::model::error::{ModelError, Result};
use crate::model::tensor::{Data, Shape, Tensor, gather, within};
use std::cmp::Ordering;

/// The kernel of an operator of this file.
pub(super) fn kernel(node: &mut Node<'_>) -> Result<Option<Kernel>> {
    Ok(Some(match node.operator.as_str() {
        "ArgMax" | "ArgMin" => {
            let largest = node.operator == "ArgMax";
            let (axis, keep) = (node.int("axis", 0), node.flag("keepdims", true));
            let last = node.flag("select_last_index", false);
            Box::new(move |inputs| extreme(inputs, axis, keep, largest, last))
        }
        "TopK" => {
            let (axis, largest) = (node.int("axis", -1), node.flag("largest", true));
            let k = node.has("k").then(|| node.int("k", 1));
            Box::new(move |inputs| top(inputs, axis, largest, k))
        }
        "NonZero" => Box::new(nonzero),
        "Unique" => {
            if node.has("axis") {
                return Err(ModelError::Unsupported("operator Unique with an axis".into()));
            }
            let sorted = node.flag("sorted", true);
            Box::new(move |inputs| unique(inputs, sorted))
        }
        "Trilu" => {
            let upper = node.flag("upper", true);
            Box::new(move |inputs| triangle(inputs, upper))
        }
        _ => return Ok(None),
    }))
}

fn extreme(
    inputs: &Inputs<'_>,
    axis: i64,
    keep: bool,
    largest: bool,
    last: bool,
) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(axis)?;
    let (outer, size, inner) = tensor.shape().around(axis);
    if size == 0 {
        return Err(ModelError::data("the largest of no elements"));
    }
    inputs.run.room(tensor.len(), 8)?;
    let v = tensor.doubles()?;
    let best = |line: usize| {
        let at = |step: usize| v[(line / inner * size + step) * inner + line % inner];
        (1..size).fold(0, |best, step| {
            let (x, y) = (at(step), at(best));
            let better = if largest { x > y } else { x < y };
            if better || last && x == y { step } else { best }
        })
    };
    let found = (0..outer * inner).map(|line| best(line) as i64).collect();
    let mut sizes = tensor.shape().to_vec();
    if keep {
        sizes[axis] = 1;
    } else {
        sizes.remove(axis);
    }
    Ok(Tensor::new(Shape::new(&sizes)?, Data::Int(found))?.into())
}

/// The k largest or smallest elements along an axis, in order; the first of equal ones first.
fn top(inputs: &Inputs<'_>, axis: i64, largest: bool, k: Option<i64>) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let axis = tensor.shape().axis(axis)?;
    let (outer, size, inner) = tensor.shape().around(axis);
    let k = match k {
        Some(k) => k,
        None => inputs.tensor(1)?.single_int()?,
    };
    let wanted = usize::try_from(k).ok().filter(|&k| k <= size);
    let k = wanted.ok_or_else(|| ModelError::Data(format!("the first {k} of {size} elements")))?;
    let shape = tensor.shape().with(axis, k)?;
    inputs.run.room(tensor.len(), 32)?;
    let v = tensor.doubles()?;
    let mut places = vec![0; shape.elements()];
    let mut indices = vec![0; shape.elements()];
    for line in 0..outer * inner {
        inputs.run.spend(size * 8)?;
        let at = |step: usize| (line / inner * size + step) * inner + line % inner;
        let mut order: Vec<usize> = (0..size).collect();
        let by_value = |a: &usize, b: &usize| {
            let order = v[at(*a)].partial_cmp(&v[at(*b)]).unwrap_or(Ordering::Equal);
            (if largest { order.reverse() } else { order }).then(a.cmp(b))
        };
        sort(&mut order, &v, at, by_value);
        for (rank, &step) in order.iter().take(k).enumerate() {
            let to = (line / inner * k + rank) * inner + line % inner;
            places[to] = at(step);
            indices[to] = step as i64;
        }
    }
    let values = Tensor::new(shape, gather(tensor.data(), &places))?;
    Ok(Outputs::tensors([values, Tensor::new(shape, Data::Int(indices))?]))
}

/// Sorts; where there is a NaN, which has no order, the NaNs go behind everything else.
fn sort(
    order: &mut [usize],
    values: &[f64],
    at: impl Fn(usize) -> usize,
    by_value: impl Fn(&usize, &usize) -> Ordering,
) {
    let nan = |step: &usize| values[at(*step)].is_nan();
    order.sort_by(|a, b| match (nan(a), nan(b)) {
        (false, false) => by_value(a, b),
        (a_nan, b_nan) => a_nan.cmp(&b_nan).then(a.cmp(b)),
    });
}

/// The indices of all elements that are not zero: a row for each dimension.
fn nonzero(inputs: &Inputs<'_>) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let truths = tensor.truths()?;
    let found: Vec<usize> = (0..truths.len()).filter(|&at| truths[at]).collect();
    let (shape, strides) = (tensor.shape(), tensor.shape().strides());
    let rank = shape.len();
    inputs.run.room(found.len() * rank.max(1), 8)?;
    let indices = (0..rank)
        .flat_map(|axis| found.iter().map(move |at| (at / strides[axis] % shape[axis]) as i64))
        .collect();
    Ok(Tensor::new(Shape::new(&[rank, found.len()])?, Data::Int(indices))?.into())
}

/// Distinct elements with their first places, the way back, and how often each occurs.
fn unique(inputs: &Inputs<'_>, sorted: bool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    inputs.run.room(tensor.len(), 64)?;
    let compare = |a: usize, b: usize| match tensor.data() {
        Data::Text(v) => v[a].cmp(&v[b]),
        Data::Int(v) => v[a].cmp(&v[b]),
        Data::Bool(v) => v[a].cmp(&v[b]),
        Data::Float(v) => v[a].total_cmp(&v[b]),
        Data::Double(v) => v[a].total_cmp(&v[b]),
    };
    let mut order: Vec<usize> = (0..tensor.len()).collect();
    order.sort_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for at in order {
        match groups.last_mut().filter(|group| compare(group[0], at).is_eq()) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    if !sorted {
        groups.sort_by_key(|group| group[0]);
    }
    let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
    let mut back = vec![0; tensor.len()];
    for (number, group) in groups.iter().enumerate() {
        group.iter().for_each(|&at| back[at] = number as i64);
    }
    let values = Tensor::new(Shape::list(firsts.len()), gather(tensor.data(), &firsts))?;
    let counts = groups.iter().map(|group| group.len() as i64).collect();
    let firsts = firsts.into_iter().map(|at| at as i64).collect();
    let others = [firsts, back, counts].map(Tensor::ints);
    let [firsts, back, counts] = others;
    Ok(Outputs::tensors([values, firsts, back, counts]))
}

/// Keeps the upper or the lower triangle of each matrix.
fn triangle(inputs: &Inputs<'_>, upper: bool) -> Result<Outputs> {
    let tensor = inputs.tensor(0)?;
    let k = match inputs.optional(1)? {
        Some(k) => k.single_int()?,
        None => 0,
    };
    let [.., rows, columns] = tensor.shape()[..] else {
        return Err(ModelError::data("a matrix is wanted"));
    };
    let kept = |at: usize| {
        let (row, column) = (at / columns % rows, at % columns);
        let distance = column as i64 - row as i64;
        if upper { distance >= k } else { distance <= k }
    };
    let data = match tensor.data() {
        Data::Float(v) => Data::Float(masked(v, kept)),
        Data::Double(v) => Data::Double(masked(v, kept)),
        Data::Int(v) => Data::Int(masked(v, kept)),
        Data::Bool(v) => Data::Bool(masked(v, kept)),
        Data::Text(_) => return Err(ModelError::data("numbers are wanted")),
    };
    Ok(Tensor::new(*tensor.shape(), data)?.into())
}

fn masked<T: Copy + Default>(values: &[T], kept: impl Fn(usize) -> bool) -> Vec<T> {
    values.iter().enumerate().map(|(at, &x)| if kept(at) { x } else { T::default() }).collect()
}

/// The index that a possibly negative number means in a list, as an error where it is outside.
pub(super) fn position(at: i64, length: usize) -> Result<usize> {
    within(at, length).ok_or_else(|| ModelError::Data(format!("place {at} of {length}")))
}
