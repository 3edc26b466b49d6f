//! How many groups are kept, and for how long.

use crate::script::config::Config;

/// How many groups there may be, and for how long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// The number of groups; 0: any.
    pub(crate) groups: usize,
    /// Nanoseconds, by the data's time, after which a group is removed; 0: never.
    pub(crate) ttl: i64,
}

impl Bounds {
    pub(crate) fn of(config: &Config) -> Self {
        let ttl = i64::try_from(config.state.group_ttl.as_nanos()).unwrap_or(i64::MAX);
        Self { groups: config.limits.groups, ttl }
    }

    /// True if groups can be removed, so that their order matters.
    pub(crate) fn any(self) -> bool {
        self.groups > 0 || self.ttl > 0
    }
}
