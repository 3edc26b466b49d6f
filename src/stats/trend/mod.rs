//! Trends of a series, and the correlation of two series.

mod correlation;
mod cross;
mod line;
mod moving;

pub use correlation::{MovingCorrelation, pearson, spearman};
pub use cross::{CrossCorrelation, cross_correlation};
pub use line::{Line, MAX_THEIL_SEN, linear_fit, theil_sen};
pub use moving::MovingTrend;
