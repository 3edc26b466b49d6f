//! `replay --labels` and `--sweep`: how good the alerts of each variant are.

use super::plan::{Plan, Variant};
use super::stdout;
use rhai_udf::protocol::duration;
use rhai_udf::replay::Player;
use rhai_udf::replay::quality::{Labels, Quality};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Collects how good each variant is.
pub(super) struct Judge {
    labels: Option<Labels>,
    qualities: Vec<Quality>,
}

impl Judge {
    pub(super) fn new(plan: &Plan) -> Self {
        let qualities = vec![Quality::default(); plan.variants.all.len()];
        Self { labels: plan.labels.clone(), qualities }
    }

    /// Whether each file is a series of its own.
    pub(super) fn by_file(&self) -> bool {
        self.labels.as_ref().is_some_and(Labels::by_file)
    }

    /// Ends the data of a player, and judges it by the labels of a file.
    pub(super) fn add(&mut self, player: &mut Player, path: &Path) -> anyhow::Result<()> {
        let anomalies = match &self.labels {
            // The player ends first, so that its output comes before an error about labels.
            Some(labels) => labels.of(path),
            None => Ok(&[][..]),
        };
        let judged = player.finish(anomalies.as_deref().unwrap_or_default())?;
        anomalies?;
        for (variant, quality) in judged {
            self.qualities[variant].add(&quality);
        }
        Ok(())
    }

    /// Writes the table to standard output.
    pub(super) fn report(&self, plan: &Plan) -> anyhow::Result<()> {
        if !plan.judges() {
            return Ok(());
        }
        let labelled = self.labels.is_some();
        let names: Vec<&str> = plan.variants.names.iter().map(String::as_str).collect();
        let rows = plan.variants.all.iter().zip(&self.qualities);
        let text = if plan.json {
            rows.map(|(v, q)| format!("{}\n", object(&names, v, q, labelled))).collect()
        } else if names.is_empty() {
            list(&columns(&self.qualities[0], labelled))
        } else {
            let rows: Vec<_> = rows.map(|(v, q)| (&v.chosen, columns(q, labelled))).collect();
            table(&names, &rows)
        };
        stdout::print(&text)
    }
}

type Column = (&'static str, String);

fn columns(quality: &Quality, labelled: bool) -> Vec<Column> {
    let mut columns = vec![("alerts", quality.alerts.to_string())];
    if !labelled {
        return columns;
    }
    let number = |x: Option<f64>, digits: usize| match x {
        Some(x) => format!("{x:.digits$}"),
        None => "-".into(),
    };
    columns.extend([
        ("anomalies", quality.anomalies.to_string()),
        ("hits", quality.hits().to_string()),
        ("misses", quality.misses().to_string()),
        ("false alarms", quality.false_alarms.to_string()),
        ("a day", number(quality.false_alarms_a_day(), 2)),
        (
            "delay",
            quality.delay().map_or("-".into(), |d| duration::Display(rounded(d)).to_string()),
        ),
        ("precision", number(quality.precision(), 3)),
        ("recall", number(quality.recall(), 3)),
        ("F1", number(quality.f1(), 3)),
        ("score", number(quality.score(), 2)),
    ]);
    columns
}

/// A delay to the second, where it is longer than that.
fn rounded(ns: i64) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    if ns < SECOND { ns } else { ns / SECOND * SECOND }
}

/// One column a line.
fn list(columns: &[Column]) -> String {
    columns.iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect()
}

/// A line of names, then a line a variant; numbers to the right.
fn table(names: &[&str], rows: &[(&Vec<String>, Vec<Column>)]) -> String {
    let Some((_, first)) = rows.first() else { return String::new() };
    let mut lines: Vec<Vec<String>> = vec![names.iter().map(|n| (*n).to_owned()).collect()];
    lines[0].extend(first.iter().map(|(name, _)| (*name).to_owned()));
    for (chosen, columns) in rows {
        let values = columns.iter().map(|(_, value)| value.clone());
        lines.push(chosen.iter().cloned().chain(values).collect());
    }
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
            if i < names.len() { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn object(names: &[&str], variant: &Variant, quality: &Quality, labelled: bool) -> Value {
    let mut object = Map::new();
    for (name, value) in names.iter().zip(&variant.chosen) {
        object.insert((*name).into(), value.as_str().into());
    }
    object.insert("alerts".into(), quality.alerts.into());
    if labelled {
        let parts = json!({
            "anomalies": quality.anomalies,
            "hits": quality.hits(),
            "misses": quality.misses(),
            "false_alarms": quality.false_alarms,
            "false_alarms_a_day": quality.false_alarms_a_day(),
            "delay_seconds": quality.delay().map(|ns| ns as f64 / 1e9),
            "precision": quality.precision(),
            "recall": quality.recall(),
            "f1": quality.f1(),
            "score": quality.score(),
        });
        object.extend(parts.as_object().cloned().unwrap_or_default());
    }
    Value::Object(object)
}
