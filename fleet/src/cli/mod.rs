//! The subcommands: one file each.

mod create;
mod deploy;
mod drain;
mod feed;
mod logging;
mod repartition;
mod resume;
mod seed;
mod status;
mod stdout;
mod tail;
mod worker;

use crate::config::Config;
use crate::error::{FleetError, Result};
use crate::names::Names;
use crate::transport::{Nats, Transport};
use clap::{Parser, Subcommand};
use log::LevelFilter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The same script on many machines, over NATS JetStream.
#[derive(Debug, Parser)]
#[command(name = "rhai-udf-nats", version, arg_required_else_help = true)]
struct Arguments {
    /// What is logged: off, error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a configuration with comments
    Example,
    /// Make the streams of a fleet and deploy its first version
    Create(create::Args),
    /// Receive line protocol over HTTP from Telegraf, subscriptions of InfluxDB and others
    Feed(feed::Args),
    /// Own partitions, and run the script on their input
    Worker(worker::Args),
    /// Deploy a new version to the whole fleet
    Deploy(deploy::Args),
    /// Show the owner of each partition, and how far it is
    Status(status::Args),
    /// Let a worker write checkpoints, hand over its partitions and end
    Drain(drain::Args),
    /// Spread the groups over another number of partitions
    Repartition(repartition::Args),
    /// Learn from recorded data before the first point is fed
    Seed(seed::Args),
    /// Let a stopped partition continue
    Resume(resume::Args),
    /// Show the output
    Tail(tail::Args),
}

/// The configuration that every command reads.
#[derive(Debug, clap::Args)]
struct ConfigArgs {
    /// The configuration of the fleet; `rhai-udf-nats example` prints one
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// A fleet whose servers are connected.
struct Fleet {
    config: Config,
    names: Names,
    transport: Arc<dyn Transport>,
}

impl ConfigArgs {
    fn connect(&self) -> Result<Fleet> {
        let config = Config::read(&self.config)?;
        let names = config.names()?;
        let transport = Arc::new(Nats::connect(&config)?);
        Ok(Fleet { config, names, transport })
    }
}

/// Runs the command; errors are printed, wrong usage ends with 2, other failures with 1.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(arguments.log_level);
    let done = match &arguments.command {
        Command::Example => stdout::print(crate::config::EXAMPLE),
        Command::Create(args) => create::run(args),
        Command::Feed(args) => feed::run(args),
        Command::Worker(args) => worker::run(args),
        Command::Deploy(args) => deploy::run(args),
        Command::Status(args) => status::run(args),
        Command::Drain(args) => drain::run(args),
        Command::Repartition(args) => repartition::run(args),
        Command::Seed(args) => seed::run(args),
        Command::Resume(args) => resume::run(args),
        Command::Tail(args) => tail::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::tell(&format!("error: {error}"));
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}

fn is_usage(error: &FleetError) -> bool {
    use rhai_udf::replay::ReplayError;
    matches!(
        error,
        FleetError::Usage(_) | FleetError::Replay(ReplayError::Usage(_)) | FleetError::Config(_)
    )
}
