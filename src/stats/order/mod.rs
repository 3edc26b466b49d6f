//! Order statistics: exact quantiles of a slice, sliding ones, and sketches of unbounded streams.

mod fences;
mod quantile;

pub use fences::{Fences, QuartileRule, tukey_fences};
pub use quantile::{QuantileMethod, median, quantile, quantile_sorted, sorted};
