//! `seed`: plays recorded data before the first point is fed, so that the fleet begins with a learned state; the
//! output is not written.

use super::{ConfigArgs, Fleet, stdout};
use crate::error::{FleetError, Result};
use crate::journal::{Checkpoint, Journal, Standing, standing};
use crate::meta::Meta;
use crate::names::Partition;
use crate::session::Session;
use crate::states::{Spread, regrouped};
use clap::ValueEnum;
use rhai_udf::protocol::line::Precision;
use rhai_udf::replay::source::{self, DataFormat, Item, Reading, Scratch};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Files and folders of recorded data, merged by time as `rhai-udf replay` does
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The unit of times in line protocol
    #[arg(long, value_name = "UNIT", default_value = "ns", value_parser = precision)]
    precision: Precision,
    /// What the files hold, where their names do not say it
    #[arg(long, value_name = "FORMAT", value_enum)]
    data_format: Option<Recorded>,
    /// Go on after lines that are no points, and count them
    #[arg(long)]
    skip_bad_lines: bool,
}

/// What can be learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Recorded {
    /// Line protocol
    Lp,
    /// Columns of text, with commas, semicolons or tabs between
    Csv,
    /// A stream recording of Kapacitor
    Srpl,
}

impl From<Recorded> for DataFormat {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Lp => Self::LineProtocol,
            Recorded::Csv => Self::Csv,
            Recorded::Srpl => Self::StreamRecording,
        }
    }
}

fn precision(text: &str) -> std::result::Result<Precision, String> {
    Precision::by_name(text).ok_or_else(|| "write n, u, ms, s, m or h".into())
}

pub(super) fn run(args: &Args) -> Result<()> {
    for path in &args.data {
        let unread = |source| FleetError::Read { path: path.clone(), source };
        std::fs::metadata(path).map_err(unread)?;
    }
    let fleet = args.config.connect()?;
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let layout = meta.layout()?;
    let fresh: Vec<(Partition, Standing)> =
        layout.all().map(|of| Ok((of, fresh(&fleet, of)?))).collect::<Result<_>>()?;
    let missing = || FleetError::Usage("the fleet has no version of a script: run `deploy`".into());
    let wanted = meta.wanted()?.ok_or_else(missing)?;
    let version = meta.version(&wanted.version)?.ok_or_else(missing)?;
    let mut session = Session::start(version.clone(), None)?;
    let points = learn(&mut session, args)?;
    let state = [session.state()?];
    let spread = Spread { grouping: version.grouping.clone(), partitions: layout.partitions };
    for (of, standing) in fresh {
        let checkpoint = Checkpoint {
            version: version.hash.clone(),
            state: regrouped(&state, &spread, of.number)?,
            ..Checkpoint::default()
        };
        let Standing { mark, latest_output, .. } = standing;
        let transport = fleet.transport.clone();
        Journal::restart(transport, &fleet.names, of, mark, latest_output, &checkpoint)?;
    }
    stdout::print(&format!("{points} points were learned for {} partitions\n", layout.partitions))
}

/// The standing of a partition that has seen no data.
fn fresh(fleet: &Fleet, of: Partition) -> Result<Standing> {
    let standing = standing(&*fleet.transport, &fleet.names, of)?;
    let input = fleet.transport.ends(&fleet.names.input(of))?.unwrap_or_default();
    if input.last > 0 || standing.checkpoint.position > 0 {
        return Err(FleetError::Usage(format!(
            "partition {} has already received points, and recorded data must be learned before the first point. Create another fleet, or feed the recorded data",
            of.number
        )));
    }
    Ok(standing)
}

fn learn(session: &mut Session, args: &Args) -> Result<u64> {
    let mut paths = Vec::new();
    for path in &args.data {
        find(path, &mut paths)?;
    }
    if paths.is_empty() {
        return Err(FleetError::Usage("--data: no file of recorded data was found".into()));
    }
    let reading = Reading {
        precision: args.precision,
        format: args.data_format.map(DataFormat::from),
        skip_bad_lines: args.skip_bad_lines,
        ..Reading::default()
    };
    let mut source = match &paths[..] {
        [path] => source::open(path, &reading)?,
        paths => source::open_merged(paths, &reading)?,
    };
    let (mut scratch, mut points) = (Scratch::default(), 0);
    while let Some(item) = source.next(&mut scratch)? {
        if item != Item::Point {
            return Err(FleetError::Usage(
                "--data: a fleet takes points: line protocol, CSV or .srpl".into(),
            ));
        }
        session.learn(&mut scratch.point)?;
        points += 1;
    }
    session.end_learning()?;
    let skipped = reading.skipped.get();
    if skipped > 0 {
        log::warn!("{skipped} lines were skipped since they are no points");
    }
    Ok(points)
}

/// Finds the files of recorded data in a folder and those below it, or takes the file that is named.
fn find(path: &Path, all: &mut Vec<PathBuf>) -> Result<()> {
    let unread = |source| FleetError::Read { path: path.to_owned(), source };
    std::fs::metadata(path).map_err(unread)?;
    if !path.is_dir() {
        all.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(unread)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().map_err(unread)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || source::is_known(&entry) {
            find(&entry, all)?;
        }
    }
    Ok(())
}
