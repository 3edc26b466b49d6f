//! Mean, variance and their kin: unbounded, sliding by count, sliding by time, exponentially weighted.
//!
//! Sample conventions everywhere: the variance divides by n - 1; skewness is g1 = m3 / m2^1.5 and
//! kurtosis the excess g2 = m4 / m2² - 3, both with population moments (SciPy's defaults). Deviations below
//! 1e-154 or above 1e154 leave the range of a double when squared: the variance is then 0 or infinite.

mod exponential;
mod mean_var;
mod moving;
mod running;
mod shape;
mod stacks;
mod timed;

pub use exponential::{EwStats, UnevenEwStats};
pub use mean_var::MeanVar;
pub use moving::MovingStats;
pub use running::RunningStats;
pub use shape::{kurtosis, mean, skewness, stddev, sum, variance};
pub use timed::TimedStats;
