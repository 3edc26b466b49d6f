//! `state`: a snapshot, or the state of a replay, in readable form.

use super::stdout;
use anyhow::Context;
use rhai_udf::protocol::Bytes;
use rhai_udf::protocol::time::rfc3339;
use rhai_udf::replay::state::{StateFile, TaskState};
use rhai_udf::script::SnapshotView;
use rhai_udf::tick::NodeState;
use rhai_udf::tick::flow::Remembered;
use rhai_udf::tick::flow::words::words;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Print a snapshot from --state-dir or from the daemon, or the state of a replay, in readable form
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The snapshot, or the file of replay --save-state
    file: PathBuf,
    /// The format of the output
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
    let text = match (StateFile::read(&args.file)?, args.format) {
        (StateFile::Snapshot(bytes), format) => {
            let view = SnapshotView::read(&bytes).with_context(|| format!("{shown}"))?;
            match format {
                Format::Json => serde_json::to_string_pretty(&view)?,
                Format::Text => text(&view),
            }
        }
        (StateFile::Task(state), Format::Json) => {
            serde_json::to_string_pretty(&task_object(&state))?
        }
        (StateFile::Task(state), Format::Text) => task_text(&state),
    };
    stdout::print(&format!("{text}\n"))
}

fn text(view: &SnapshotView) -> String {
    let mut text = format!(
        "version {}, options {}: {} group{}, {} bytes",
        view.script,
        view.options.trim_start_matches("#{").trim_end_matches('}'),
        view.groups.len(),
        if view.groups.len() == 1 { "" } else { "s" },
        view.bytes
    );
    for group in &view.groups {
        let seen = group.seen.as_deref().unwrap_or("never");
        let _ = write!(text, "\n{}, last seen {seen}", group_name(&group.group));
        match &group.read {
            // An entry of the script's own map a line.
            Value::Object(entries) => entries.iter().for_each(|(name, value)| {
                let _ = write!(text, "\n  {name}: {}", words(value));
            }),
            value => {
                let _ = write!(text, "\n  {}", words(value));
            }
        }
    }
    text
}

fn group_name(id: &str) -> String {
    if id.is_empty() { "(no group)".into() } else { id.replace('\n', " ") }
}

fn task_text(state: &TaskState) -> String {
    let TaskState { program, task, shard, time, points, runs } = state;
    let time = time.map_or_else(|| "no time".into(), rfc3339);
    let shard = shard.as_ref().map_or_else(String::new, |shard| format!(" (shard {shard})"));
    let mut text = format!("{task}{shard} at {time}, after {points} points, by rhai-udf {program}");
    for run in runs {
        for node in &run.nodes {
            let label =
                if run.label.is_empty() { String::new() } else { format!(" ({})", run.label) };
            let _ = write!(text, "\n\n{}{label}  {}", node.identity.name, node.identity.definition);
            for one in &node.remembered {
                let _ = write!(text, "\n  {}: {}", place(one), one.shown);
            }
            if let Some(Bytes(snapshot)) = &node.function {
                let function = match SnapshotView::read(snapshot) {
                    Ok(view) => self::text(&view),
                    Err(_) => format!(
                        "a snapshot of a function that is not a script, {} bytes",
                        snapshot.len()
                    ),
                };
                let _ = write!(text, "\n  {}", function.replace('\n', "\n  "));
            }
        }
    }
    text
}

/// A remembered value and its group.
fn place(one: &Remembered) -> String {
    match &one.group {
        None => one.name.clone(),
        Some(Bytes(id)) => format!("{}, {}", group_name(&String::from_utf8_lossy(id)), one.name),
    }
}

fn task_object(state: &TaskState) -> Value {
    let nodes = |nodes: &[NodeState]| nodes.iter().map(node_object).collect::<Vec<_>>();
    let runs =
        state.runs.iter().map(|run| json!({ "label": run.label, "nodes": nodes(&run.nodes) }));
    json!({
        "program": state.program,
        "task": state.task,
        "shard": state.shard,
        "time": state.time.map(rfc3339),
        "points": state.points,
        "variants": runs.collect::<Vec<_>>(),
    })
}

fn node_object(node: &NodeState) -> Value {
    let remembered = node.remembered.iter().map(|one| {
        let group = one.group.as_ref().map(|id| String::from_utf8_lossy(&id.0).into_owned());
        json!({ "name": one.name, "group": group, "value": one.shown, "bytes": one.value.0.len() })
    });
    let function =
        node.function.as_ref().map(|Bytes(snapshot)| match SnapshotView::read(snapshot) {
            Ok(view) => json!(view),
            Err(_) => json!({ "bytes": snapshot.len() }),
        });
    json!({
        "node": node.identity.name,
        "definition": node.identity.definition,
        "remembered": remembered.collect::<Vec<_>>(),
        "function": function,
    })
}
