//! The anomaly score: how novel a value is, on one scale for every series.
//!
//! Four views of a value are each ranked among the earlier values, and the score is 1 less the geometric mean of
//! their p-values:
//!
//! 1. **The state** (x, m20): the value, and the exponentially weighted mean over about 20 values that it
//!    is among. Its novelty is the distance to the nearest state seen before ([`Landmarks`]), and the
//!    p-value the share of recent values that were at least as novel when they came: conformal
//!    nearest-neighbour novelty, after Laxhammar and Falkman (2014) and Ishimtsev et al. (2017).
//! 2. **The step** (x - m5, x): how the value differs from the last few, m5 without it.
//! 3. **The rhythm** (r, its m20), where r is the difference from the median of the same time on the last
//!    seven days ([`Rhythm`]). It is known from the third day on.
//! 4. **The step of r**: its distance from its own m5, ranked over some six weeks of minutes. It counts
//!    three times on a smooth series, where the next value can be told from the last ones (mean steps are
//!    below half of the mean distance from the long mean), and not at all on others.
//!
//! Each p-value says "on a series that does not change its ways at most one value in N has p <= 1/N",
//! whatever its unit, noise and rhythm; views that agree make a small mean. Use
//! [`AlarmBudget`](super::tail::AlarmBudget) to turn scores into alarms: it knows how often values come.
//!
//! Only past values and their times are used, not the length or the range of the series. Scores do not depend
//! on the unit (a x + b gives the scores of x). After a lasting change the new level is learnt as it comes; a
//! state not visited while 512 others were learnt is forgotten.

mod landmarks;
mod novelty;
mod rank;

use serde::{Deserialize, Serialize};

pub use landmarks::Landmarks;
pub use rank::ConformalRank;

use self::novelty::Novelty;
use super::{
    error::{self, Result},
    season::Rhythm,
    snapshot::checked_snapshot,
    tail::ForgettingRank,
};

/// Marks the form of a snapshot; snapshots of other versions begin with another mark.
const FORM: u32 = 0x616e_6f32;

/// Scores each value of a series by its novelty; at most 60 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AnomalyScore {
    form: u32,
    count: u64,
    value: Track,
    state: Novelty,
    step: Novelty,
    rhythm: Rhythm,
    rest: Track,
    rest_state: Novelty,
    rest_step: ForgettingRank,
    smoothness: Smoothness,
    pvalue: f64,
}

/// The exponentially weighted means of a series over about 5 and 20 values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Track {
    count: u64,
    short: f64,
    long: f64,
}

impl Track {
    /// Takes `x` in and returns its step from the short mean before it (0 for the first value) and the
    /// long mean with it.
    fn push(&mut self, x: f64) -> (f64, f64) {
        self.count = self.count.saturating_add(1);
        let step = if self.count == 1 { 0.0 } else { difference(x, self.short) };
        self.short = average(self.short, x, self.count, 5.0);
        self.long = average(self.long, x, self.count, 20.0);
        (step, self.long)
    }

    fn is_finite(&self) -> bool {
        self.short.is_finite() && self.long.is_finite()
    }
}

/// The size of steps in relation to distances from the long mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Smoothness {
    mean: f64,
    distance: f64,
    step: f64,
}

impl Smoothness {
    /// The number of values over which it is measured.
    const SPAN: f64 = 2000.0;
    /// The largest ratio of a smooth series.
    const SMOOTH: f64 = 0.5;

    fn push(&mut self, x: f64, step: f64, count: u64) {
        self.mean = average(self.mean, x, count, Smoothness::SPAN);
        let distance = difference(x, self.mean).abs();
        self.distance = average(self.distance, distance, count, Smoothness::SPAN);
        self.step = average(self.step, step.abs(), count, Smoothness::SPAN);
    }

    fn is_smooth(&self) -> bool {
        self.step < Smoothness::SMOOTH * self.distance
    }

    fn is_finite(&self) -> bool {
        self.mean.is_finite() && self.distance.is_finite() && self.step.is_finite()
    }
}

/// The mean after `x`, with the weight 1 / count at first and 1 / span later.
fn average(mean: f64, x: f64, count: u64, span: f64) -> f64 {
    let weight = (1.0 / count as f64).max(1.0 / span);
    // Not weight (x - mean): the difference of two doubles may be too large for one.
    if count == 1 { x } else { mean + (weight * x - weight * mean) }
}

/// a - b, within the range of a double.
fn difference(a: f64, b: f64) -> f64 {
    (a - b).clamp(f64::MIN, f64::MAX)
}

impl AnomalyScore {
    /// The number of values at the beginning that are learned without a comparison.
    pub const WARMUP: u64 = 50;
    /// The number of steps that are ranked.
    const STEPS: usize = 32_768;
    /// How often the step beside the rhythm counts on a smooth series.
    const STEP_WEIGHT: u32 = 3;
    /// The least p-value of a view.
    const LEAST: f64 = 1e-30;

    /// Makes one that has seen nothing.
    pub fn new() -> AnomalyScore {
        AnomalyScore {
            form: FORM,
            count: 0,
            value: Track::default(),
            state: Novelty::new(),
            step: Novelty::new(),
            rhythm: Rhythm::daily(),
            rest: Track::default(),
            rest_state: Novelty::new(),
            rest_step: ForgettingRank::new(AnomalyScore::STEPS).expect("within limits"),
            smoothness: Smoothness::default(),
            pvalue: 1.0,
        }
    }

    /// Returns the score of `x`, from 0 to 1, then learns it; an error if it is not finite.
    ///
    /// `time` is in nanoseconds; without it no rhythm is known. 0 for the first 50 values and for each value
    /// of a constant series.
    pub fn push(&mut self, time: Option<i64>, x: f64) -> Result<f64> {
        error::finite("value", x)?;
        self.count = self.count.saturating_add(1);
        let (step, mean) = self.value.push(x);
        self.smoothness.push(x, step, self.count);
        let mut views = Views::default();
        views.add(self.state.push([x, mean])?, 1);
        views.add(self.step.push([step, x])?, 1);
        if let Some(time) = time {
            self.beside_the_rhythm(time, x, &mut views)?;
        }
        self.pvalue = views.mean();
        Ok(1.0 - self.pvalue)
    }

    fn beside_the_rhythm(&mut self, time: i64, x: f64, views: &mut Views) -> Result<()> {
        let Some(expected) = self.rhythm.push(time, x)? else {
            if !self.rhythm.ready_at(time) {
                // Nothing is known of the rhythm so far: half of what there is to say is not said.
                views.add(1.0, 1);
            }
            return Ok(());
        };
        let rest = difference(x, expected);
        let (step, mean) = self.rest.push(rest);
        views.add(self.rest_state.push([rest, mean])?, 1);
        if self.rest.count > AnomalyScore::WARMUP {
            let pvalue = self.rest_step.push(step.abs())?;
            if self.smoothness.is_smooth() {
                views.add(pvalue, AnomalyScore::STEP_WEIGHT);
            }
        }
        Ok(())
    }

    /// The geometric mean of the p-values of the newest value; 1 at first.
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// The newest value as the rhythm of the day would have it; `None` while the rhythm is not known.
    pub fn expected(&self) -> Option<f64> {
        self.rhythm.expected()
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

    fn check(&self) -> Result<()> {
        error::intact("anomaly score", self.form == FORM, "it is of another version")?;
        let novelties = [&self.state, &self.step, &self.rest_state];
        let sizes = novelties.iter().all(|novelty| novelty.fits())
            && self.rest_step.memory() == AnomalyScore::STEPS;
        error::intact("anomaly score", sizes, "made for other sizes")?;
        let finite = self.value.is_finite() && self.rest.is_finite();
        let finite = finite && self.smoothness.is_finite() && (0.0..=1.0).contains(&self.pvalue);
        error::intact("anomaly score", finite, "a number is out of range")
    }
}

/// The product of the p-values of the views of a value, and how many they are.
#[derive(Clone, Copy, Debug)]
struct Views {
    product: f64,
    count: u32,
}

impl Views {
    /// Takes in a view that counts `times` times. Six of the least p-value are far above the least double.
    fn add(&mut self, pvalue: f64, times: u32) {
        for _ in 0..times {
            self.product *= pvalue.max(AnomalyScore::LEAST);
        }
        self.count += times;
    }

    /// Their geometric mean.
    fn mean(&self) -> f64 {
        libm::exp(libm::log(self.product) / f64::from(self.count))
    }
}

impl Default for Views {
    fn default() -> Views {
        Views { product: 1.0, count: 0 }
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
