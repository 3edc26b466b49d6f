//! The nodes of trees in the forms that are walked.

/// A node in short, so that more of a tree fits into the nearest memory and one load is a step.
pub(crate) trait Step: Copy + Send + Sync + 'static {
    /// A number in the order of the floats.
    type Key: Copy + PartialOrd + Send + Sync;

    /// A node whose first child lies `ahead` nodes behind it; a leaf has 0.
    fn new(threshold: Self::Key, feature: u16, ahead: u16) -> Self;

    fn threshold(self) -> Self::Key;

    fn feature(self) -> u16;

    /// How far behind this node the walk of a row goes on.
    fn stride(self, key: Self::Key) -> u32;
}

/// A branch whose place says where its children are.
pub(crate) trait Split: Copy + Default + Send + Sync + 'static {
    /// A number in the order of the floats.
    type Key: Copy + PartialOrd + Send + Sync;

    /// A key as it is compared with a branch.
    type Probe: Copy + Default + Send + Sync;

    /// A branch that all keys up to the threshold pass to the left.
    fn new(threshold: Self::Key, feature: u8) -> Self;

    /// A branch that all keys pass to the left.
    fn pass() -> Self;

    fn probe(key: Self::Key) -> Self::Probe;

    fn threshold(self) -> Self::Key;

    fn feature(self) -> u8;

    /// Whether a key goes to the right.
    fn right(self, probe: Self::Probe) -> bool;
}

/// The threshold, shifted to be unsigned, above the feature: one comparison of 64 bits does without taking them apart.
#[derive(Clone, Copy, Default)]
pub(crate) struct ShortSplit(u64);

impl Split for ShortSplit {
    type Key = i32;
    type Probe = u64;

    fn new(threshold: i32, feature: u8) -> Self {
        Self(Self::probe(threshold) | u64::from(feature))
    }

    fn pass() -> Self {
        Self(u64::MAX << 32)
    }

    #[inline(always)]
    fn probe(key: i32) -> u64 {
        u64::from(key.cast_unsigned() ^ 1 << 31) << 32
    }

    #[inline(always)]
    fn threshold(self) -> i32 {
        ((self.0 >> 32) as u32 ^ 1 << 31).cast_signed()
    }

    #[inline(always)]
    fn feature(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    fn right(self, probe: u64) -> bool {
        self.0 < probe
    }
}

/// The same with a threshold of 64 bits.
#[derive(Clone, Copy, Default)]
pub(crate) struct LongSplit {
    threshold: i64,
    feature: u8,
}

impl Split for LongSplit {
    type Key = i64;
    type Probe = i64;

    fn new(threshold: i64, feature: u8) -> Self {
        Self { threshold, feature }
    }

    fn pass() -> Self {
        Self { threshold: i64::MAX, feature: 0 }
    }

    #[inline(always)]
    fn probe(key: i64) -> i64 {
        key
    }

    #[inline(always)]
    fn threshold(self) -> i64 {
        self.threshold
    }

    #[inline(always)]
    fn feature(self) -> u8 {
        self.feature
    }

    #[inline(always)]
    fn right(self, probe: i64) -> bool {
        probe > self.threshold
    }
}

/// Threshold, feature and distance, from the highest bits on.
impl Step for u64 {
    type Key = i32;

    fn new(threshold: i32, feature: u16, ahead: u16) -> Self {
        u64::from(threshold.cast_unsigned()) << 32 | u64::from(ahead) << 16 | u64::from(feature)
    }

    #[inline(always)]
    fn threshold(self) -> i32 {
        (self >> 32) as i32
    }

    #[inline(always)]
    fn feature(self) -> u16 {
        self as u16
    }

    #[inline(always)]
    fn stride(self, key: i32) -> u32 {
        (self as u32 >> 16) + u32::from(key > self.threshold())
    }
}

/// The same with a threshold of 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct LongStep {
    threshold: i64,
    feature: u16,
    ahead: u16,
}

impl Step for LongStep {
    type Key = i64;

    fn new(threshold: i64, feature: u16, ahead: u16) -> Self {
        Self { threshold, feature, ahead }
    }

    fn threshold(self) -> i64 {
        self.threshold
    }

    fn feature(self) -> u16 {
        self.feature
    }

    #[inline(always)]
    fn stride(self, key: i64) -> u32 {
        u32::from(self.ahead) + u32::from(key > self.threshold)
    }
}
