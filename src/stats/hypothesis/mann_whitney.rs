//! The Mann-Whitney U test (Wilcoxon's rank sum): whether the values of one sample tend to be larger.
//!
//! Mann & Whitney (1947). Exact for small samples without ties by their recursion, else normal with
//! corrections for continuity and ties.

use crate::stats::{
    distribution::Normal,
    error::{self, Result},
    progress::Progress,
    series::ranks,
    sorting,
};

/// The larger sample size up to which the p-value is exact.
const MAX_EXACT: usize = 50;

/// The outcome of a Mann-Whitney test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// U of the first sample: the number of pairs in which it is larger, ties counting a half.
    pub u: f64,
    /// The two-sided p-value.
    pub pvalue: f64,
    /// The share of pairs in which the first is larger: U / (n · m).
    pub effect: f64,
}

/// The two-sided test; O(n log n).
///
/// Exact when the smaller sample has at most 8 values and the larger at most 50, without ties; else
/// asymptotic. When all values are equal, p is 1. An error if a side is empty or not finite.
pub fn mann_whitney(a: &[f64], b: &[f64], progress: &Progress<'_>) -> Result<MannWhitney> {
    error::sample("a", a, 1)?;
    error::sample("b", b, 1)?;
    progress.room_for("mann_whitney", a.len() + b.len())?;
    let ranks = ranks(&[a, b].concat(), progress)?;
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = ranks[..a.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let larger = u.max(n * m - u);
    let tie_term = tie_term(ranks, progress)?;
    let small = a.len().min(b.len()) <= 8 && a.len().max(b.len()) <= MAX_EXACT;
    let upper = if small && tie_term == 0.0 {
        exact_sf(a.len(), b.len(), larger as usize)
    } else {
        let all = n + m;
        let variance = n * m / 12.0 * ((all + 1.0) - tie_term / (all * (all - 1.0)));
        if variance > 0.0 {
            Normal::STANDARD.sf((larger - n * m / 2.0 - 0.5) / variance.sqrt())
        } else {
            1.0
        }
    };
    Ok(MannWhitney { u, pvalue: (2.0 * upper).min(1.0), effect: u / (n * m) })
}

/// Σ t³ - t over groups of t equal ranks.
fn tie_term(mut ranks: Vec<f64>, progress: &Progress<'_>) -> Result<f64> {
    sorting::sort("mann_whitney", &mut ranks, progress)?;
    let ties = ranks.chunk_by(|a, b| a == b).map(|group| group.len() as f64);
    Ok(ties.map(|t| t * t * t - t).sum())
}

/// The probability that U is at least `u`, by counting arrangements.
///
/// The number of subsets of n of the ranks 0 to n + m - 1, by their sum less its least, is the
/// Gaussian binomial coefficient, built up factor by factor.
fn exact_sf(n: usize, m: usize, u: usize) -> f64 {
    let top = n * m;
    let mut counts = vec![0.0; top + 1];
    counts[0] = 1.0;
    for i in 1..=n.min(m) {
        let grow = n.max(m) + i;
        for sum in (grow..=top).rev() {
            counts[sum] -= counts[sum - grow];
        }
        for sum in i..=top {
            counts[sum] += counts[sum - i];
        }
    }
    // The distribution is symmetric: the upper tail is summed from its small end.
    let tail: f64 = counts[..=top - u.min(top)].iter().sum();
    tail / counts.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/mann_whitney.json"));
        for case in cases.as_array().unwrap() {
            let test = mann_whitney(&numbers(&case["a"]), &numbers(&case["b"]), &free()).unwrap();
            assert_close(test.u, number(&case["u"]), 1e-15);
            assert_close(test.pvalue, number(&case["pvalue"]), 1e-11);
        }
    }

    #[test]
    fn is_defined_for_the_smallest_samples() {
        assert_eq!(mann_whitney(&[1.0; 9], &[1.0; 9], &free()).unwrap().pvalue, 1.0);
        let test = mann_whitney(&[1.0], &[2.0], &free()).unwrap();
        assert_eq!((test.u, test.pvalue, test.effect), (0.0, 1.0, 0.0));
        assert!(
            mann_whitney(&[], &[2.0], &free()).is_err()
                && mann_whitney(&[f64::NAN], &[2.0], &free()).is_err()
        );
    }
}
