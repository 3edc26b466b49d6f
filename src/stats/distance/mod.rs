//! Far from the others: nearest neighbours and random partitions.

mod half_space;
mod isolation;
mod neighbours;

pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use neighbours::KnnConformal;
