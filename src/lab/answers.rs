//! The answers to the page, as JSON.

use super::decimate::{ABSENT, draw, within};
use super::desk::Shown;
use super::study::{Alert, Study};
use crate::protocol::time::rfc3339;
use crate::replay::quality::{Interval, Quality};
use crate::replay::trace::{Trace, TracedField, TracedGroup};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Events of alerts that a page lists.
const LISTED: usize = 1_000;

/// Groups that a page can choose from.
const GROUPS: usize = 500;

/// Rows that are drawn.
const ROWS: usize = 24;

/// The view that a page requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct View {
    /// The group; without one, that with the most alerts.
    pub(super) group: Option<String>,
    /// The first time, in nanoseconds as text; else all.
    pub(super) from: Option<String>,
    /// The last time.
    pub(super) to: Option<String>,
    /// How many pixels wide the picture is.
    pub(super) pixels: usize,
}

/// Describes the result of a replay.
pub(super) fn study(shown: &Shown, view: &View, labels: &[Interval]) -> Value {
    let Shown { study, before } = shown;
    json!({
        "run": study.number,
        "failed": study.failed,
        "findings": study.findings,
        "knobs": study.knobs,
        "settings": study.settings,
        "alerts": study.alerts.iter().take(LISTED).map(alert).collect::<Vec<_>>(),
        "alertCount": study.alert_count,
        "changes": before.as_ref().map(|before| changes(before, study)),
        "log": study.log,
        "states": study.states.iter().map(|(node, groups)| {
            json!({ "node": node, "groups": groups })
        }).collect::<Vec<_>>(),
        "statesLeftOut": study.states_left_out,
        "quality": study.quality.as_ref().map(quality),
        "qualityBefore": before.as_ref().and_then(|before| before.quality.as_ref()).map(quality),
        "summary": study.summary,
        "took": study.took.as_secs_f64(),
        "groups": groups(&study.trace),
        "groupsLeftOut": study.trace.groups_left_out
            + (study.trace.groups.len().saturating_sub(GROUPS)) as u64,
        "picture": picture(shown, view, labels),
    })
}

fn alert(alert: &Alert) -> Value {
    json!({
        "time": alert.time.to_string(),
        "at": rfc3339(alert.time),
        "level": alert.level,
        "previous": alert.previous,
        "id": alert.id,
        "group": alert.group,
        "text": alert.text,
    })
}

/// The groups with how often their alerts began, the worst first.
fn groups(trace: &Trace) -> Vec<Value> {
    let listed = trace.groups.iter().take(GROUPS);
    listed
        .map(|group| {
            let (worst, began) = group.badness();
            json!({ "id": group.id, "title": group.title(), "alerts": began, "worst": worst.name() })
        })
        .collect()
}

fn quality(quality: &Quality) -> Value {
    json!({
        "anomalies": quality.anomalies,
        "hits": quality.hits(),
        "misses": quality.misses(),
        "falseAlarms": quality.false_alarms,
        "precision": quality.precision(),
        "recall": quality.recall(),
        "f1": quality.f1(),
        "delay": quality.delay().map(|delay| delay as f64 / 1e9),
    })
}

/// The events that were removed and added, compared by alert, time and level.
fn changes(before: &Study, now: &Study) -> Value {
    let key = |alert: &Alert| (alert.time, alert.id.clone(), alert.group.clone(), alert.level);
    let old: BTreeSet<_> = before.alerts.iter().map(key).collect();
    let new: BTreeSet<_> = now.alerts.iter().map(key).collect();
    let gone = before.alerts.iter().filter(|alert| !new.contains(&key(alert)));
    let added = now.alerts.iter().filter(|alert| !old.contains(&key(alert)));
    let (gone, added): (Vec<_>, Vec<_>) = (gone.collect(), added.collect());
    json!({
        "goneCount": gone.len(),
        "addedCount": added.len(),
        "gone": gone.into_iter().take(LISTED).map(alert).collect::<Vec<_>>(),
        "added": added.into_iter().take(LISTED).map(alert).collect::<Vec<_>>(),
    })
}

/// Draws the view that a page requests.
pub(super) fn picture(shown: &Shown, view: &View, labels: &[Interval]) -> Value {
    let Shown { study, before } = shown;
    let trace = &study.trace;
    let group = chosen(trace, view.group.as_deref());
    let wanted = group.map(|group| &*group.id).or(view.group.as_deref());
    let ghost = before.as_ref().and_then(|before| chosen(&before.trace, wanted));
    let id = group.or(ghost).map_or("", |group| &group.id);
    // If nothing could be played, the previous output stays visible.
    let span = trace.span().or_else(|| before.as_ref()?.trace.span());
    let span = span.unwrap_or(Interval { from: 0, to: 1 });
    let time = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<i64>().ok());
    let from = time(&view.from).unwrap_or(span.from);
    let to = time(&view.to).unwrap_or(span.to).max(from);
    let rows = Rows { from, to, pixels: view.pixels.clamp(50, 4_000) };
    let mut drawn = Vec::new();
    for field in group.into_iter().flat_map(|group| &group.outputs) {
        let then = ghost.and_then(|ghost| {
            ghost.outputs.iter().find(|then| (&then.udf, &then.field) == (&field.udf, &field.field))
        });
        drawn.push(rows.row("out", Some(field), then));
    }
    // Output of the previous version only.
    let made = |field: &&TracedField| {
        let same = |now: &TracedField| (&now.udf, &now.field) == (&field.udf, &field.field);
        group.is_some_and(|group| group.outputs.iter().any(same))
    };
    for field in ghost.into_iter().flat_map(|ghost| &ghost.outputs).filter(|field| !made(field)) {
        drawn.push(rows.row("out", None, Some(field)));
    }
    // Output of the script has priority over its input, and is drawn after it.
    let inputs = group.into_iter().chain(ghost.filter(|_| group.is_none()));
    let inputs: Vec<_> = inputs.flat_map(|group| &group.inputs).collect();
    let all = drawn.len() + inputs.len();
    drawn.truncate(ROWS);
    let room = ROWS - drawn.len();
    let mut all_rows: Vec<Value> =
        inputs.iter().take(room).map(|field| rows.row("in", Some(field), None)).collect();
    all_rows.append(&mut drawn);
    json!({
        "run": study.number,
        "group": id,
        "from": from.to_string(),
        "to": to.to_string(),
        "first": span.from.to_string(),
        "last": span.to.to_string(),
        "rowsLeftOut": all.saturating_sub(all_rows.len()),
        "rows": all_rows,
        "bands": group.map(bands),
        "bandsBefore": ghost.map(bands),
        "thresholds": trace.thresholds,
        "labels": labels.iter().map(|label| [seconds(label.from), seconds(label.to)]).collect::<Vec<_>>(),
    })
}

/// The group of an id, else the worst.
fn chosen<'t>(trace: &'t Trace, id: Option<&str>) -> Option<&'t TracedGroup> {
    let named = id.and_then(|id| trace.groups.iter().find(|group| group.id == id));
    named.or(trace.groups.first())
}

/// How rows are drawn.
struct Rows {
    from: i64,
    to: i64,
    pixels: usize,
}

impl Rows {
    /// A field in the new and in the previous version.
    fn row(&self, side: &str, now: Option<&TracedField>, before: Option<&TracedField>) -> Value {
        let named = now.or(before);
        let lines = [("now", now), ("before", before)];
        let lines = lines.into_iter().filter_map(|(name, field)| Some((name, field?)));
        let (names, lines): (Vec<&str>, Vec<_>) =
            lines.map(|(name, field)| (name, within(&field.samples, self.from, self.to))).unzip();
        let drawn = draw(&lines, self.pixels);
        json!({
            "field": named.map(|field| &field.field),
            "series": named.map(|field| &field.udf),
            "named": named.is_some_and(|field| field.named),
            "side": side,
            "lines": names,
            "times": drawn.times,
            "values": drawn.values.iter().map(|line| values(line)).collect::<Vec<_>>(),
        })
    }
}

/// JSON has no NaN: a broken line is null, and what is absent is false.
fn values(line: &[f64]) -> Value {
    let value = |value: &f64| if *value == ABSENT { Value::Bool(false) } else { json!(value) };
    line.iter().map(value).collect()
}

fn seconds(time: i64) -> f64 {
    time as f64 / 1e9
}

/// The times in which the alerts of a group were not OK, with their levels.
fn bands(group: &TracedGroup) -> Vec<Value> {
    let intervals = group.alerts.iter().flat_map(|alert| &alert.intervals);
    intervals.map(|one| json!([seconds(one.from), seconds(one.to), one.level.name()])).collect()
}

/// The time of the point of a group that a click at a time means: the last that is not later.
pub(super) fn point_at(shown: &Shown, time: i64, group: &str) -> i64 {
    let groups = &shown.study.trace.groups;
    let inputs = groups.iter().filter(|known| known.id == group).flat_map(|group| &group.inputs);
    let last = inputs.filter_map(|field| {
        let until = field.samples.partition_point(|(known, _)| *known <= time);
        field.samples[..until].iter().rev().find(|(_, value)| !value.is_nan()).map(|s| s.0)
    });
    last.max().unwrap_or(time)
}

/// The point at a time: what was measured last before it or at it, and what the script made of it.
pub(super) fn moment(shown: &Shown, time: i64, group: &str) -> Value {
    let found = shown.study.trace.groups.iter().find(|known| known.id == group);
    let at = |fields: &[TracedField]| {
        let mut latest = None;
        let mut values = serde_json::Map::new();
        for field in fields {
            let until = field.samples.partition_point(|(known, _)| *known <= time);
            let mut before = field.samples[..until].iter().rev();
            let Some((known, value)) = before.find(|(_, value)| !value.is_nan()) else { continue };
            let name = format!("{} {}", field.udf, field.field);
            values.insert(name.trim().to_owned(), json!(value));
            latest = latest.max(Some(*known));
        }
        latest.map(|latest| json!({ "at": rfc3339(latest), "fields": values }))
    };
    json!({
        "run": shown.study.number,
        "at": rfc3339(time),
        "group": group,
        "measured": found.and_then(|group| at(&group.inputs)),
        "made": found.and_then(|group| at(&group.outputs)),
    })
}
