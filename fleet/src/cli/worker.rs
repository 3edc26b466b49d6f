//! `worker`: owns partitions until it is asked to leave.

use super::ConfigArgs;
use crate::error::{FleetError, Result};
use crate::metrics;
use crate::worker::Worker;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The name of this worker, which must be unique; default: the name of the machine with the number of the process
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Serve metrics for Prometheus at this address, as http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// The signals that ask a process to end.
pub(super) fn signals() -> Result<Signals> {
    Ok(Signals::new([SIGTERM, SIGINT])?)
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let id = args.id.clone().unwrap_or_else(own_name);
    let leaving = Arc::new(AtomicBool::new(false));
    let mut signals = signals()?;
    let asked = leaving.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if asked.swap(true, Ordering::AcqRel) {
                std::process::exit(1);
            }
        }
    });
    let mut worker = Worker::join(&fleet.config, fleet.transport, id, leaving)?;
    if let Some(address) = args.metrics {
        let served = metrics::serve(address, fleet.names.fleet(), worker.latest.clone());
        let address =
            served.map_err(|source| FleetError::Port { what: "--metrics", address, source })?;
        log::info!("metrics on http://{address}/metrics");
    }
    worker.run()
}

/// The machine's name with the number of the process.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let host: String = host.trim().chars().map(plain).take(24).collect();
    let host = if host.is_empty() { "worker" } else { &host };
    format!("{host}-{}", std::process::id())
}
