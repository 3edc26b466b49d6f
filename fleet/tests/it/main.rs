//! What users rely on, with real processes of nats-server and of rhai-udf-nats on the loopback address.
//!
//! Where nats-server is not installed, the tests say so and pass, unless `RHAI_UDF_FLEET=required`, as in CI.

/// Workers and servers that are killed and stopped by turns.
mod chaos;
/// What comes in comes out, as a replay makes it.
mod end_to_end;
/// Writers that do not know that they were replaced.
mod fence;
/// Streams that were cut.
mod lost;
/// Streams that are full.
mod pressure;
/// New versions while workers die.
mod reload;
/// More and fewer workers and partitions.
mod rescale;
/// Who may do what.
mod security;
/// Starts servers and workers, feeds them and compares.
mod util;
