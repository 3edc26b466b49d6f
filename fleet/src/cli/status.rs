//! `status`: shows the owner of each partition, how far it is, and why it is stopped.

use super::{ConfigArgs, Fleet, stdout};
use crate::error::{FleetError, Result};
use crate::journal::standing;
use crate::meta::Meta;
use crate::names::OUTLET;
use crate::outlet;
use crate::worker::status::{Beat, PartitionStatus, Stage, now};
use clap::ValueEnum;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How long heartbeats are collected.
const LISTENS: Duration = Duration::from_millis(2200);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Show the status again at regular intervals
    #[arg(long)]
    watch: bool,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// The status of a fleet.
#[derive(Debug, Serialize)]
struct Report {
    fleet: String,
    generation: u64,
    /// The number of partitions to which a repartition is changing the fleet.
    becomes: Option<u32>,
    /// The current version.
    version: String,
    script: String,
    workers: Vec<Beat>,
    partitions: Vec<Row>,
    /// Messages of the output stream.
    output_messages: u64,
    /// Records of the journals, at most, that are not in the output stream yet.
    output_lag: u64,
    /// How long the latest record that was copied had waited.
    output_lag_seconds: f64,
    /// The worker that copies the output.
    output_copied_by: Option<String>,
    /// Why the output is not copied, if an operator must act.
    output_stopped: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// `None` if no worker has it.
    worker: Option<String>,
    #[serde(flatten)]
    status: PartitionStatus,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let fleet = args.config.connect()?;
    loop {
        let report = match look(&fleet) {
            Err(error) if args.watch && !matches!(error, FleetError::Usage(_)) => {
                // Servers that do not answer now are what one watches for.
                super::logging::tell(&format!("error: {error}"));
                std::thread::sleep(LISTENS);
                continue;
            }
            seen => seen?,
        };
        let text = match args.format {
            Format::Json => serde_json::to_string(&report).unwrap_or_default() + "\n",
            Format::Table => table(&report),
        };
        let clear = if args.watch && args.format == Format::Table { "\x1b[H\x1b[2J" } else { "" };
        stdout::print(&format!("{clear}{text}"))?;
        if !args.watch {
            return Ok(());
        }
    }
}

/// Collects heartbeats for a moment; the last of each worker counts.
pub(super) fn beats(fleet: &Fleet) -> Result<BTreeMap<String, Beat>> {
    let heard = fleet.transport.listen(fleet.names.beat())?;
    let began = Instant::now();
    let mut beats = BTreeMap::new();
    while let Some(left) = LISTENS.checked_sub(began.elapsed()) {
        let Ok(heard) = heard.recv_timeout(left) else { break };
        if let Ok(beat) = serde_json::from_slice::<Beat>(&heard.payload) {
            beats.insert(beat.worker.clone(), beat);
        }
    }
    Ok(beats)
}

fn look(fleet: &Fleet) -> Result<Report> {
    let meta = Meta::new(fleet.transport.clone(), fleet.names.clone());
    let (layout, wanted) = (meta.layout()?, meta.wanted()?);
    let beats = beats(fleet)?;
    let mut partitions = Vec::new();
    for of in layout.all() {
        let held = holder(&beats, layout.generation, of.number);
        let (worker, status) = match held {
            Some((worker, status)) => (Some(worker), status),
            None => (None, orphan(fleet, of)),
        };
        partitions.push(Row { worker, status });
    }
    let copier = holder(&beats, layout.generation, OUTLET);
    let copied = match &copier {
        Some((_, status)) if status.stage == Stage::Running => status.copied.clone(),
        _ => stored_progress(fleet, layout.generation),
    };
    let behind = |row: &Row| {
        let copied = copied.get(&row.status.number).copied().unwrap_or_default();
        row.status.written.saturating_sub(copied)
    };
    let output_lag = partitions.iter().map(behind).sum();
    let output = fleet.transport.ends(&fleet.names.output())?.unwrap_or_default();
    let (version, script) =
        wanted.map(|wanted| (wanted.version, wanted.script)).unwrap_or_default();
    Ok(Report {
        fleet: fleet.names.fleet().into(),
        generation: layout.generation,
        becomes: layout.becomes,
        version,
        script,
        partitions,
        output_messages: output.messages,
        output_lag,
        output_lag_seconds: copier.as_ref().map_or(0.0, |(_, status)| status.lag_seconds),
        output_stopped: copier.as_ref().and_then(|(_, status)| status.why.clone()),
        output_copied_by: copier.map(|(worker, _)| worker),
        workers: beats.into_values().collect(),
    })
}

/// How far journals are copied, as the output stream itself says.
fn stored_progress(fleet: &Fleet, generation: u64) -> BTreeMap<u32, u64> {
    let copied = outlet::progress(&*fleet.transport, &fleet.names);
    let copied = copied.map(|(_, copied)| copied).unwrap_or_default();
    let own = copied.into_iter().filter(|(of, _)| of.generation == generation);
    own.map(|(of, record)| (of.number, record)).collect()
}

/// The worker that reports a partition; if two do, the one that is further.
fn holder(
    beats: &BTreeMap<String, Beat>,
    generation: u64,
    number: u32,
) -> Option<(String, PartitionStatus)> {
    let all = beats.values().filter(|beat| beat.generation == generation).flat_map(|beat| {
        let own = beat.partitions.iter().filter(move |status| status.number == number);
        own.map(|status| (beat.worker.clone(), status.clone()))
    });
    all.max_by_key(|(_, status)| (status.stage, status.position))
}

/// A partition without a worker, as its journal says.
fn orphan(fleet: &Fleet, of: crate::names::Partition) -> PartitionStatus {
    let mut status = PartitionStatus { number: of.number, ..PartitionStatus::default() };
    match standing(&*fleet.transport, &fleet.names, of) {
        Ok(standing) => {
            status.version = standing.checkpoint.version;
            status.position = standing.mark.through;
            status.checkpoint_position = standing.checkpoint.position;
            status.written = standing.latest_output;
            status.checkpoint_at = standing.stored as f64 / 1e9;
            status.checkpoint_bytes = standing.size;
        }
        Err(error) => status.why = Some(error.to_string()),
    }
    if let Ok(Some(ends)) = fleet.transport.ends(&fleet.names.input(of)) {
        status.lag = ends.last.saturating_sub(status.position);
    }
    status
}

fn table(report: &Report) -> String {
    let mut text = format!(
        "fleet {}  layout {}  version {} of {}  {} workers  output: {} messages, {} records behind, copied by {}\n",
        report.fleet,
        report.generation,
        report.version,
        report.script,
        report.workers.len(),
        report.output_messages,
        report.output_lag,
        report.output_copied_by.as_deref().unwrap_or("nobody"),
    );
    let _ = writeln!(
        text,
        "{:>4}  {:<20} {:<9} {:>10} {:>7} {:>7}  {:>10} {:>9}  {:<16}",
        "part", "worker", "stage", "position", "lag", "lag s", "checkpoint", "bytes", "version"
    );
    for Row { worker, status } in &report.partitions {
        let age = now() - status.checkpoint_at;
        let stage = match (worker, status.stage) {
            (None, _) => "no owner".to_owned(),
            (_, Stage::Starting) => "starting".into(),
            (_, Stage::Replaying) => "replaying".into(),
            (_, Stage::Running) => "running".into(),
            (_, Stage::Stopped) => "STOPPED".into(),
        };
        let _ = writeln!(
            text,
            "{:>4}  {:<20} {:<9} {:>10} {:>7} {:>7.1}  {:>8.0} s {:>9}  {:<16}",
            status.number,
            worker.as_deref().unwrap_or("-"),
            stage,
            status.position,
            status.lag,
            status.lag_seconds,
            age,
            status.checkpoint_bytes,
            status.version
        );
    }
    for Row { status, .. } in &report.partitions {
        if let Some(why) = &status.why {
            let _ = writeln!(text, "partition {}: {why}", status.number);
        }
        if let Some((version, why)) = &status.refused {
            let _ = writeln!(text, "partition {} refuses version {version}: {why}", status.number);
        }
    }
    if let Some(why) = &report.output_stopped {
        let _ = writeln!(text, "the output: {why}");
    }
    if let Some(partitions) = report.becomes {
        let _ = writeln!(
            text,
            "changing to {partitions} partitions: run `repartition` again to finish it"
        );
    }
    text
}
