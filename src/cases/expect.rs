//! Compares the results of a case with its expectations.

use super::file::{Case, CaseFile, ExpectedAlert, ExpectedOutput, ExpectedPoint};
use super::golden;
use super::run::Outcome;
use crate::diff::lines::{Fate, LineDiff};
use crate::protocol::time::{read_utc, rfc3339};
use crate::script::nearest;
use serde_json::Value;
use std::collections::BTreeMap;

/// How far doubles may be off by default, relative to their size.
const TOLERANCE: f64 = 1e-9;

/// Lines of a difference that are shown.
const SHOWN: usize = 30;

/// The differences to the expectations.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) failures: Vec<String>,
    /// Whether a golden file was written.
    pub(super) blessed: bool,
}

impl Judged {
    fn fail(&mut self, failure: impl Into<String>) {
        self.failures.push(failure.into());
    }
}

/// Compares all expectations.
pub(super) fn judge(file: &CaseFile, case: &Case, outcome: &Outcome, bless: bool) -> Judged {
    let mut judged = Judged::default();
    let expect = &case.expect;
    let tolerance = expect.tolerance.unwrap_or(TOLERANCE);
    match (&expect.error, &outcome.error) {
        (Some(wanted), Some(error)) if error.contains(wanted) => {}
        (Some(wanted), Some(error)) => {
            judged.fail(format!(
                "another error came (- expected, + came):\n  - {wanted}\n  + {error}"
            ));
        }
        (Some(wanted), None) => {
            judged.fail(format!("the run ended without an error; expected: {wanted}"));
        }
        (None, Some(error)) => judged.fail(format!("the run ended with an error: {error}")),
        (None, None) => {}
    }
    if let Some(wanted) = &expect.alerts {
        alerts(wanted, case, outcome, tolerance, &mut judged);
    }
    count(&expect.count, outcome, &mut judged);
    if expect.none && !outcome.alerts.is_empty() {
        let shown = lines(outcome.alerts.iter().map(alert_line));
        judged.fail(format!("no alert was expected:{shown}"));
    }
    match &expect.output {
        Some(ExpectedOutput::Golden(path)) if bless => {
            match golden::bless(&file.beside(path), &outcome.points) {
                Ok(()) => judged.blessed = true,
                Err(error) => {
                    judged.fail(format!("{}: cannot be written: {error}", path.display()))
                }
            }
        }
        Some(ExpectedOutput::Golden(path)) => {
            judged.failures.extend(golden::compare(&file.beside(path), &outcome.points, tolerance));
        }
        Some(ExpectedOutput::Points(points)) => {
            inline(points, outcome, tolerance, &mut judged);
        }
        None => {}
    }
    if let Some(wanted) = &expect.state {
        state(wanted, outcome, tolerance, &mut judged);
    }
    for text in expect.log.iter().flat_map(super::file::OneOrMany::list) {
        if !outcome.log.iter().any(|line| line.contains(text)) {
            judged.fail(format!("no line of the log holds: {text}"));
        }
    }
    if let Some(most) = expect.max_seconds_per_million {
        speed(most, outcome, &mut judged);
    }
    judged
}

fn speed(most: f64, outcome: &Outcome, judged: &mut Judged) {
    let million = outcome.points_in as f64 / 1e6;
    let took = outcome.took.as_secs_f64() / million.max(1e-9);
    if took > most {
        judged.fail(format!(
            "a million points take {took:.2} s, expected at most {most} s ({} points in {:.3} s)",
            outcome.points_in,
            outcome.took.as_secs_f64()
        ));
    }
}

/// The names of a level.
fn level(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().as_str() {
        "ok" => "OK",
        "info" => "INFO",
        "warn" | "warning" => "WARNING",
        "crit" | "critical" => "CRITICAL",
        _ => return None,
    })
}

fn unknown_level(name: &str) -> String {
    format!("'{name}' is not a level; write ok, info, warning or critical")
}

fn count(wanted: &BTreeMap<String, usize>, outcome: &Outcome, judged: &mut Judged) {
    for (name, wanted) in wanted {
        let Some(level) = level(name) else {
            judged.fail(format!("expect.count: {}", unknown_level(name)));
            continue;
        };
        let of_level = outcome.alerts.iter().filter(|event| event["level"] == level);
        let events: Vec<_> = of_level.map(alert_line).collect();
        if events.len() != *wanted {
            let shown = lines(events.iter().cloned());
            judged.fail(format!("{} events are {level}, expected {wanted}{shown}", events.len()));
        }
    }
}

/// Compares the events of alerts one by one.
fn alerts(
    wanted: &[ExpectedAlert],
    case: &Case,
    outcome: &Outcome,
    tolerance: f64,
    judged: &mut Judged,
) {
    if let Some(alert) = wanted.iter().find(|alert| level(&alert.level).is_none()) {
        judged.fail(format!("expect.alerts: {}", unknown_level(&alert.level)));
        return;
    }
    let within = case.expect.within.map_or(0, |length| length.0);
    let start = outcome.start.unwrap_or(0);
    let fits = |wanted: &ExpectedAlert, event: &Value| {
        let time = event["time"].as_str().and_then(read_utc).unwrap_or(i64::MIN);
        let values = &event["values"];
        Some(event["level"].as_str()) == Some(level(&wanted.level))
            && time.abs_diff(wanted.time.after(start)) <= within.unsigned_abs()
            && wanted.id.as_ref().is_none_or(|id| event["id"] == id.as_str())
            && wanted.message.as_ref().is_none_or(|message| event["message"] == message.as_str())
            && wanted.values.iter().all(|(name, value)| like(value, &values[name], tolerance))
    };
    let all_fit = wanted.len() == outcome.alerts.len()
        && wanted.iter().zip(&outcome.alerts).all(|(wanted, event)| fits(wanted, event));
    if all_fit {
        return;
    }
    // Events that fit are written as they are expected, so that only the others differ.
    let expected: Vec<String> = wanted.iter().map(|wanted| expected_line(wanted, start)).collect();
    let mut used = vec![false; wanted.len()];
    let got: Vec<String> = outcome
        .alerts
        .iter()
        .map(|event| match (0..wanted.len()).find(|i| !used[*i] && fits(&wanted[*i], event)) {
            Some(i) => {
                used[i] = true;
                expected[i].clone()
            }
            None => alert_line(event),
        })
        .collect();
    judged.fail(format!("the alerts differ (- expected, + came):{}", difference(&expected, &got)));
}

fn expected_line(wanted: &ExpectedAlert, start: i64) -> String {
    let level = level(&wanted.level).unwrap_or_default();
    let mut line = format!("{}  {level:<8}", rfc3339(wanted.time.after(start)));
    for text in [&wanted.id, &wanted.message].into_iter().flatten() {
        line.push_str(&format!("  {text}"));
    }
    for (name, value) in &wanted.values {
        line.push_str(&format!(" {name}={value}"));
    }
    line.trim_end().to_owned()
}

fn alert_line(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let shown = if event.get("message").is_some() { text("message") } else { text("id") };
    let mut line = format!("{}  {:<8}  {shown}", text("time"), text("level"));
    if event.get("message").is_none() {
        for (name, value) in event["values"].as_object().into_iter().flatten() {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    line
}

fn lines(all: impl Iterator<Item = String>) -> String {
    let all: Vec<_> = all.collect();
    let mut text: String = all.iter().take(SHOWN).map(|line| format!("\n  + {line}")).collect();
    if all.len() > SHOWN {
        text.push_str(&format!("\n  … and {} more", all.len() - SHOWN));
    }
    text
}

/// The lines that differ, with those between.
fn difference(expected: &[String], got: &[String]) -> String {
    let mut text = String::new();
    for (i, (fate, line)) in LineDiff::of_lines(expected, got).all().into_iter().enumerate() {
        if i == SHOWN {
            text.push_str("\n  …");
            break;
        }
        let sign = match fate {
            Fate::Removed => '-',
            Fate::Added => '+',
            Fate::Kept => ' ',
        };
        text.push_str(&format!("\n  {sign} {line}"));
    }
    text
}

/// Compares the points with those of the file itself.
fn inline(wanted: &[ExpectedPoint], outcome: &Outcome, tolerance: f64, judged: &mut Judged) {
    let start = outcome.start.unwrap_or(0);
    for (i, (wanted, point)) in wanted.iter().zip(&outcome.points).enumerate() {
        if let Some(failure) = differs(wanted, point, start, tolerance) {
            judged.fail(format!("point {}: {failure}\n  + {point}", i + 1));
        }
    }
    if wanted.len() != outcome.points.len() {
        let more = outcome.points.iter().skip(wanted.len()).map(ToString::to_string);
        judged.fail(format!(
            "{} points came out, expected {}{}",
            outcome.points.len(),
            wanted.len(),
            lines(more)
        ));
    }
}

fn differs(wanted: &ExpectedPoint, point: &Value, start: i64, tolerance: f64) -> Option<String> {
    let time = wanted.time.map(|time| rfc3339(time.after(start)));
    let texts = [("time", &time), ("name", &wanted.name), ("group", &wanted.group)];
    for (key, wanted) in texts {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| point[key] != wanted.as_str()) {
            return Some(format!("{key} is {}, expected {wanted:?}", point[key]));
        }
    }
    for (name, value) in &wanted.tags {
        if point["tags"][name] != value.as_str() {
            return Some(format!("tag {name} is {}, expected {value:?}", point["tags"][name]));
        }
    }
    for (name, value) in &wanted.fields {
        if !like(value, &point["fields"][name], tolerance) {
            return Some(format!("field {name} is {}, expected {value}", point["fields"][name]));
        }
    }
    None
}

/// Looks for the states that are expected: a group's, or under the name of a node the groups' of that
/// function.
fn state(
    wanted: &BTreeMap<String, toml::Value>,
    outcome: &Outcome,
    tolerance: f64,
    judged: &mut Judged,
) {
    for (name, value) in wanted {
        if let Some((node, groups)) = outcome.states.iter().find(|(node, _)| node == name) {
            for (group, value) in value.as_table().into_iter().flatten() {
                let of_node = groups.iter().filter(|view| view.group == *group);
                let of_node: Vec<_> = of_node.map(|view| &view.state).collect();
                one_state(&format!("{node}, group '{group}'"), value, &of_node, tolerance, judged);
            }
            continue;
        }
        let groups = outcome.states.iter().flat_map(|(_, groups)| groups);
        let states: Vec<_> =
            groups.clone().filter(|view| view.group == *name).map(|view| &view.state).collect();
        if states.is_empty() {
            let known: Vec<&str> = groups.map(|view| view.group.as_str()).collect();
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("; did you mean '{near}'?"),
                None => format!(
                    "; there are {} groups: {}",
                    known.len(),
                    known[..known.len().min(8)].join(" | ")
                ),
            };
            judged.fail(format!("no group '{name}' has a state{hint}"));
        } else {
            one_state(&format!("group '{name}'"), value, &states, tolerance, judged);
        }
    }
}

fn one_state(
    place: &str,
    wanted: &toml::Value,
    states: &[&Value],
    tolerance: f64,
    judged: &mut Judged,
) {
    match states {
        [state] if like(wanted, state, tolerance) => {}
        [state] => judged.fail(format!("the state of {place} differs:\n  - {wanted}\n  + {state}")),
        [] => judged.fail(format!("{place} has no state")),
        _ => judged.fail(format!(
            "several functions have the {place}: write expect.state.NODE.'GROUP', with a NODE such as tTest3"
        )),
    }
}

/// Whether JSON is as TOML says; only the entries of the TOML are compared.
fn like(wanted: &toml::Value, got: &Value, tolerance: f64) -> bool {
    match wanted {
        toml::Value::Table(table) => table
            .iter()
            .all(|(key, wanted)| got.get(key).is_some_and(|got| like(wanted, got, tolerance))),
        toml::Value::Array(array) => got.as_array().is_some_and(|got| {
            array.len() == got.len()
                && array.iter().zip(got).all(|(wanted, got)| like(wanted, got, tolerance))
        }),
        toml::Value::String(text) => got == text.as_str(),
        toml::Value::Boolean(flag) => got == *flag,
        toml::Value::Datetime(time) => got == time.to_string().as_str(),
        toml::Value::Float(x) if x.is_nan() => got.is_null() || got == "NaN",
        toml::Value::Float(x) => got.as_f64().is_some_and(|got| close(*x, got, tolerance)),
        toml::Value::Integer(n) => match got.as_i64() {
            Some(got) => got == *n,
            None => got.as_f64().is_some_and(|got| close(*n as f64, got, tolerance)),
        },
    }
}

/// Whether two values of JSON are the same, doubles to a tolerance.
pub(super) fn same(a: &Value, b: &Value, tolerance: f64) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x != y => match (x.as_f64(), y.as_f64()) {
            (Some(p), Some(q)) if x.is_f64() || y.is_f64() => close(p, q, tolerance),
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, tolerance)))
        }
        _ => a == b,
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}
