//! The anomaly likelihood: how unusual recent scores are, compared with earlier ones.
//!
//! Lavin & Ahmad (2015), "Evaluating real-time anomaly detection algorithms – the Numenta anomaly
//! benchmark", and Ahmad et al. (2017): the mean of the last few scores against the normal
//! distribution of many.

use serde::{Deserialize, Serialize};

use crate::stats::{
    distribution::Normal,
    error::{self, Result},
    moments::{MovingStats, Window},
    snapshot::checked_snapshot,
    wide::Wide,
};

/// The anomaly likelihood of a stream of scores; O(min(size, 64)) a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AnomalyLikelihood {
    warmup: u32,
    floor: f64,
    history: MovingStats,
    recent: MovingStats,
}

/// The likelihood that recent scores are anomalous.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// 1 less the tail probability: the paper's likelihood.
    pub likelihood: f64,
    /// The probability of a recent mean this high, from the upper tail: exact where `likelihood`
    /// rounds to 1.
    pub tail: f64,
    /// ln(tail) / ln(1e-10), limited to [0, 1]: the benchmark's logarithmic score.
    pub score: f64,
}

impl AnomalyLikelihood {
    /// Makes one that compares the last `short` scores (from 1) with up to `long` before (above
    /// `short`).
    ///
    /// No verdict before `warmup` scores (at least 2, up to `long`). `floor` is the least standard
    /// deviation to suppose, at least 0: it keeps a history of equal scores from making the next
    /// one infinitely unlikely.
    pub fn new(long: usize, short: usize, warmup: usize, floor: f64) -> Result<AnomalyLikelihood> {
        let history = MovingStats::new(long)?;
        let recent = MovingStats::new(error::size("short", short, 1, long)?)?;
        let warmup = error::size("warmup", warmup, 2.min(long), long)?;
        Ok(AnomalyLikelihood {
            warmup: u32::try_from(warmup).expect("MAX_WINDOW fits u32"),
            floor: error::not_negative("floor", floor)?,
            history,
            recent,
        })
    }

    /// Judges `score` with the last ones against the history, then adds it to the history.
    ///
    /// `None` during warm-up. Without any deviation a recent mean equal to the history's has a tail
    /// of 0.5, a higher one 0. An error if `score` is not finite.
    pub fn push(&mut self, score: f64) -> Result<Option<Likelihood>> {
        self.recent.push(score)?;
        let verdict = if self.ready() { self.judge() } else { None };
        self.history.push(score)?;
        Ok(verdict)
    }

    fn judge(&self) -> Option<Likelihood> {
        let history = self.history.moments();
        let stddev = history.stddev()?.max(self.floor);
        let above = history.wide_deviation(self.recent.mean()?);
        let z = match () {
            () if above.is_zero() => 0.0,
            () if stddev == 0.0 => f64::INFINITY.copysign(above.value()),
            () => above.over(Wide::from(stddev)).saturated(),
        };
        let tail = Normal::STANDARD.sf(z);
        let score = (tail.max(f64::MIN_POSITIVE).ln() / 1e-10f64.ln()).clamp(0.0, 1.0);
        Some(Likelihood { likelihood: 1.0 - tail, tail, score })
    }

    /// The number of scores in the history.
    pub fn count(&self) -> usize {
        self.history.count()
    }

    /// Whether the next score is judged.
    pub fn ready(&self) -> bool {
        self.count() >= self.warmup as usize
    }

    /// Forgets all scores.
    pub fn reset(&mut self) {
        self.history.reset();
        self.recent.reset();
    }

    fn check(&self) -> Result<()> {
        let (long, short) = (self.history.size(), self.recent.size());
        AnomalyLikelihood::new(long, short, self.warmup as usize, self.floor).map(drop)
    }
}

checked_snapshot!(AnomalyLikelihood);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, continues_the_same, survives_damage};

    #[test]
    fn judges_the_recent_mean() {
        let mut likelihood = AnomalyLikelihood::new(100, 2, 4, 0.0).unwrap();
        for score in [0.0, 1.0, 0.0, 1.0] {
            assert_eq!(likelihood.push(score).unwrap(), None);
        }
        // Mean 0.5, standard deviation √(1/3); the recent mean is (1 + 3) / 2.
        let verdict = likelihood.push(3.0).unwrap().unwrap();
        assert_close(verdict.tail, Normal::STANDARD.sf(1.5 * 3f64.sqrt()), 1e-14);
        assert_close(verdict.likelihood, 1.0 - verdict.tail, 1e-15);
        assert_close(verdict.score, verdict.tail.log10() / -10.0, 1e-12);
        continues_the_same(&likelihood, |likelihood| likelihood.push(2.0));
        survives_damage(&likelihood, |likelihood| drop(likelihood.push(2.0)));
    }

    #[test]
    fn is_defined_without_deviation() {
        let mut likelihood = AnomalyLikelihood::new(9, 1, 2, 0.0).unwrap();
        for _ in 0..5 {
            likelihood.push(1.0).unwrap();
        }
        assert_eq!(likelihood.push(1.0).unwrap().unwrap().tail, 0.5);
        assert_eq!(likelihood.push(2.0).unwrap().unwrap().score, 1.0);
        assert!(likelihood.push(f64::NAN).is_err());
        assert!(AnomalyLikelihood::new(5, 6, 2, 0.0).is_err());
    }
}
