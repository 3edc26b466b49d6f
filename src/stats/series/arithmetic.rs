//! Element by element: two columns, or a column and a number.

use std::str::FromStr;

use crate::stats::{
    error::{self, Result, StatsError},
    progress::Progress,
    wide::Wide,
};

/// An operation on two numbers as IEEE 754 defines it: it never fails, and gaps stay gaps.
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
pub fn combine(
    operation: Operation,
    a: &[f64],
    b: &[f64],
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    mapped(a.len(), |i| operation.apply(a[i], b[i]), progress)
}

/// `a op b` for each value of `a`.
pub fn map_scalar(
    operation: Operation,
    a: &[f64],
    b: f64,
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    mapped(a.len(), |i| operation.apply(a[i], b), progress)
}

/// `a op b` for each value of `b`.
pub fn scalar_map(
    operation: Operation,
    a: f64,
    b: &[f64],
    progress: &Progress<'_>,
) -> Result<Vec<f64>> {
    mapped(b.len(), |i| operation.apply(a, b[i]), progress)
}

/// A function of each value.
pub fn map(values: &[f64], apply: fn(f64) -> f64, progress: &Progress<'_>) -> Result<Vec<f64>> {
    mapped(values.len(), |i| apply(values[i]), progress)
}

/// The results for the positions from 0 to before `n`.
fn mapped(n: usize, result: impl Fn(usize) -> f64, progress: &Progress<'_>) -> Result<Vec<f64>> {
    const CHUNK: usize = 1 << 14;
    progress.room_for("the result", n)?;
    let mut results = Vec::with_capacity(n);
    for start in (0..n).step_by(CHUNK) {
        results.extend((start..n.min(start + CHUNK)).map(&result));
        progress.check()?;
    }
    Ok(results)
}

/// The change from each value to the one `lag` later: `lag` values shorter, empty if that is all.
///
/// An error for a lag of 0, or where a change is too large for a double.
pub fn diff(values: &[f64], lag: usize) -> Result<Vec<f64>> {
    error::size("lag", lag, 1, error::MAX_WINDOW)?;
    let pairs = values.iter().zip(values.iter().skip(lag));
    pairs.map(|(before, after)| finite_unless("diff", after - before, [*before, *after])).collect()
}

/// The sum of each value and all before it, compensated (Neumaier 1974); a gap makes the rest gaps.
///
/// An error where a sum of finite values is too large for a double.
pub fn cumsum(values: &[f64]) -> Result<Vec<f64>> {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    let add = |&x: &f64| {
        let before = sum;
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = finite_unless("cumsum", next, [before, x])?;
        Ok(if sum.is_finite() { sum + lost } else { sum })
    };
    values.iter().map(add).collect()
}

/// `x`, or an error where it is infinite and none of what it was made of is.
fn finite_unless(name: &'static str, x: f64, parts: [f64; 2]) -> Result<f64> {
    if x.is_infinite() && parts.iter().all(|part| part.is_finite()) {
        return Err(StatsError::TooLarge { name, power: 308 });
    }
    Ok(x)
}

/// The sum of the products; an error unless both have the same length, or where a double has no room
/// for the sum.
pub fn dot(a: &[f64], b: &[f64]) -> Result<f64> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    let plain: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    if plain.abs() > 1e-200 && plain.is_finite() {
        return Ok(plain);
    }
    let products = a.iter().zip(b).map(|(&a, &b)| Wide::product(a, b));
    products.fold(Wide::ZERO, Wide::plus).exact("dot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::free;

    #[test]
    fn works_element_by_element() {
        let (a, b) = ([1.0, 2.0, 3.0], [4.0, 5.0, 0.0]);
        let check = |operation: &str, expected: [f64; 3]| {
            assert_eq!(combine(operation.parse().unwrap(), &a, &b, &free()).unwrap(), expected);
        };
        check("+", [5.0, 7.0, 3.0]);
        check("-", [-3.0, -3.0, 3.0]);
        check("*", [4.0, 10.0, 0.0]);
        check("/", [0.25, 0.4, f64::INFINITY]);
        check("**", [1.0, 32.0, 1.0]);
        check("min", [1.0, 2.0, 0.0]);
        check("max", [4.0, 5.0, 3.0]);
        assert_eq!(map_scalar(Operation::Remainder, &a, 2.0, &free()).unwrap(), [1.0, 0.0, 1.0]);
        assert_eq!(scalar_map(Operation::Subtract, 1.0, &a, &free()).unwrap(), [0.0, -1.0, -2.0]);
        assert!(Operation::Max.apply(f64::NAN, 1.0).is_nan());
        assert!("xor".parse::<Operation>().is_err());
    }

    #[test]
    fn sums_and_differences() {
        assert_eq!(diff(&[1.0, 4.0, 9.0], 1).unwrap(), [3.0, 5.0]);
        assert_eq!(diff(&[1.0, 4.0, 9.0], 2).unwrap(), [8.0]);
        assert!(diff(&[1.0], 5).unwrap().is_empty());
        assert!(diff(&[1.0], 0).is_err());
        assert_eq!(cumsum(&[1.0, 1e100, 1.0, -1e100]).unwrap(), [1.0, 1e100, 1e100, 2.0]);
        assert_eq!(dot(&[1.0, 2.0], &[3.0, 4.0]).unwrap(), 11.0);
        let error = dot(&[1.0], &[]).unwrap_err().to_string();
        assert_eq!(error, "a has 1 values and b has 0; they must be equally long");
    }
}
