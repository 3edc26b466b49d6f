//! Seasons: values that repeat every day, week or period.

mod holt_winters;
mod hybrid_esd;
mod period;
mod rhythm;
mod slots;
mod stl;

pub use holt_winters::HoltWinters;
pub use hybrid_esd::{EsdOutlier, Tails, seasonal_hybrid_esd};
pub use period::period;
pub use rhythm::Rhythm;
pub use slots::SeasonalSlots;
pub use stl::{Decomposition, stl};
