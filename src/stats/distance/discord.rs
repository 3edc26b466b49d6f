//! The left matrix profile of a stream: how unlike all earlier patterns the last values are.
//!
//! Yeh et al. (2016), "Matrix profile I", left profile as Lu et al. (2022), "Matrix profile XXIV: DAMP": each
//! run of `pattern` values, z-normalised, against every earlier one in memory that does not overlap it; the
//! distance to the nearest is the score, and its peaks are the discords. Dot products move on with each value
//! in O(memory) (Zhu et al. 2016, "Matrix profile II", STOMP). They are computed again by the fast Fourier transform
//! (Mueen et al. 2017, "MASS") whenever the whole memory has been replaced, and the distance to the nearest run is
//! measured value by value, so that rounding errors do not grow.
//!
//! A run that is flat except for noise would be unlike all others after normalisation. Therefore `floor`² times the
//! variance of all values in memory is added to the variance of each run.

use realfft::RealFftPlanner;
use serde::{Deserialize, Serialize};

use crate::stats::error::{self, Result, StatsError};

const MAX_PATTERN: usize = 4096;
const MAX_MEMORY: usize = 1 << 20;
/// The largest pattern times memory: reading a snapshot back takes some nanoseconds for each.
const MAX_CELLS: usize = 1 << 28;
/// The largest value: squares must not overflow.
const LARGEST: f64 = 1e100;
/// The length of the past that is needed for a score, in patterns.
const FEWEST: usize = 3;

/// Below this the square of a difference may have vanished.
const LEAST_VARIANCE: f64 = 1e-280;

/// Compares the last `pattern` values with all such runs among the `memory` values before; 64 bytes for each
/// value of the memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Discord {
    pattern: usize,
    memory: usize,
    floor: f64,
    /// Up to twice the memory, oldest first.
    values: Vec<f64>,
    /// Mean and variance of the run that begins at each place.
    means: Vec<f64>,
    variances: Vec<f64>,
    /// The dot product of the run at each place with the newest one, of values less `origin`.
    products: Vec<f64>,
    origin: f64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    pattern: u32,
    memory: u32,
    floor: f64,
    values: Vec<f64>,
    products: Vec<f64>,
    origin: f64,
}

impl Discord {
    /// Makes one for runs of `pattern` values (4 to 4096) and a `memory` of at least 4 patterns, at most
    /// 1,048,576 values; pattern times memory is at most 268,435,456. `floor` is from 0 to 1, usually 0.05.
    pub fn new(pattern: usize, memory: usize, floor: f64) -> Result<Discord> {
        let pattern = error::size("pattern", pattern, 4, MAX_PATTERN)?;
        let most = MAX_MEMORY.min(MAX_CELLS / pattern);
        let memory = error::size("memory", memory, 4 * pattern, most)?;
        let floor = error::probability("floor", floor)?;
        let (values, means, variances, products) = (vec![], vec![], vec![], vec![]);
        Ok(Discord { pattern, memory, floor, values, means, variances, products, origin: 0.0 })
    }

    /// Takes `x` in and returns the distance of the last run from its nearest, over √pattern: from 0 (the same
    /// shape) to 2, about 1.4 for shapes that have nothing in common.
    ///
    /// `None` before 4 patterns are there. An error unless `x` is between -1e100 and 1e100, and where the values
    /// differ, but by less than 1e-140.
    pub fn push(&mut self, x: f64) -> Result<Option<f64>> {
        error::range("value", x, x.abs() < LARGEST, "between -1e100 and 1e100")?;
        if self.values.len() >= 2 * self.memory {
            self.forget();
        }
        if self.values.is_empty() {
            self.origin = x;
        }
        self.values.push(x);
        let n = self.values.len();
        if n < self.pattern {
            return Ok(None);
        }
        let (mean, variance) = moments(&self.values[n - self.pattern..]);
        if self.ready() && variance < LEAST_VARIANCE && self.is_too_small() {
            self.values.pop();
            let reason =
                "the values differ by less than 1e-140: multiply them by a power of ten first";
            return Err(StatsError::Undefined { name: "discord", reason });
        }
        self.means.push(mean);
        self.variances.push(variance);
        self.move_on();
        Ok(self.ready().then(|| self.nearest()))
    }

    /// Moves the dot products to the run that ends with the newest value.
    fn move_on(&mut self) {
        let (m, o) = (self.pattern, self.origin);
        let start = self.values.len() - m;
        self.products.push(0.0);
        if start > 0 {
            let (left, right) = (self.values[start - 1] - o, self.values[start + m - 1] - o);
            let (values, products) = (&self.values, &mut self.products);
            for i in (1..=start).rev() {
                products[i] =
                    products[i - 1] - (values[i - 1] - o) * left + (values[i + m - 1] - o) * right;
            }
        }
        self.products[0] = dot(&self.values[..m], &self.values[start..], o);
    }

    /// Drops the older half and computes the dot products of the rest again.
    fn forget(&mut self) {
        for column in [&mut self.values, &mut self.means, &mut self.variances] {
            column.drain(..self.memory);
        }
        self.origin = self.values.iter().map(|x| x / self.values.len() as f64).sum();
        self.products = products(&self.values, self.pattern, self.origin);
    }

    /// Whether the values of the newest run differ, but by too little for their squares to show it.
    #[cold]
    fn is_too_small(&self) -> bool {
        let run = &self.values[self.values.len() - self.pattern..];
        let far = |x: &f64| (x - self.values[0]).abs() >= 1e-140;
        run.iter().any(|x| *x != run[0]) && !self.values.iter().any(far)
    }

    /// The distance of the newest run to its nearest that does not overlap it.
    fn nearest(&self) -> f64 {
        let m = self.pattern;
        let (last, size) = (self.means.len() - 1, m as f64);
        let first = self.values.len().saturating_sub(self.memory + m);
        let least = self.least_variance();
        let mean = self.means[last] - self.origin;
        let own = (self.variances[last] + least).sqrt();
        let (mut best, mut shortest) = (first, f64::INFINITY);
        for i in first..=last - m {
            // d² / m = a + b - 2 cov / (σ_a σ_b); the part of the newest run is the same for all.
            let covariance = self.products[i] / size - (self.means[i] - self.origin) * mean;
            let deviation = (self.variances[i] + least).sqrt();
            let square = if deviation > 0.0 && own > 0.0 {
                self.variances[i] / (deviation * deviation) - 2.0 * covariance / (deviation * own)
            } else {
                0.0
            };
            if square < shortest {
                (best, shortest) = (i, square);
            }
        }
        self.distance(best, last, least)
    }

    /// The variance that is added to that of each run.
    fn least_variance(&self) -> f64 {
        if self.floor == 0.0 {
            return 0.0;
        }
        let from = self.values.len().saturating_sub(self.memory + self.pattern);
        // Computed from the runs, because a mean over all values of the memory would double the cost.
        let runs = (from..self.means.len()).step_by(self.pattern);
        let (mut count, mut mean, mut square) = (0.0, 0.0, 0.0);
        for i in runs {
            count += 1.0;
            let distance = self.means[i] - mean;
            mean += distance / count;
            square += distance * (self.means[i] - mean) + self.variances[i];
        }
        self.floor * self.floor * square / f64::max(count, 1.0)
    }

    /// The distance of the runs at two places, value by value.
    fn distance(&self, a: usize, b: usize, least: f64) -> f64 {
        let scale = |i: usize| {
            let deviation = (self.variances[i] + least).sqrt();
            if deviation > 0.0 { 1.0 / deviation } else { 0.0 }
        };
        let (of_a, of_b) = (scale(a), scale(b));
        let pairs = (0..self.pattern).map(|k| {
            let left = (self.values[a + k] - self.means[a]) * of_a;
            left - (self.values[b + k] - self.means[b]) * of_b
        });
        (pairs.map(|d| d * d).sum::<f64>() / self.pattern as f64).sqrt()
    }

    /// The number of values held.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Whether there are patterns enough to compare with.
    pub fn ready(&self) -> bool {
        self.values.len() >= (FEWEST + 1) * self.pattern
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        *self = Discord::new(self.pattern, self.memory, self.floor).expect("as it was made");
    }
}

fn dot(a: &[f64], b: &[f64], origin: f64) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - origin) * (b - origin)).sum()
}

/// The dot product of each run with the newest one, of values less `origin`: a convolution.
fn products(values: &[f64], pattern: usize, origin: f64) -> Vec<f64> {
    let size = (values.len() + pattern).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(size);
    let transformed = |mut input: Vec<f64>| {
        input.resize(size, 0.0);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut input, &mut spectrum).expect("buffers are made for the plan");
        spectrum
    };
    // Squares of large values must not overflow in the sums of the transform.
    let largest = values.iter().fold(f64::MIN_POSITIVE, |a, x| a.max((x - origin).abs()));
    let scaled = |x: &f64| (x - origin) / largest;
    let newest = values[values.len() - pattern..].iter().rev();
    let mut all = transformed(values.iter().map(scaled).collect());
    for (a, b) in all.iter_mut().zip(transformed(newest.map(scaled).collect())) {
        *a *= b / size as f64;
    }
    // A real series has a real spectrum at both ends, but for rounding.
    all[0].im = 0.0;
    all[size / 2].im = 0.0;
    let mut output = vec![0.0; size];
    let backward = planner.plan_fft_inverse(size);
    backward.process(&mut all, &mut output).expect("the spectrum of a real series");
    output[pattern - 1..values.len()].iter().map(|x| x * largest * largest).collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    // Equal values have no variance, also where their sum is rounded.
    if values.iter().all(|x| *x == values[0]) {
        return (values[0], 0.0);
    }
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    (mean, values.iter().map(|x| (x - mean) * (x - mean) / n).sum())
}

impl From<Discord> for Stored {
    fn from(discord: Discord) -> Stored {
        let narrow = |n: usize| u32::try_from(n).expect("limits fit u32");
        Stored {
            pattern: narrow(discord.pattern),
            memory: narrow(discord.memory),
            floor: discord.floor,
            values: discord.values,
            products: discord.products,
            origin: discord.origin,
        }
    }
}

impl TryFrom<Stored> for Discord {
    type Error = error::StatsError;

    fn try_from(stored: Stored) -> Result<Discord> {
        let (pattern, memory) = (stored.pattern as usize, stored.memory as usize);
        let mut discord = Discord::new(pattern, memory, stored.floor)?;
        let runs = (stored.values.len() + 1).saturating_sub(pattern);
        let fits = stored.values.len() <= 2 * memory && stored.products.len() == runs;
        error::intact("discord", fits, "wrong number of values")?;
        let small = stored.values.iter().chain([&stored.origin]).all(|x| x.abs() < LARGEST);
        let finite = stored.products.iter().all(|x| x.is_finite());
        error::intact("discord", small && finite, "a value is out of range")?;
        (discord.means, discord.variances) = stored.values.windows(pattern).map(moments).unzip();
        discord.values = stored.values;
        (discord.products, discord.origin) = (stored.products, stored.origin);
        Ok(discord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{assert_all_close, continues_the_same, numbers, reference, survives_damage},
    };

    fn scores(discord: &mut Discord, values: &[f64]) -> Vec<f64> {
        values.iter().map(|&x| discord.push(x).unwrap().unwrap_or(f64::NAN)).collect()
    }

    /// A wave of 50 values with noise.
    fn wave(n: usize) -> Vec<f64> {
        let mut rng = Rng::new(2);
        let at = |i: usize| (i as f64 / 50.0 * std::f64::consts::TAU).sin();
        (0..n).map(|i| 1e6 + at(i) + 0.1 * rng.uniform()).collect()
    }

    #[test]
    fn agrees_with_all_distances_written_out() {
        let case = reference(include_str!("../../../tests/reference/discord.json"));
        let values = numbers(&case["value"]);
        for floor in ["0", "0.1"] {
            let mut discord = Discord::new(8, 64, floor.parse().unwrap()).unwrap();
            let scores = scores(&mut discord, &values);
            assert_all_close(&scores, &numbers(&case[floor]), 1e-6);
        }
    }

    #[test]
    fn the_beat_that_is_missing_is_the_discord() {
        let mut values = wave(2_000);
        values[1_525..1_550].fill(1e6);
        let scores = scores(&mut Discord::new(50, 1_000, 0.05).unwrap(), &values);
        let best = (200..2_000).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert!((1_530..1_600).contains(&best), "{best}");
        let usual = scores[250..1_500].iter().fold(0.0f64, |a, &b| a.max(b));
        assert!(scores[best] > 2.0 * usual, "{} {usual}", scores[best]);
    }

    #[test]
    fn flat_runs_are_alike_and_nothing_is_not_a_number() {
        let mut discord = Discord::new(4, 16, 0.0).unwrap();
        let flat = scores(&mut discord, &[7.0; 100]);
        assert!(flat[15..].iter().all(|&s| s == 0.0));
        let mut rng = Rng::new(3);
        for _ in 0..500 {
            let x = [0.0, 9e99, -9e99, 1e-300][rng.below(4)];
            assert!(!discord.push(x).unwrap().unwrap_or(0.0).is_nan());
        }
        assert!(discord.push(f64::NAN).is_err() && discord.push(1e100).is_err());
        assert!(Discord::new(3, 99, 0.0).is_err() && Discord::new(4, 15, 0.0).is_err());
    }

    #[test]
    fn snapshots() {
        let mut discord = Discord::new(4, 16, 0.05).unwrap();
        let values = wave(100);
        scores(&mut discord, &values[..50]);
        continues_the_same(&discord, |discord| scores(discord, &values[50..]));
        discord.reset();
        scores(&mut discord, &values[..18]);
        survives_damage(&discord, |discord| drop((discord.push(1.0), discord.push(2.0))));
    }
}
