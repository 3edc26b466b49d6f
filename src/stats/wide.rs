//! Numbers of a wider range than a double: squares, products and sums of them that a double cannot hold.
//!
//! The squares of values beyond ±1e154 overflow a double, and those of values below 1e-154 vanish. A
//! [`Wide`] keeps a double beside a power of two, so that a standard deviation, a correlation or a
//! kurtosis is right at any scale. Ordinary numbers keep the power 0 and cost one comparison more than
//! a double.

use serde::{Deserialize, Serialize};

use super::error::{Result, StatsError};

/// The powers of two between which a number is kept as a plain double.
const PLAIN: i32 = 480;

/// A product of two numbers whose powers are within these limits is plain.
const FACTOR: f64 = ((1u128 << 120) as f64) * ((1u128 << 120) as f64); // 2^240

/// `mantissa` · 2^`exponent`; the exponent is 0 for ordinary numbers, and for 0, NaN and infinities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wide {
    mantissa: f64,
    exponent: i32,
}

impl Wide {
    /// 0.
    pub(crate) const ZERO: Wide = Wide { mantissa: 0.0, exponent: 0 };

    /// `mantissa` · 2^`exponent`.
    pub(crate) fn new(mantissa: f64, exponent: i32) -> Wide {
        if mantissa == 0.0 || !mantissa.is_finite() {
            return Wide { mantissa, exponent: 0 };
        }
        let power = libm::ilogb(mantissa).saturating_add(exponent);
        if (-PLAIN..=PLAIN).contains(&power) {
            return Wide { mantissa: libm::scalbn(mantissa, exponent), exponent: 0 };
        }
        let (mantissa, own) = libm::frexp(mantissa);
        Wide { mantissa, exponent: exponent.saturating_add(own) }
    }

    /// `a` · `b`.
    #[inline]
    pub(crate) fn product(a: f64, b: f64) -> Wide {
        if is_factor(a) && is_factor(b) {
            return Wide { mantissa: a * b, exponent: 0 };
        }
        Wide::from(a).times(Wide::from(b))
    }

    /// `a` - `b`, also where a double has no room for the difference.
    #[inline]
    pub(crate) fn difference(a: f64, b: f64) -> Wide {
        let difference = a - b;
        if difference.is_finite() {
            return Wide::from(difference);
        }
        Wide::new(a / 4.0 - b / 4.0, 2)
    }

    /// The sum.
    #[inline]
    pub(crate) fn plus(self, other: Wide) -> Wide {
        if self.exponent == 0 && other.exponent == 0 {
            // Both are below 2^481: the sum cannot overflow, and is normal unless it is nearly 0.
            return Wide::from(self.mantissa + other.mantissa);
        }
        if self.mantissa == 0.0 {
            return other;
        }
        if other.mantissa == 0.0 {
            return self;
        }
        let (large, small) =
            if self.power() >= other.power() { (self, other) } else { (other, self) };
        let (large_mantissa, own) = libm::frexp(large.mantissa);
        let top = large.exponent + own;
        let shift = small.exponent.saturating_sub(top).clamp(-4000, 4000);
        Wide::new(large_mantissa + libm::scalbn(small.mantissa, shift), top)
    }

    /// The difference.
    pub(crate) fn minus(self, other: Wide) -> Wide {
        self.plus(Wide { mantissa: -other.mantissa, ..other })
    }

    /// The product.
    #[inline]
    pub(crate) fn times(self, other: Wide) -> Wide {
        if self.exponent == 0
            && other.exponent == 0
            && is_factor(self.mantissa)
            && is_factor(other.mantissa)
        {
            return Wide { mantissa: self.mantissa * other.mantissa, exponent: 0 };
        }
        let (a, own_a) = libm::frexp(self.mantissa);
        let (b, own_b) = libm::frexp(other.mantissa);
        Wide::new(a * b, own_a + self.exponent + own_b + other.exponent)
    }

    /// The quotient, as wide as it needs to be.
    pub(crate) fn over(self, other: Wide) -> Wide {
        let (a, own_a) = libm::frexp(self.mantissa);
        let (b, own_b) = libm::frexp(other.mantissa);
        Wide::new(a / b, own_a + self.exponent - own_b - other.exponent)
    }

    /// The product with a double.
    #[inline]
    pub(crate) fn scaled(self, factor: f64) -> Wide {
        self.times(Wide::from(factor))
    }

    /// The quotient with a count.
    #[inline]
    pub(crate) fn over_count(self, n: f64) -> Wide {
        if self.exponent == 0 { Wide::from(self.mantissa / n) } else { self.over(Wide::from(n)) }
    }

    /// The square root of a number from 0.
    pub(crate) fn root(self) -> Wide {
        if self.exponent == 0 {
            return Wide { mantissa: self.mantissa.sqrt(), exponent: 0 };
        }
        let odd = self.exponent.rem_euclid(2);
        Wide::new(libm::scalbn(self.mantissa, odd).sqrt(), (self.exponent - odd) / 2)
    }

    /// The nearest double; it is infinite or 0 if the number is beyond the range of doubles.
    #[inline]
    pub(crate) fn value(self) -> f64 {
        match self.exponent {
            0 => self.mantissa,
            exponent => libm::scalbn(self.mantissa, exponent),
        }
    }

    /// The nearest finite double: the largest one for what is larger.
    pub(crate) fn saturated(self) -> f64 {
        match self.value() {
            x if x.is_infinite() && self.mantissa.is_finite() => f64::MAX.copysign(x),
            x => x,
        }
    }

    /// The number as a double, or an error that says that the `name`d result has no room in one.
    pub(crate) fn exact(self, name: &'static str) -> Result<f64> {
        let value = self.value();
        match value {
            x if x.is_infinite() && self.mantissa.is_finite() => {
                Err(StatsError::TooLarge { name, power: self.decimal_power() })
            }
            0.0 if self.mantissa != 0.0 => {
                Err(StatsError::TooSmall { name, power: self.decimal_power() })
            }
            x => Ok(x),
        }
    }

    /// The number, if it is well within the range of doubles.
    #[inline]
    pub(crate) fn plain(self) -> Option<f64> {
        (self.exponent == 0).then_some(self.mantissa)
    }

    /// Whether it is 0.
    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    fn power(self) -> i32 {
        libm::ilogb(self.mantissa).saturating_add(self.exponent)
    }

    fn decimal_power(self) -> i32 {
        (f64::from(self.power()) * std::f64::consts::LOG10_2).round() as i32
    }

    /// What a stored number must be.
    pub(crate) fn is_sound(self) -> bool {
        self == Wide::new(self.mantissa, self.exponent)
    }
}

impl From<f64> for Wide {
    #[inline]
    fn from(x: f64) -> Wide {
        let size = x.abs();
        // Between 2^-480 and 2^480, 0 included.
        if (size > 3.3e-145 && size < 3.0e144) || size == 0.0 {
            return Wide { mantissa: x, exponent: 0 };
        }
        Wide::new(x, 0)
    }
}

#[inline]
fn is_factor(x: f64) -> bool {
    let size = x.abs();
    (size > 1.0 / FACTOR && size < FACTOR) || size == 0.0
}

/// A sum of products, such as a sum of squares.
#[cfg(test)]
pub(crate) fn sum(values: impl Iterator<Item = Wide>) -> Wide {
    values.fold(Wide::ZERO, Wide::plus)
}

/// The power of two that brings the largest of `values` near 1; 0 for ordinary values, which then
/// need no scaling.
pub(crate) fn power_of<'a>(values: impl IntoIterator<Item = &'a f64>) -> i32 {
    let largest = values.into_iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if (largest > 1e-60 && largest < 1e60) || largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    libm::ilogb(largest)
}

/// The values divided by 2^`power`.
pub(crate) fn scaled_down(values: &[f64], power: i32) -> std::borrow::Cow<'_, [f64]> {
    match power {
        0 => values.into(),
        power => values.iter().map(|&x| libm::scalbn(x, -power)).collect(),
    }
}

/// `x` · 2^`power` as a double, or an error that says that the `name`d result has no room in one.
pub(crate) fn scaled_up(name: &'static str, x: f64, power: i32) -> Result<f64> {
    if power == 0 && x.is_finite() { Ok(x) } else { Wide::new(x, power).exact(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::testing::assert_close;

    proptest! {
        #[test]
        fn calculates_as_doubles_do(a in -1e9..1e9f64, b in -1e9..1e9f64, power in -900i32..900) {
            let (x, y) = (Wide::new(a, power), Wide::new(b, power));
            assert_close(x.plus(y).over(Wide::new(1.0, power)).value(), a + b, 1e-15);
            assert_close(x.minus(y).over(Wide::new(1.0, power)).value(), a - b, 1e-15);
            assert_close(x.times(y).over(Wide::new(1.0, 2 * power)).value(), a * b, 1e-15);
            assert_close(x.times(x).root().over(Wide::new(1.0, power)).value(), a.abs(), 1e-15);
            assert_close(x.over(y).value(), a / b, 1e-15);
            prop_assert!(x.times(y).is_sound() && x.plus(y).is_sound());
        }
    }

    #[test]
    fn says_what_a_double_cannot_hold() {
        let square = Wide::product(1e300, 1e300);
        assert_eq!((square.value(), square.saturated()), (f64::INFINITY, f64::MAX));
        let error = square.exact("variance").unwrap_err().to_string();
        assert!(error.starts_with("variance is about 1e600"), "{error}");
        assert_close(square.root().value(), 1e300, 1e-15);
        let square = Wide::product(1e-300, 1e-300);
        let error = square.exact("variance").unwrap_err().to_string();
        assert!(error.starts_with("variance is about 1e-600"), "{error}");
        assert_close(square.root().value(), 1e-300, 1e-15);
        let wide = Wide::difference(1.5e308, -1.5e308);
        assert_close(wide.scaled(0.5).value(), 1.5e308, 1e-15);
        assert_eq!(Wide::ZERO.exact("x"), Ok(0.0));
        assert_eq!(sum([Wide::from(1.0), Wide::from(2.0)].into_iter()).value(), 3.0);
    }
}
