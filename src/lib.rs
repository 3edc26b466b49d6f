//! Runs Kapacitor UDFs written as Rhai scripts.

pub mod protocol;
pub mod replay;
pub mod stats;
