//! Test cases of scripts: `*.test.toml` files say which data a script gets and which results are expected.
//!
//! [`CaseFile`] is such a file. A case becomes a task and its data (`setup`), is run as a replay (`run`), and the
//! results are compared with the expectations (`expect`). Each case also runs with its functions restarted from
//! snapshots in the middle, and with the data handed over point by point: neither may change anything. [`report`]
//! writes the verdicts.

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
