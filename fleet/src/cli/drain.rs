//! `drain`: a worker writes checkpoints, hands over its partitions and ends.

use super::deploy::tell;
use super::{ConfigArgs, stdout};
use crate::error::{FleetError, Result, did_you_mean};
use crate::meta::Meta;
use crate::worker::Told;
use crate::worker::peers::GONE;
use crate::worker::status::Beat;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a worker may take to hand over its partitions.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The name of the worker, as in `status`
    #[arg(long, value_name = "NAME", required_unless_present = "all")]
    worker: Option<String>,
    /// All workers: the fleet does not process points until other workers start
    #[arg(long, conflicts_with = "worker")]
    all: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    Meta::new(fleet.transport.clone(), fleet.names.clone()).layout()?;
    let beats = fleet.transport.listen(fleet.names.beat())?;
    let began = Instant::now();
    let mut told = false;
    let mut there: BTreeSet<String> = BTreeSet::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    let mut heard = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Ok(beat) = beats.recv_timeout(Duration::from_millis(100))
            && let Ok(beat) = serde_json::from_slice::<Beat>(&beat.payload)
            && is_meant(args, &beat.worker, &mut others)
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
                return Err(FleetError::Usage(nobody(args, &others)));
            }
            told = true;
            tell(&fleet, &Told::Drain { worker: args.worker.clone() })?;
        }
        if told && (there.is_empty() || heard.elapsed() > GONE) {
            return stdout::print("drained\n");
        }
    }
    Err(FleetError::nats(
        "drain",
        format!("{} has not left the fleet after a minute", join(&there)),
    ))
}

/// Whether a worker is to leave; others are noted.
fn is_meant(args: &Args, worker: &str, others: &mut BTreeSet<String>) -> bool {
    let meant = args.worker.as_ref().is_none_or(|name| *name == worker);
    if !meant {
        others.insert(worker.to_owned());
    }
    meant
}

fn nobody(args: &Args, others: &BTreeSet<String>) -> String {
    let Some(name) = args.worker.as_deref().filter(|_| !others.is_empty()) else {
        return "no worker of this fleet is running".into();
    };
    let near = did_you_mean(name, others.iter().map(String::as_str));
    format!("no worker is called {name}; running workers: {}{near}", join(others))
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
