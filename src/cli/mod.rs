//! The command line: one file a subcommand.

mod logging;
mod run;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs Kapacitor UDFs written as Rhai scripts.
#[derive(Debug, Parser)]
#[command(name = "rhai-udf", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How much to log to standard error: off, error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", value_parser = logging::level)]
    log_level: Option<log::LevelFilter>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
}

/// Runs the command; 2 is wrong usage, 1 a failure.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Run(args) => run::run(args, cli.log_level),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::fatal(&error);
            ExitCode::FAILURE
        }
    }
}
