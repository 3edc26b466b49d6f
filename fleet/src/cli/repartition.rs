//! `repartition`: the groups over another number of partitions. The inputs take nothing more, their owners
//! play them to the end, and the states are put into new journals; meanwhile senders get 503. It may be stopped
//! at any time and run again, also with another number, such as the one before.

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

/// How often the progress of the owners is checked.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The number of partitions
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: u32,
    /// How long the owners may take to process what waits, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let Some((layout, mut last)) = claim(&fleet, &meta, args.partitions)? else {
        let layout = meta.layout()?;
        tidy(&fleet, &layout)?;
        return stdout::print(&format!("the fleet has {} partitions\n", layout.partitions));
    };
    for of in layout.all() {
        fleet.transport.seal(&fleet.names.input(of))?;
    }
    stdout::print("the inputs are closed; the workers process what waits in them\n")?;
    let standings = await_ends(&fleet, &layout, Duration::from_secs(args.patience))?;
    let new = Layout {
        generation: layout.attempt,
        partitions: args.partitions,
        becomes: None,
        ..layout.clone()
    };
    begin(&fleet, &meta, &standings, &new)?;
    // The inputs are closed; that one of their servers was behind and took something would be seen here.
    for (of, standing) in layout.all().zip(&standings) {
        let input = fleet.transport.ends(&fleet.names.input(of))?.unwrap_or_default();
        if input.last > standing.checkpoint.position {
            return Err(FleetError::Stop {
                what: format!("{} has got a message after its input was closed", of.label()),
                choice: "Run `repartition` again: it is played first".into(),
            });
        }
    }
    // A version that was deployed meanwhile is no reason to give up; another repartition is.
    while let Err(error) = meta.replace_layout(&new, last) {
        let FleetError::Fenced { .. } = error else {
            // It may have been stored: the streams stay, and the next run finds out.
            return Err(error);
        };
        let before = std::mem::replace(&mut last, meta.last()?);
        if meta.layout()? != layout || last == before {
            remove(&fleet, new.all())?;
            return Err(overtaken());
        }
    }
    tell(&fleet, &Told::Look)?;
    tidy(&fleet, &new)?;
    stdout::print(&format!("{} partitions; workers and feeds follow\n", new.partitions))
}

/// Begins an attempt to get to a number of partitions, with streams of its own, so that one that was stopped, or that
/// still goes on somewhere, does no harm. Returns the layout that says so with the number of its message; `None` if the
/// fleet has that number.
fn claim(fleet: &Fleet, meta: &Meta, partitions: u32) -> Result<Option<(Layout, u64)>> {
    let last = meta.last()?;
    let layout = meta.layout()?;
    if layout.becomes.is_none() && layout.partitions == partitions {
        return Ok(None);
    }
    if let Some(becomes) = layout.becomes.filter(|becomes| *becomes != partitions) {
        log::warn!("the fleet was on the way to {becomes} partitions; now it becomes {partitions}");
    }
    // The streams of an attempt that nobody has noted, if there are any, have a lower number than the next.
    let streams = fleet.transport.streams()?;
    let used = streams.iter().filter_map(|stream| fleet.names.partition(stream));
    let used = used.map(|of| of.generation).max().unwrap_or_default();
    let attempt = used.max(layout.attempt).max(layout.generation) + 1;
    let claimed = Layout { becomes: Some(partitions), attempt, ..layout };
    match meta.replace_layout(&claimed, last) {
        Err(FleetError::Fenced { .. }) => Err(overtaken()),
        done => done.map(|()| Some((claimed, last + 1))),
    }
}

fn overtaken() -> FleetError {
    FleetError::Stop {
        what: "another repartition or deployment of this fleet came in between".into(),
        choice: "Look at `status`, and run it again if it is still wanted".into(),
    }
}

/// Removes the streams of earlier layouts and attempts.
fn tidy(fleet: &Fleet, layout: &Layout) -> Result<()> {
    let streams = fleet.transport.streams()?;
    let others = streams.iter().filter_map(|stream| fleet.names.partition(stream));
    remove(fleet, others.filter(|of| of.generation < layout.generation))
}

fn remove(fleet: &Fleet, all: impl Iterator<Item = Partition>) -> Result<()> {
    for of in all {
        fleet.transport.delete(&fleet.names.input(of))?;
        fleet.transport.delete(&fleet.names.journal(of))?;
    }
    Ok(())
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
                what: format!(
                    "partition {number} still has {messages} messages to process, or output to copy"
                ),
                choice:
                    "See `status`, and run `repartition` again later. Until then senders get 503"
                        .into(),
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
            choice: "Deploy one version for all, then run `repartition` again".into(),
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
    fleet.transport.create(&layout.input(&fleet.names, of))?;
    fleet.transport.create(&layout.journal(&fleet.names, of))?;
    Journal::begin(fleet.transport.clone(), &fleet.names, of, checkpoint)
}
