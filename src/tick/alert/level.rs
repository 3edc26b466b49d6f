//! The level of an alert.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The level of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Ok,
    /// Worth knowing.
    Info,
    /// Worth watching.
    Warning,
    /// Needs action.
    Critical,
}

impl Level {
    /// Returns the name as the daemon writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
