//! Order statistics: exact quantiles of a slice, sliding ones, and sketches of unbounded streams.

mod ddsketch;
mod fences;
mod histogram;
mod moving;
mod p2;
mod quantile;
mod spread;

pub use ddsketch::DdSketch;
pub use fences::{Fences, QuartileRule, tukey_fences};
pub use histogram::Histogram;
pub use moving::{Hampel, MovingOrder};
pub use p2::P2Quantile;
pub use quantile::{QuantileMethod, median, quantile, quantile_sorted, sorted};
pub(crate) use spread::mad_sorted;
pub use spread::{MAD_TO_SIGMA, iqr, mad};
