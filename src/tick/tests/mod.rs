//! Whole scripts on small data, compared with the results of the daemon: one file for each family of nodes.
//!
//! Times are in seconds. What comes out is shown as the line protocol of an `influxDBOut`.

mod alert;
mod combining;
mod expressions;
mod functions;
mod fuzz;
mod influxql;
mod joining;
mod outputs;
mod remote;
mod resuming;
mod scripts;
mod selection;
mod timed;
mod window;

use crate::protocol::message::BeginBatch;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::error::{Result, TickText};
use crate::tick::graph::{Collected, Graph};
use crate::tick::settings::TaskSettings;
use crate::tick::udf::{NoUdfs, Udfs};

const SECOND: i64 = 1_000_000_000;

/// Parses `name,tag=v field=1.0,other=2i 5`; the time is in seconds.
fn point(line: &str) -> Point {
    let mut parts = line.split(' ');
    let (head, fields, time) = (parts.next(), parts.next(), parts.next());
    let time: f64 = time.expect("a time").parse().expect("a time in seconds");
    let mut point = Point::new((time * SECOND as f64) as i64);
    let mut head = head.expect("a measurement").split(',');
    point.set_name(head.next().expect("a measurement"));
    for tag in head {
        let (name, value) = tag.split_once('=').expect("a tag");
        point.set_tag(name, value);
    }
    for field in fields.expect("fields").split(',') {
        let (name, value) = field.split_once('=').expect("a field");
        let value = match value {
            "true" => FieldValue::Bool(true),
            "false" => FieldValue::Bool(false),
            text if text.starts_with('"') => FieldValue::String(text.trim_matches('"').into()),
            int if int.ends_with('i') => {
                FieldValue::Int(int.trim_end_matches('i').parse().expect("an int"))
            }
            float => FieldValue::Double(float.parse().expect("a float")),
        };
        point.set_field(name, value);
    }
    point
}

fn start(script: &str, udfs: &mut dyn Udfs) -> Result<Graph> {
    let task = TaskSettings { id: "test".to_owned(), ..TaskSettings::default() };
    Graph::new(&TickText { name: "test.tick", text: script }, &task, udfs)
}

fn collect(script: &str, udfs: &mut dyn Udfs, lines: &[&str]) -> Collected {
    let mut graph = start(script, udfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    for line in lines {
        graph.point(&mut point(line), &mut collected).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    let pieces = in_pieces(script, udfs, lines);
    assert_eq!(pieces, collected, "a run that is left after each point and resumed: {script}");
    collected
}

/// Runs a script on points, each of them in a graph of its own that continues where the last one ended.
fn in_pieces(script: &str, udfs: &mut dyn Udfs, lines: &[&str]) -> Collected {
    let mut collected = Collected::default();
    let mut graph = start(script, udfs).unwrap_or_else(|e| panic!("{e}"));
    for line in lines {
        graph.point(&mut point(line), &mut collected).unwrap_or_else(|e| panic!("{line}: {e}"));
        let states = graph.states(&mut collected).unwrap_or_else(|e| panic!("{line}: {e}"));
        graph = start(script, udfs).unwrap_or_else(|e| panic!("{e}"));
        let resumed = graph.resume(&states).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(resumed.fresh, [""; 0], "{script}");
    }
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    collected
}

fn shown(collected: &Collected) -> Vec<String> {
    let lines = collected.written.values().flat_map(|text| text.lines());
    lines.map(|line| line.strip_suffix("000000000").unwrap_or(line).to_owned()).collect()
}

/// Runs the middle of a stream script and compares its output.
fn check(middle: &str, lines: &[&str], expected: &[&str]) {
    let script = format!("stream|from().measurement('m'){middle}|influxDBOut().database('out')");
    let collected = collect(&script, &mut NoUdfs, lines);
    assert_eq!(shown(&collected), expected, "{middle}\n{:?}", collected.diagnosed);
}

/// Runs the middle of a batch script on one batch of five minutes.
fn check_batch(middle: &str, lines: &[&str], expected: &[&str]) {
    let script = format!(
        "batch|query('SELECT x FROM y').period(5m).every(5m){middle}|influxDBOut().database('out')"
    );
    let mut graph = start(&script, &mut NoUdfs).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    graph.batch(0, batch(lines), &mut collected).unwrap_or_else(|e| panic!("{e}"));
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shown(&collected), expected, "{middle}\n{:?}", collected.diagnosed);
}

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::default();
    batch.begin(BeginBatch { name: "m".to_owned(), ..BeginBatch::default() });
    batch.tmax = 300 * SECOND;
    lines.iter().for_each(|line| batch.push(&point(line)));
    batch
}
