//! The correlation of two series.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
    progress::Progress,
    ring::Ring,
    series::ranks,
    snapshot::checked_snapshot,
    wide::{power_of, scaled_down},
};

/// Pearson's correlation, from -1 to 1; O(n).
///
/// `None` when a side has no variance; an error unless both have the same length, two or more, and
/// are finite.
pub fn pearson(a: &[f64], b: &[f64]) -> Result<Option<f64>> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    error::sample("a", a, 2)?;
    error::sample("b", b, 2)?;
    Ok(correlation([a, &[]], [b, &[]]))
}

/// Spearman's rank correlation, with the mean rank for ties; O(n log n). Otherwise as [`pearson`].
pub fn spearman(a: &[f64], b: &[f64], progress: &Progress<'_>) -> Result<Option<f64>> {
    error::same_length(("a", a.len()), ("b", b.len()))?;
    error::sample("a", a, 2)?;
    error::sample("b", b, 2)?;
    pearson(&ranks(a, progress)?, &ranks(b, progress)?)
}

fn correlation(a: [&[f64]; 2], b: [&[f64]; 2]) -> Option<f64> {
    // A correlation does not depend on units, so each side is brought to where squares are doubles.
    let powers = [a, b].map(|parts| power_of(parts[0].iter().chain(parts[1])));
    if powers != [0, 0] {
        let [a, b] = [a.concat(), b.concat()];
        let (a, b) = (scaled_down(&a, powers[0]), scaled_down(&b, powers[1]));
        return moderate_correlation([&a, &[]], [&b, &[]]);
    }
    moderate_correlation(a, b)
}

fn moderate_correlation(a: [&[f64]; 2], b: [&[f64]; 2]) -> Option<f64> {
    let (mean_a, mean_b) = (MeanVar::of_parts(a), MeanVar::of_parts(b));
    let scale = mean_a.m2().root().value() * mean_b.m2().root().value();
    if scale == 0.0 {
        return None;
    }
    let pairs = a[0].iter().chain(a[1]).zip(b[0].iter().chain(b[1]));
    let product: f64 = pairs.map(|(&a, &b)| mean_a.deviation(a) * mean_b.deviation(b)).sum();
    Some((product / scale).clamp(-1.0, 1.0))
}

/// Pearson's correlation of the last `size` pairs; `push` is O(1), the correlation O(size).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct MovingCorrelation {
    a: Ring,
    b: Ring,
}

impl MovingCorrelation {
    /// Makes an empty window for `size` pairs, from 2 to `MAX_WINDOW`.
    pub fn new(size: usize) -> Result<MovingCorrelation> {
        let ring = Ring::with_minimum(size, 2)?;
        Ok(MovingCorrelation { a: ring.clone(), b: ring })
    }

    /// Appends a pair; an error, and no change, if one of them is not finite.
    pub fn push(&mut self, a: f64, b: f64) -> Result<()> {
        error::finite("a", a)?;
        error::finite("b", b)?;
        self.a.push(a);
        self.b.push(b);
        Ok(())
    }

    /// The correlation; `None` below two pairs or when a side has no variance.
    pub fn value(&self) -> Option<f64> {
        correlation(self.a.as_slices(), self.b.as_slices())
    }

    /// The number of pairs in the window.
    pub fn count(&self) -> usize {
        self.a.len()
    }

    /// Whether the window holds `size` pairs.
    pub fn ready(&self) -> bool {
        self.a.is_full()
    }

    /// Forgets all pairs.
    pub fn reset(&mut self) {
        self.a.clear();
        self.b.clear();
    }

    fn check(&self) -> Result<()> {
        let fits = self.a.len() == self.b.len() && self.a.size() == self.b.size();
        error::intact("moving_correlation", fits, "its sides differ in length")
    }
}

checked_snapshot!(MovingCorrelation);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_close, continues_the_same, free, number, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/trend.json"));
        for case in cases.as_array().unwrap() {
            let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
            assert_close(pearson(&x, &y).unwrap().unwrap(), number(&case["r"]), 1e-12);
            assert_close(
                spearman(&x, &y, &free()).unwrap().unwrap(),
                number(&case["spearman"]),
                1e-12,
            );
            let mut moving = MovingCorrelation::new(x.len()).unwrap();
            moving.push(1e12, -1e12).unwrap();
            x.iter().zip(&y).for_each(|(&x, &y)| moving.push(x, y).unwrap());
            assert_close(moving.value().unwrap(), number(&case["r"]), 1e-12);
            continues_the_same(&moving, |moving| (moving.push(3.0, 4.0), moving.value()));
        }
    }

    #[test]
    fn needs_variance() {
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]).unwrap(), None);
        assert!(pearson(&[1.0, 2.0], &[1.0]).is_err());
        let mut moving = MovingCorrelation::new(3).unwrap();
        assert_eq!(moving.value(), None);
        moving.push(1.0, 2.0).unwrap();
        assert!(moving.push(1.0, f64::NAN).is_err());
        assert_eq!(moving.count(), 1);
        survives_damage(&moving, |moving| drop((moving.push(2.0, 3.0), moving.value())));
    }
}
