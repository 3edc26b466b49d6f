//! The normal distribution.

use std::f64::consts::PI;

use super::special::gamma_tails;
use crate::stats::error::{self, Result};

/// The normal distribution with a mean and a standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    stddev: f64,
}

impl Normal {
    /// The standard normal distribution: mean 0, standard deviation 1.
    pub const STANDARD: Normal = Normal { mean: 0.0, stddev: 1.0 };

    /// Makes one; an error unless `mean` is finite and `stddev` positive and finite.
    pub fn new(mean: f64, stddev: f64) -> Result<Normal> {
        let mean = error::finite("mean", mean)?;
        Ok(Normal { mean, stddev: error::positive("stddev", stddev)? })
    }

    fn z(&self, x: f64) -> f64 {
        let distance = x - self.mean;
        if distance.is_infinite() && x.is_finite() {
            return (x / 4.0 - self.mean / 4.0) / self.stddev * 4.0;
        }
        distance / self.stddev
    }

    /// The density at `x`.
    pub fn pdf(&self, x: f64) -> f64 {
        let z = self.z(x);
        (-0.5 * z * z).exp() / (self.stddev * (2.0 * PI).sqrt())
    }

    /// The probability of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        standard_sf(-self.z(x))
    }

    /// The probability of more than `x`.
    pub fn sf(&self, x: f64) -> f64 {
        standard_sf(self.z(x))
    }

    /// The value that is not exceeded with probability `p`.
    pub fn ppf(&self, p: f64) -> f64 {
        self.mean + self.stddev * standard_ppf(p)
    }

    /// The value that is exceeded with probability `p`.
    pub fn isf(&self, p: f64) -> f64 {
        self.mean - self.stddev * standard_ppf(p)
    }
}

/// Half of Q(1/2, z²/2), and its complement below 0.
fn standard_sf(z: f64) -> f64 {
    if z.is_nan() {
        return z;
    }
    let (inner, outer) = gamma_tails(0.5, 0.5 * z * z);
    if z >= 0.0 { 0.5 * outer } else { 0.5 + 0.5 * inner }
}

/// Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution", PPND16.
fn standard_ppf(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = (-tail.ln()).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &SHOULDER) } else { ratio(r - 5.0, &TAIL) };
    z.copysign(q)
}

fn ratio(r: f64, (above, below): &([f64; 8], [f64; 8])) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    horner(above) / horner(below)
}

#[rustfmt::skip]
static CENTRE: ([f64; 8], [f64; 8]) = (
    [3.387_132_872_796_366_5, 1.331_416_678_917_843_8e2, 1.971_590_950_306_551_3e3,
     1.373_169_376_550_946e4, 4.592_195_393_154_987e4, 6.726_577_092_700_87e4,
     3.343_057_558_358_813e4, 2.509_080_928_730_122_7e3],
    [1.0, 4.231_333_070_160_091e1, 6.871_870_074_920_579e2, 5.394_196_021_424_751e3,
     2.121_379_430_158_659_7e4, 3.930_789_580_009_271e4, 2.872_908_573_572_194_3e4,
     5.226_495_278_852_854e3],
);
#[rustfmt::skip]
static SHOULDER: ([f64; 8], [f64; 8]) = (
    [1.423_437_110_749_683_5, 4.630_337_846_156_546, 5.769_497_221_460_691,
     3.647_848_324_763_204_5, 1.270_458_252_452_368_4, 2.417_807_251_774_506e-1,
     2.272_384_498_926_918_4e-2, 7.745_450_142_783_414e-4],
    [1.0, 2.053_191_626_637_759, 1.676_384_830_183_803_8, 6.897_673_349_851e-1,
     1.481_039_764_274_800_8e-1, 1.519_866_656_361_645_7e-2, 5.475_938_084_995_345e-4,
     1.050_750_071_644_416_9e-9],
);
#[rustfmt::skip]
static TAIL: ([f64; 8], [f64; 8]) = (
    [6.657_904_643_501_103, 5.463_784_911_164_114, 1.784_826_539_917_291_3,
     2.965_605_718_285_048_7e-1, 2.653_218_952_657_612_4e-2, 1.242_660_947_388_078_4e-3,
     2.711_555_568_743_487_6e-5, 2.010_334_399_292_288_1e-7],
    [1.0, 5.998_322_065_558_88e-1, 1.369_298_809_227_358e-1, 1.487_536_129_085_061_5e-2,
     7.868_691_311_456_133e-4, 1.846_318_317_510_054_7e-5, 1.421_511_758_316_446e-7,
     2.044_263_103_389_939_8e-15],
);
