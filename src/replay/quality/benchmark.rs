//! The score of the Numenta Anomaly Benchmark, standard profile, for detections at one threshold.
//!
//! Lavin & Ahmad (2015), "Evaluating real-time anomaly detection algorithms – the Numenta anomaly
//! benchmark". The earliest detection in a window counts, up to 1 at its begin; each one outside
//! costs up to 0.11, little just after a window; a window missed costs 1. The first 15 % of a
//! series, at most 750 rows, are free.

/// The cost of a detection far from any window.
const FALSE_POSITIVE: f64 = 0.11;

/// Rows of a series, both included.
pub(super) type RowRange = (usize, usize);

/// What a series adds to the score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Points {
    /// For what was detected.
    pub(super) total: f64,
    /// For detecting nothing.
    pub(super) null: f64,
    /// For detecting every anomaly at once, and nothing else.
    pub(super) perfect: f64,
}

impl Points {
    /// 100 for perfect, 0 for detecting nothing; `None` without anomalies.
    pub(super) fn score(&self) -> Option<f64> {
        let range = self.perfect - self.null;
        (range > 0.0).then(|| 100.0 * (self.total - self.null) / range)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.null += other.null;
        self.perfect += other.perfect;
    }
}

/// Judges the detections, which are rows in order, in a series of `rows` rows.
pub(super) fn points(rows: usize, windows: &[RowRange], detections: &[usize]) -> Points {
    let probation = (15 * rows / 100).min(750);
    let mut best: Vec<Option<f64>> =
        windows.iter().map(|w| (w.1 >= probation).then_some(-1.0)).collect();
    let null = best.iter().flatten().sum();
    let mut outside = 0.0;
    for &row in detections.iter().filter(|row| **row >= probation) {
        match windows.iter().position(|w| (w.0..=w.1).contains(&row)) {
            Some(i) => {
                let (first, last) = windows[i];
                let place = (last - row + 1) as f64 / (last - first + 1) as f64;
                let value = sigmoid(-place) / sigmoid(-1.0);
                best[i] = best[i].map(|best: f64| best.max(value));
            }
            None => outside += FALSE_POSITIVE * after(windows, row),
        }
    }
    let total = best.iter().flatten().sum::<f64>() + outside;
    Points { total, null, perfect: windows.len() as f64 }
}

/// The value of a detection after the last window before it, from 0 to -1.
fn after(windows: &[RowRange], row: usize) -> f64 {
    match windows.iter().rev().find(|w| w.1 < row) {
        Some(&(first, last)) => sigmoid((row - last) as f64 / ((last - first).max(1)) as f64),
        None => -1.0,
    }
}

fn sigmoid(x: f64) -> f64 {
    if x > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * x).exp()) - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_is_better_and_nothing_is_zero() {
        let windows = [(500, 599), (800, 899)];
        let score = |detections: &[usize]| points(1000, &windows, detections).score().unwrap();
        assert_eq!(score(&[]), 0.0);
        assert!((score(&[500, 800]) - 100.0).abs() < 1e-9);
        assert!(score(&[500]) > score(&[590]) && score(&[590]) > 0.0);
        assert_eq!(score(&[500, 520]), score(&[500]));
        assert!(score(&[610]) > score(&[790]) && score(&[790]) < 0.0);
        assert_eq!(score(&[10]), 0.0, "the first rows are free");
        assert_eq!(points(10, &[], &[3]).score(), None);
    }
}
