//! Order statistics of the last `size` values.
//!
//! The window is kept twice: in the order of arrival and sorted. A push is a binary search and a
//! move of O(size) bytes, which up to some thousands of values is faster than any tree.

use serde::{Deserialize, Serialize};

use super::{
    quantile::QuantileMethod,
    spread::{MAD_TO_SIGMA, mad_sorted},
};
use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
    ring::Ring,
    wide::Wide,
};

/// Sliding median, quantiles, MAD, IQR and Hampel filter.
///
/// `push` is O(log size) and a memory move of up to 8 · size bytes; quantiles are O(1), `mad` and
/// `hampel` O(log size).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Ring", into = "Ring")]
pub struct MovingOrder {
    ring: Ring,
    sorted: Vec<f64>,
}

/// The verdict of the Hampel filter on a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hampel {
    /// The median before the value: what replaces an outlier.
    pub median: f64,
    /// The median absolute deviation, scaled to a standard deviation.
    pub sigma: f64,
    /// The distance from the median in sigmas, signed; infinite beside a window without spread.
    pub score: f64,
}

impl MovingOrder {
    /// Makes an empty window for `size` values, from 1 to `MAX_WINDOW`.
    pub fn new(size: usize) -> Result<MovingOrder> {
        Ring::new(size).map(MovingOrder::from)
    }

    /// Appends `x` and drops the oldest value of a full window; an error if `x` is not finite.
    pub fn push(&mut self, x: f64) -> Result<()> {
        self.append(error::finite("value", x)?);
        Ok(())
    }

    /// Appends all of `values`, or none if one of them is not finite.
    pub fn extend(&mut self, values: &[f64]) -> Result<()> {
        error::all_finite("value", values)?;
        values.iter().for_each(|&x| self.append(x));
        Ok(())
    }

    fn append(&mut self, x: f64) {
        let old = self.ring.push(x);
        let to = self.sorted.partition_point(|y| y.total_cmp(&x).is_lt());
        let Some(old) = old else {
            self.sorted.insert(to, x);
            return;
        };
        let from = self.sorted.partition_point(|y| y.total_cmp(&old).is_lt());
        if from < to {
            self.sorted.copy_within(from + 1..to, from);
            self.sorted[to - 1] = x;
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.sorted[to] = x;
        }
    }

    /// The quantile `q` from 0 to 1; `None` when empty, an error for another `q`.
    pub fn quantile(&self, q: f64, method: QuantileMethod) -> Result<Option<f64>> {
        error::probability("q", q)?;
        Ok(self.pick(q, method))
    }

    fn pick(&self, q: f64, method: QuantileMethod) -> Option<f64> {
        let n = self.sorted.len();
        (n > 0).then(|| method.pick(q, n, |i| self.sorted[i]))
    }

    /// The median; `None` when empty.
    pub fn median(&self) -> Option<f64> {
        self.pick(0.5, QuantileMethod::Linear)
    }

    /// The median absolute deviation, unscaled; `None` when empty, an error where it is too large for a
    /// double.
    pub fn mad(&self) -> Result<Option<f64>> {
        self.wide_mad().map(|mad| mad.exact("mad")).transpose()
    }

    fn wide_mad(&self) -> Option<Wide> {
        let n = self.sorted.len();
        (n > 0).then(|| mad_sorted(n, |i| self.sorted[i]))
    }

    /// The third quartile less the first, by type 7; `None` when empty, an error where it is too large
    /// for a double.
    pub fn iqr(&self) -> Result<Option<f64>> {
        let quartile = |q| self.pick(q, QuantileMethod::Linear);
        let range = quartile(0.75).zip(quartile(0.25));
        range.map(|(upper, lower)| Wide::difference(upper, lower).exact("iqr")).transpose()
    }

    /// Compares `x` with the window, without taking it in (Hampel 1974); `None` when empty, an error
    /// where sigma is too large for a double.
    ///
    /// A score beyond ±3 is usually called an outlier.
    pub fn hampel(&self, x: f64) -> Result<Option<Hampel>> {
        let (Some(median), Some(mad)) = (self.median(), self.wide_mad()) else {
            return Ok(None);
        };
        let sigma = mad.scaled(MAD_TO_SIGMA).exact("sigma")?;
        let score = match x - median {
            0.0 => 0.0,
            distance if sigma == 0.0 => f64::INFINITY.copysign(distance),
            _ => Wide::difference(x, median).over(Wide::from(sigma)).saturated(),
        };
        Ok(Some(Hampel { median, sigma, score }))
    }

    /// The share of values below `x`, half of those equal to it; `None` when empty.
    pub fn rank(&self, x: f64) -> Option<f64> {
        let below = self.sorted.partition_point(|&y| y < x);
        let up_to = self.sorted.partition_point(|&y| y <= x);
        let n = self.sorted.len() as f64;
        (n > 0.0).then(|| (below + up_to) as f64 / 2.0 / n)
    }

    /// The mean of what remains without the share `cut` (0 to below 0.5) at each end; O(size).
    ///
    /// `None` when empty; an error for another `cut`.
    pub fn trimmed_mean(&self, cut: f64) -> Result<Option<f64>> {
        error::range("cut", cut, (0.0..0.5).contains(&cut), "from 0 to below 0.5")?;
        let cut = (self.sorted.len() as f64 * cut) as usize;
        Ok(MeanVar::of(&self.sorted[cut..self.sorted.len() - cut]).mean())
    }

    /// The smallest value; `None` when empty.
    pub fn min(&self) -> Option<f64> {
        self.sorted.first().copied()
    }

    /// The largest value; `None` when empty.
    pub fn max(&self) -> Option<f64> {
        self.sorted.last().copied()
    }

    /// The number of values in the window.
    pub fn count(&self) -> usize {
        self.ring.len()
    }

    /// The number of values the window can hold.
    pub fn size(&self) -> usize {
        self.ring.size()
    }

    /// Whether the window holds `size` values.
    pub fn ready(&self) -> bool {
        self.ring.is_full()
    }

    /// The values in the order of arrival, oldest first.
    pub fn values(&self) -> &Ring {
        &self.ring
    }

    /// The values in ascending order.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.ring.clear();
        self.sorted = Vec::new();
    }
}

impl From<Ring> for MovingOrder {
    fn from(ring: Ring) -> MovingOrder {
        let mut sorted: Vec<f64> = ring.iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        MovingOrder { ring, sorted }
    }
}

impl From<MovingOrder> for Ring {
    fn from(order: MovingOrder) -> Ring {
        order.ring
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{
        order::{iqr, mad, median, sorted},
        testing::{continues_the_same, free, survives_damage},
    };

    proptest! {
        #[test]
        fn equals_the_recomputed_window(
            size in 1usize..40,
            values in prop::collection::vec(prop_oneof![-5i32..5, -1000..1000], 1..200),
        ) {
            let values: Vec<f64> = values.into_iter().map(|x| f64::from(x) / 4.0 * 0.0f64.cos()).collect();
            let mut order = MovingOrder::new(size).unwrap();
            for i in 0..values.len() {
                order.push(values[i]).unwrap();
                let window = &values[(i + 1).saturating_sub(size)..=i];
                prop_assert_eq!(order.sorted(), sorted("window", window, &free()).unwrap());
                let centre = median(window, &free()).unwrap();
                prop_assert_eq!(order.median().unwrap(), centre);
                let distances: Vec<f64> = window.iter().map(|x| (x - centre).abs()).collect();
                prop_assert!((order.mad().unwrap().unwrap() - median(&distances, &free()).unwrap()).abs() < 1e-12);
                prop_assert_eq!(mad(window, &free()).unwrap(), order.mad().unwrap().unwrap());
                prop_assert_eq!(iqr(window, &free()).unwrap(), order.iqr().unwrap().unwrap());
            }
            continues_the_same(&order, |order| {
                order.extend(&values).unwrap();
                order.hampel(3.0)
            });
        }
    }

    #[test]
    fn keeps_both_zeros_apart() {
        let mut order = MovingOrder::new(2).unwrap();
        order.extend(&[0.0, -0.0, 0.0, -0.0, -0.0, 0.0]).unwrap();
        assert_eq!(order.sorted().iter().filter(|x| x.is_sign_negative()).count(), 1);
    }

    #[test]
    fn judges_without_spread() {
        let mut order = MovingOrder::new(9).unwrap();
        assert_eq!((order.hampel(1.0), order.mad(), order.rank(1.0)), (Ok(None), Ok(None), None));
        order.extend(&[2.0; 9]).unwrap();
        assert_eq!(order.hampel(2.0).unwrap().unwrap().score, 0.0);
        assert_eq!(order.hampel(1.0).unwrap().unwrap().score, f64::NEG_INFINITY);
        assert_eq!((order.rank(2.0), order.rank(9.0)), (Some(0.5), Some(1.0)));
        assert_eq!(order.trimmed_mean(0.2).unwrap(), Some(2.0));
        survives_damage(&order, |order| drop((order.extend(&[1.0; 20]), order.hampel(2.0))));
    }
}
