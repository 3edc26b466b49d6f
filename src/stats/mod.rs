//! Native statistics.
//!
//! Numbers in, numbers out: no script and no protocol. Functions work on slices; stateful objects
//! take values by `push`, keep to the memory they were made for, compare equal when they will behave
//! the same, and are stored and read back by serde (a damaged snapshot is refused, never a panic).
//! Values must be finite; what NaN, an empty input, too few values and zero variance give is said at
//! each item.
//!
//! In reading order: [`moments`], [`order`], [`distribution`], [`hypothesis`], [`series`], [`trend`],
//! [`decision`], [`change`], [`season`], [`simplex`], [`tail`], [`distance`], [`anomaly`].

pub mod anomaly;
pub mod change;
pub mod decision;
pub mod distance;
pub mod distribution;
pub mod error;
pub mod hypothesis;
pub mod moments;
pub mod order;
mod progress;
pub mod ring;
pub mod rng;
pub mod season;
pub mod series;
pub mod simplex;
mod snapshot;
mod sorting;
pub mod tail;
#[cfg(test)]
mod testing;
pub mod trend;
mod wide;

pub use error::{MAX_WINDOW, StatsError};
pub use progress::Progress;
pub use ring::Ring;
pub use rng::Rng;
