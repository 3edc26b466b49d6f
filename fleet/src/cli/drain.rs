//! `drain`: a worker keeps its states, gives its partitions away and ends.

use super::deploy::tell;
use super::{ConfigArgs, stdout};
use crate::error::{FleetError, Result};
use crate::worker::Told;
use crate::worker::peers::GONE;
use crate::worker::status::Beat;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a worker may take to give all away.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The worker, as `status` names it
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    worker: Option<String>,
    /// All workers: the fleet stands still until others come
    #[arg(long, conflicts_with = "worker")]
    all: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let beats = fleet.transport.listen(fleet.names.beat())?;
    let began = Instant::now();
    let mut told = false;
    let mut there: BTreeSet<String> = BTreeSet::new();
    let mut heard = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Ok(beat) = beats.recv_timeout(Duration::from_millis(100))
            && let Ok(beat) = serde_json::from_slice::<Beat>(&beat.payload)
            && args.worker.as_ref().is_none_or(|worker| *worker == beat.worker)
        {
            heard = Instant::now();
            if beat.leaving && beat.partitions.is_empty() {
                there.remove(&beat.worker);
            } else {
                there.insert(beat.worker);
            }
        }
        let listened = began.elapsed() > Duration::from_millis(2500);
        if listened && !told {
            if there.is_empty() {
                let which = args.worker.as_deref().unwrap_or("any");
                return Err(FleetError::Usage(format!(
                    "no heartbeat of worker {which}: see `status`"
                )));
            }
            told = true;
            tell(&fleet, &Told::Drain { worker: args.worker.clone() })?;
        }
        if told && (there.is_empty() || heard.elapsed() > GONE) {
            return stdout::print("drained\n");
        }
    }
    Err(FleetError::nats("drain", format!("{} has not left after a minute", join(&there))))
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
