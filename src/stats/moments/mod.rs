//! Mean, variance and higher moments: of all values, of a window by count or by time, and exponentially weighted.
//!
//! Sample conventions everywhere: the variance divides by n - 1; skewness is g1 = m3 / m2^1.5 and
//! kurtosis the excess g2 = m4 / m2² - 3, both with population moments (SciPy's defaults). Sums of squares
//! are kept in a wider range than a double has, so values of any size give right results; the variance
//! alone is an error where no double can hold it.

mod exponential;
mod mean_var;
mod moving;
mod running;
mod shape;
mod stacks;
mod timed;
mod window;

pub use exponential::{EwStats, UnevenEwStats};
pub use mean_var::MeanVar;
pub use moving::MovingStats;
pub use running::RunningStats;
pub use shape::{kurtosis, mean, skewness, stddev, sum, variance};
pub use timed::TimedStats;
pub use window::Window;
