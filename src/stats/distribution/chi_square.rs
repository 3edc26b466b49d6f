//! The chi-square distribution.

use super::special::{gamma_prefactor, gamma_tails, invert};
use crate::stats::error::{self, Result};

/// The chi-square distribution, with degrees of freedom that need not be whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    df: f64,
}

impl ChiSquare {
    /// Makes one; an error unless `df` is positive and finite.
    pub fn new(df: f64) -> Result<ChiSquare> {
        Ok(ChiSquare { df: error::positive("df", df)? })
    }

    /// The density at `x`.
    pub fn pdf(&self, x: f64) -> f64 {
        let a = self.df / 2.0;
        if x < 0.0 {
            return 0.0;
        }
        if x == 0.0 {
            return if a < 1.0 {
                f64::INFINITY
            } else if a == 1.0 {
                0.5
            } else {
                0.0
            };
        }
        gamma_prefactor(a, x / 2.0) / x
    }

    /// The probability of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { gamma_tails(self.df / 2.0, x / 2.0).0 }
    }

    /// The probability of more than `x`.
    pub fn sf(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { gamma_tails(self.df / 2.0, x / 2.0).1 }
    }

    /// The value that is not exceeded with probability `p`.
    pub fn ppf(&self, p: f64) -> f64 {
        match p {
            0.0 => 0.0,
            1.0 => f64::INFINITY,
            p if p > 0.0 && p < 1.0 => invert(p, false, (0.0, self.df), |x| self.cdf(x)),
            _ => f64::NAN,
        }
    }

    /// The value that is exceeded with probability `p`.
    pub fn isf(&self, p: f64) -> f64 {
        match p {
            0.0 => f64::INFINITY,
            1.0 => 0.0,
            p if p > 0.0 && p < 1.0 => invert(p, true, (0.0, self.df), |x| self.sf(x)),
            _ => f64::NAN,
        }
    }
}
