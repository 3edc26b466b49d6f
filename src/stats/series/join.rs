//! Bringing two columns together by time.

use std::cmp::Ordering;

/// The pairs of positions with equal times; O(n + m).
///
/// Both columns of times must ascend; of several equal times in one column, the first with the first.
pub fn inner_join(left: &[i64], right: &[i64]) -> Vec<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::with_capacity(left.len().min(right.len()));
    while i < left.len() && j < right.len() {
        match left[i].cmp(&right[j]) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => {
                pairs.push((i, j));
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    pairs
}

/// For each time on the left, the position on the right to take; O(n + m).
///
/// With `nearest` it is the closest in time (the earlier of two), else the newest that is not later.
/// `None` where there is none within `tolerance` nanoseconds. Both columns must ascend.
pub fn asof_join(left: &[i64], right: &[i64], tolerance: u64, nearest: bool) -> Vec<Option<usize>> {
    let mut later = 0;
    let find = |&time: &i64| {
        while right.get(later).is_some_and(|&t| t <= time) {
            later += 1;
        }
        let distance = |&j: &usize| right[j].abs_diff(time);
        let before = later.checked_sub(1);
        let after = (nearest && later < right.len()).then_some(later);
        let closest = match (before, after) {
            (Some(before), Some(after)) if distance(&after) < distance(&before) => Some(after),
            (before, after) => before.or(after),
        };
        closest.filter(|j| distance(j) <= tolerance)
    };
    left.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_by_time() {
        assert_eq!(inner_join(&[1, 2, 4, 4, 9], &[2, 3, 4, 9, 10]), [(1, 0), (2, 2), (4, 3)]);
        let (left, right) = ([0, 10, 14, 16, 40], [5, 10, 20]);
        let asof = asof_join(&left, &right, 5, false);
        assert_eq!(asof, [None, Some(1), Some(1), None, None]);
        let nearest = asof_join(&left, &right, 5, true);
        assert_eq!(nearest, [Some(0), Some(1), Some(1), Some(2), None]);
        let tie = asof_join(&[15], &right, u64::MAX, true);
        assert_eq!(tie, [Some(1)]);
        assert_eq!(asof_join(&[1], &[], 5, true), [None]);
    }
}
