//! A threshold that is exceeded with a chosen probability, kept up to date.
//!
//! Siffer et al. (2017), "Anomaly detection in streams with extreme value theory": SPOT, and with a
//! depth DSPOT, which follows the mean of the last values.

use serde::{Deserialize, Serialize};

use super::Pareto;
use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    moments::{MovingStats, Window},
    order::{QuantileMethod, quantile},
    progress::Progress,
    ring::Ring,
    snapshot::checked_snapshot,
};

/// The newest excesses that are kept for the fit.
const MAX_EXCESSES: usize = 200;
/// An alarm is learned from, too, if it is at least this probable, relative to the risk: a tail that
/// only sees what is below its threshold lowers the threshold further and further.
const PLAUSIBLE: f64 = 0.01;
/// The largest value: likelihoods must not overflow.
const LARGEST: f64 = 1e150;
/// The fewest with which the tail is fitted.
const MIN_EXCESSES: usize = 3;

/// The upper tail of a stream; for the lower one push negated values.
///
/// O(1) a value, and a fit (some 100 µs) for the few values in the tail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Spot {
    risk: f64,
    level: f64,
    warmup: u32,
    calibration: Vec<f64>,
    local: Option<MovingStats>,
    tail: Option<Tail>,
    count: u64,
}

/// What is known of the tail after calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tail {
    start: f64,
    threshold: f64,
    seen: u64,
    peaks: u64,
    excesses: Ring,
    fit: Pareto,
}

/// What SPOT says of a value, before it learns from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpotStep {
    /// Whether the value passed the threshold.
    pub alarm: bool,
    /// The threshold, in units of the values.
    pub threshold: f64,
    /// The estimated probability of a value this high.
    pub probability: f64,
}

impl Spot {
    /// Makes one that raises false alarms with probability `risk` a value (usually 1e-4).
    ///
    /// The first `warmup` values (10 to 100,000; the paper takes 1,000) calibrate it: their quantile
    /// `level` (usually 0.98) is where the tail begins. With `depth` above 0, values are compared
    /// with the mean of as many before them.
    pub fn new(risk: f64, level: f64, warmup: usize, depth: usize) -> Result<Spot> {
        error::fraction("risk", risk)?;
        error::fraction("level", level)?;
        error::range("risk", risk, risk < 1.0 - level, "below 1 - level")?;
        let warmup = error::size("warmup", warmup, 10, 100_000)?;
        error::size("depth", depth, 0, MAX_WINDOW)?;
        let local = if depth > 0 { Some(MovingStats::new(depth)?) } else { None };
        Ok(Spot {
            risk,
            level,
            warmup: u32::try_from(warmup).expect("at most 100,000"),
            calibration: Vec::new(),
            local,
            tail: None,
            count: 0,
        })
    }

    /// Judges `x`, then learns from it; `None` during calibration.
    ///
    /// An alarm less probable than a hundredth of the risk is not learned from, nor followed: after
    /// a lasting change of level, call [`reset`](Spot::reset). (The paper learns from no alarm.)
    /// An error unless `x` is between -1e150 and 1e150.
    pub fn push(&mut self, x: f64) -> Result<Option<SpotStep>> {
        error::range("value", x, x.abs() < LARGEST, "between -1e150 and 1e150")?;
        self.count = self.count.saturating_add(1);
        let local = self.local.as_ref();
        if local.is_some_and(|local| !local.is_full()) {
            self.follow(x)?;
            return Ok(None);
        }
        let base = local.and_then(MovingStats::mean).unwrap_or(0.0);
        let height = x - base;
        let Some(tail) = &mut self.tail else {
            self.calibrate(height)?;
            self.follow(x)?;
            return Ok(None);
        };
        let alarm = height > tail.threshold;
        let threshold = tail.threshold + base;
        let step = SpotStep { alarm, threshold, probability: tail.probability(height) };
        if !alarm || step.probability > PLAUSIBLE * self.risk {
            tail.learn(height, self.risk)?;
            self.follow(x)?;
        }
        Ok(Some(step))
    }

    fn calibrate(&mut self, height: f64) -> Result<()> {
        self.calibration.push(height);
        if self.calibration.len() == self.warmup as usize {
            let heights = std::mem::take(&mut self.calibration);
            self.tail = Some(Tail::calibrate(&heights, self.level, self.risk)?);
        }
        Ok(())
    }

    fn follow(&mut self, x: f64) -> Result<()> {
        self.local.as_mut().map_or(Ok(()), |local| local.push(x))
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether it is calibrated.
    pub fn ready(&self) -> bool {
        self.tail.is_some()
    }

    /// The fitted tail; `None` during calibration.
    pub fn fit(&self) -> Option<Pareto> {
        self.tail.as_ref().map(|tail| tail.fit)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        (self.tail, self.count) = (None, 0);
        self.calibration = Vec::new();
        if let Some(local) = &mut self.local {
            local.reset();
        }
    }

    fn check(&self) -> Result<()> {
        Spot::new(self.risk, self.level, self.warmup as usize, 0)?;
        let calibrating = self.calibration.len() < self.warmup as usize;
        error::intact("spot", calibrating, "too many values of calibration")?;
        error::all_finite("value", &self.calibration)?;
        let Some(tail) = &self.tail else {
            return Ok(());
        };
        let fits = tail.excesses.size() == MAX_EXCESSES
            && tail.excesses.iter().all(|x| x > 0.0)
            && tail.peaks <= tail.seen;
        error::intact("spot", fits, "its tail does not add up")
    }
}

impl Tail {
    fn calibrate(heights: &[f64], level: f64, risk: f64) -> Result<Tail> {
        let start = quantile(heights, level, QuantileMethod::Linear, &Progress::free())?;
        let mut tail = Tail {
            start,
            threshold: start,
            seen: heights.len() as u64,
            peaks: 0,
            excesses: Ring::new(MAX_EXCESSES)?,
            fit: Pareto { shape: 0.0, scale: 0.0 },
        };
        for &height in heights.iter().filter(|height| **height > start) {
            tail.peaks += 1;
            tail.excesses.push(height - start);
        }
        tail.refit(risk)?;
        Ok(tail)
    }

    fn learn(&mut self, height: f64, risk: f64) -> Result<()> {
        self.seen = self.seen.saturating_add(1);
        let excess = height - self.start;
        if excess > 0.0 && excess.is_finite() {
            self.peaks = self.peaks.saturating_add(1);
            self.excesses.push(excess);
            self.refit(risk)?;
        }
        Ok(())
    }

    /// Fits the excesses and sets the threshold: start + isf(risk · n / peaks).
    fn refit(&mut self, risk: f64) -> Result<()> {
        if self.excesses.len() < MIN_EXCESSES {
            // Too few to fit: the largest seen is the threshold.
            self.threshold = self.start + self.excesses.iter().fold(0.0, f64::max);
            return Ok(());
        }
        let excesses: Vec<f64> = self.excesses.iter().collect();
        self.fit = Pareto::fit(&excesses)?;
        let share = self.seen as f64 / self.peaks as f64;
        self.threshold = self.start + self.fit.isf((risk * share).min(1.0));
        Ok(())
    }

    fn probability(&self, height: f64) -> f64 {
        let share = (self.peaks as f64 / self.seen as f64).min(1.0);
        if height <= self.start || self.fit.scale <= 0.0 {
            return if height <= self.start { 1.0 } else { share };
        }
        share * self.fit.sf(height - self.start)
    }
}

checked_snapshot!(Spot);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        distribution::Normal,
        testing::{continues_the_same, survives_damage},
    };

    fn noise(rng: &mut Rng) -> f64 {
        Normal::STANDARD.ppf(rng.uniform().max(1e-12))
    }

    #[test]
    fn keeps_its_risk() {
        let mut rng = Rng::new(3);
        let mut spot = Spot::new(1e-3, 0.95, 2000, 0).unwrap();
        let alarms = (0..22_000)
            .filter_map(|_| spot.push(noise(&mut rng)).unwrap())
            .filter(|step| step.alarm)
            .count();
        assert!((8..=40).contains(&alarms), "{alarms} alarms where 20 are due");
        let step = spot.push(10.0).unwrap().unwrap();
        assert!(step.alarm && step.probability < 1e-4 && (2.7..3.6).contains(&step.threshold));
        continues_the_same(&spot, |spot| (spot.push(2.5), spot.push(5.0), spot.push(1.0)));
    }

    #[test]
    fn follows_a_drift_with_depth() {
        let mut rng = Rng::new(4);
        let mut spot = Spot::new(1e-4, 0.98, 500, 20).unwrap();
        let mut alarms = 0;
        for i in 0..5000 {
            let x = f64::from(i) * 0.05 + noise(&mut rng);
            alarms += usize::from(spot.push(x).unwrap().is_some_and(|step| step.alarm));
        }
        assert!(alarms < 5, "{alarms}");
        assert!(spot.push(300.0).unwrap().unwrap().alarm);
    }

    #[test]
    fn survives_constants_and_damage() {
        let mut spot = Spot::new(1e-4, 0.9, 10, 2).unwrap();
        for _ in 0..20 {
            spot.push(1.0).unwrap();
        }
        let step = spot.push(1.0).unwrap().unwrap();
        assert!(!step.alarm && spot.push(1.5).unwrap().unwrap().alarm);
        assert!(Spot::new(0.1, 0.98, 100, 0).is_err());
        let mut spot = Spot::new(1e-4, 0.7, 10, 2).unwrap();
        for i in 0..20 {
            spot.push(f64::from(i * i % 7)).unwrap();
        }
        survives_damage(&spot, |spot| drop((spot.push(9.0), spot.push(1.0), spot.push(3.0))));
    }
}
