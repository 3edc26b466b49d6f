//! A difference as text and as JSON.

use super::{AlertChange, Change, Difference, Values};
use crate::protocol::duration;
use crate::protocol::time::rfc3339;
use crate::replay::outcome::{Cell, Series};
use serde_json::{Value, json};
use std::fmt::Write;

/// Lines of each kind that are shown.
const SHOWN: usize = 20;

impl Difference {
    /// Lists the differences in lines, alerts first.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if self.is_equal() {
            out.push_str("the alerts and the output are the same\n");
        } else {
            self.write_alerts(&mut out);
            self.write_values(&mut out);
        }
        if self.values.left_out > 0 {
            let _ = writeln!(
                out,
                "{} values were not compared: there are too many",
                self.values.left_out
            );
        }
        out
    }

    fn write_alerts(&self, out: &mut String) {
        if self.alerts.is_empty() {
            out.push_str("alerts: the same\n");
            return;
        }
        let count = |of: fn(&Change) -> bool| self.alerts.iter().filter(|a| of(&a.change)).count();
        let _ = writeln!(
            out,
            "alerts: {} added, {} removed, {} moved, {} with another level",
            count(|c| matches!(c, Change::Added(..))),
            count(|c| matches!(c, Change::Gone(..))),
            count(|c| matches!(c, Change::Moved(..))),
            count(|c| matches!(c, Change::Level(..)))
        );
        for alert in self.alerts.iter().take(SHOWN) {
            let _ = writeln!(out, "  {}", line(alert));
        }
        more(out, self.alerts.len());
    }

    fn write_values(&self, out: &mut String) {
        if self.values.is_equal() {
            out.push_str("output: the same\n");
            return;
        }
        let (differ, only_old, only_new) = self.values.counts();
        let compared = self.values.compared;
        let _ = writeln!(
            out,
            "output: {differ} of {compared} values differ, {only_old} only in the old, {only_new} only in the new"
        );
        for field in self.values.fields.iter().take(SHOWN) {
            let mut parts = Vec::new();
            if field.differ > 0 {
                parts.push(format!(
                    "{} of {} differ, by at most {}",
                    field.differ, field.compared, field.largest
                ));
            }
            if field.only_old > 0 {
                parts.push(format!("{} only in the old", field.only_old));
            }
            if field.only_new > 0 {
                parts.push(format!("{} only in the new", field.only_new));
            }
            let _ = writeln!(out, "  {}: {}", name(&field.series), parts.join(", "));
        }
        more(out, self.values.fields.len());
        out.push_str("largest differences:\n");
        let missing =
            |cell: &Option<Cell>| cell.as_ref().map_or("nothing".to_owned(), Cell::to_string);
        for one in self.values.largest.iter().take(SHOWN) {
            let series = name(&self.values.fields[one.field].series);
            let (old, new) = (missing(&one.old), missing(&one.new));
            let _ = writeln!(out, "  {}  {series}: {old} -> {new}", rfc3339(one.time));
        }
    }

    /// The difference as JSON.
    pub fn json(&self) -> Value {
        json!({
            "equal": self.is_equal(),
            "alerts": self.alerts.iter().map(alert_json).collect::<Vec<_>>(),
            "output": values_json(&self.values),
        })
    }
}

fn more(out: &mut String, all: usize) {
    if all > SHOWN {
        let _ = writeln!(out, "  … and {} more", all - SHOWN);
    }
}

fn name(series: &Series) -> String {
    let parts = [&*series.udf, &*series.group, &*series.field];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn line(alert: &AlertChange) -> String {
    let who = [&*alert.udf, &*alert.group];
    let who = who.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    match &alert.change {
        Change::Added(time, level) => format!("+ {}  {level:<8}  {who}", rfc3339(*time)),
        Change::Gone(time, level) => format!("- {}  {level:<8}  {who}", rfc3339(*time)),
        Change::Moved(old, new, level) => {
            let by = duration::Display(new.abs_diff(*old).min(i64::MAX as u64) as i64);
            let way = if new > old { "later" } else { "earlier" };
            format!("~ {}  {level:<8}  {who}: {by} {way}, at {}", rfc3339(*old), rfc3339(*new))
        }
        Change::Level(time, old, new) => format!("! {}  {old} -> {new}  {who}", rfc3339(*time)),
    }
}

fn alert_json(alert: &AlertChange) -> Value {
    let (kind, rest) = match &alert.change {
        Change::Added(time, level) => {
            ("added", json!({ "time": rfc3339(*time), "level": level.name() }))
        }
        Change::Gone(time, level) => {
            ("gone", json!({ "time": rfc3339(*time), "level": level.name() }))
        }
        Change::Moved(old, new, level) => (
            "moved",
            json!({ "time": rfc3339(*old), "new_time": rfc3339(*new), "level": level.name() }),
        ),
        Change::Level(time, old, new) => (
            "level",
            json!({ "time": rfc3339(*time), "level": old.name(), "new_level": new.name() }),
        ),
    };
    let mut object = json!({ "change": kind, "udf": alert.udf, "group": alert.group });
    if let (Some(object), Some(rest)) = (object.as_object_mut(), rest.as_object()) {
        object.extend(rest.clone());
    }
    object
}

fn values_json(values: &Values) -> Value {
    let (differ, only_old, only_new) = values.counts();
    let fields = values.fields.iter().map(|field| {
        json!({
            "udf": field.series.udf,
            "group": field.series.group,
            "field": field.series.field,
            "compared": field.compared,
            "differ": field.differ,
            "only_old": field.only_old,
            "only_new": field.only_new,
            "largest": field.largest,
        })
    });
    let cell = |cell: &Option<Cell>| match cell {
        None => Value::Null,
        Some(Cell::Double(value)) => (*value).into(),
        Some(Cell::Int(value)) => (*value).into(),
        Some(Cell::Bool(value)) => (*value).into(),
        Some(Cell::Text(text)) => text.as_ref().into(),
    };
    let largest = values.largest.iter().take(100).map(|one| {
        let series = &values.fields[one.field].series;
        json!({
            "time": rfc3339(one.time),
            "udf": series.udf,
            "group": series.group,
            "field": series.field,
            "old": cell(&one.old),
            "new": cell(&one.new),
        })
    });
    json!({
        "compared": values.compared,
        "differ": differ,
        "only_old": only_old,
        "only_new": only_new,
        "left_out": values.left_out,
        "fields": fields.collect::<Vec<_>>(),
        "largest": largest.collect::<Vec<_>>(),
    })
}
