//! The far ends of a distribution, and how unlikely recent scores are.

mod budget;
mod forgetting;
mod forgetting_rank;
mod likelihood;
mod pareto;
mod spot;
mod tail_rank;

pub use budget::{AlarmBudget, ScoreScale};
pub use forgetting_rank::ForgettingRank;
pub use likelihood::{AnomalyLikelihood, Likelihood};
pub use pareto::Pareto;
pub use spot::{Spot, SpotStep};
pub use tail_rank::TailRank;
