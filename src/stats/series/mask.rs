//! Columns of yes and no, and what they select.

use std::str::FromStr;

use crate::stats::error::{self, Result, StatsError};

/// A comparison of two numbers; with NaN all are false but `NotEqual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// a < b.
    Less,
    /// a <= b.
    LessOrEqual,
    /// a > b.
    Greater,
    /// a >= b.
    GreaterOrEqual,
    /// a == b.
    Equal,
    /// a != b.
    NotEqual,
}

impl Comparison {
    /// The result for two numbers.
    pub fn apply(self, a: f64, b: f64) -> bool {
        match self {
            Comparison::Less => a < b,
            Comparison::LessOrEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterOrEqual => a >= b,
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
        }
    }
}

impl FromStr for Comparison {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<Comparison> {
        Ok(match name {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            got => {
                let known = "<, <=, >, >=, ==, !=";
                return Err(StatsError::Unknown { name: "comparison", got: got.to_owned(), known });
            }
        })
    }
}

/// `a op b` for each pair; an error unless both have the same length.
pub fn compare(comparison: Comparison, a: &[f64], b: &[f64]) -> Result<Vec<bool>> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    Ok(a.iter().zip(b).map(|(&a, &b)| comparison.apply(a, b)).collect())
}

/// `a op b` for each value of `a`.
pub fn compare_scalar(comparison: Comparison, a: &[f64], b: f64) -> Vec<bool> {
    a.iter().map(|&a| comparison.apply(a, b)).collect()
}

/// The values where the mask is true; an error unless both have the same length.
pub fn select(values: &[f64], mask: &[bool]) -> Result<Vec<f64>> {
    error::same_length(("values", values.len()), ("mask", mask.len()))?;
    Ok(values.iter().zip(mask).filter(|(_, yes)| **yes).map(|(x, _)| *x).collect())
}

/// The positions where the mask is true, from 0.
pub fn indices(mask: &[bool]) -> Vec<usize> {
    mask.iter().enumerate().filter(|(_, yes)| **yes).map(|(i, _)| i).collect()
}

/// How often the mask is true.
pub fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|yes| **yes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_and_selects() {
        let values = [1.0, f64::NAN, 3.0];
        let check = |name: &str, expected: [bool; 3]| {
            assert_eq!(compare_scalar(name.parse().unwrap(), &values, 3.0), expected);
        };
        check("<", [true, false, false]);
        check("<=", [true, false, true]);
        check(">", [false, false, false]);
        check(">=", [false, false, true]);
        check("==", [false, false, true]);
        check("!=", [true, true, false]);
        let mask = compare(Comparison::Less, &values, &[2.0, 2.0, 9.0]).unwrap();
        assert_eq!(select(&values, &mask).unwrap(), [1.0, 3.0]);
        assert_eq!((indices(&mask), count(&mask)), (vec![0, 2], 2));
        assert!(select(&values, &[true]).is_err() && "=".parse::<Comparison>().is_err());
    }
}
