//! A histogram with bins of equal width.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, Result},
    snapshot::checked_snapshot,
};

/// The most bins.
const MAX_BINS: usize = 100_000;

/// Counts of the values in equal bins from `lower` (included) to `upper` (excluded), and of the values outside the
/// bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Histogram {
    lower: f64,
    upper: f64,
    bins: Vec<u64>,
    below: u64,
    above: u64,
}

impl Histogram {
    /// Makes an empty one with 1 to 100,000 `bins`; an error unless `lower` < `upper`, both finite.
    pub fn new(lower: f64, upper: f64, bins: usize) -> Result<Histogram> {
        error::finite("lower", lower)?;
        let fits = upper > lower && (upper - lower).is_finite();
        error::range("upper", upper, fits, "finite and above lower")?;
        error::size("bins", bins, 1, MAX_BINS)?;
        Ok(Histogram { lower, upper, bins: vec![0; bins], below: 0, above: 0 })
    }

    /// Counts `x`, O(1); an error if it is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.insert(error::finite("value", x)?);
        Ok(())
    }

    /// Counts all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.insert(x));
        Ok(())
    }

    fn insert(&mut self, x: f64) {
        let last = self.bins.len() - 1;
        let count = if x < self.lower {
            &mut self.below
        } else if x >= self.upper {
            &mut self.above
        } else {
            let place = (x - self.lower) / (self.upper - self.lower);
            &mut self.bins[((place * (last + 1) as f64) as usize).min(last)]
        };
        *count = count.saturating_add(1);
    }

    /// The counts of the bins.
    pub fn bins(&self) -> &[u64] {
        &self.bins
    }

    /// The lower edge of bin `i`; that of bin `bins().len()` is the upper end.
    pub fn edge(&self, i: usize) -> f64 {
        self.lower + (self.upper - self.lower) * (i as f64 / self.bins.len() as f64)
    }

    /// How many values lay below the first bin.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// How many values lay at or above the upper end.
    pub fn above(&self) -> u64 {
        self.above
    }

    /// How many values were seen.
    pub fn count(&self) -> u64 {
        self.bins
            .iter()
            .fold(self.below.saturating_add(self.above), |sum, n| sum.saturating_add(*n))
    }

    /// Whether any value was seen.
    pub fn ready(&self) -> bool {
        self.count() > 0
    }

    /// The share of values below `x`, spread evenly within a bin; O(bins).
    ///
    /// `None` when empty. Values outside the bins are treated as if they lay at their ends.
    pub fn cdf(&self, x: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        if x < self.lower {
            return Some(0.0);
        }
        if x >= self.upper {
            return Some(if x > self.upper { 1.0 } else { 1.0 - self.above as f64 / count as f64 });
        }
        let place = (x - self.lower) / (self.upper - self.lower) * self.bins.len() as f64;
        let bin = (place as usize).min(self.bins.len() - 1);
        let before: f64 = self.bins[..bin].iter().map(|&n| n as f64).sum();
        let within = (place - bin as f64) * self.bins[bin] as f64;
        Some((self.below as f64 + before + within) / count as f64)
    }

    /// The quantile `q` from 0 to 1, interpolated within its bin; O(bins).
    ///
    /// `None` when empty; an error for another `q`.
    pub fn quantile(&self, q: f64) -> Result<Option<f64>> {
        error::probability("q", q)?;
        let count = self.count();
        if count == 0 {
            return Ok(None);
        }
        let target = q * count as f64;
        let mut seen = self.below as f64;
        if target <= seen && self.below > 0 {
            return Ok(Some(self.lower));
        }
        for (i, &n) in self.bins.iter().enumerate().filter(|(_, n)| **n > 0) {
            let n = n as f64;
            if seen + n >= target {
                let width = self.edge(i + 1) - self.edge(i);
                return Ok(Some(self.edge(i) + width * ((target - seen) / n)));
            }
            seen += n;
        }
        Ok(Some(self.upper))
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.bins.fill(0);
        (self.below, self.above) = (0, 0);
    }

    fn check(&self) -> Result<()> {
        error::size("bins", self.bins.len(), 1, MAX_BINS)?;
        Histogram::new(self.lower, self.upper, 1).map(drop)
    }
}

checked_snapshot!(Histogram);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{continues_the_same, survives_damage};

    #[test]
    fn counts_and_interpolates() {
        let mut histogram = Histogram::new(0.0, 10.0, 5).unwrap();
        assert_eq!((histogram.cdf(1.0), histogram.quantile(0.5).unwrap()), (None, None));
        histogram.extend(&[-1.0, 0.0, 1.9, 2.0, 9.999, 10.0, 1e300, 5.0]).unwrap();
        assert_eq!(histogram.bins(), [2, 1, 1, 0, 1]);
        assert_eq!((histogram.below(), histogram.above(), histogram.count()), (1, 2, 8));
        assert_eq!(histogram.cdf(2.0), Some(3.0 / 8.0));
        assert_eq!(histogram.quantile(0.25).unwrap(), Some(1.0));
        assert_eq!(histogram.quantile(1.0).unwrap(), Some(10.0));
        assert!(histogram.push(f64::NAN).is_err() && Histogram::new(1.0, 1.0, 3).is_err());
        continues_the_same(&histogram, |histogram| histogram.push(3.0));
        survives_damage(&histogram, |h| drop((h.push(3.0), h.quantile(0.5), h.cdf(3.0))));
    }
}
