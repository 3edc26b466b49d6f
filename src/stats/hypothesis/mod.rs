//! Statistical tests: whether two windows differ.
//!
//! All p-values are two-sided where a test has two sides, come from upper tails, and are right to
//! 1e-10 relative in the far tail.

mod contingency;
mod kolmogorov;
mod mann_whitney;
mod outlier;
mod student;
mod variance;

pub use contingency::{ChiSquareTest, chi_square_fit, chi_square_table};
pub use kolmogorov::{KsTest, ks_2samp, ks_normal};
pub use mann_whitney::{MannWhitney, mann_whitney};
pub use outlier::{EsdOutlier, Grubbs, Tails, generalized_esd, grubbs};
pub(crate) use outlier::{esd, middle_and_mad};
pub use student::{
    Sample, TTest, one_sample_ttest, paired_ttest, pooled_ttest, ttest_1samp, ttest_ind,
    welch_ttest,
};
pub use variance::{Centre, FTest, f_test, levene};
