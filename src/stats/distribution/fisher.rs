//! Fisher's F distribution.

use super::special::{beta_tails, invert, ln_beta};
use crate::stats::error::{self, Result};

/// Fisher's F distribution, with degrees of freedom that need not be whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fisher {
    df1: f64,
    df2: f64,
}

impl Fisher {
    /// Makes one; an error unless both degrees of freedom are positive and finite.
    pub fn new(df1: f64, df2: f64) -> Result<Fisher> {
        Ok(Fisher { df1: error::positive("df1", df1)?, df2: error::positive("df2", df2)? })
    }

    /// The density at `x`.
    pub fn pdf(&self, x: f64) -> f64 {
        let (a, b) = (self.df1 / 2.0, self.df2 / 2.0);
        if x < 0.0 {
            return 0.0;
        }
        if x == 0.0 {
            return if a < 1.0 {
                f64::INFINITY
            } else if a == 1.0 {
                1.0
            } else {
                0.0
            };
        }
        let scaled = x * self.df1 / self.df2;
        (a * scaled.ln() - (a + b) * scaled.ln_1p() - ln_beta(a, b)).exp() / x
    }

    fn tails(&self, x: f64) -> (f64, f64) {
        if x.is_nan() {
            return (x, x);
        }
        let scaled = x.max(0.0) * self.df1 / self.df2;
        if scaled == f64::INFINITY {
            return (1.0, 0.0);
        }
        let (above, below) = (scaled / (1.0 + scaled), 1.0 / (1.0 + scaled));
        beta_tails(self.df1 / 2.0, self.df2 / 2.0, above, below)
    }

    /// The probability of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        self.tails(x).0
    }

    /// The probability of more than `x`.
    pub fn sf(&self, x: f64) -> f64 {
        self.tails(x).1
    }

    /// The value that is not exceeded with probability `p`.
    pub fn ppf(&self, p: f64) -> f64 {
        match p {
            0.0 => 0.0,
            1.0 => f64::INFINITY,
            p if p > 0.0 && p < 1.0 => invert(p, false, (0.0, 4.0), |x| self.cdf(x)),
            _ => f64::NAN,
        }
    }

    /// The value that is exceeded with probability `p`.
    pub fn isf(&self, p: f64) -> f64 {
        match p {
            0.0 => f64::INFINITY,
            1.0 => 0.0,
            p if p > 0.0 && p < 1.0 => invert(p, true, (0.0, 4.0), |x| self.sf(x)),
            _ => f64::NAN,
        }
    }
}
