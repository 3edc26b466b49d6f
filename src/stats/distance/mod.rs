//! Far from the others: nearest neighbours and random partitions.

mod half_space;
mod isolation;
mod moving_forest;
mod neighbours;

pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use moving_forest::MovingForest;
pub use neighbours::KnnConformal;
