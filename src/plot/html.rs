//! A page of one file that works offline: the picture as JSON, `uPlot` and a script that draws one with
//! the other.

use super::PlotError;
use super::picture::{Picture, Row};
use super::theme::{Colours, DARK, LIGHT, css};
use super::thin::lines;
use crate::replay::quality::Interval;
use serde_json::{Value, json};

const PAGE: &str = include_str!("page/plot.html");
const STYLE: &str = include_str!("page/plot.css");
const SCRIPT: &str = include_str!("page/plot.js");
const LIBRARY: &str = include_str!("page/uPlot.iife.min.js");
const LIBRARY_STYLE: &str = include_str!("page/uPlot.min.css");
const LIBRARY_LICENCE: &str = include_str!("page/uPlot.LICENSE");

/// Samples of all rows together, so that the page stays below some ten megabytes.
const SAMPLES: usize = 400_000;

/// Draws a picture.
pub(super) fn draw(picture: &Picture<'_>, title: &str) -> Result<String, PlotError> {
    let text =
        serde_json::to_string(&value(picture)).map_err(|e| PlotError::Draw(e.to_string()))?;
    // Text that could end a script element is escaped.
    let text = text.replace('<', "\\u003c");
    let style = format!(
        ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n{LIBRARY_STYLE}\n{STYLE}",
        variables(&LIGHT),
        variables(&DARK)
    );
    let library = format!("/*\nuPlot\n{LIBRARY_LICENCE}*/\n{LIBRARY}");
    let title = escaped(title);
    let parts = [
        ("title", title.as_str()),
        ("style", &style),
        ("picture", &text),
        ("library", &library),
        ("script", SCRIPT),
    ];
    Ok(filled(PAGE, &parts))
}

/// Puts texts into the places of a page; a place in a text stays as it is.
fn filled(page: &str, parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(before);
        out.extend(parts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn variables(colours: &Colours) -> String {
    colours.all().map(|(name, colour)| format!("--{name}: {};", css(colour))).join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn value(picture: &Picture<'_>) -> Value {
    let rows = picture.panels.iter().map(|panel| panel.rows.len()).sum::<usize>().max(1);
    let columns = (SAMPLES / rows / 4).clamp(250, 8000);
    let span = picture.span;
    let panels = picture.panels.iter().map(|panel| {
        let rows: Vec<Value> = panel.rows.iter().map(|row| row_value(row, span, columns)).collect();
        json!({ "title": panel.title, "rows": rows })
    });
    json!({
        "from": milliseconds(span.from),
        "to": milliseconds(span.to),
        "legend": legend(picture),
        "labels": picture.labels.iter().map(|label| json!({
            "from": milliseconds(label.from),
            "to": milliseconds(label.to),
        })).collect::<Vec<_>>(),
        "notes": picture.notes,
        "panels": panels.collect::<Vec<_>>(),
    })
}

fn row_value(row: &Row<'_>, span: Interval, columns: usize) -> Value {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for line in lines(&row.field.samples, span, columns) {
        if let Some(last) = times.last().copied() {
            times.push(f64::midpoint(last, milliseconds(line[0].0)));
            values.push(Value::Null);
        }
        for (time, value) in line {
            times.push(milliseconds(time));
            values.push(value.into());
        }
    }
    let (low, high) = row.scale.ends();
    let bands = row.bands.iter().map(|band| {
        json!({
            "level": band.level.name(),
            "from": milliseconds(band.from),
            "to": milliseconds(band.to),
        })
    });
    json!({
        "title": row.title,
        "summary": row.summary(),
        "output": row.is_output,
        "log": row.scale.is_log,
        "low": low,
        "high": high,
        "thresholds": row.thresholds.iter().map(|(level, value)| json!({
            "level": level.name(),
            "value": value,
        })).collect::<Vec<_>>(),
        "bands": bands.collect::<Vec<_>>(),
        "times": times,
        "values": values,
    })
}

/// What the colours mean: the name of the colour, the text and how thick it is drawn.
fn legend(picture: &Picture<'_>) -> Vec<(String, String, u32)> {
    let rows = || picture.panels.iter().flat_map(|panel| &panel.rows);
    let mut entries = Vec::new();
    for (is_output, name) in [(false, "input"), (true, "output")] {
        if rows().any(|row| row.is_output == is_output) {
            entries.push((name.to_owned(), name.to_owned(), 3));
        }
    }
    for level in picture.levels() {
        let name = level.name().to_lowercase();
        entries.push((name.clone(), name, 10));
    }
    if !picture.labels.is_empty() {
        entries.push(("label".to_owned(), "labelled anomaly".to_owned(), 6));
    }
    entries
}

fn milliseconds(time: i64) -> f64 {
    time as f64 / 1e6
}
