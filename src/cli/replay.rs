//! `replay`: plays recorded data through a script or a TICKscript, without the daemon.

use super::args::ReplayArgs;
use super::plan::Plan;
use super::{logging, play, run, usage, watch};

/// Play recorded data through a script or a TICKscript, without the daemon
///
/// Data is line protocol (.lp), CSV (.csv), a recording of Kapacitor (.srpl, .brpl) or captured
/// requests (.bin), each also compressed with gzip or zstd; several files are merged by time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    replay: ReplayArgs,
}

pub(super) fn run(args: &Args, level: Option<log::LevelFilter>) -> anyhow::Result<()> {
    let args = &args.replay;
    let config = run::read_config(args.config.as_deref(), &args.script)?;
    logging::start_for_replay(level, &config.log);
    let plan = Plan::recorded(args, config)?;
    if args.show.watch {
        return watch::run(args, plan.config());
    }
    match &plan.input {
        Some(input) => play::run(&plan, input),
        None => usage("no data: give --data or --influxdb"),
    }
}
