//! `tail`: prints the output as it is written, each line once.

use super::{ConfigArgs, Fleet, stdout};
use crate::error::Result;
use crate::journal::Kind;
use crate::meta::Meta;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also show the output that is already there
    #[arg(long)]
    all: bool,
    /// End when no output has come for this many seconds
    #[arg(long, value_name = "SECONDS")]
    idle: Option<f64>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    // A fleet that is not there would only be silent.
    Meta::new(fleet.transport.clone(), fleet.names.clone()).layout()?;
    let stream = fleet.names.output();
    let last = fleet.transport.ends(&stream)?.map_or(0, |ends| ends.last);
    let mut next = if args.all { 1 } else { last + 1 };
    let mut reading = fleet.transport.read(&stream, next);
    let lines = Kind::ALL.map(|kind| fleet.names.output_subject(kind.name()) + ".");
    let mut came = Instant::now();
    loop {
        let records = reading.next(Duration::from_millis(200))?;
        if records.is_empty() {
            if args.idle.is_some_and(|idle| came.elapsed().as_secs_f64() >= idle) {
                return Ok(());
            }
            continue;
        }
        for record in records {
            // A consumer that was made again may begin with lines that were already shown.
            if record.sequence < next {
                continue;
            }
            if record.sequence > next && next > 1 && !is_forgotten(&fleet, &stream, next)? {
                reading = fleet.transport.read(&stream, next);
                break;
            }
            next = record.sequence + 1;
            if lines.iter().any(|subject| record.subject.starts_with(subject)) {
                came = Instant::now();
                stdout::write(&record.payload)?;
            }
        }
    }
}

/// Whether the stream does not hold a message any more, since it is full.
fn is_forgotten(fleet: &Fleet, stream: &str, sequence: u64) -> Result<bool> {
    let first = fleet.transport.ends(stream)?.map_or(0, |ends| ends.first);
    if first > sequence {
        log::warn!(
            "messages {sequence} to {} of {stream} are gone: the stream was full",
            first - 1
        );
    }
    Ok(first > sequence)
}
