//! One quantile of an unbounded stream in five markers.
//!
//! Jain & Chlamtac (1985), "The P² algorithm for dynamic calculation of quantiles and histograms
//! without storing observations".

use serde::{Deserialize, Serialize};

use super::quantile::QuantileMethod;
use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// An estimate of one quantile, O(1) a value and in constant memory; exact up to five values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct P2Quantile {
    q: f64,
    count: u64,
    heights: [f64; 5],
    positions: [f64; 5],
}

impl P2Quantile {
    /// Makes one for the quantile `q`, between 0 and 1.
    pub fn new(q: f64) -> Result<P2Quantile> {
        let q = error::fraction("q", q)?;
        Ok(P2Quantile { q, count: 0, heights: [0.0; 5], positions: [1.0, 2.0, 3.0, 4.0, 5.0] })
    }

    /// Takes in `x`; an error if it is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.insert(error::finite("value", x)?);
        Ok(())
    }

    /// Takes in all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.insert(x));
        Ok(())
    }

    fn insert(&mut self, x: f64) {
        if self.count < 5 {
            let filled = self.count as usize;
            self.heights[filled] = x;
            self.heights[..=filled].sort_unstable_by(f64::total_cmp);
            self.count += 1;
            return;
        }
        self.count = self.count.saturating_add(1);
        self.heights[0] = self.heights[0].min(x);
        self.heights[4] = self.heights[4].max(x);
        for i in 1..5 {
            if i == 4 || x < self.heights[i] {
                self.positions[i] += 1.0;
            }
        }
        // The differences of quarters always are doubles.
        let far = (self.heights[4] - self.heights[0]).is_infinite();
        if far {
            self.heights.iter_mut().for_each(|height| *height /= 4.0);
        }
        (1..4).for_each(|i| self.adjust(i));
        if far {
            self.heights.iter_mut().for_each(|height| *height *= 4.0);
        }
    }

    /// Moves marker `i` by one position towards where it should be.
    fn adjust(&mut self, i: usize) {
        let (n, h) = (&self.positions, &self.heights);
        let share = [0.0, self.q / 2.0, self.q, (1.0 + self.q) / 2.0, 1.0][i];
        let wanted = 1.0 + (self.count - 1) as f64 * share;
        let (behind, ahead) = (n[i] - n[i - 1], n[i + 1] - n[i]);
        let gap = wanted - n[i];
        let step = if gap >= 1.0 && ahead > 1.0 {
            1.0
        } else if gap <= -1.0 && behind > 1.0 {
            -1.0
        } else {
            return;
        };
        let rise_ahead = (h[i + 1] - h[i]) / ahead;
        let rise_behind = (h[i] - h[i - 1]) / behind;
        let parabolic = h[i]
            + step / (ahead + behind)
                * ((behind + step) * rise_ahead + (ahead - step) * rise_behind);
        self.heights[i] = if h[i - 1] < parabolic && parabolic < h[i + 1] {
            parabolic
        } else if step > 0.0 {
            h[i] + rise_ahead
        } else {
            h[i] - rise_behind
        };
        self.positions[i] += step;
    }

    /// The estimate; `None` when empty.
    pub fn value(&self) -> Option<f64> {
        match self.count {
            0 => None,
            1..=5 => {
                let n = self.count as usize;
                Some(QuantileMethod::Linear.pick(self.q, n, |i| self.heights[i]))
            }
            _ => Some(self.heights[2]),
        }
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the markers are in use: five values or more.
    pub fn ready(&self) -> bool {
        self.count >= 5
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.count = 0;
        self.heights = [0.0; 5];
        self.positions = [1.0, 2.0, 3.0, 4.0, 5.0];
    }

    fn check(&self) -> Result<()> {
        error::fraction("q", self.q).map(drop)
    }
}

checked_snapshot!(P2Quantile);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    // The worked example of the paper, table I: twenty observations, the median.
    const PAPER: [f64; 20] = [
        0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92, 34.60, 10.28, 1.47, 0.40,
        0.05, 11.39, 0.27, 0.42, 0.09, 11.37,
    ];

    #[test]
    fn repeats_the_paper() {
        let mut p2 = P2Quantile::new(0.5).unwrap();
        p2.extend(&PAPER).unwrap();
        assert_close(p2.value().unwrap(), 4.44, 1e-3);
        assert_eq!(p2.count(), 20);
    }

    #[test]
    fn is_exact_at_first() {
        let mut p2 = P2Quantile::new(0.5).unwrap();
        assert_eq!(p2.value(), None);
        p2.extend(&[9.0, 1.0, 2.0]).unwrap();
        assert_eq!(p2.value(), Some(2.0));
        continues_the_same(&p2, |p2| (p2.extend(&PAPER), p2.value()));
        survives_damage(&p2, |p2| drop((p2.extend(&PAPER), p2.value())));
    }
}
