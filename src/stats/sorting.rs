//! Sorting that can be stopped: runs of some ten thousand values are sorted and merged, and the caller's [`Progress`]
//! is asked between them.

use std::cmp::Ordering;

use super::error::Result;
use super::progress::Progress;

/// The number of values that are sorted without asking.
const RUN: usize = 1 << 15;

/// Sorts `values`; equal ones keep their order. O(n log n), and as much memory again above 32,768.
pub(crate) fn sort_by<T: Copy>(
    name: &'static str,
    values: &mut Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
    progress: &Progress<'_>,
) -> Result<()> {
    let n = values.len();
    if n > RUN {
        progress.room(name, n.saturating_mul(size_of::<T>()))?;
    }
    for run in values.chunks_mut(RUN) {
        progress.check()?;
        run.sort_by(&compare);
    }
    let mut width = RUN;
    while width < n {
        let mut merged = Vec::with_capacity(n);
        for pair in values.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, &compare, &mut merged, progress)?;
        }
        *values = merged;
        width *= 2;
    }
    Ok(())
}

/// Sorts numbers, -0 before 0 and NaN at the ends, as IEEE 754 orders them.
pub(crate) fn sort(
    name: &'static str,
    values: &mut Vec<f64>,
    progress: &Progress<'_>,
) -> Result<()> {
    sort_by(name, values, f64::total_cmp, progress)
}

fn merge<T: Copy>(
    mut left: &[T],
    mut right: &[T],
    compare: &impl Fn(&T, &T) -> Ordering,
    merged: &mut Vec<T>,
    progress: &Progress<'_>,
) -> Result<()> {
    while let ([first, rest @ ..], [other, others @ ..]) = (left, right) {
        progress.steps(1)?;
        if compare(first, other).is_le() {
            merged.push(*first);
            left = rest;
        } else {
            merged.push(*other);
            right = others;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Rng, StatsError};

    #[test]
    fn sorts_as_the_standard_library_does() {
        let mut rng = Rng::new(1);
        for n in [0, 1, 1000, RUN, RUN + 1, 5 * RUN + 77] {
            let values: Vec<f64> = (0..n).map(|_| (rng.uniform() * 1e4).floor()).collect();
            let mut pairs: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
            let mut expected = pairs.clone();
            expected.sort_by(|a, b| a.1.total_cmp(&b.1));
            sort_by("x", &mut pairs, |a, b| a.1.total_cmp(&b.1), &Progress::free()).unwrap();
            assert!(pairs == expected, "{n}");
        }
        let stop = || true;
        let error = sort("x", &mut vec![1.0, 0.0], &Progress::new(&stop, 0)).unwrap_err();
        assert_eq!(error, StatsError::Interrupted);
    }
}
