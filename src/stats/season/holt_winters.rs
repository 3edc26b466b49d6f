//! Additive Holt-Winters smoothing: expected values, and the differences of the real values to them.
//!
//! Holt (1957), Winters (1960); the equations of Hyndman & Athanasopoulos, "Forecasting: principles
//! and practice", 8.3. Level and seasons start from the first two periods.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    moments::EwStats,
    snapshot::checked_snapshot,
};

/// The longest period.
const MAX_PERIOD: usize = 100_000;

/// A level, a trend and a season, each smoothed; O(1) a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HoltWinters {
    period: u32,
    alpha: f64,
    beta: f64,
    gamma: f64,
    level: f64,
    trend: f64,
    /// The first two periods while they come in, then the seasons.
    season: Vec<f64>,
    count: u64,
    errors: EwStats,
}

impl HoltWinters {
    /// Makes one for a `period` of 2 to 100,000 values.
    ///
    /// `alpha` smooths the level (above 0, up to 1), `beta` the trend and `gamma` the season (from 0
    /// to 1; at 0 they stay as they began).
    pub fn new(period: usize, alpha: f64, beta: f64, gamma: f64) -> Result<HoltWinters> {
        let period = error::size("period", period, 2, MAX_PERIOD)?;
        error::range("alpha", alpha, alpha > 0.0 && alpha <= 1.0, "above 0 and up to 1")?;
        Ok(HoltWinters {
            period: u32::try_from(period).expect("at most 100,000"),
            alpha,
            beta: error::probability("beta", beta)?,
            gamma: error::probability("gamma", gamma)?,
            level: 0.0,
            trend: 0.0,
            season: Vec::new(),
            count: 0,
            errors: EwStats::with_span(2.0 * period as f64)?,
        })
    }

    /// Returns how far `x` is above its expected value, then adds it.
    ///
    /// `None` during the first two periods; an error if `x` is not within ±1e150.
    pub fn push(&mut self, x: f64) -> Result<Option<f64>> {
        error::moderate("value", x)?;
        if !self.ready() {
            self.count += 1;
            self.season.push(x);
            if self.ready() {
                self.begin();
            }
            return Ok(None);
        }
        let slot = self.slot();
        let (level, trend) = (self.level, self.trend);
        let residual = error::finite("residual", x - (level + trend + self.season[slot]))?;
        self.errors.push(residual)?;
        self.level += trend + self.alpha * residual;
        self.trend += self.beta * (self.level - level - trend);
        self.season[slot] += self.gamma * residual;
        self.count = self.count.saturating_add(1);
        Ok(Some(residual))
    }

    fn slot(&self) -> usize {
        (self.count % u64::from(self.period)) as usize
    }

    /// Level, trend and season from two periods: the trend joins their means, the season is the mean
    /// of what remains.
    fn begin(&mut self) {
        let period = self.period as usize;
        let m = period as f64;
        let (first, second) = self.season.split_at(period);
        let mean = |values: &[f64]| values.iter().map(|x| x / m).sum::<f64>();
        let (before, after) = (mean(first), mean(second));
        self.trend = (after - before) / m;
        let along = |i: usize| self.trend * (i as f64 - (m - 1.0) / 2.0);
        let rest = |i: usize| (first[i] - before) / 2.0 + (second[i] - after) / 2.0 - along(i);
        self.level = after + along(period - 1);
        self.season = (0..period).map(rest).collect();
    }

    /// The expected value `ahead` steps ahead, where 1 is the next one; `None` during the warm-up.
    pub fn forecast(&self, ahead: u32) -> Option<f64> {
        let steps = u64::from(ahead.saturating_sub(1));
        let slot = (self.count.wrapping_add(steps) % u64::from(self.period)) as usize;
        self.ready().then(|| self.level + f64::from(ahead) * self.trend + self.season[slot])
    }

    /// The standard deviation of recent residuals, weighted over two periods; `None` below two.
    pub fn stddev(&self) -> Option<f64> {
        self.errors.stddev()
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether two periods were seen.
    pub fn ready(&self) -> bool {
        self.count >= 2 * u64::from(self.period)
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        (self.level, self.trend, self.count) = (0.0, 0.0, 0);
        self.season.clear();
        self.errors.reset();
    }

    fn check(&self) -> Result<()> {
        HoltWinters::new(self.period as usize, self.alpha, self.beta, self.gamma)?;
        let expected = if self.ready() { u64::from(self.period) } else { self.count };
        let fits = self.season.len() as u64 == expected;
        error::intact("holt_winters", fits, "its seasons do not add up")
    }
}

checked_snapshot!(HoltWinters);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_all_close, continues_the_same, number, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_statsmodels() {
        let case = reference(include_str!("../../../tests/reference/holt_winters.json"));
        let mut model = HoltWinters::new(7, 0.3, 0.1, 0.2).unwrap();
        let values = numbers(&case["values"]);
        let residuals: Vec<_> = values.iter().filter_map(|&x| model.push(x).unwrap()).collect();
        assert_all_close(&residuals, &numbers(&case["residuals"]), 1e-11);
        let ahead: Vec<_> = (1..=6).map(|ahead| model.forecast(ahead).unwrap()).collect();
        assert_all_close(&ahead, &numbers(&case["forecast"]), 1e-11);
        assert!(model.stddev().unwrap() > 0.1 * number(&case["noise"]));
        continues_the_same(&model, |model| model.push(3.0));
    }

    #[test]
    fn expects_a_perfect_season() {
        let mut model = HoltWinters::new(4, 0.5, 0.0, 0.5).unwrap();
        for i in 0..20 {
            let x = f64::from(i) * 0.5 + [0.0, 8.0, 4.0, -4.0][i as usize % 4];
            let residual = model.push(x).unwrap();
            assert!(residual.is_none() == (i < 8) && residual.unwrap_or(0.0).abs() < 1e-12);
        }
        assert!(model.push(f64::INFINITY).is_err());
        survives_damage(&model, |model| drop((model.push(1.0), model.forecast(u32::MAX))));
    }
}
