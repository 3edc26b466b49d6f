//! Runs Kapacitor UDFs written as Rhai scripts.

pub mod agent;
pub mod http;
pub mod model;
pub mod protocol;
pub mod replay;
pub mod script;
pub mod stats;
pub mod tick;
