//! The power of each frequency in a series, by the fast Fourier transform (crate `realfft`).

use realfft::RealFftPlanner;

use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
    progress::Progress,
    wide::{Wide, power_of, scaled_down},
};

/// The most values that are transformed: a transform cannot be stopped, and takes about 0.5 s for so many.
pub(crate) const MAX_TRANSFORM: usize = 4_000_000;

/// Bytes that a transform of `n` numbers takes beside its input: output, tables and scratch space.
///
/// A length with large prime factors is transformed by way of a longer one (Bluestein's algorithm), with
/// two tables and scratch space of that length.
pub(crate) fn transform_bytes(n: usize) -> usize {
    let plain = n.saturating_mul(6 * size_of::<f64>());
    let mut rest = n.max(1);
    for factor in [2, 3, 5, 7, 11] {
        while rest.is_multiple_of(factor) {
            rest /= factor;
        }
    }
    if rest == 1 {
        return plain;
    }
    let longer = n.saturating_mul(2).checked_next_power_of_two().unwrap_or(usize::MAX);
    plain.saturating_add(longer.saturating_mul(8 * size_of::<f64>()))
}

/// The periodogram: the power at 0, 1, … n / 2 cycles over the series; O(n log n), up to 4,000,000 values.
///
/// With X the transform of the values less their mean, |X|² / n. The power at 0 is thus 0, whatever
/// the offset. An error below two values, if one is not finite, or where the largest power does not fit
/// into a double.
pub fn power_spectrum(values: &[f64], progress: &Progress<'_>) -> Result<Vec<f64>> {
    error::sample("values", values, 2)?;
    error::size("number of values", values.len(), 2, MAX_TRANSFORM)?;
    progress.room("power_spectrum", transform_bytes(values.len()))?;
    let scale = power_of(values);
    let values = scaled_down(values, scale);
    let moments = MeanVar::of(&values);
    let mut input: Vec<f64> = values.iter().map(|&x| moments.deviation(x)).collect();
    progress.check()?;
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(input.len());
    let mut output = transform.make_output_vec();
    transform.process(&mut input, &mut output).expect("buffers are made by and for the plan");
    progress.check()?;
    let n = values.len() as f64;
    let mut power: Vec<f64> = output.iter().map(|x| x.norm_sqr() / n).collect();
    power[0] = 0.0;
    if scale != 0 {
        let largest = power.iter().copied().fold(0.0, f64::max);
        Wide::new(largest, 2 * scale).exact("the largest power")?;
        power.iter_mut().for_each(|x| *x = Wide::new(*x, 2 * scale).value());
    }
    Ok(power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, free, numbers, reference};

    #[test]
    fn agrees_with_numpy() {
        let cases = reference(include_str!("../../../tests/reference/spectrum.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            assert_all_close(
                &power_spectrum(&values, &free()).unwrap(),
                &numbers(&case["power"]),
                1e-9,
            );
        }
        assert!(power_spectrum(&[1.0], &free()).is_err());
    }
}
