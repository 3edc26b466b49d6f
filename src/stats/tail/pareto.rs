//! The generalised Pareto distribution, fitted to excesses over a threshold.
//!
//! Grimshaw (1993), "Computing maximum likelihood estimates for the generalized Pareto
//! distribution"; the search for its roots as in Siffer et al. (2017).

use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result};

/// Intervals on each side of 0 in which a root is looked for.
const INTERVALS: usize = 10;

/// A generalised Pareto distribution of excesses: P(X > x) = (1 + shape · x / scale)^(-1 / shape).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pareto {
    /// The shape: above 0 the tail is heavy, at 0 exponential, below 0 it ends.
    pub shape: f64,
    /// The scale, above 0.
    pub scale: f64,
}

impl Pareto {
    /// Fits by maximum likelihood; O(n), some hundred passes.
    ///
    /// An error when empty, or if an excess is not positive and finite.
    pub fn fit(excesses: &[f64]) -> Result<Pareto> {
        error::sample("excesses", excesses, 1)?;
        for &x in excesses {
            error::positive("excess", x)?;
        }
        let n = excesses.len() as f64;
        let mean = excesses.iter().sum::<f64>() / n;
        let exponential = Pareto { shape: 0.0, scale: mean };
        let max = excesses.iter().copied().fold(0.0, f64::max);
        let min = excesses.iter().copied().fold(f64::INFINITY, f64::min);
        // Grimshaw's bounds of theta = shape / scale.
        let edge = 1e-8 / mean;
        let upper = 2.0 * (mean - min) / (min * min);
        let upper = if upper.is_finite() { upper.max(100.0 * edge) } else { 1e8 / mean };
        let roots = roots(excesses, -1.0 / max + edge, -edge, false)
            .chain(roots(excesses, edge, upper, true))
            .map(|theta| {
                let shape = mean_log(excesses, theta);
                Pareto { shape, scale: shape / theta }
            });
        let better = |best: Pareto, found: Pareto| {
            let gain = found.log_likelihood(excesses) - best.log_likelihood(excesses);
            if found.scale > 0.0 && gain > 0.0 { found } else { best }
        };
        Ok(roots.fold(exponential, better))
    }

    /// The log-likelihood of excesses.
    pub fn log_likelihood(&self, excesses: &[f64]) -> f64 {
        let n = excesses.len() as f64;
        if self.shape == 0.0 {
            return -n * self.scale.ln() - excesses.iter().sum::<f64>() / self.scale;
        }
        let theta = self.shape / self.scale;
        -n * self.scale.ln() - (1.0 + 1.0 / self.shape) * n * mean_log(excesses, theta)
    }

    /// The probability of an excess above `x`.
    pub fn sf(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return 1.0;
        }
        if self.shape.abs() < 1e-12 {
            return (-x / self.scale).exp();
        }
        let growth = (self.shape * x / self.scale).max(-1.0).ln_1p();
        (-growth / self.shape).exp()
    }

    /// The excess that is exceeded with probability `p`.
    pub fn isf(&self, p: f64) -> f64 {
        if self.shape.abs() < 1e-12 {
            return -self.scale * p.ln();
        }
        self.scale * (-self.shape * p.ln()).exp_m1() / self.shape
    }
}

/// The mean of ln(1 + theta x): the shape that belongs to theta.
fn mean_log(excesses: &[f64], theta: f64) -> f64 {
    excesses.iter().map(|x| (theta * x).ln_1p()).sum::<f64>() / excesses.len() as f64
}

/// Grimshaw's equation, 0 at a stationary point of the likelihood.
fn equation(excesses: &[f64], theta: f64) -> f64 {
    let n = excesses.len() as f64;
    let mean = excesses.iter().map(|x| 1.0 / (1.0 + theta * x)).sum::<f64>() / n;
    mean * (1.0 + mean_log(excesses, theta)) - 1.0
}

/// The roots in an interval, one for each change of sign between points of a grid, which is
/// geometric where the interval spans orders of magnitude.
fn roots(excesses: &[f64], from: f64, to: f64, geometric: bool) -> impl Iterator<Item = f64> + '_ {
    let point = move |i: usize| {
        let share = i as f64 / INTERVALS as f64;
        if geometric { from * (to / from).powf(share) } else { from + (to - from) * share }
    };
    (0..INTERVALS).filter_map(move |i| {
        let (mut low, mut high) = (point(i), point(i + 1));
        let at_low = equation(excesses, low);
        if (at_low > 0.0) == (equation(excesses, high) > 0.0) {
            return None;
        }
        for _ in 0..60 {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                break;
            }
            let same_side = (equation(excesses, middle) > 0.0) == (at_low > 0.0);
            *(if same_side { &mut low } else { &mut high }) = middle;
        }
        Some(low + (high - low) / 2.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, number, numbers, reference};

    #[test]
    fn is_as_likely_as_scipys_fit() {
        let cases = reference(include_str!("../../../tests/reference/pareto.json"));
        for case in cases.as_array().unwrap() {
            let excesses = numbers(&case["excesses"]);
            let fit = Pareto::fit(&excesses).unwrap();
            let expected = Pareto { shape: number(&case["shape"]), scale: number(&case["scale"]) };
            let gain = fit.log_likelihood(&excesses) - expected.log_likelihood(&excesses);
            assert!(gain > -1e-6, "{fit:?} instead of {expected:?}");
            assert!((fit.shape - expected.shape).abs() < 1e-3, "{fit:?} instead of {expected:?}");
            let x = number(&case["x"]);
            assert_close(expected.sf(x), number(&case["sf"]), 1e-12);
            assert_close(expected.isf(number(&case["sf"])), x, 1e-10);
        }
    }

    #[test]
    fn is_defined_for_few_values() {
        assert!(Pareto::fit(&[]).is_err() && Pareto::fit(&[0.0]).is_err());
        let one = Pareto::fit(&[2.0]).unwrap();
        assert!(one.scale > 0.0 && one.shape.is_finite());
        let same = Pareto::fit(&[2.0; 30]).unwrap();
        assert!(same.scale > 0.0 && same.shape.is_finite());
    }
}
