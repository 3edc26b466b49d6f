//! Seasonal hybrid ESD: outliers of a series with a season.
//!
//! Hochenbaum, Vallis & Kejariwal (2017), "Automatic anomaly detection in the cloud via statistical
//! learning": the season by STL, the median in place of the trend, then the generalised ESD test
//! with median and MAD.

use super::stl;
pub use crate::stats::hypothesis::{EsdOutlier, Tails};
use crate::stats::{
    error::{self, Result},
    hypothesis::{esd, middle_and_mad},
    order,
    progress::Progress,
    wide::{power_of, scaled_down},
};

/// The outliers of a series of at least two periods, the strongest first.
///
/// `max_share` is the largest share of outliers, above 0 and below 0.5; `alpha` the significance
/// (usually 0.05); `tails` which side counts. A score is the distance from the median in scaled
/// MADs, when it was found. A remainder without spread has no outliers. O(n · outliers), and the
/// decomposition.
pub fn seasonal_hybrid_esd(
    values: &[f64],
    period: usize,
    max_share: f64,
    alpha: f64,
    tails: Tails,
    progress: &Progress<'_>,
) -> Result<Vec<EsdOutlier>> {
    error::range(
        "max_share",
        max_share,
        max_share > 0.0 && max_share < 0.5,
        "above 0 and below 0.5",
    )?;
    error::fraction("alpha", alpha)?;
    // Scores do not depend on the unit; in this one all differences are doubles.
    let values = &*scaled_down(values, power_of(values));
    let seasonal = stl(values, period, None, true, progress)?.seasonal;
    let median = order::median(values, progress)?;
    let rest: Vec<f64> = values.iter().zip(&seasonal).map(|(x, s)| x - s - median).collect();
    let most = ((values.len() as f64 * max_share) as usize).max(1);
    esd(&rest, most, alpha, tails, middle_and_mad, progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{
        Rng,
        testing::{assert_close, free, number, numbers, reference},
    };

    /// The paper's steps in Python, with the decomposition of statsmodels.
    #[test]
    fn agrees_with_the_plain_algorithm() {
        let cases = reference(include_str!("../../../tests/reference/seasonal_hybrid_esd.json"));
        for case in cases.as_array().unwrap() {
            let period = case["period"].as_u64().unwrap() as usize;
            let found = seasonal_hybrid_esd(
                &numbers(&case["values"]),
                period,
                0.1,
                0.05,
                Tails::Both,
                &free(),
            )
            .unwrap();
            let expected = case["outliers"].as_array().unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found.index as u64, expected["index"].as_u64().unwrap());
                assert_close(found.score, number(&expected["score"]), 1e-6);
            }
        }
    }

    #[test]
    fn finds_what_hides_in_the_season() {
        let mut rng = Rng::new(8);
        let wave = |i: usize| 10.0 * (i as f64 * std::f64::consts::TAU / 24.0).sin();
        let mut values: Vec<f64> = (0..240).map(|i| 50.0 + wave(i) + rng.uniform()).collect();
        // Within the range of the series, but not at this time of the day.
        values[100] += 6.0;
        values[150] -= 7.0;
        let find = |tails| {
            let found = seasonal_hybrid_esd(&values, 24, 0.05, 0.01, tails, &free()).unwrap();
            let mut found: Vec<usize> = found.into_iter().map(|outlier| outlier.index).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(find(Tails::Both), [100, 150]);
        assert_eq!(find(Tails::Upper), [100]);
        assert_eq!(find(Tails::Lower), [150]);
        assert!(seasonal_hybrid_esd(&values, 24, 0.5, 0.05, Tails::Both, &free()).is_err());
    }
}
