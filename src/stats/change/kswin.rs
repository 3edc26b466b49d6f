//! The Kolmogorov-Smirnov windowing test.
//!
//! Raab, Heusinger & Schleif (2020), "Reactive soft prototype computing for concept drift streams".

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    hypothesis::ks_2samp,
    progress::Progress,
    ring::Ring,
    rng::Rng,
    snapshot::checked_snapshot,
};

/// Compares the newest values of a window with a random sample of the rest.
///
/// `push` costs O(size + recent²) once the window is full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Kswin {
    alpha: f64,
    recent: u32,
    window: Ring,
    rng: Rng,
    pvalue: f64,
}

impl Kswin {
    /// Makes one with a window of `size` values, the `recent` newest of which are compared.
    ///
    /// `alpha` is the false alarm rate of one test, between 0 and 1 (usually 0.005); `recent` from 2
    /// to half of `size`, and up to 500. Sampling is repeatable, from `seed`.
    pub fn new(alpha: f64, size: usize, recent: usize, seed: u64) -> Result<Kswin> {
        error::size("size", size, 4, MAX_WINDOW)?;
        let recent = error::size("recent", recent, 2, (size / 2).min(500))?;
        Ok(Kswin {
            alpha: error::fraction("alpha", alpha)?,
            recent: u32::try_from(recent).expect("at most 500"),
            window: Ring::new(size)?,
            rng: Rng::new(seed),
            pvalue: 1.0,
        })
    }

    /// Takes in `x` and says whether the newest values differ; an error if `x` is not finite.
    ///
    /// On a change, only the newest values are kept.
    pub fn push(&mut self, x: f64) -> Result<bool> {
        self.window.push(error::finite("value", x)?);
        self.pvalue = 1.0;
        if !self.window.is_full() {
            return Ok(false);
        }
        let mut older: Vec<f64> = self.window.iter().collect();
        let newest = older.split_off(older.len() - self.recent as usize);
        self.rng.sample(&mut older, newest.len());
        let test = ks_2samp(&older[..newest.len()], &newest, &Progress::free())?;
        self.pvalue = test.pvalue;
        let changed = test.pvalue <= self.alpha && test.statistic > 0.1;
        if changed {
            self.window.clear();
            for &x in &newest {
                self.window.push(x);
            }
        }
        Ok(changed)
    }

    /// The p-value of the last comparison; 1 while there is none.
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// The number of values in the window.
    pub fn count(&self) -> usize {
        self.window.len()
    }

    /// Whether the window is full, and so compared.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// Forgets all values; the random sequence continues.
    pub fn reset(&mut self) {
        self.window.clear();
        self.pvalue = 1.0;
    }

    fn check(&self) -> Result<()> {
        Kswin::new(self.alpha, self.window.size(), self.recent as usize, 0).map(drop)
    }
}

checked_snapshot!(Kswin);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        distribution::Normal,
        testing::{continues_the_same, number, reference, survives_damage},
    };

    /// The same experiment as with river, on other random numbers: the mean delay after a step of two
    /// standard deviations within 3 values, and the share of false alarms within chance (some 14).
    #[test]
    fn is_as_quick_and_as_quiet_as_river() {
        let case = reference(include_str!("../../../tests/reference/kswin.json"));
        let mut rng = Rng::new(32);
        let mut noise = || Normal::STANDARD.ppf(rng.uniform().max(1e-12));
        let mut delays = Vec::new();
        for seed in 0..40 {
            let mut kswin = Kswin::new(0.001, 100, 30, seed).unwrap();
            let step = |i: i32| if i < 150 { 0.0 } else { 2.0 };
            let found = (0..400).map(|i| kswin.push(step(i) + noise()).unwrap());
            let found: Vec<bool> = found.collect();
            delays.extend(found[150..].iter().position(|found| *found).map(|delay| delay as f64));
        }
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        assert!((mean - number(&case["delay"])).abs() < 3.0, "{mean}");
        assert!(delays.len() >= 37, "{}", delays.len());
        let mut kswin = Kswin::new(0.005, 100, 30, 1).unwrap();
        let alarms = (0..12_000).filter(|_| kswin.push(noise()).unwrap()).count();
        let share = alarms as f64 / 12_000.0;
        let expected = number(&case["alarm_share"]);
        assert!(share > 0.4 * expected && share < 2.0 * expected, "{share}");
    }

    #[test]
    fn sees_a_change_of_level() {
        let mut kswin = Kswin::new(0.0001, 100, 30, 42).unwrap();
        let mut noise = Rng::new(1);
        let mut found = Vec::new();
        for i in 0..600 {
            let level = if i < 300 { 0.0 } else { 0.7 };
            if kswin.push(level + noise.uniform()).unwrap() {
                found.push(i);
            }
        }
        assert!(found.len() == 1 && (305..330).contains(&found[0]), "{found:?}");
        assert!(Kswin::new(0.01, 100, 51, 0).is_err());
        continues_the_same(&kswin, |kswin| (0..90).map(|_| kswin.push(0.2)).collect::<Vec<_>>());
        let mut small = Kswin::new(0.01, 4, 2, 1).unwrap();
        (0..9).for_each(|i| drop(small.push(f64::from(i))));
        survives_damage(&small, |small| drop(small.push(3.0)));
    }
}
