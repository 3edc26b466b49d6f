//! `repartition`: the groups over another number of partitions. The inputs take nothing more, their owners
//! play them to the end, and the states are put into new journals; meanwhile senders get 503. It may be stopped
//! at any time and run again.

use super::deploy::tell;
use super::{ConfigArgs, Fleet, stdout};
use crate::error::{FleetError, Result};
use crate::journal::{Checkpoint, Journal, Standing, standing};
use crate::meta::{Layout, Meta};
use crate::names::Partition;
use crate::outlet;
use crate::states::{Spread, regrouped};
use crate::worker::Told;
use std::time::{Duration, Instant};

/// How often the owners are looked at.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The number of partitions
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: u32,
    /// How long the owners may take to play what waits, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let layout = meta.layout()?;
    match layout.becomes {
        None if layout.partitions == args.partitions => {
            return stdout::print(&format!("the fleet has {} partitions\n", layout.partitions));
        }
        Some(becomes) if becomes != args.partitions => {
            return Err(FleetError::Usage(format!(
                "the fleet is on the way to {becomes} partitions: bring that to its end first"
            )));
        }
        _ => {}
    }
    meta.set_layout(&Layout { becomes: Some(args.partitions), ..layout.clone() })?;
    for of in layout.all() {
        fleet.transport.seal(&fleet.names.input(of))?;
    }
    stdout::print("the inputs take nothing more; what waits is played\n")?;
    let standings = await_ends(&fleet, &layout, Duration::from_secs(args.patience))?;
    let new = Layout {
        generation: layout.generation + 1,
        partitions: args.partitions,
        becomes: None,
        ..layout.clone()
    };
    begin(&fleet, &meta, &standings, &new)?;
    meta.set_layout(&new)?;
    tell(&fleet, &Told::Look)?;
    for of in layout.all() {
        fleet.transport.delete(&fleet.names.input(of))?;
        fleet.transport.delete(&fleet.names.journal(of))?;
    }
    stdout::print(&format!("{} partitions; workers and feeds follow\n", new.partitions))
}

/// Waits until all inputs are played to their ends, the states kept and the output copied.
fn await_ends(fleet: &Fleet, layout: &Layout, patience: Duration) -> Result<Vec<Standing>> {
    let began = Instant::now();
    loop {
        tell(fleet, &Told::Keep)?;
        std::thread::sleep(LOOK);
        let (_, copied) = outlet::progress(&*fleet.transport, &fleet.names)?;
        let mut standings = Vec::new();
        let mut waits = None;
        for of in layout.all() {
            let standing = standing(&*fleet.transport, &fleet.names, of)?;
            let input = fleet.transport.ends(&fleet.names.input(of))?.unwrap_or_default();
            let is_copied = copied.get(&of).copied().unwrap_or_default() >= standing.latest_output;
            let is_kept = standing.checkpoint.position >= input.last
                && standing.checkpoint.points == standing.mark.points
                && standing.checkpoint.alerts == standing.mark.alerts;
            if !(is_kept && is_copied) {
                waits.get_or_insert((
                    of.number,
                    input.last - standing.checkpoint.position.min(input.last),
                ));
            }
            standings.push(standing);
        }
        let Some((number, messages)) = waits else { return Ok(standings) };
        if began.elapsed() > patience {
            return Err(FleetError::Stop {
                what: format!("partition {number} has {messages} messages to play or output to copy"),
                choice: "See `status`; run `repartition` again when it can go on. Senders get 503 until then".into(),
            });
        }
    }
}

/// Makes the new streams, each journal with the state of its groups.
fn begin(fleet: &Fleet, meta: &Meta, standings: &[Standing], new: &Layout) -> Result<()> {
    let mut versions: Vec<&str> =
        standings.iter().map(|standing| &*standing.checkpoint.version).collect();
    versions.dedup();
    let [version] = versions[..] else {
        return Err(FleetError::Stop {
            what: format!("the partitions run different versions: {}", versions.join(", ")),
            choice: "Deploy one for all, then run `repartition` again".into(),
        });
    };
    let running =
        meta.version(version)?.ok_or_else(|| FleetError::nats(version, "it is not stored"))?;
    let spread = Spread { grouping: running.grouping.clone(), partitions: new.partitions };
    let states: Vec<_> =
        standings.iter().filter_map(|standing| standing.checkpoint.state.clone()).collect();
    for of in new.all() {
        let checkpoint = Checkpoint {
            version: version.to_owned(),
            state: regrouped(&states, &spread, of.number)?,
            ..Checkpoint::default()
        };
        start(fleet, new, of, &checkpoint)?;
    }
    Ok(())
}

fn start(fleet: &Fleet, layout: &Layout, of: Partition, checkpoint: &Checkpoint) -> Result<()> {
    // What a repartition that was stopped has left is made again.
    fleet.transport.delete(&fleet.names.journal(of))?;
    fleet.transport.create(&layout.input(&fleet.names, of))?;
    fleet.transport.create(&layout.journal(&fleet.names, of))?;
    Journal::begin(fleet.transport.clone(), &fleet.names, of, checkpoint)
}
