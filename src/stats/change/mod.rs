//! Change and drift: whether the distribution of a stream has changed.

mod adwin;
mod bayes;
mod cusum;
mod kswin;
mod level;
mod page_hinkley;
mod pelt;

pub use adwin::Adwin;
pub use bayes::{BayesStep, BayesianChange};
pub use cusum::{Cusum, CusumStep};
pub use kswin::Kswin;
pub use level::{LevelChange, LevelStep};
pub use page_hinkley::{PageHinkley, PageHinkleyStep};
pub use pelt::{MAX_PELT, PeltCost, pelt};

use serde::{Deserialize, Serialize};

/// The direction in which a level has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// It rose.
    Up,
    /// It fell.
    Down,
}
