//! The anomaly score: how novel a value is, on one scale for every series.
//!
//! Nearest-neighbour novelty with conformal calibration, after the conformal k-NN detectors of
//! Laxhammar and Falkman (2014) and of Ishimtsev et al. (2017, "Conformal k-NN anomaly detector for
//! univariate data streams"). For each value x:
//!
//! 1. The state is the point (x, m), with m an exponentially weighted mean over about 20 values, x
//!    included: what the value is, and what it is among.
//! 2. Its novelty is the distance to the nearest of the states seen before ([`Landmarks`]).
//! 3. The p-value is the fraction of recent values that were at least as novel when they came
//!    ([`ConformalRank`]).
//! 4. The score is 1 - p, or 0 when one of the last 100 values had at least that score, so that an
//!    anomaly that goes on is raised once, and again only if it grows.
//!
//! **What it means**: on a series that does not change its ways at most about one value in N has
//! p <= 1/N, and so a score of 1 - 1/N or more, whatever its unit, noise and rhythm. Choose the threshold
//! by how often a steady series may be looked at in vain: 0.994 for values minutes apart (best on the
//! Numenta Anomaly Benchmark; 0.992 to 0.995 come close), 0.9999 for values a second apart.
//!
//! **What it does not see**: a series that stays within what it did before, such as a sensor stuck at
//! an ordinary value or a daily peak that fails to come; watch those by change or by season.
//!
//! Nothing but past values is used: not the series' length, range or clock. Scores do not depend on the
//! unit (a x + b gives the scores of x). After a lasting change the new level is learnt as it comes; a
//! state not visited while 1024 others were learnt, some 10,000 values of a steady series, is forgotten.

mod landmarks;
mod rank;

use serde::{Deserialize, Serialize};

pub use landmarks::Landmarks;
pub use rank::ConformalRank;

use super::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// Scores each value of a series by its novelty; at most 37 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AnomalyScore {
    count: u64,
    mean: f64,
    landmarks: Landmarks,
    rank: ConformalRank,
    pvalue: f64,
    peak: f64,
    since_peak: u32,
}

impl AnomalyScore {
    /// The number of values that the mean beside the value goes over.
    pub const SPAN: f64 = 20.0;
    /// The number of states remembered.
    pub const LANDMARKS: usize = 1024;
    /// A value at least this rare becomes a landmark.
    pub const LEARN: f64 = 0.1;
    /// The number of values that a novelty is compared with.
    pub const HISTORY: usize = 8192;
    /// The number of values at first that are learnt and not compared: everything is new to an empty
    /// memory.
    pub const WARMUP: u64 = 50;
    /// The number of values for which a score silences those that are not above it.
    pub const HOLD: u32 = 100;

    /// Makes one that has seen nothing.
    pub fn new() -> AnomalyScore {
        AnomalyScore {
            count: 0,
            mean: 0.0,
            landmarks: Landmarks::new(AnomalyScore::LANDMARKS).expect("the size is within limits"),
            rank: ConformalRank::new(AnomalyScore::HISTORY).expect("the size is within limits"),
            pvalue: 1.0,
            peak: 0.0,
            since_peak: 0,
        }
    }

    /// Returns the score of `x`, from 0 to 1, then learns it; an error if it is not finite.
    ///
    /// 0 for the first 50 values, for each value of a constant series, and while a higher score of the
    /// last 100 values holds. The highest score after n values is about 1 - 1/n, more only for a record
    /// by far.
    pub fn push(&mut self, x: f64) -> Result<f64> {
        error::finite("value", x)?;
        let state = [x, self.average(x)];
        let novelty = self.landmarks.visit(state)?;
        self.pvalue =
            if self.count > AnomalyScore::WARMUP { self.rank.push(novelty)? } else { 1.0 };
        if novelty > 0.0 && (!self.landmarks.is_full() || self.pvalue <= AnomalyScore::LEARN) {
            self.landmarks.add(state)?;
        }
        Ok(self.hold(1.0 - self.pvalue))
    }

    /// The p-value of the newest value, without the silence after a score; 1 at first.
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the warm-up is over.
    pub fn ready(&self) -> bool {
        self.count > AnomalyScore::WARMUP
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        *self = AnomalyScore::new();
    }

    fn average(&mut self, x: f64) -> f64 {
        self.count = self.count.saturating_add(1);
        let alpha = (1.0 / self.count as f64).max(1.0 / AnomalyScore::SPAN);
        // Not alpha (x - mean): the difference of two doubles may be too large for one.
        self.mean = if self.count == 1 { x } else { self.mean + (alpha * x - alpha * self.mean) };
        self.mean
    }

    fn hold(&mut self, score: f64) -> f64 {
        self.since_peak = self.since_peak.saturating_add(1);
        if self.since_peak > AnomalyScore::HOLD {
            self.peak = 0.0;
        }
        if score <= self.peak {
            return 0.0;
        }
        (self.peak, self.since_peak) = (score, 0);
        score
    }

    fn check(&self) -> Result<()> {
        let fresh = AnomalyScore::new();
        let sizes = self.landmarks.size() == fresh.landmarks.size()
            && self.rank.size() == fresh.rank.size();
        error::intact("anomaly score", sizes, "made for other sizes")?;
        let unit = 0.0..=1.0;
        let scores = unit.contains(&self.pvalue) && unit.contains(&self.peak);
        error::intact("anomaly score", scores, "a score is not from 0 to 1")?;
        error::intact("anomaly score", self.mean.is_finite(), "the mean is not finite")
    }
}

impl Default for AnomalyScore {
    fn default() -> AnomalyScore {
        AnomalyScore::new()
    }
}

checked_snapshot!(AnomalyScore);

#[cfg(test)]
mod tests;
