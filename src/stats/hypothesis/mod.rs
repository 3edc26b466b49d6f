//! Tests of a hypothesis: is this window like that one?
//!
//! All p-values are two-sided where a test has two sides, come from upper tails, and are right to
//! 1e-10 relative in the far tail.

mod kolmogorov;
mod outlier;
mod student;

pub use kolmogorov::{KsTest, ks_2samp, ks_normal};
pub use outlier::{EsdOutlier, Grubbs, Tails, generalized_esd, grubbs};
pub(crate) use outlier::{esd, middle_and_mad};
pub use student::{
    Sample, TTest, one_sample_ttest, paired_ttest, pooled_ttest, ttest_1samp, ttest_ind,
    welch_ttest,
};
