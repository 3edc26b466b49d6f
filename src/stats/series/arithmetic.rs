//! Element by element: two columns, or a column and a number.

use std::str::FromStr;

use crate::stats::error::{self, Result, StatsError};

/// An operation on two numbers, as IEEE 754 defines it: nothing fails, gaps stay gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// a + b.
    Add,
    /// a - b.
    Subtract,
    /// a · b.
    Multiply,
    /// a / b.
    Divide,
    /// The remainder of a / b, with the sign of a.
    Remainder,
    /// a to the power of b.
    Power,
    /// The smaller; NaN if one is.
    Min,
    /// The larger; NaN if one is.
    Max,
}

impl Operation {
    /// The result for two numbers.
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Operation::Add => a + b,
            Operation::Subtract => a - b,
            Operation::Multiply => a * b,
            Operation::Divide => a / b,
            Operation::Remainder => a % b,
            Operation::Power => a.powf(b),
            Operation::Min | Operation::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Operation::Min => a.min(b),
            Operation::Max => a.max(b),
        }
    }
}

impl FromStr for Operation {
    type Err = StatsError;

    fn from_str(name: &str) -> Result<Operation> {
        Ok(match name {
            "+" => Operation::Add,
            "-" => Operation::Subtract,
            "*" => Operation::Multiply,
            "/" => Operation::Divide,
            "%" => Operation::Remainder,
            "**" => Operation::Power,
            "min" => Operation::Min,
            "max" => Operation::Max,
            got => {
                let known = "+, -, *, /, %, **, min, max";
                return Err(StatsError::Unknown { name: "operation", got: got.to_owned(), known });
            }
        })
    }
}

/// `a op b` for each pair; an error unless both have the same length.
pub fn combine(operation: Operation, a: &[f64], b: &[f64]) -> Result<Vec<f64>> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    Ok(a.iter().zip(b).map(|(&a, &b)| operation.apply(a, b)).collect())
}

/// `a op b` for each value of `a`.
pub fn map_scalar(operation: Operation, a: &[f64], b: f64) -> Vec<f64> {
    a.iter().map(|&a| operation.apply(a, b)).collect()
}

/// `a op b` for each value of `b`.
pub fn scalar_map(operation: Operation, a: f64, b: &[f64]) -> Vec<f64> {
    b.iter().map(|&b| operation.apply(a, b)).collect()
}

/// The change from each value to the one `lag` later: `lag` values shorter, empty if that is all.
///
/// An error for a lag of 0.
pub fn diff(values: &[f64], lag: usize) -> Result<Vec<f64>> {
    error::size("lag", lag, 1, error::MAX_WINDOW)?;
    Ok(values.iter().zip(values.iter().skip(lag)).map(|(before, after)| after - before).collect())
}

/// The sum of each value and all before it, compensated (Neumaier 1974); a gap makes the rest gaps.
pub fn cumsum(values: &[f64]) -> Vec<f64> {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    let add = |&x: &f64| {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
        if sum.is_finite() { sum + lost } else { sum }
    };
    values.iter().map(add).collect()
}

/// The sum of the products; an error unless both have the same length.
pub fn dot(a: &[f64], b: &[f64]) -> Result<f64> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    Ok(a.iter().zip(b).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_element_by_element() {
        let (a, b) = ([1.0, 2.0, 3.0], [4.0, 5.0, 0.0]);
        let check = |operation: &str, expected: [f64; 3]| {
            assert_eq!(combine(operation.parse().unwrap(), &a, &b).unwrap(), expected);
        };
        check("+", [5.0, 7.0, 3.0]);
        check("-", [-3.0, -3.0, 3.0]);
        check("*", [4.0, 10.0, 0.0]);
        check("/", [0.25, 0.4, f64::INFINITY]);
        check("**", [1.0, 32.0, 1.0]);
        check("min", [1.0, 2.0, 0.0]);
        check("max", [4.0, 5.0, 3.0]);
        assert_eq!(map_scalar(Operation::Remainder, &a, 2.0), [1.0, 0.0, 1.0]);
        assert_eq!(scalar_map(Operation::Subtract, 1.0, &a), [0.0, -1.0, -2.0]);
        assert!(Operation::Max.apply(f64::NAN, 1.0).is_nan());
        assert!("xor".parse::<Operation>().is_err());
    }

    #[test]
    fn sums_and_differences() {
        assert_eq!(diff(&[1.0, 4.0, 9.0], 1).unwrap(), [3.0, 5.0]);
        assert_eq!(diff(&[1.0, 4.0, 9.0], 2).unwrap(), [8.0]);
        assert!(diff(&[1.0], 5).unwrap().is_empty());
        assert!(diff(&[1.0], 0).is_err());
        assert_eq!(cumsum(&[1.0, 1e100, 1.0, -1e100]), [1.0, 1e100, 1e100, 2.0]);
        assert_eq!(dot(&[1.0, 2.0], &[3.0, 4.0]).unwrap(), 11.0);
        let error = dot(&[1.0], &[]).unwrap_err().to_string();
        assert_eq!(error, "a has 1 values and b has 0; they must be equally long");
    }
}
