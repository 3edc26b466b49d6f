//! The few functions that many parts of a model share.

/// The exponential, rounded once: a polynomial of single precision would be off by one in the last
/// place, and differences of large multiples of it would show that.
pub(crate) fn exp(x: f32) -> f32 {
    libm::exp(x.into()) as f32
}

/// The logarithm, rounded once.
pub(crate) fn ln(x: f32) -> f32 {
    libm::log(x.into()) as f32
}

/// 1 / (1 + exp(-x)), without an overflow for large negative x.
pub(crate) fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::expf(-x))
    } else {
        let e = libm::expf(x);
        e / (1.0 + e)
    }
}

/// The place of the largest value; the first one of equal values, 0 where all are NaN.
pub(crate) fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (at, x) in row.iter().enumerate() {
        if *x > row[best] {
            best = at;
        }
    }
    best
}

/// Replaces a row by its exponentials that sum up to one.
pub(crate) fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = libm::expf(*x - largest);
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x /= sum);
}

/// ln Σ exp(x), without an overflow.
pub(crate) fn log_sum_exp(row: &[f32]) -> f32 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + libm::logf(row.iter().map(|x| libm::expf(x - largest)).sum())
}

/// The quantile of the standard normal distribution, as onnxruntime computes it for `PROBIT`.
pub(crate) fn probit(x: f32) -> f32 {
    let x = 2.0 * x - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ln((1.0 - x) * (1.0 + x));
    let v = 2.0 / (std::f32::consts::PI * 0.147) + 0.5 * log;
    let w = 1.0 / 0.147 * log;
    let inverse = sign * libm::sqrtf(-v + libm::sqrtf(v * v - w));
    std::f32::consts::SQRT_2 * inverse
}
