//! `rhai-udf-nats`: the scripts of rhai-udf on many machines, over NATS JetStream.
//!
//! A feed splits lines by their groups into the input streams of partitions ([`feed`]); workers own partitions
//! ([`worker`]), write the output and the state into journals ([`journal`]), and neither lose nor repeat anything
//! when workers and servers die. [`transport::Transport`] is the interface to the store of the streams.

mod bundle;
mod cli;
mod config;
mod error;
mod feed;
mod journal;
mod message;
mod meta;
mod metrics;
mod names;
mod outlet;
mod session;
mod states;
mod task;
mod transport;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
