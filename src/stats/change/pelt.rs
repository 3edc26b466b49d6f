//! All change points of a series at once.
//!
//! Killick, Fearnhead & Eckley (2012), "Optimal detection of changepoints with a linear computational
//! cost".

use std::str::FromStr;

use crate::stats::{
    error::{self, MAX_WINDOW, Result, StatsError},
    moments::MeanVar,
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// What changes at a change point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeltCost {
    /// The mean; a segment costs its sum of squared deviations.
    Mean,
    /// The mean and the variance of normal values; a segment costs n · ln(variance).
    MeanVariance,
}

impl FromStr for PeltCost {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<PeltCost> {
        match name {
            "mean" => Ok(PeltCost::Mean),
            "mean_variance" => Ok(PeltCost::MeanVariance),
            got => {
                let known = "mean, mean_variance";
                Err(StatsError::Unknown { name: "cost", got: got.to_owned(), known })
            }
        }
    }
}

/// The longest series: without a change the time grows with the square, to some 50 s.
pub const MAX_PELT: usize = 50_000;

/// The positions where new segments begin, ascending; without the first.
///
/// Minimises the cost of all segments plus `penalty` for each change. Costs are those of the values
/// over their standard deviation, so a penalty of 2 ln n to 3 ln n suits any unit. A segment has at
/// least `min_size` values (at least 1, or 2 for the variance). O(n) where changes are frequent, O(n²)
/// where there are none: 20 ms for 1,000 values, 2 s for 10,000.
///
/// An error if a value is not finite, for more than [`MAX_PELT`] values, or for a negative penalty; a
/// constant or too short series has no change.
pub fn pelt(
    values: &[f64],
    cost: PeltCost,
    penalty: f64,
    min_size: usize,
    progress: &Progress<'_>,
) -> Result<Vec<usize>> {
    error::all_finite("values", values)?;
    error::size("number of values", values.len(), 0, MAX_PELT)?;
    error::not_negative("penalty", penalty)?;
    let least = if cost == PeltCost::Mean { 1 } else { 2 };
    error::size("min_size", min_size, least, MAX_WINDOW)?;
    let n = values.len();
    let values = scaled_down(values, power_of(values));
    let moments = MeanVar::of(&values);
    let scale = moments.m2().over_count(n as f64).root().value();
    if n / 2 < min_size || scale == 0.0 {
        return Ok(Vec::new());
    }
    let sums = Sums::of(values.iter().map(|&x| moments.deviation(x) / scale), n);
    let segment = |from: usize, to: usize| match cost {
        PeltCost::Mean => sums.squares(from, to),
        PeltCost::MeanVariance => {
            let size = (to - from) as f64;
            // A segment without variance must not cost minus infinity.
            size * (sums.squares(from, to) / size).max(1e-12).ln()
        }
    };
    let previous = best_starts(n, penalty, min_size, segment, progress)?;
    let mut changes = Vec::new();
    let mut at = previous[n];
    while at > 0 {
        changes.push(at);
        at = previous[at];
    }
    changes.reverse();
    Ok(changes)
}

/// For each end of a segment, the best place for its start; `segment` gives the cost between two.
fn best_starts(
    n: usize,
    penalty: f64,
    min_size: usize,
    segment: impl Fn(usize, usize) -> f64,
    progress: &Progress<'_>,
) -> Result<Vec<usize>> {
    let mut best = vec![f64::INFINITY; n + 1];
    let mut previous = vec![0; n + 1];
    best[0] = -penalty;
    // Starts that may still be the best, with the place from which they no longer can be.
    let mut candidates: Vec<(usize, usize)> = Vec::new();
    for to in min_size..=n {
        if best[to - min_size].is_finite() {
            candidates.push((to - min_size, usize::MAX));
        }
        candidates.retain(|&(_, until)| to < until);
        progress.steps(8 * candidates.len())?;
        for &(from, _) in &candidates {
            let total = best[from] + segment(from, to) + penalty;
            if total < best[to] {
                (best[to], previous[to]) = (total, from);
            }
        }
        for (from, until) in candidates.iter_mut().filter(|(_, until)| *until == usize::MAX) {
            // Once a segment can begin at `to`, it is never worse than this one.
            if best[*from] + segment(*from, to) > best[to] {
                *until = to + min_size;
            }
        }
    }
    Ok(previous)
}

/// Prefix sums of values and squares, each in two doubles so that differences keep their digits.
struct Sums {
    values: Vec<(f64, f64)>,
    squares: Vec<(f64, f64)>,
}

impl Sums {
    fn of(values: impl Iterator<Item = f64>, n: usize) -> Sums {
        let mut sums = Sums { values: vec![(0.0, 0.0)], squares: vec![(0.0, 0.0)] };
        sums.values.reserve(n);
        sums.squares.reserve(n);
        let (mut value, mut square) = ((0.0, 0.0), (0.0, 0.0));
        for x in values {
            value = add(value, (x, 0.0));
            square = add(square, (x * x, x.mul_add(x, -x * x)));
            sums.values.push(value);
            sums.squares.push(square);
        }
        sums
    }

    /// The sum of squared deviations of the values from `from` to before `to`.
    fn squares(&self, from: usize, to: usize) -> f64 {
        let difference = |sums: &[(f64, f64)]| add(sums[to], (-sums[from].0, -sums[from].1));
        let (value, square) = (difference(&self.values), difference(&self.squares));
        let size = (to - from) as f64;
        let mean = value.0 / size;
        let rest = ((-mean).mul_add(size, value.0) + value.1) / size;
        let product = mean * value.0;
        let lost = mean.mul_add(value.0, -product) + mean * value.1 + rest * value.0;
        let total = add(square, (-product, -lost));
        (total.0 + total.1).max(0.0)
    }
}

/// Adds two numbers of two doubles each.
fn add(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let sum = a.0 + b.0;
    let part = sum - a.0;
    let lost = (a.0 - (sum - part)) + (b.0 - part) + a.1 + b.1;
    let high = sum + lost;
    (high, lost - (high - sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{free, number, numbers, reference};

    #[test]
    fn agrees_with_exhaustive_search() {
        let cases = reference(include_str!("../../../tests/reference/pelt.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            let cost = case["cost"].as_str().unwrap().parse().unwrap();
            let min_size = case["min_size"].as_u64().unwrap() as usize;
            let found = pelt(&values, cost, number(&case["penalty"]), min_size, &free()).unwrap();
            let found: Vec<f64> = found.into_iter().map(|i| i as f64).collect();
            let expected: Vec<f64> =
                case["changes"].as_array().unwrap().iter().map(|i| i.as_f64().unwrap()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn finds_nothing_where_there_is_nothing() {
        assert!(pelt(&[], PeltCost::Mean, 1.0, 1, &free()).unwrap().is_empty());
        assert!(pelt(&[5.0; 50], PeltCost::MeanVariance, 1.0, 2, &free()).unwrap().is_empty());
        assert!(pelt(&[1.0, f64::NAN], PeltCost::Mean, 1.0, 1, &free()).is_err());
        assert!(pelt(&[1.0, 2.0], PeltCost::MeanVariance, 1.0, 1, &free()).is_err());
    }

    #[test]
    fn an_outlier_spoils_no_other_segment() {
        let mut values = vec![0.0; 60];
        values[30..].fill(1.0);
        values[10] = 1e6;
        let changes = pelt(&values, PeltCost::Mean, 1e-12, 1, &free()).unwrap();
        assert_eq!(changes, [10, 11, 30]);
    }
}
