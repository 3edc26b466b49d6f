//! Sorting and ranks.

use std::cmp::Ordering;

use crate::stats::{error::Result, progress::Progress, sorting};

/// A sorted copy, gaps last; O(n log n).
pub fn sort(values: &[f64], progress: &Progress<'_>) -> Result<Vec<f64>> {
    progress.room_for("sort", values.len())?;
    let mut sorted = values.to_vec();
    let order = |a: &f64, b: &f64| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b));
    sorting::sort_by("sort", &mut sorted, order, progress)?;
    Ok(sorted)
}

/// The positions of the values in ascending order, equal ones as they came, gaps last; O(n log n).
pub fn argsort(values: &[f64], progress: &Progress<'_>) -> Result<Vec<usize>> {
    progress.room_for("argsort", values.len())?;
    let mut positions: Vec<usize> = (0..values.len()).collect();
    let order = |i: &usize, j: &usize| {
        let (a, b) = (values[*i], values[*j]);
        let numbers = || a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        a.is_nan().cmp(&b.is_nan()).then_with(numbers)
    };
    sorting::sort_by("argsort", &mut positions, order, progress)?;
    Ok(positions)
}

/// The ranks from 1, equal values sharing their mean rank; gaps have rank NaN. O(n log n).
pub fn ranks(values: &[f64], progress: &Progress<'_>) -> Result<Vec<f64>> {
    progress.room_for("ranks", 2 * values.len())?;
    let order = argsort(values, progress)?;
    let mut ranks = vec![f64::NAN; values.len()];
    let mut start = 0;
    while start < order.len() && !values[order[start]].is_nan() {
        let tied =
            order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        progress.steps(tied)?;
        let rank = start as f64 + (tied as f64 + 1.0) / 2.0;
        order[start..start + tied].iter().for_each(|&i| ranks[i] = rank);
        start += tied;
    }
    Ok(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::free;

    #[test]
    fn sorts_and_ranks() {
        let values = [3.0, f64::NAN, 1.0, 3.0, -f64::NAN, -2.0];
        assert_eq!(sort(&values, &free()).unwrap()[..4], [-2.0, 1.0, 3.0, 3.0]);
        assert_eq!(argsort(&values, &free()).unwrap(), [5, 2, 0, 3, 1, 4]);
        let ranks = ranks(&values, &free()).unwrap();
        assert_eq!([ranks[0], ranks[2], ranks[3], ranks[5]], [3.5, 2.0, 3.5, 1.0]);
        assert!(ranks[1].is_nan());
        assert_eq!(argsort(&[0.0, -0.0], &free()).unwrap(), [0, 1]);
    }
}
