//! Bayesian online change point detection.
//!
//! Adams & MacKay (2007), "Bayesian online changepoint detection", with normal values of unknown mean
//! and variance (normal-gamma prior; Murphy 2007, "Conjugate Bayesian analysis of the Gaussian").

use serde::{Deserialize, Serialize};

use crate::stats::{
    distribution::special::ln_beta,
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// The longest run length that can be asked for.
const MAX_RUN: usize = 10_000;

/// The largest value: sums of squares must not overflow.
const LARGEST: f64 = 1e100;

/// The distribution of the time since the last change, updated at each value.
///
/// Run lengths beyond `max_run` count as `max_run`. `push` is O(max_run), about 160 ns each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct BayesianChange {
    hazard: f64,
    max_run: u32,
    prior: Belief,
    count: u64,
    runs: Vec<Run>,
}

/// The posterior of the mean and the precision of the values since a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Belief {
    mean: f64,
    kappa: f64,
    alpha: f64,
    beta: f64,
}

/// A run length, by its place in the list, with its probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    probability: f64,
    belief: Belief,
}

/// The belief after a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BayesStep {
    /// -ln of the density that was predicted for the value: high when it is a surprise.
    pub surprise: f64,
    /// The most probable number of values since the last change.
    pub run_length: usize,
}

impl Belief {
    /// -ln of the predictive density, Student's t with 2 alpha degrees of freedom.
    fn surprise(&self, x: f64) -> f64 {
        let scale = self.beta * (self.kappa + 1.0) / (self.alpha * self.kappa);
        let df = 2.0 * self.alpha;
        let distance = x - self.mean;
        0.5 * (df * scale).ln()
            + ln_beta(self.alpha, 0.5)
            + (self.alpha + 0.5) * (distance * distance / (df * scale)).ln_1p()
    }

    fn after(&self, x: f64) -> Belief {
        let kappa = self.kappa + 1.0;
        let distance = x - self.mean;
        Belief {
            mean: self.mean + distance / kappa,
            kappa,
            alpha: self.alpha + 0.5,
            beta: self.beta + 0.5 * self.kappa / kappa * distance * distance,
        }
    }

    fn check(&self) -> Result<()> {
        error::range("mean", self.mean, self.mean.abs() < LARGEST, "between -1e100 and 1e100")?;
        error::positive("kappa", self.kappa)?;
        error::positive("alpha", self.alpha)?;
        error::positive("beta", self.beta).map(drop)
    }
}

impl BayesianChange {
    /// Makes one that expects a change every `run` values (above 1), and a level of about `mean` with
    /// deviations of about `stddev` (above 0).
    ///
    /// The prior is weak: it weighs as much as one value (kappa = alpha = 1, beta = stddev²).
    /// `max_run` is from 2 to 10,000.
    pub fn new(run: f64, mean: f64, stddev: f64, max_run: usize) -> Result<BayesianChange> {
        error::range("run", run, run > 1.0 && run.is_finite(), "above 1 and finite")?;
        let fits = stddev > 1e-100 && stddev < LARGEST;
        error::range("stddev", stddev, fits, "between 1e-100 and 1e100")?;
        let max_run = error::size("max_run", max_run, 2, MAX_RUN)?;
        let prior = Belief { mean, kappa: 1.0, alpha: 1.0, beta: stddev * stddev };
        prior.check()?;
        let max_run = u32::try_from(max_run).expect("at most 10,000");
        let runs = vec![Run { probability: 1.0, belief: prior }];
        Ok(BayesianChange { hazard: 1.0 / run, max_run, prior, count: 0, runs })
    }

    /// Takes in `x`; an error, and no change, unless it is between -1e100 and 1e100.
    pub fn push(&mut self, x: f64) -> Result<BayesStep> {
        error::finite("value", x)?;
        error::range("value", x, x.abs() < LARGEST, "between -1e100 and 1e100")?;
        let surprises: Vec<f64> = self.runs.iter().map(|run| run.belief.surprise(x)).collect();
        let least = surprises.iter().copied().fold(f64::INFINITY, f64::min);
        let mut evidence = 0.0;
        for (run, surprise) in self.runs.iter_mut().zip(&surprises) {
            run.probability *= (least - surprise).exp();
            run.belief = run.belief.after(x);
            evidence += run.probability;
        }
        self.count = self.count.saturating_add(1);
        let surprise = least - f64::ln(evidence);
        if !(evidence > 0.0 && evidence.is_finite()) {
            // This value is impossible for every run length, so the detector starts again.
            self.runs = vec![Run { probability: 1.0, belief: self.prior.after(x) }];
        }
        self.grow();
        Ok(BayesStep { surprise, run_length: self.run_length() })
    }

    /// Moves every run on by one value, and starts a new one with the probability of a change.
    fn grow(&mut self) {
        let total: f64 = self.runs.iter().map(|run| run.probability).sum();
        let survival = (1.0 - self.hazard) / total;
        self.runs.iter_mut().for_each(|run| run.probability *= survival);
        self.runs.insert(0, Run { probability: self.hazard, belief: self.prior });
        if self.runs.len() > self.max_run as usize + 1
            && let Some(last) = self.runs.pop()
            && let Some(longest) = self.runs.last_mut()
        {
            // The longest run that is kept stands for all longer ones.
            longest.probability += last.probability;
            longest.belief = last.belief;
        }
    }

    /// The most probable number of values since the last change.
    pub fn run_length(&self) -> usize {
        let by_probability =
            |a: &(usize, &Run), b: &(usize, &Run)| a.1.probability.total_cmp(&b.1.probability);
        self.runs.iter().enumerate().max_by(by_probability).map_or(0, |(length, _)| length)
    }

    /// The probability that the last change lies at most `values` back.
    pub fn changed_within(&self, values: usize) -> f64 {
        self.runs.iter().take(values.saturating_add(1)).map(|run| run.probability).sum()
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether two values were seen.
    pub fn ready(&self) -> bool {
        self.count > 1
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.count = 0;
        self.runs = vec![Run { probability: 1.0, belief: self.prior }];
    }

    fn check(&self) -> Result<()> {
        error::fraction("hazard", self.hazard)?;
        error::size("max_run", self.max_run as usize, 2, MAX_RUN)?;
        self.prior.check()?;
        error::size("run lengths", self.runs.len(), 1, self.max_run as usize + 1)?;
        self.runs.iter().try_for_each(|run| {
            error::probability("probability", run.probability.min(1.0))?;
            run.belief.check()
        })
    }
}

checked_snapshot!(BayesianChange);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{
        assert_close, continues_the_same, number, numbers, reference, survives_damage,
    };

    #[test]
    fn agrees_with_the_recursion_written_out() {
        let case = reference(include_str!("../../../tests/reference/bayes.json"));
        let mut change = BayesianChange::new(50.0, 0.0, 1.0, 1000).unwrap();
        let surprises = numbers(&case["surprise"]);
        let lengths = numbers(&case["run_length"]);
        for (i, &x) in numbers(&case["values"]).iter().enumerate() {
            let step = change.push(x).unwrap();
            assert_close(step.surprise, surprises[i], 1e-9);
            assert_eq!(step.run_length as f64, lengths[i]);
        }
        assert_close(change.changed_within(10), number(&case["within_10"]), 1e-9);
        assert_close(change.changed_within(usize::MAX), 1.0, 1e-12);
    }

    #[test]
    fn stays_within_its_memory() {
        let mut change = BayesianChange::new(50.0, 0.0, 1.0, 5).unwrap();
        for i in 0..50 {
            change.push(if i == 40 { 1e99 } else { f64::from(i % 4) }).unwrap();
        }
        assert_eq!(change.runs.len(), 6);
        assert_close(change.changed_within(5), 1.0, 1e-9);
        assert!(change.push(f64::NAN).is_err() && change.push(1e160).is_err());
        continues_the_same(&change, |change| change.push(3.0));
        let mut small = BayesianChange::new(9.0, 0.0, 1.0, 2).unwrap();
        small.push(1.0).unwrap();
        survives_damage(&small, |small| drop((small.push(2.0), small.push(3.0))));
    }
}
