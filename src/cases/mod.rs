//! Test cases of scripts: `*.test.toml` files say what a script is given and what must come out.
//!
//! [`CaseFile`] is such a file. A case becomes a task and its data (`setup`), is run as a replay
//! (`run`), and what came out is compared with what is expected (`expect`). Each case also runs with
//! its functions restarted from snapshots in the middle, and with the data handed over point by point:
//! neither may change anything. [`report`] writes the verdicts.

pub mod capture;
mod expect;
mod file;
mod golden;
mod kapacitor_unit;
pub mod report;
mod run;
mod setup;
mod verdict;

pub use file::{Case, CaseFile, CaseFileError, is_yaml};
pub use verdict::{Verdict, judge};
