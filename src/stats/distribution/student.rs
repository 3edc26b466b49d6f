//! Student's t distribution.

use std::f64::consts::PI;

use super::special::{beta_tails, invert, ln_beta};
use crate::stats::error::{self, Result};

/// Student's t distribution, with degrees of freedom that need not be whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Student {
    df: f64,
}

impl Student {
    /// Makes one; an error unless `df` is positive and finite.
    pub fn new(df: f64) -> Result<Student> {
        Ok(Student { df: error::positive("df", df)? })
    }

    /// The density at `x`.
    pub fn pdf(&self, x: f64) -> f64 {
        let df = self.df;
        let kernel = -0.5 * (df + 1.0) * (x * x / df).ln_1p();
        (kernel - ln_beta(df / 2.0, 0.5)).exp() / df.sqrt()
    }

    /// The probability of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        self.sf(-x)
    }

    /// The probability of more than `x`.
    pub fn sf(&self, x: f64) -> f64 {
        let both = self.two_sided(x);
        if x >= 0.0 { both / 2.0 } else { 1.0 - both / 2.0 }
    }

    /// The probability of being farther from 0 than `x`: the p-value of a two-sided test.
    pub fn two_sided(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        // I_{df / (df + x²)}(df / 2, 1 / 2), with x² kept from overflow.
        let scaled = x.abs() / self.df.sqrt();
        let (inner, outer) = if scaled < 1e150 {
            let square = scaled * scaled;
            (1.0 / (1.0 + square), square / (1.0 + square))
        } else {
            return self.far_tail(scaled);
        };
        beta_tails(self.df / 2.0, 0.5, inner, outer).0
    }

    /// The leading term of the two-sided tail.
    fn far_tail(&self, scaled: f64) -> f64 {
        let a = self.df / 2.0;
        (-2.0 * a * scaled.ln() - ln_beta(a, 0.5) - a.ln()).exp()
    }

    /// The value that is not exceeded with probability `p`.
    pub fn ppf(&self, p: f64) -> f64 {
        -self.isf(p)
    }

    /// The value that is exceeded with probability `p`.
    pub fn isf(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p > 0.5 {
            return -self.isf(1.0 - p);
        }
        if p == 0.5 {
            return 0.0;
        }
        if p == 0.0 {
            return f64::INFINITY;
        }
        if self.df == 1.0 {
            return 1.0 / (PI * p).tan();
        }
        invert(p, true, (0.0, 4.0), |x| self.sf(x))
    }
}
