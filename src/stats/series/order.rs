//! Sorting and ranks.

/// A sorted copy, gaps last.
pub fn sort(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
    sorted
}

/// The positions of the values in ascending order, equal ones as they came, gaps last.
pub fn argsort(values: &[f64]) -> Vec<usize> {
    let key = |i: &usize| values[*i];
    let mut positions: Vec<usize> = (0..values.len()).collect();
    positions.sort_by(|i, j| {
        let (a, b) = (key(i), key(j));
        a.is_nan()
            .cmp(&b.is_nan())
            .then_with(|| a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal))
    });
    positions
}

/// The ranks from 1, equal values sharing their mean rank; gaps have rank NaN.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let order = argsort(values);
    let mut ranks = vec![f64::NAN; values.len()];
    let mut start = 0;
    while start < order.len() && !values[order[start]].is_nan() {
        let tied =
            order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        let rank = start as f64 + (tied as f64 + 1.0) / 2.0;
        order[start..start + tied].iter().for_each(|&i| ranks[i] = rank);
        start += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_ranks() {
        let values = [3.0, f64::NAN, 1.0, 3.0, -f64::NAN, -2.0];
        assert_eq!(sort(&values)[..4], [-2.0, 1.0, 3.0, 3.0]);
        assert_eq!(argsort(&values), [5, 2, 0, 3, 1, 4]);
        let ranks = ranks(&values);
        assert_eq!([ranks[0], ranks[2], ranks[3], ranks[5]], [3.5, 2.0, 3.5, 1.0]);
        assert!(ranks[1].is_nan());
        assert_eq!(argsort(&[0.0, -0.0]), [0, 1]);
    }
}
