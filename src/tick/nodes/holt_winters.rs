//! InfluxQL's `holtWinters` and `holtWintersWithFit`: a forecast by a damped trend and, if there is one,
//! a multiplicative season.
//!
//! R. J. Hyndman and G. Athanasopoulos, "Forecasting: principles and practice", 2nd edition, 7.3. The
//! starting values, the grid of guesses, the search and its tolerance are InfluxDB's.

use crate::stats::simplex::minimize;
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};

/// The spread of errors at the vertices at which the search ends.
const EPSILON: f64 = 1e-4;
/// The weight of the first values where there is no season.
const WEIGHT: f64 = 0.5;
/// The first guesses at the four weights: all combinations of these.
const GUESSES: [f64; 2] = [0.3, 0.7];
/// Where the seasonal values begin among the parameters: alpha, beta, gamma, phi, level, trend.
const SEASON: usize = 6;
/// The most buckets of time between the first and the last value.
const MOST_BUCKETS: i64 = 10_000_000;

/// What is forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forecast {
    /// How many values.
    pub(crate) horizon: usize,
    /// How many values a season has; below 2, there is none.
    pub(crate) season: usize,
    /// The time between values, in nanoseconds.
    pub(crate) interval: i64,
    /// Whether the fitted values of the past are given too.
    pub(crate) with_fit: bool,
}

impl Forecast {
    /// Reads the arguments of a node.
    pub(crate) fn read(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let name = &definition.name;
        let size = |i: usize| match definition.arguments.get(i) {
            Some(Object::Int(n @ 0..=100_000)) => Some(*n as usize),
            _ => None,
        };
        match (size(1), size(2), definition.arguments.get(3)) {
            (Some(horizon), Some(season), Some(Object::Duration(interval @ 1..))) => Ok(Self {
                horizon,
                season,
                interval: *interval,
                with_fit: name == "holtWintersWithFit",
            }),
            _ => {
                let message = format!(
                    "|{name}(field, h, m, interval) takes h and m from 0 to 100000 and an interval above 0"
                );
                Err(source.error(definition.at, message))
            }
        }
    }

    /// Forecasts a series; returns times and values. Of a series that is too short, nothing.
    pub(crate) fn of(self, times: &[i64], values: &[f64]) -> Vec<(i64, f64)> {
        let seasonal = self.season >= 2;
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
        if values.len() < 2 || seasonal && values.len() < self.season || self.horizon == 0 {
            return Vec::new();
        }
        let Some(buckets) = self.buckets(times, values) else { return Vec::new() };
        if seasonal && buckets.len() < self.season {
            return Vec::new();
        }
        let model = Model { y: buckets, season: if seasonal { self.season } else { 0 } };
        let forecast = model.forecast(self.horizon, &mut model.fit());
        let (skipped, start) = match self.with_fit {
            true => (0, *first),
            false => (model.y.len(), last.saturating_add(self.interval)),
        };
        let at = |i: usize| start.saturating_add(self.interval.saturating_mul(i as i64));
        let values = forecast[skipped..].iter().enumerate().filter(|(_, value)| !value.is_nan());
        values.map(|(i, value)| (at(i), *value)).collect()
    }

    /// Puts the values into buckets of time, the first of each; NaN stands for those that are missing.
    fn buckets(self, times: &[i64], values: &[f64]) -> Option<Vec<f64>> {
        let round = |time: i64| {
            let (quotient, remainder) = (time / self.interval, time % self.interval);
            quotient + i64::from(remainder > self.interval / 2)
        };
        let (first, last) = (round(times[0]), round(*times.last()?));
        if !(1..=MOST_BUCKETS).contains(&(last - first)) {
            return None;
        }
        let mut buckets = vec![values[0]];
        for (time, value) in times.iter().zip(values).skip(1) {
            let place = round(*time) - first;
            if place >= buckets.len() as i64 && place <= MOST_BUCKETS {
                buckets.resize(place as usize, f64::NAN);
                buckets.push(*value);
            }
        }
        Some(buckets)
    }
}

/// The values that a model is fitted to.
struct Model {
    y: Vec<f64>,
    /// How many values a season has; 0 for none.
    season: usize,
}

impl Model {
    /// Returns the parameters with the least squared error.
    fn fit(&self) -> Vec<f64> {
        let mut start = vec![0.0; SEASON];
        start.extend(self.starting_season(self.starting_level()));
        (start[4], start[5]) = (self.starting_level(), self.starting_trend());
        let mut best: Option<(f64, Vec<f64>)> = None;
        for guess in 0..GUESSES.len().pow(4) {
            // Alpha changes most slowly, phi fastest.
            for (i, place) in [8, 4, 2, 1].into_iter().enumerate() {
                start[i] = GUESSES[guess / place % GUESSES.len()];
            }
            let mut error = |parameters: &mut [f64]| self.squared_error(parameters);
            let found = minimize(&mut error, &start, EPSILON, 1.0);
            if best.as_ref().is_none_or(|(least, _)| found.0 < *least) {
                best = Some(found);
            }
        }
        best.map_or(start, |(_, parameters)| parameters)
    }

    fn starting_level(&self) -> f64 {
        if self.season == 0 {
            return WEIGHT * self.y[0];
        }
        let known = self.y[..self.season].iter().filter(|y| !y.is_nan());
        known.fold(0.0, |level, y| level + 1.0 / self.season as f64 * y)
    }

    fn starting_trend(&self) -> f64 {
        if self.season == 0 {
            let second = self.y[1];
            return if second.is_nan() { 0.0 } else { WEIGHT * (second - self.y[0]) };
        }
        let pairs = self.y.iter().zip(&self.y[self.season..]).take(self.season);
        let known = pairs.filter(|(a, b)| !a.is_nan() && !b.is_nan());
        let share = 1.0 / (self.season * self.season) as f64;
        known.fold(0.0, |trend, (a, b)| trend + share * (b - a))
    }

    fn starting_season(&self, level: f64) -> Vec<f64> {
        self.y[..self.season].iter().map(|y| if y.is_nan() { 0.0 } else { y / level }).collect()
    }

    /// Returns the sum of the squared errors of the fitted values, and puts the weights into their bounds.
    fn squared_error(&self, parameters: &mut [f64]) -> f64 {
        let fitted = self.forecast(0, parameters);
        let mut sum = 0.0;
        for (fitted, y) in fitted.iter().zip(&self.y).filter(|(_, y)| !y.is_nan()) {
            if fitted.is_nan() {
                return f64::INFINITY;
            }
            sum += (fitted - y) * (fitted - y);
        }
        sum
    }

    /// Returns the fitted values and `horizon` more. The weights are put into their bounds, and the
    /// seasonal values among the parameters are those of the end afterwards: the search of InfluxDB continues from
    /// those.
    fn forecast(&self, horizon: usize, parameters: &mut [f64]) -> Vec<f64> {
        parameters[..4].iter_mut().for_each(|weight| *weight = weight.clamp(0.0, 1.0));
        let (head, season) = parameters.split_at_mut(SEASON);
        let &mut [alpha, beta, gamma, phi, mut level, mut trend] = head else { return Vec::new() };
        let m = season.len();
        let mut y = self.y[0];
        let mut damping = phi;
        let mut forecast = vec![y];
        for t in 1..self.y.len() + horizon {
            // The ring of seasonal values has turned by t - 1.
            let shift = (m + t).saturating_sub(2);
            let (now, next) = match m {
                0 => (1.0, 1.0),
                _ => (season[(t + shift) % m], season[(t + t % m + shift) % m]),
            };
            let damped = level + phi * trend;
            let before = level;
            level = alpha * (y / now) + (1.0 - alpha) * damped;
            let trend_before = trend;
            trend = beta * (level - before) + (1.0 - beta) * phi * trend_before;
            let seasonal = gamma * (y / damped) + (1.0 - gamma) * now;
            y = (level + damping * trend) * next;
            damping += power(phi, t);
            if m > 0 {
                season[(t + shift) % m] = seasonal;
            }
            forecast.push(y);
        }
        forecast
    }
}

/// Returns a power by repeated squaring, in the order in which Go multiplies.
fn power(base: f64, mut exponent: usize) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= square;
        }
        square *= square;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far a value may be from InfluxDB's, as a share of it.
    const TOLERANCE: f64 = 1e-12;

    fn check(forecast: Forecast, times: &[i64], values: &[f64], expected: &[(i64, f64)]) {
        let made = forecast.of(times, values);
        assert_eq!(made.len(), expected.len(), "{forecast:?}: {made:?}");
        for ((time, value), (wanted_time, wanted)) in made.iter().zip(expected) {
            assert_eq!(time, wanted_time, "{forecast:?}");
            assert!((value - wanted).abs() <= TOLERANCE * wanted.abs(), "{value} is not {wanted}");
        }
    }

    fn forecast(horizon: usize, season: usize, with_fit: bool) -> Forecast {
        Forecast { horizon, season, interval: 10, with_fit }
    }

    /// A trend with a season of four, and what InfluxDB 1.x forecasts of it.
    fn seasonal() -> (Vec<i64>, Vec<f64>) {
        let season = [0.0, 8.0, 15.0, 6.0];
        let value =
            |i: i64| 100.0 + 3.0 * i as f64 + season[i as usize % 4] + (i * 7 % 5) as f64 / 10.0;
        ((0..14).map(|i| i * 10).collect(), (0..14).map(value).collect())
    }

    #[test]
    fn forecasts_agree_with_influxdb() {
        let (times, values) = seasonal();
        let ahead = [
            (140, 149.24497009488547),
            (150, 146.58246509954606),
            (160, 138.9238881959179),
            (170, 150.00131104727936),
            (180, 151.8652543025988),
            (190, 147.5316757624191),
        ];
        check(forecast(6, 4, false), &times, &values, &ahead);
        let without_season =
            [(140, 145.2775145923298), (150, 146.8890261294641), (160, 148.38085241990038)];
        check(forecast(3, 0, false), &times, &values, &without_season);
        let mut fitted = vec![
            (0, 100.0),
            (10, 114.80033018433366),
            (20, 115.9752664040773),
            (30, 117.24978164130182),
            (40, 112.18484509635694),
            (50, 127.01283051910158),
            (60, 129.0724649146651),
            (70, 129.8418381723858),
            (80, 124.33438345994026),
            (90, 138.78402309467955),
            (100, 141.23826522626388),
            (110, 140.4625213464263),
            (120, 133.9192458294341),
            (130, 146.97177513827015),
        ];
        fitted.extend(&ahead[..2]);
        check(forecast(2, 4, true), &times, &values, &fitted);
    }

    #[test]
    fn missing_and_doubled_values_are_taken_as_influxdb_does() {
        let (times, values) = seasonal();
        let mut kept: Vec<(i64, f64)> = Vec::new();
        for i in (0..14).filter(|i| ![3, 4, 9].contains(i)) {
            kept.push((times[i] + i as i64 % 3, values[i]));
            if i == 6 {
                kept.push((times[i] + 2, 1e6));
            }
        }
        let (times, values): (Vec<i64>, Vec<f64>) = kept.into_iter().unzip();
        let ahead = [(141, 158.06031050031598), (151, 150.7322943367684), (161, 147.0421186911765)];
        check(forecast(3, 4, false), &times, &values, &ahead);
    }

    #[test]
    fn series_that_are_too_short_have_no_forecast() {
        check(forecast(2, 0, false), &[0], &[1.0], &[]);
        check(forecast(2, 4, false), &[0, 10, 20], &[1.0; 3], &[]);
        check(forecast(0, 0, false), &[0, 10], &[1.0; 2], &[]);
        check(forecast(2, 0, false), &[0, 1], &[1.0; 2], &[]);
        // Zeros cannot be forecast: all forecasts are NaN.
        check(forecast(2, 2, false), &[0, 10], &[0.0; 2], &[]);
        check(forecast(2, 0, false), &[0, i64::MAX], &[1.0; 2], &[]);
        check(forecast(2, 0, false), &[], &[], &[]);
    }
}
