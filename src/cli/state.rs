//! `state`: a snapshot in readable form.

use super::stdout;
use anyhow::Context;
use rhai_udf::script::SnapshotView;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Print a snapshot, from --state-dir or from the daemon, in readable form
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot
    file: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A line for each group
    Text,
    /// One JSON object
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let shown = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("{shown}: cannot be read"))?;
    let view = SnapshotView::read(&bytes).with_context(|| format!("{shown}"))?;
    let text = match args.format {
        Format::Json => serde_json::to_string_pretty(&view)?,
        Format::Text => text(&view),
    };
    stdout::print(&format!("{text}\n"))
}

fn text(view: &SnapshotView) -> String {
    let mut text = format!(
        "version {}, options {}: {} groups, {} bytes",
        view.script,
        view.options,
        view.groups.len(),
        view.bytes
    );
    for group in &view.groups {
        let id = group.group.replace('\n', " ");
        let name = if id.is_empty() { "(no group)" } else { &id };
        let seen = group.seen.as_deref().unwrap_or("never");
        let _ = write!(text, "\n{name}, last seen {seen}\n  {}", group.state);
    }
    text
}
