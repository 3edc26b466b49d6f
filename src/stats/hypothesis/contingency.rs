//! Pearson's chi-square tests: of counts against expectations, and of independence in a table.
//!
//! Pearson (1900); the continuity correction of a 2 × 2 table by Yates (1934).

use crate::stats::{
    distribution::ChiSquare,
    error::{self, Result, StatsError},
    wide::{Wide, power_of, scaled_down},
};

/// The outcome of a chi-square test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquareTest {
    /// The statistic.
    pub chi2: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// The p-value, from the upper tail.
    pub pvalue: f64,
}

/// Compares counts with what is expected (in any scale: expectations are scaled to the same sum), or
/// with equal counts when nothing is.
///
/// An error below two counts, for a negative one, when all are 0, or for an expectation of 0.
pub fn chi_square_fit(observed: &[f64], expected: Option<&[f64]>) -> Result<ChiSquareTest> {
    error::sample("observed", observed, 2)?;
    for &x in observed {
        error::not_negative("observed", x)?;
    }
    let power = power_of(observed);
    let counts = scaled_down(observed, power);
    let total = error::positive("sum of observed", counts.iter().sum())?;
    let even = vec![1.0; observed.len()];
    let expected = expected.unwrap_or(&even);
    error::same_length(("observed", observed.len()), ("expected", expected.len()))?;
    for &x in expected {
        error::positive("expected", x)?;
    }
    let expected = scaled_down(expected, power_of(expected));
    let scale = total / expected.iter().sum::<f64>();
    let term = |(o, e): (&f64, &f64)| (o - e * scale).powi(2) / (e * scale);
    let chi2 = counts.iter().zip(&*expected).map(term).sum();
    outcome(chi2, power, (observed.len() - 1) as f64)
}

/// Tests whether rows and columns of a table of counts are independent.
///
/// `rows` have equal lengths. `correction` is Yates', applied to 2 × 2 tables only. An error below two
/// rows or columns, for a negative count, or where a row or column is all 0.
pub fn chi_square_table(rows: &[&[f64]], correction: bool) -> Result<ChiSquareTest> {
    let few = |name, got| Err(StatsError::TooFew { name, needed: 2, got });
    if rows.len() < 2 {
        return few("rows", rows.len());
    }
    let width = rows[0].len();
    if width < 2 {
        return few("columns", width);
    }
    for row in rows {
        error::same_length(("the first row", width), ("another", row.len()))?;
        for &x in *row {
            error::not_negative("count", x)?;
        }
    }
    let power = power_of(rows.iter().copied().flatten());
    let rows: Vec<_> = rows.iter().map(|row| scaled_down(row, power)).collect();
    let row_sums: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
    let column_sums: Vec<f64> = (0..width).map(|j| rows.iter().map(|row| row[j]).sum()).collect();
    for &sum in row_sums.iter().chain(&column_sums) {
        error::positive("sum of a row or column", sum)?;
    }
    let total: f64 = row_sums.iter().sum();
    let corrected = correction && rows.len() == 2 && width == 2;
    let shift = if corrected { Wide::new(0.5, -power).value() } else { 0.0 };
    let mut chi2 = 0.0;
    for (row, row_sum) in rows.iter().zip(&row_sums) {
        for (observed, column_sum) in row.iter().zip(&column_sums) {
            let expected = row_sum * column_sum / total;
            let distance = (observed - expected).abs();
            chi2 += (distance - distance.min(shift)).powi(2) / expected;
        }
    }
    outcome(chi2, power, ((rows.len() - 1) * (width - 1)) as f64)
}

/// The outcome for counts that were divided by 2^`power`.
fn outcome(chi2: f64, power: i32, df: f64) -> Result<ChiSquareTest> {
    let chi2 = Wide::new(chi2, power).exact("chi2")?;
    Ok(ChiSquareTest { chi2, df, pvalue: ChiSquare::new(df)?.sf(chi2) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/chi_square.json"));
        for case in cases["fit"].as_array().unwrap() {
            let expected = case["expected"].as_array().map(|_| numbers(&case["expected"]));
            let test = chi_square_fit(&numbers(&case["observed"]), expected.as_deref()).unwrap();
            assert_close(test.chi2, number(&case["chi2"]), 1e-12);
            assert_close(test.pvalue, number(&case["pvalue"]), 1e-11);
        }
        for case in cases["table"].as_array().unwrap() {
            let rows: Vec<Vec<f64>> =
                case["rows"].as_array().unwrap().iter().map(numbers).collect();
            let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
            let test = chi_square_table(&rows, case["correction"].as_bool().unwrap()).unwrap();
            assert_close(test.chi2, number(&case["chi2"]), 1e-12);
            assert_close(test.df, number(&case["df"]), 1e-15);
            assert_close(test.pvalue, number(&case["pvalue"]), 1e-11);
        }
    }

    #[test]
    fn refuses_what_has_no_expectation() {
        assert!(chi_square_fit(&[0.0, 0.0], None).is_err());
        assert!(chi_square_fit(&[1.0, 2.0], Some(&[1.0, 0.0])).is_err());
        assert!(chi_square_fit(&[1.0, -2.0], None).is_err());
        assert!(chi_square_table(&[&[1.0, 0.0], &[1.0, 0.0]], true).is_err());
        assert!(chi_square_table(&[&[1.0, 2.0], &[1.0]], true).is_err());
    }
}
