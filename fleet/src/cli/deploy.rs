//! `deploy`: starts a new version on the whole fleet. Each owner tries it on its state; if one refuses it, nothing
//! changes.

use super::{ConfigArgs, Fleet, stdout};
use crate::bundle::Bundle;
use crate::error::{FleetError, Result};
use crate::meta::{Layout, Meta, Wanted};
use crate::names::OUTLET;
use crate::task::Version;
use crate::worker::status::Beat;
use crate::worker::{Proof, Told};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the owners may take to try a version.
const PROOFS: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The script; default: the script of the configuration
    script: Option<PathBuf>,
    /// Deploy the version although partitions have no worker that could try it
    #[arg(long)]
    unproven: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let script = args.script.clone().unwrap_or_else(|| fleet.config.script.clone());
    let bundle = Bundle::read(&script, &fleet.config.task)?;
    let version = Version::unpack(&bundle)?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let layout = meta.layout()?;
    if layout.grouping != version.describe_grouping() {
        return Err(FleetError::Usage(format!(
            "the fleet groups by {}, and this version groups by {}: create another fleet for it",
            layout.grouping,
            version.describe_grouping()
        )));
    }
    if meta.wanted()?.is_some_and(|wanted| wanted.version == version.hash) {
        // A partition may miss the stored version.
        meta.store(&bundle)?;
        return stdout::print(&format!("the fleet already runs version {}\n", version.hash));
    }
    meta.store(&bundle)?;
    prove(&fleet, &layout, &version.hash, args.unproven)?;
    meta.want(&Wanted { version: version.hash.clone(), script: bundle.script.clone() })?;
    tell(&fleet, &Told::Look)?;
    stdout::print(&format!("version {} is deployed; the workers take it over\n", version.hash))?;
    await_switch(&fleet, &layout, &version.hash)
}

/// Sends a command to all workers.
pub(super) fn tell(fleet: &Fleet, told: &Told) -> Result<()> {
    let text = serde_json::to_vec(told).unwrap_or_default();
    fleet.transport.tell(fleet.names.control(), text.into())
}

fn prove(fleet: &Fleet, layout: &Layout, version: &str, unproven: bool) -> Result<()> {
    let told = Told::Prove { version: version.to_owned() };
    let text = serde_json::to_vec(&told).unwrap_or_default();
    let answers = fleet.transport.ask(fleet.names.control(), text.into())?;
    let beats = fleet.transport.listen(fleet.names.beat())?;
    let began = Instant::now();
    let mut proved = BTreeMap::new();
    let mut held: BTreeMap<u32, String> = BTreeMap::new();
    while proved.len() < layout.partitions as usize && began.elapsed() < PROOFS {
        for beat in beats.try_iter() {
            let Ok(beat) = serde_json::from_slice::<Beat>(&beat.payload) else { continue };
            let partitions = beat.partitions.iter().filter(|p| p.number != OUTLET);
            held.extend(partitions.map(|p| (p.number, beat.worker.clone())));
        }
        // Partitions without an owner never answer.
        if began.elapsed() > Duration::from_secs(5) && held.keys().all(|n| proved.contains_key(n)) {
            break;
        }
        let Ok(heard) = answers.recv_timeout(Duration::from_millis(200)) else { continue };
        let Ok(proof) = serde_json::from_slice::<Proof>(&heard.payload) else { continue };
        if let Some(why) = proof.refused {
            return Err(FleetError::Stop {
                what: format!(
                    "partition {} ({}) refuses the version: {why}",
                    proof.partition, proof.worker
                ),
                choice: "Nothing has changed".into(),
            });
        }
        if proof.partition != OUTLET {
            proved.insert(proof.partition, proof.worker);
        }
    }
    let missing: Vec<String> =
        (0..layout.partitions).filter(|n| !proved.contains_key(n)).map(|n| n.to_string()).collect();
    if missing.is_empty() || unproven {
        return Ok(());
    }
    Err(FleetError::Stop {
        what: format!("no worker has tested the version on partition {}", missing.join(", ")),
        choice: "Nothing has changed; start workers, or deploy with --unproven".into(),
    })
}

/// Waits until all owners have taken the version, and says which have not.
fn await_switch(fleet: &Fleet, layout: &Layout, version: &str) -> Result<()> {
    let beats = fleet.transport.listen(fleet.names.beat())?;
    let began = Instant::now();
    let mut versions = BTreeMap::new();
    let mut refused = BTreeMap::new();
    while began.elapsed() < PROOFS {
        if let Ok(heard) = beats.recv_timeout(Duration::from_millis(200))
            && let Ok(beat) = serde_json::from_slice::<Beat>(&heard.payload)
        {
            for partition in beat.partitions.into_iter().filter(|p| p.number != OUTLET) {
                if let Some((which, why)) = partition.refused
                    && which == version
                {
                    refused.insert(partition.number, why);
                }
                versions.insert(partition.number, partition.version);
            }
        }
        if let Some((number, why)) = refused.first_key_value() {
            return Err(FleetError::Stop {
                what: format!(
                    "partition {number} refused the version after the test: {why}; it continues with the previous version"
                ),
                choice: "Deploy a version that it accepts, or deploy the previous version for all"
                    .into(),
            });
        }
        let held = versions.len();
        if held > 0
            && began.elapsed() > Duration::from_secs(2)
            && versions.values().all(|running| running == version)
        {
            return stdout::print(&format!(
                "{held} of {} partitions run version {version}\n",
                layout.partitions
            ));
        }
        if held == 0 && began.elapsed() > Duration::from_secs(4) {
            return stdout::print(
                "no worker is running: the version is used as soon as one starts\n",
            );
        }
    }
    let behind: Vec<String> = versions
        .iter()
        .filter(|(_, running)| *running != version)
        .map(|(number, _)| number.to_string())
        .collect();
    Err(FleetError::Stop {
        what: format!("partition {} does not run the version yet", behind.join(", ")),
        choice: "See `status`: the partition takes it over as soon as it has caught up".into(),
    })
}
