//! Distance from the other values: nearest neighbours, random partitions, patterns, principal components.

mod discord;
mod half_space;
mod isolation;
mod moving_forest;
mod neighbours;
mod random_cut;
mod subspace;

pub use discord::Discord;
pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use moving_forest::MovingForest;
pub use neighbours::KnnConformal;
pub use random_cut::{RandomCutForest, RandomCutStep};
pub use subspace::{Subspace, SubspaceStep};
