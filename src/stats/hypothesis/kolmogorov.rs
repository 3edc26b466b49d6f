//! Kolmogorov-Smirnov tests: whether a sample has a given distribution, or that of another sample.
//!
//! Two samples: the exact p-value counts lattice paths (Hodges 1958, as R's `psmirnov`). One sample:
//! Marsaglia, Tsang & Wang (2003), and in the tail twice Smirnov's exact one-sided probability
//! (Simard & L'Ecuyer 2011). Large samples: Kolmogorov's limit, for one sample with the correction
//! of Vrbik (2018).

use statrs::function::gamma::ln_gamma;

use crate::stats::{distribution::Normal, error::Result, order::sorted, progress::Progress};

/// The largest product of both sizes with an exact p-value.
const MAX_EXACT: usize = 250_000;

/// The outcome of a Kolmogorov-Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KsTest {
    /// The largest distance between the two distribution functions.
    pub statistic: f64,
    /// The two-sided p-value.
    pub pvalue: f64,
}

/// Compares the distributions of two samples; O(n log n), and O(n · m) while the p-value is exact.
///
/// It is exact up to n · m = 250,000 (taking ties as if there were none, as SciPy does), beyond it
/// asymptotic. An error if a side is empty or not finite.
pub fn ks_2samp(a: &[f64], b: &[f64], progress: &Progress<'_>) -> Result<KsTest> {
    let (a, b) = (sorted("a", a, progress)?, sorted("b", b, progress)?);
    let statistic = largest_gap(&a, &b, progress)?;
    let (n, m) = (a.len() as f64, b.len() as f64);
    let pvalue = if a.len().saturating_mul(b.len()) <= MAX_EXACT {
        path_probability(a.len(), b.len(), statistic)
    } else {
        kolmogorov_sf(statistic * (n * m / (n + m)).sqrt())
    };
    Ok(KsTest { statistic, pvalue })
}

/// Compares a sample with a normal distribution that is given, not fitted; O(n log n).
///
/// With a fitted one the p-value is too large (Lilliefors). Exact up to 200 values and in the tail,
/// else right to about 1e-4. An error when empty or not finite.
pub fn ks_normal(values: &[f64], normal: &Normal, progress: &Progress<'_>) -> Result<KsTest> {
    let sorted = sorted("values", values, progress)?;
    let n = sorted.len() as f64;
    let gap = |(i, &x): (usize, &f64)| {
        let below = normal.cdf(x) - i as f64 / n;
        below.max((i + 1) as f64 / n - normal.cdf(x))
    };
    let mut statistic = 0.0f64;
    for value in sorted.iter().enumerate() {
        progress.steps(16)?;
        statistic = statistic.max(gap(value));
    }
    Ok(KsTest { statistic, pvalue: one_sample_sf(sorted.len(), statistic, progress)? })
}

fn largest_gap(a: &[f64], b: &[f64], progress: &Progress<'_>) -> Result<f64> {
    let (mut i, mut j, mut gap) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        progress.steps(1)?;
        let x = a[i].min(b[j]);
        i += a[i..].iter().take_while(|y| **y <= x).count();
        j += b[j..].iter().take_while(|y| **y <= x).count();
        gap = gap.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    Ok(gap)
}

/// The share of lattice paths from (0, 0) to (n, m) that stray `distance` or more.
fn path_probability(n: usize, m: usize, distance: f64) -> f64 {
    let cells = (n * m) as f64;
    let limit = ((distance * cells).round() - 0.5) / cells;
    let strays = |i: usize, j: usize| (i as f64 / n as f64 - j as f64 / m as f64).abs() > limit;
    let mut row = vec![0.0; m + 1];
    for j in 0..=m {
        row[j] = if strays(0, j) || j > 0 && row[j - 1] == 1.0 { 1.0 } else { 0.0 };
    }
    for i in 1..=n {
        if strays(i, 0) {
            row[0] = 1.0;
        }
        for j in 1..=m {
            let all = (i + j) as f64;
            let mixed = row[j] * (i as f64 / all) + row[j - 1] * (j as f64 / all);
            row[j] = if strays(i, j) { 1.0 } else { mixed };
        }
    }
    row[m]
}

/// The upper tail of Kolmogorov's distribution.
fn kolmogorov_sf(x: f64) -> f64 {
    if x < 1.0 {
        // The other form of the theta function converges here.
        let base = -std::f64::consts::PI.powi(2) / (8.0 * x * x);
        let sum: f64 = (1..20).map(|k| (base * f64::from((2 * k - 1) * (2 * k - 1))).exp()).sum();
        let cdf = if x > 0.0 { (2.0 * std::f64::consts::PI).sqrt() / x * sum } else { 0.0 };
        return 1.0 - cdf;
    }
    let term = |k: i32| (-2.0 * f64::from(k * k) * x * x).exp();
    2.0 * (1..20).map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum::<f64>()
}

fn one_sample_sf(n: usize, distance: f64, progress: &Progress<'_>) -> Result<f64> {
    let size = n as f64;
    let scaled = size * distance * distance;
    if distance <= 0.5 / size {
        return Ok(1.0);
    }
    if distance >= 1.0 {
        return Ok(0.0);
    }
    if scaled > 4.0 {
        return Ok((2.0 * smirnov_sf(n, distance, progress)?).min(1.0));
    }
    if n <= 200 {
        return Ok(1.0 - marsaglia_cdf(n, distance));
    }
    let root = size.sqrt() * distance;
    let x = root + 1.0 / (6.0 * size.sqrt()) + (root - 1.0) / (4.0 * size);
    Ok(kolmogorov_sf(x).clamp(0.0, 1.0))
}

/// The probability that the one-sided statistic of `n` values reaches `d`: all terms positive.
fn smirnov_sf(n: usize, d: f64, progress: &Progress<'_>) -> Result<f64> {
    let size = n as f64;
    let ln_choose = |j: f64| ln_gamma(size + 1.0) - ln_gamma(j + 1.0) - ln_gamma(size - j + 1.0);
    let term = |j: usize| {
        let j = j as f64;
        let (up, down) = (d + j / size, 1.0 - d - j / size);
        if down <= 0.0 {
            return 0.0;
        }
        (ln_choose(j) + (j - 1.0) * up.ln() + (size - j) * down.ln()).exp()
    };
    let mut sum = 0.0;
    for j in 0..=(size * (1.0 - d)) as usize {
        progress.steps(32)?;
        sum += term(j);
    }
    Ok(d * sum)
}

/// The exact distribution function, as a power of a matrix.
fn marsaglia_cdf(n: usize, d: f64) -> f64 {
    let size = n as f64;
    let k = (size * d) as usize + 1;
    let m = 2 * k - 1;
    let h = k as f64 - size * d;
    let mut base = vec![0.0; m * m];
    for (cell, x) in base.iter_mut().enumerate() {
        *x = if cell / m + 1 >= cell % m { 1.0 } else { 0.0 };
    }
    for i in 0..m {
        base[i * m] -= h.powi(i as i32 + 1);
        base[(m - 1) * m + i] -= h.powi((m - i) as i32);
    }
    base[(m - 1) * m] += if 2.0 * h > 1.0 { (2.0 * h - 1.0).powi(m as i32) } else { 0.0 };
    for i in 0..m {
        for j in 0..m {
            let factors = (i + 1).saturating_sub(j);
            (1..=factors).for_each(|factor| base[i * m + j] /= factor as f64);
        }
    }
    let (power, mut exponent) = matrix_power(&base, m, n);
    let mut result = power[(k - 1) * m + k - 1];
    for i in 1..=n {
        result *= i as f64 / size;
        if result < 1e-140 {
            result *= 1e140;
            exponent -= 140;
        }
    }
    result * 10f64.powi(exponent)
}

/// A matrix to the power of `n` and a decimal exponent taken out of it.
fn matrix_power(base: &[f64], m: usize, n: usize) -> (Vec<f64>, i32) {
    if n == 1 {
        return (base.to_vec(), 0);
    }
    let (half, exponent) = matrix_power(base, m, n / 2);
    let mut result = product(&half, &half, m);
    let mut exponent = 2 * exponent;
    if !n.is_multiple_of(2) {
        result = product(&result, base, m);
    }
    if result[(m / 2) * m + m / 2] > 1e140 {
        result.iter_mut().for_each(|x| *x *= 1e-140);
        exponent += 140;
    }
    (result, exponent)
}

fn product(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut result = vec![0.0; m * m];
    for i in 0..m {
        for k in 0..m {
            let factor = a[i * m + k];
            for j in 0..m {
                result[i * m + j] += factor * b[k * m + j];
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, free, number, numbers, reference};

    #[test]
    fn agrees_with_scipy() {
        let cases = reference(include_str!("../../../tests/reference/ks.json"));
        for case in cases["two"].as_array().unwrap() {
            let test = ks_2samp(&numbers(&case["a"]), &numbers(&case["b"]), &free()).unwrap();
            assert_close(test.statistic, number(&case["statistic"]), 1e-12);
            assert_close(test.pvalue, number(&case["pvalue"]), 1e-9);
        }
        for case in cases["normal"].as_array().unwrap() {
            let test = ks_normal(&numbers(&case["values"]), &Normal::STANDARD, &free()).unwrap();
            assert_close(test.statistic, number(&case["statistic"]), 1e-12);
            assert_close(test.pvalue, number(&case["pvalue"]), number(&case["tolerance"]));
        }
        for case in cases["limit"].as_array().unwrap() {
            assert_close(kolmogorov_sf(number(&case["x"])), number(&case["sf"]), 1e-12);
        }
    }

    #[test]
    fn is_defined_for_the_smallest_samples() {
        assert_eq!(
            ks_2samp(&[1.0], &[1.0], &free()).unwrap(),
            KsTest { statistic: 0.0, pvalue: 1.0 }
        );
        assert_eq!(
            ks_2samp(&[1.0], &[2.0], &free()).unwrap(),
            KsTest { statistic: 1.0, pvalue: 1.0 }
        );
        assert!(
            ks_2samp(&[], &[2.0], &free()).is_err()
                && ks_2samp(&[f64::NAN], &[2.0], &free()).is_err()
        );
        assert_eq!(ks_normal(&[0.0], &Normal::STANDARD, &free()).unwrap().pvalue, 1.0);
    }
}
