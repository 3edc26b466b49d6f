//! Straight lines through points: least squares, and Theil-Sen, which outliers cannot move.
//!
//! Theil (1950) and Sen (1968), "Estimates of the regression coefficient based on Kendall's tau".

use crate::stats::{
    error::{self, Result, StatsError},
    moments::MeanVar,
    order,
    progress::Progress,
    wide::{Wide, power_of, scaled_down},
};

/// The most points for [`theil_sen`], which looks at every pair of them.
pub const MAX_THEIL_SEN: usize = 2_000;

/// A straight line y = intercept + slope · x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// The change of y for each unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// Pearson's correlation of the points; `None` when all y are equal.
    pub r: Option<f64>,
}

impl Line {
    /// The line's y at `x`.
    pub fn at(&self, x: f64) -> f64 {
        self.slope.mul_add(x, self.intercept)
    }

    /// How far beyond `x` the line reaches `limit`; `None` when it is level or moves away from it.
    pub fn distance_to(&self, limit: f64, x: f64) -> Option<f64> {
        let distance = (limit - self.at(x)) / self.slope;
        (distance >= 0.0 && distance.is_finite()).then_some(distance)
    }
}

/// The line of least squares; O(n).
///
/// An error unless both have the same length, two or more, are finite, and not all `x` are equal, or
/// where slope or intercept do not fit into a double.
pub fn linear_fit(x: &[f64], y: &[f64]) -> Result<Line> {
    let units = Units::of(x, y);
    units.restored(moderate_fit(&scaled_down(x, units.x), &scaled_down(y, units.y))?)
}

/// The powers of two by which both axes are divided, so that squares are doubles.
struct Units {
    x: i32,
    y: i32,
}

impl Units {
    fn of(x: &[f64], y: &[f64]) -> Units {
        Units { x: power_of(x), y: power_of(y) }
    }

    /// The line in the units of the points.
    fn restored(&self, line: Line) -> Result<Line> {
        if self.x == 0 && self.y == 0 && line.slope.is_finite() && line.intercept.is_finite() {
            return Ok(line);
        }
        Ok(Line {
            slope: Wide::new(line.slope, self.y - self.x).exact("slope")?,
            intercept: Wide::new(line.intercept, self.y).exact("intercept")?,
            r: line.r,
        })
    }
}

fn moderate_fit(x: &[f64], y: &[f64]) -> Result<Line> {
    let (mean_x, mean_y) = centres(x, y)?;
    let (mut sxy, mut syy) = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        sxy += mean_x.deviation(x) * mean_y.deviation(y);
        syy += mean_y.deviation(y) * mean_y.deviation(y);
    }
    let sxx = mean_x.m2().value();
    let slope = sxy / sxx;
    let r = (syy > 0.0).then(|| (sxy / (sxx.sqrt() * syy.sqrt())).clamp(-1.0, 1.0));
    Ok(Line { slope, intercept: -mean_y.deviation(slope * centre(&mean_x)), r })
}

/// The line whose slope is the median of the slopes of all pairs, through the medians of x and y;
/// O(n²), up to [`MAX_THEIL_SEN`] points.
///
/// Errors as [`linear_fit`].
pub fn theil_sen(x: &[f64], y: &[f64], progress: &Progress<'_>) -> Result<Line> {
    error::size("points", x.len(), 2, MAX_THEIL_SEN)?;
    let units = Units::of(x, y);
    let (x, y) = (&*scaled_down(x, units.x), &*scaled_down(y, units.y));
    let r = moderate_fit(x, y)?.r;
    let pairs = x.len() * (x.len() - 1) / 2;
    progress.room_for("theil_sen", pairs)?;
    let mut slopes = Vec::with_capacity(pairs);
    for i in 1..x.len() {
        progress.steps(i)?;
        let pairs = (0..i).filter(|&j| x[i] != x[j]);
        slopes.extend(pairs.map(|j| (y[i] - y[j]) / (x[i] - x[j])));
    }
    let slope = middle(&mut slopes);
    let intercept = order::median(y, progress)? - slope * order::median(x, progress)?;
    units.restored(Line { slope, intercept, r })
}

/// The median of at least one number, by selection.
fn middle(values: &mut [f64]) -> f64 {
    let n = values.len();
    let (lower, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let below = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    below + (upper - below) / 2.0
}

fn centre(moments: &MeanVar) -> f64 {
    moments.mean().unwrap_or(0.0)
}

fn centres(x: &[f64], y: &[f64]) -> Result<(MeanVar, MeanVar)> {
    error::same_length(("x", x.len()), ("y", y.len()))?;
    error::sample("x", x, 2)?;
    error::sample("y", y, 2)?;
    let (mean_x, mean_y) = (MeanVar::of(x), MeanVar::of(y));
    if mean_x.m2().is_zero() {
        return Err(StatsError::Undefined { name: "slope", reason: "all x are equal" });
    }
    Ok((mean_x, mean_y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/trend.json"));
        for case in cases.as_array().unwrap() {
            let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
            let line = linear_fit(&x, &y).unwrap();
            assert_close(line.slope, number(&case["slope"]), 1e-12);
            assert_close(line.intercept, number(&case["intercept"]), 1e-11);
            assert_close(line.r.unwrap(), number(&case["r"]), 1e-12);
            let robust = theil_sen(&x, &y, &free()).unwrap();
            assert_close(robust.slope, number(&case["theil_slope"]), 1e-12);
            assert_close(robust.intercept, number(&case["theil_intercept"]), 1e-12);
        }
    }

    #[test]
    fn knows_when_there_is_no_line() {
        assert!(linear_fit(&[1.0, 1.0], &[1.0, 2.0]).is_err());
        assert!(linear_fit(&[1.0], &[1.0]).is_err());
        let level = linear_fit(&[1.0, 2.0], &[3.0, 3.0]).unwrap();
        assert_eq!((level.slope, level.r, level.distance_to(9.0, 2.0)), (0.0, None, None));
        let rising = linear_fit(&[0.0, 1.0], &[0.0, 2.0]).unwrap();
        assert_eq!(rising.distance_to(10.0, 1.0), Some(4.0));
        assert_eq!(rising.distance_to(1.0, 1.0), None);
    }
}
