//! Whole columns at once: arithmetic, masks, order, rolling windows, spectra, gaps and joins.
//!
//! NaN stands for a gap here. Arithmetic carries it on, comparisons with it are false, and the
//! functions that cannot take it say so.

mod arithmetic;
mod autocorrelation;
mod gaps;
mod join;
mod mask;
mod order;
mod rolling;
mod spectrum;

pub use arithmetic::{Operation, combine, cumsum, diff, dot, map, map_scalar, scalar_map};
pub use autocorrelation::autocorrelation;
pub use gaps::{fill, interpolate};
pub use join::{asof_join, inner_join};
pub use mask::{Comparison, compare, compare_scalar, count, indices, select};
pub use order::{argsort, ranks, sort};
pub use rolling::{
    rolling_max, rolling_mean, rolling_median, rolling_min, rolling_quantile, rolling_stddev,
    rolling_sum,
};
pub(crate) use spectrum::MAX_TRANSFORM;
pub use spectrum::power_spectrum;
