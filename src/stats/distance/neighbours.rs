//! Conformal anomaly detection by nearest neighbours.
//!
//! Burnaev & Ishimtsev (2016), "Conformalized density- and distance-based anomaly detection in
//! time-series data" (KNN-CAD, with the lazy drifting scheme). Distances are Euclidean: the paper's
//! Mahalanobis distance needs a matrix inverted at each value, and all coordinates are lags of one
//! series, in one unit.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    ring::Ring,
    snapshot::checked_snapshot,
    wide::{Wide, power_of},
};

/// Compares the last `dimension` values with all such runs in a training window.
///
/// The nonconformity of a run is its mean distance to its `k` nearest neighbours. The score is the
/// share of recent runs (the calibration) that were less conform. `push` is O(training · dimension).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct KnnConformal {
    training: u32,
    dimension: u32,
    k: u32,
    values: Ring,
    calibration: Ring,
}

impl KnnConformal {
    /// Makes one with `training` runs (2 to 100,000) to compare with and `calibration` (from 1) recent
    /// ones between them and now; runs of `dimension` values (1 to 1,000) and `k` neighbours (1 to
    /// `training`).
    pub fn new(
        training: usize,
        calibration: usize,
        dimension: usize,
        k: usize,
    ) -> Result<KnnConformal> {
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        error::size("training", training, 2, 100_000)?;
        error::size("calibration", calibration, 1, 100_000)?;
        error::size("dimension", dimension, 1, 1_000)?;
        error::size("k", k, 1, training)?;
        Ok(KnnConformal {
            training: narrow(training),
            dimension: narrow(dimension),
            k: narrow(k),
            values: Ring::new(training + calibration + dimension - 1)?,
            calibration: Ring::new(calibration)?,
        })
    }

    /// Scores `x` with the values before it, from 0 (conform) to 1 (unlike all before), then adds it.
    ///
    /// `None` until training and calibration are full. An error if `x` is not finite.
    pub fn push(&mut self, x: f64) -> Result<Option<f64>> {
        error::finite("value", x)?;
        let (training, dimension) = (self.training as usize, self.dimension as usize);
        let full = self.values.is_full();
        // Before the ring is full, the oldest runs are the training as soon as there are enough.
        if self.values.len() + 1 < training + dimension {
            self.values.push(x);
            return Ok(None);
        }
        self.values.push(x);
        let nonconformity = self.nonconformity();
        let score = (full && self.calibration.is_full()).then(|| self.share_below(nonconformity));
        self.calibration.push(nonconformity.min(f64::MAX));
        Ok(score)
    }

    /// The mean distance of the newest run to its neighbours among the oldest `training` runs.
    fn nonconformity(&self) -> f64 {
        let (training, dimension) = (self.training as usize, self.dimension as usize);
        let mut values: Vec<f64> = self.values.iter().collect();
        // In this unit all squares are doubles.
        let power = power_of(&values);
        if power != 0 {
            values.iter_mut().for_each(|x| *x = libm::scalbn(*x, -power));
        }
        let newest = &values[values.len() - dimension..];
        let runs = values.windows(dimension).take(training.min(values.len() - dimension));
        let squared =
            |run: &[f64]| run.iter().zip(newest).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let mut distances: Vec<f64> = runs.map(|run| squared(run).sqrt()).collect();
        let k = (self.k as usize).min(distances.len());
        if k < distances.len() {
            distances.select_nth_unstable_by(k, f64::total_cmp);
        }
        let mean = distances[..k].iter().sum::<f64>() / k.max(1) as f64;
        if power == 0 { mean } else { Wide::new(mean, power).saturated() }
    }

    fn share_below(&self, nonconformity: f64) -> f64 {
        let below = self.calibration.iter().filter(|other| *other < nonconformity).count();
        below as f64 / self.calibration.len() as f64
    }

    /// The mean distance of the newest run to its neighbours, in units of the values; `None` before there are
    /// any.
    pub fn distance(&self) -> Option<f64> {
        self.calibration.iter().next_back()
    }

    /// The number of values held.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Whether the next value is scored.
    pub fn ready(&self) -> bool {
        self.values.is_full() && self.calibration.is_full()
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.values.clear();
        self.calibration.clear();
    }

    fn check(&self) -> Result<()> {
        let calibration = self.calibration.size();
        let (training, dimension) = (self.training as usize, self.dimension as usize);
        let fresh = KnnConformal::new(training, calibration, dimension, self.k as usize)?;
        let fits = fresh.values.size() == self.values.size();
        error::intact("knn_conformal", fits, "its window does not fit")
    }
}

checked_snapshot!(KnnConformal);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_all_close, continues_the_same, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_the_plain_algorithm() {
        let case = reference(include_str!("../../../tests/reference/knn_cad.json"));
        let mut knn = KnnConformal::new(20, 10, 3, 4).unwrap();
        let scores = numbers(&case["values"]).into_iter();
        let scores: Vec<f64> = scores.map(|x| knn.push(x).unwrap().unwrap_or(f64::NAN)).collect();
        assert_all_close(&scores, &numbers(&case["scores"]), 1e-12);
    }

    #[test]
    fn knows_the_shapes_it_has_seen() {
        let mut knn = KnnConformal::new(100, 50, 5, 1).unwrap();
        let wave = |i: usize| ((i % 10) as f64 - 4.5).abs() + (i % 7) as f64 * 0.01;
        let scores: Vec<_> = (0..300).map(|i| knn.push(wave(i)).unwrap()).collect();
        assert!(scores[153].is_none() && scores[160].is_some());
        assert!(scores[200..].iter().flatten().all(|score| *score == 0.0));
        continues_the_same(&knn, |knn| (0..60).map(|i| knn.push(wave(i))).collect::<Vec<_>>());
        // A value within the range, at the wrong place.
        assert_eq!(knn.push(wave(305)).unwrap(), Some(1.0));
        assert!(knn.push(f64::NAN).is_err() && KnnConformal::new(5, 5, 2, 6).is_err());
        let mut small = KnnConformal::new(2, 1, 2, 1).unwrap();
        (0..5).for_each(|i| drop(small.push(f64::from(i))));
        survives_damage(&small, |small| {
            drop((small.push(1.0), small.push(1e308), small.push(-1e308)))
        });
    }
}
