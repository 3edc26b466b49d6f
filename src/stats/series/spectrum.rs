//! The power of each frequency in a series, by the fast Fourier transform (crate `realfft`).

use realfft::RealFftPlanner;

use crate::stats::{
    error::{self, Result},
    moments::MeanVar,
};

/// The periodogram: the power at 0, 1, … n / 2 cycles over the series; O(n log n).
///
/// With X the transform of the values less their mean, |X|² / n. The power at 0 is thus 0, whatever
/// the offset. An error below two values or if one is not finite.
pub fn power_spectrum(values: &[f64]) -> Result<Vec<f64>> {
    error::sample("values", values, 2)?;
    let moments = MeanVar::of(values);
    let mut input: Vec<f64> = values.iter().map(|&x| moments.deviation(x)).collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(input.len());
    let mut output = transform.make_output_vec();
    transform.process(&mut input, &mut output).expect("buffers are made by and for the plan");
    let n = values.len() as f64;
    let mut power: Vec<f64> = output.iter().map(|x| x.norm_sqr() / n).collect();
    power[0] = 0.0;
    Ok(power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_all_close, numbers, reference};

    #[test]
    fn agrees_with_numpy() {
        let cases = reference(include_str!("../../../tests/reference/spectrum.json"));
        for case in cases.as_array().unwrap() {
            let values = numbers(&case["values"]);
            assert_all_close(&power_spectrum(&values).unwrap(), &numbers(&case["power"]), 1e-9);
        }
        assert!(power_spectrum(&[1.0]).is_err());
    }
}
