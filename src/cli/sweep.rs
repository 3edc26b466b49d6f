//! `replay --sweep` and `--labels`: variants of options and conditions, and how good each is.

use super::replay::{Args, FormatName};
use super::{stdout, usage};
use rhai_udf::protocol::duration;
use rhai_udf::replay::Pipeline;
use rhai_udf::replay::quality::{Labels, Quality, Record};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The names that mean a condition and no option.
const LEVELS: [&str; 3] = ["crit", "warn", "info"];

/// The most variants of a sweep.
const MAX_VARIANTS: usize = 1_000;

/// One choice of all that is swept.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    /// The options of `--set`, then those that are swept.
    pub(super) options: Vec<(String, String)>,
    /// The conditions by level.
    pub(super) conditions: Vec<(String, String)>,
    /// What this variant has of each sweep.
    chosen: Vec<String>,
}

/// Whether alerts are counted for a table, and not only shown.
pub(super) fn judges(args: &Args) -> bool {
    args.labels.is_some() || !args.sweep.is_empty()
}

/// Every combination of what is swept, the last sweep changing fastest; one without sweeps.
pub(super) fn variants(args: &Args) -> anyhow::Result<Vec<Variant>> {
    let given = LEVELS.iter().zip([&args.crit, &args.warn, &args.info]);
    let conditions = given.filter_map(|(level, text)| Some(((*level).into(), text.clone()?)));
    let mut variants = vec![Variant {
        options: args.options.clone(),
        conditions: conditions.collect(),
        chosen: Vec::new(),
    }];
    for (name, values) in &args.sweep {
        let is_condition = LEVELS.contains(&&**name);
        let separator = if is_condition || values.contains(';') { ';' } else { ',' };
        let values: Vec<&str> = values.split(separator).map(str::trim).collect();
        if variants.len() * values.len() > MAX_VARIANTS {
            return usage(&format!("the sweeps multiply to more than {MAX_VARIANTS} variants"));
        }
        let with = |variant: &Variant, value: &str| {
            let mut variant = variant.clone();
            let settings =
                if is_condition { &mut variant.conditions } else { &mut variant.options };
            if is_condition {
                settings.retain(|(level, _)| level != name);
            }
            settings.push((name.clone(), value.to_owned()));
            variant.chosen.push(value.to_owned());
            variant
        };
        variants = variants.iter().flat_map(|v| values.iter().map(move |x| with(v, x))).collect();
    }
    Ok(variants)
}

/// Collects how good each variant is.
pub(super) struct Judge {
    pub(super) labels: Option<Labels>,
    qualities: Vec<Quality>,
}

impl Judge {
    pub(super) fn new(labels: Option<Labels>, variants: &[Variant]) -> Self {
        Self { labels, qualities: vec![Quality::default(); variants.len()] }
    }

    /// Judges what was recorded so far by the labels of a file, and begins a new record.
    pub(super) fn add(&mut self, pipeline: &mut Pipeline, path: &Path) -> anyhow::Result<()> {
        let Some(record) = &mut pipeline.record else { return Ok(()) };
        let anomalies = self.labels.as_ref().map(|labels| labels.of(path)).transpose()?;
        let judged = record.judge(anomalies.unwrap_or_default());
        self.qualities.iter_mut().zip(&judged).for_each(|(all, one)| all.add(one));
        *record = Record::new(judged.len());
        Ok(())
    }

    /// Judges what is left when all files are one series.
    pub(super) fn finish(&mut self, pipeline: &mut Pipeline, path: &Path) -> anyhow::Result<()> {
        match &self.labels {
            Some(labels) if labels.by_file() => Ok(()),
            _ => self.add(pipeline, path),
        }
    }

    /// Writes the table to standard output.
    pub(super) fn report(&self, args: &Args, variants: &[Variant]) -> anyhow::Result<()> {
        if !judges(args) {
            return Ok(());
        }
        let labelled = self.labels.is_some();
        let names: Vec<&str> = args.sweep.iter().map(|(name, _)| &**name).collect();
        let rows = variants.iter().zip(&self.qualities);
        let text = match args.format {
            Some(FormatName::Json) => {
                rows.map(|(v, q)| format!("{}\n", object(&names, v, q, labelled))).collect()
            }
            _ if names.is_empty() => list(&columns(&self.qualities[0], labelled)),
            _ => {
                let rows: Vec<_> = rows.map(|(v, q)| (&v.chosen, columns(q, labelled))).collect();
                table(&names, &rows)
            }
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
