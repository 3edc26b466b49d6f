//! Filling gaps (NaN).

/// Fills gaps along the straight line between their neighbours in time; O(n).
///
/// `times` are nanoseconds; without them values are evenly spaced. Gaps at the ends take the nearest
/// value; a series of nothing but gaps stays one. Positions beyond the shorter of both are dropped.
pub fn interpolate(values: &[f64], times: Option<&[i64]>) -> Vec<f64> {
    let len = times.map_or(values.len(), |times| values.len().min(times.len()));
    let mut filled = values[..len].to_vec();
    let between = |from: usize, to: usize| match times {
        Some(times) => times[to].abs_diff(times[from]) as f64,
        None => (to - from) as f64,
    };
    let mut known = None;
    for right in (0..len).filter(|&i| !values[i].is_nan()) {
        let Some(left) = known.replace(right) else {
            filled[..right].fill(values[right]);
            continue;
        };
        let whole = between(left, right);
        for (i, gap) in filled.iter_mut().enumerate().take(right).skip(left + 1) {
            let share = if whole > 0.0 { between(left, i) / whole } else { 0.0 };
            *gap = values[left] * (1.0 - share) + values[right] * share;
        }
    }
    if let Some(last) = known {
        filled[last + 1..].fill(values[last]);
    }
    filled
}

/// Fills gaps with `x`.
pub fn fill(values: &[f64], x: f64) -> Vec<f64> {
    values.iter().map(|&value| if value.is_nan() { x } else { value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[test]
    fn fills_along_lines() {
        let values = [GAP, 1.0, GAP, GAP, 4.0, GAP];
        assert_eq!(interpolate(&values, None), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        let times = [0, 10, 19, 20, 20, 30];
        assert_eq!(interpolate(&values, Some(&times)), [1.0, 1.0, 3.7, 4.0, 4.0, 4.0]);
        assert!(interpolate(&[GAP, GAP], None)[1].is_nan());
        assert!(interpolate(&[], None).is_empty());
        assert_eq!(fill(&[GAP, 2.0], 0.0), [0.0, 2.0]);
    }
}
