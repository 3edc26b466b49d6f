//! `rhai-udf-nats`: the scripts of rhai-udf on many machines, over NATS JetStream.
//!
//! A feed splits lines by their groups into the input streams of partitions ([`feed`]); workers own partitions
//! ([`worker`]), keep what came out and the state in journals ([`journal`]), and lose or double nothing when
//! workers and servers die. What the streams are stored in stands behind [`transport::Transport`].

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
