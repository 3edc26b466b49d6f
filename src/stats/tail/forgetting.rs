//! How ranks count earlier values, with less and less weight for old ones.
//!
//! A value counts [`ONE`]. Once twice `memory` values have been counted, all counts are halved.

use crate::stats::error::{self, Result};

/// What one value counts: a power of 2, so that halving loses nothing that matters.
pub(super) const ONE: u32 = 256;
/// The smallest count of a value that was seen.
pub(super) const SEEN: u32 = ONE / 2;
/// The largest memory: counts must fit 32 bits.
const MAX_MEMORY: usize = 1 << 22;

/// The memory of a rank, from 1 to 4,194,304 values.
pub(super) fn memory(values: usize) -> Result<u32> {
    let memory = error::size("memory", values, 1, MAX_MEMORY)?;
    Ok(u32::try_from(memory).expect("MAX_MEMORY fits u32"))
}

/// Whether so many values have been counted that all counts must be halved.
pub(super) fn is_due(total: u32, memory: u32) -> bool {
    u64::from(total) >= most(memory)
}

/// An error if `total`, of a snapshot, is not the sum of its counts, or more than can be.
pub(super) fn check(total: u32, sum: u64, memory: u32) -> Result<()> {
    let adds_up = u64::from(total) == sum && sum < most(memory);
    error::intact("rank", adds_up, "its counts do not add up")
}

fn most(memory: u32) -> u64 {
    2 * u64::from(memory) * u64::from(ONE)
}
