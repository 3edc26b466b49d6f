//! Incomplete beta and gamma functions, both tails at once and each with its own accuracy.
//!
//! Didonato & Morris (1992), TOMS 708: the continued fraction of the beta function, and ln B and the
//! gamma prefactor by Stirling's series for large arguments; Lentz's continued fraction of the gamma
//! function (Press et al., Numerical Recipes, 6.2). `statrs` has the same functions, with only one tail accurate
//! and, beyond some thousand degrees of freedom, fewer digits.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

const TINY: f64 = 1e-300;
const STEPS: usize = 200_000;

/// The error of Stirling's formula for ln Γ(x), for x >= 10.
fn stirling_rest(x: f64) -> f64 {
    const SERIES: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let inverse = 1.0 / (x * x);
    SERIES.iter().rev().fold(0.0, |sum, c| sum * inverse + c) / x
}

/// ln B(a, b) for positive a and b.
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    if a >= 10.0 {
        let rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(a + b);
        let ratio = a / b;
        return -0.5 * b.ln()
            + 0.5 * (2.0 * PI).ln()
            + rest
            + (a - 0.5) * (ratio / (1.0 + ratio)).ln()
            - b * ratio.ln_1p();
    }
    if b >= 10.0 {
        let rest = stirling_rest(b) - stirling_rest(a + b);
        return ln_gamma(a) + rest - (a + b - 0.5) * (a / b).ln_1p() - a * (b.ln() - 1.0);
    }
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The regularised incomplete beta function I_x(a, b) and its complement.
///
/// `y` is 1 - x, given apart so that neither end loses digits.
pub(crate) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 || y >= 1.0 && x < f64::MIN_POSITIVE {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        let (upper, lower) = beta_lower(b, a, y, x);
        return (lower, upper);
    }
    beta_lower(a, b, x, y)
}

fn beta_lower(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let ln_x = if x < 0.5 { x.ln() } else { (-y).ln_1p() };
    let ln_y = if y < 0.5 { y.ln() } else { (-x).ln_1p() };
    let prefactor = (a * ln_x + b * ln_y - ln_beta(a, b)).exp();
    let lower = (prefactor * beta_fraction(a, b, x, y)).clamp(0.0, 1.0);
    (lower, 1.0 - lower)
}

/// The continued fraction of TOMS 708 (`BFRAC`), which uses both x and 1 - x.
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let lambda = if a > b { (a + b) * y - b } else { a - (a + b) * x };
    let (c, c1) = (1.0 + lambda, 1.0 + 1.0 / a);
    let (mut p, mut s) = (1.0, a + 1.0);
    let (mut above, mut below) = ([0.0, 1.0], [1.0, c / c1]);
    let mut fraction = c1 / c;
    for n in 1..STEPS {
        let n = n as f64;
        let t = n / a;
        let w = n * (b - n) * x;
        let alpha = p * (p + b / a) * (a / s) * (a / s) * (w * x);
        let beta = n + w / s + (1.0 + t) / (c1 + 2.0 * t) * (c + n * (y + 1.0));
        (p, s) = (1.0 + t, s + 2.0);
        above = [above[1], alpha * above[0] + beta * above[1]];
        below = [below[1], alpha * below[0] + beta * below[1]];
        let before = fraction;
        fraction = above[1] / below[1];
        if (fraction - before).abs() <= f64::EPSILON * fraction.abs() {
            break;
        }
        above = [above[0] / below[1], fraction];
        below = [below[0] / below[1], 1.0];
    }
    fraction
}

/// ln r - (r - 1) at r = x / a, without cancellation.
fn ln_ratio_excess(x: f64, a: f64) -> f64 {
    let (ratio, x) = (x / a, (x - a) / a);
    if x.abs() > 0.3 {
        return ratio.ln() - x;
    }
    let (mut power, mut sum) = (-x * x, 0.0);
    for k in 2..60 {
        let term = power / f64::from(k);
        sum += term;
        power *= -x;
        if term.abs() <= f64::EPSILON * f64::abs(sum) {
            break;
        }
    }
    sum
}

/// x^a e^-x / Γ(a).
pub(crate) fn gamma_prefactor(a: f64, x: f64) -> f64 {
    let logarithm = if a >= 10.0 {
        a * ln_ratio_excess(x, a) + 0.5 * (a / (2.0 * PI)).ln() - stirling_rest(a)
    } else {
        a * x.ln() - x - ln_gamma(a)
    };
    logarithm.exp()
}

/// The regularised incomplete gamma functions P(a, x) and Q(a, x).
pub(crate) fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let prefactor = gamma_prefactor(a, x);
    if x < a + 1.0 {
        let lower = (prefactor * gamma_series(a, x)).clamp(0.0, 1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (prefactor * gamma_fraction(a, x)).clamp(0.0, 1.0);
        (1.0 - upper, upper)
    }
}

fn gamma_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..STEPS {
        term *= x / (a + n as f64);
        sum += term;
        if term <= f64::EPSILON * sum {
            break;
        }
    }
    sum
}

fn gamma_fraction(a: f64, x: f64) -> f64 {
    let not_zero = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / not_zero(b);
    let mut product = d;
    for n in 1..STEPS {
        let n = n as f64;
        let term = -n * (n - a);
        b += 2.0;
        d = 1.0 / not_zero(term * d + b);
        c = not_zero(b + term / c);
        product *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    product
}

/// The x at which an increasing `tail` (or a decreasing one, with `falling`) reaches `p`, where the
/// tail is looked at by its logarithm; `start` is any point of (low, high).
pub(crate) fn invert(
    p: f64,
    falling: bool,
    (low, high): (f64, f64),
    tail: impl Fn(f64) -> f64,
) -> f64 {
    let target = p.ln();
    let above = |x: f64| {
        let excess = tail(x).ln() - target;
        if falling { -excess } else { excess }
    };
    let (mut low, mut high) = (low, high);
    while above(high) < 0.0 && high < f64::MAX / 4.0 {
        low = high;
        high *= 4.0;
    }
    // Illinois regula falsi, with a bisection whenever the logarithms are infinite or slow.
    let (mut f_low, mut f_high) = (above(low), above(high));
    for step in 0..400 {
        let width = high - low;
        if width <= f64::EPSILON * 0.5 * (low.abs() + high.abs()) {
            break;
        }
        let secant = high - f_high * width / (f_high - f_low);
        let inside = secant > low && secant < high && step % 3 != 2;
        let middle =
            if low > 0.0 && high > 4.0 * low { (low * high).sqrt() } else { low + width / 2.0 };
        let x = if inside { secant } else { middle };
        if x <= low || x >= high {
            break;
        }
        let f = above(x);
        if f == 0.0 {
            return x;
        }
        if f < 0.0 {
            (low, f_low, f_high) = (x, f, f_high / 2.0);
        } else {
            (high, f_high, f_low) = (x, f, f_low / 2.0);
        }
    }
    low + (high - low) / 2.0
}
