//! The far ends of a distribution, and how unlikely recent scores are.

mod likelihood;
mod pareto;
mod spot;

pub use likelihood::{AnomalyLikelihood, Likelihood};
pub use pareto::Pareto;
pub use spot::{Spot, SpotStep};
