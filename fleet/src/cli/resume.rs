//! `resume --accept-gap`: lets a stopped partition continue, after an operator has decided to give up what is missing.

use super::{ConfigArgs, Fleet, stdout};
use crate::error::{FleetError, Result};
use crate::journal::{Checkpoint, Journal, Lines, Mark, standing};
use crate::meta::Meta;
use crate::names::{OUTLET, Partition};
use crate::outlet;
use crate::worker::status::Stage;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// The partition
    #[arg(long, value_name = "NUMBER", required_unless_present = "output")]
    partition: Option<u32>,
    /// The stream of all output
    #[arg(long, conflicts_with = "partition")]
    output: bool,
    /// Give up what is missing
    #[arg(long, required = true)]
    accept_gap: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let layout = meta.layout()?;
    let number = args.partition.unwrap_or(OUTLET);
    let is_stopped = refuse_running(&fleet, number)?;
    if args.output {
        if !is_stopped && outlet::progress(&*fleet.transport, &fleet.names).is_ok() {
            return Err(unknown("the output"));
        }
        let all: Vec<_> = layout.all().collect();
        let copied = outlet::give_up(&*fleet.transport, &fleet.names, &all)?;
        return stdout::print(&format!(
            "the output continues at most after record {copied} of the journals; a worker takes it over in a moment\n"
        ));
    }
    if number >= layout.partitions {
        return Err(FleetError::Usage(format!(
            "--partition {number}: the fleet has {} partitions, numbered from 0",
            layout.partitions
        )));
    }
    let of = Partition { generation: layout.generation, number };
    if !is_stopped && seems_whole(&fleet, &meta, of)? {
        return Err(unknown(&of.label()));
    }
    let told = go_on(&fleet, &meta, of)?;
    stdout::print(&format!("{told}; a worker takes it over in a moment\n"))
}

/// Nothing is given up of what works; returns whether a worker has stopped there.
fn refuse_running(fleet: &Fleet, number: u32) -> Result<bool> {
    let mut is_stopped = false;
    for beat in super::status::beats(fleet)?.into_values() {
        for status in beat.partitions.iter().filter(|status| status.number == number) {
            if status.stage == Stage::Running {
                return Err(FleetError::Usage(format!(
                    "nothing is missing there: worker {} is at work on it",
                    beat.worker
                )));
            }
            // One that is stopped is tried again now and then, and begins then for a moment.
            is_stopped |= status.stage == Stage::Stopped || status.why.is_some();
        }
    }
    Ok(is_stopped)
}

fn unknown(what: &str) -> FleetError {
    FleetError::Usage(format!(
        "{what} is stopped by no worker, and nothing is seen to be missing: start a worker, which goes on or says why not"
    ))
}

/// Whether all is there that a worker needs to begin, as far as can be seen without one.
fn seems_whole(fleet: &Fleet, meta: &Meta, of: Partition) -> Result<bool> {
    let found = match standing(&*fleet.transport, &fleet.names, of) {
        Ok(found) => found,
        Err(FleetError::Stop { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let position = found.checkpoint.position;
    let input = fleet.transport.ends(&fleet.names.input(of))?;
    let has_input = input.is_some_and(|ends| ends.first <= position + 1 && ends.last >= position);
    Ok(has_input && meta.version(&found.checkpoint.version)?.is_some())
}

fn go_on(fleet: &Fleet, meta: &Meta, of: Partition) -> Result<String> {
    let missing = || FleetError::Usage("the fleet has no version of a script: run `deploy`".into());
    let wanted = meta.wanted()?.ok_or_else(missing)?.version;
    let layout = meta.layout()?;
    for plan in [layout.input(&fleet.names, of), layout.journal(&fleet.names, of)] {
        if fleet.transport.ends(&plan.name)?.is_none() {
            fleet.transport.create(&plan)?;
        }
    }
    let input = fleet.transport.ends(&fleet.names.input(of))?.unwrap_or_default();
    let before_input = input.first.max(1) - 1;
    let found = match standing(&*fleet.transport, &fleet.names, of) {
        Ok(standing) => Some(standing),
        Err(FleetError::Stop { what, .. }) => {
            log::warn!("{what}");
            None
        }
        Err(error) => return Err(error),
    };
    let (checkpoint, mark, latest_output) = match found {
        Some(found) => {
            let mut checkpoint = found.checkpoint;
            if meta.version(&checkpoint.version).ok().flatten().is_none() {
                log::warn!(
                    "version {} is not stored: the partition continues with {wanted}",
                    checkpoint.version
                );
                checkpoint.version = wanted;
            }
            // The journal is kept; output that is made again after the state may appear twice.
            checkpoint.position = checkpoint.position.max(before_input);
            if checkpoint.position > input.last {
                checkpoint.position = input.last;
            }
            checkpoint.points = found.mark.points;
            checkpoint.alerts = found.mark.alerts;
            let through = checkpoint.position;
            (checkpoint, Mark { through, ..found.mark }, found.latest_output)
        }
        None => fresh(fleet, of, &wanted, before_input, input.last)?,
    };
    let position = checkpoint.position;
    let has_state = checkpoint.state.is_some();
    Journal::restart(fleet.transport.clone(), &fleet.names, of, mark, latest_output, &checkpoint)?;
    Ok(format!(
        "partition {} continues after message {position} of its input, {}",
        of.number,
        if has_state { "with its state" } else { "without a state" }
    ))
}

/// An empty state, after the last known output.
fn fresh(
    fleet: &Fleet,
    of: Partition,
    version: &str,
    before_input: u64,
    last: u64,
) -> Result<(Checkpoint, Mark, u64)> {
    let journal = fleet.transport.ends(&fleet.names.journal(of))?.unwrap_or_default();
    let copied = outlet::last_mark(&*fleet.transport, &fleet.names, of)?;
    let (points, alerts) = copied
        .as_ref()
        .map_or((Lines::default(), Lines::default()), |mark| (mark.points, mark.alerts));
    let through = copied.as_ref().map_or(0, |mark| mark.through);
    let position = before_input.max(through).min(last.max(before_input));
    let mark = Mark { own: journal.last, through: position, points, alerts, ..Mark::default() };
    let latest_output = copied.map_or(0, |mark| mark.own);
    let checkpoint = Checkpoint { position, version: version.into(), points, alerts, state: None };
    Ok((checkpoint, mark, latest_output))
}
