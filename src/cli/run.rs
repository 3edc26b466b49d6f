//! `run`: one script on standard input and output, as Kapacitor starts it.

use super::logging;
use anyhow::Context;
use rhai_udf::agent::{self, AgentOptions, Pulse};
use rhai_udf::config::Config;
use rhai_udf::script::ScriptHandler;
use std::path::{Path, PathBuf};

/// Run a script as a UDF on standard input and output, as Kapacitor starts it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The script
    script: PathBuf,
    /// The configuration; default: rhai-udf.toml beside the script, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let config = read_config(args.config.as_deref(), &args.script);
    logging::start(
        level,
        &config.as_ref().map_or_else(|_| Default::default(), |c| c.log.clone()),
        log::LevelFilter::Info,
    );
    // A broken config must not keep the daemon from starting: it is refused at init.
    let config = config?;
    let pulse = Pulse::default();
    let handler = ScriptHandler::load(&args.script, config.clone(), &pulse);
    let options = AgentOptions {
        keepalive: config.limits.keepalive,
        call_timeout: config.limits.call_budget(),
        pulse,
    };
    let counts = agent::run(std::io::stdin().lock(), std::io::stdout(), handler, &options)
        .with_context(|| format!("script {}", args.script.display()))?;
    log::info!(
        "input ended: {} points and {} batches in, {} points and {} batches out",
        counts.points_in,
        counts.batches_in,
        counts.points_out,
        counts.batches_out
    );
    Ok(())
}

/// The configuration that is named, or the one beside the script.
pub(super) fn read_config(named: Option<&Path>, script: &Path) -> anyhow::Result<Config> {
    Ok(match named {
        Some(path) => Config::read(path)?,
        None => Config::beside(script)?,
    })
}
