//! The main job: the printer's day raises the alerts of the guide.

use crate::replay::{close, json, printer, replay, script, text};
use crate::util::*;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// The alerts that the guide's TICKscript raised on the same data.
fn compare_with_the_guides_alerts(alerts: &str) {
    let expected = std::fs::read(repo("examples/printer/alerts.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let alerts = json(alerts);
    let mut compared = 0;
    for (field, expected) in expected.as_object().unwrap() {
        let id = format!("{field} temperatures");
        let ours: Vec<_> = alerts.iter().filter(|a| a["id"] == *id).collect();
        let expected = expected.as_array().unwrap();
        assert_eq!(ours.len(), expected.len(), "{field}");
        for (ours, theirs) in ours.into_iter().zip(expected) {
            for key in ["time", "level", "previousLevel"] {
                assert_eq!(ours[key], theirs[key], "{field} {key}");
            }
            let (p, t) = (&ours["values"]["pvalue"], &ours["values"]["t"]);
            let (p, t) = (p.as_f64().unwrap(), t.as_f64().unwrap());
            let their_p = theirs["pvalue"].as_f64().unwrap();
            let their_t = theirs["t"].as_f64().unwrap();
            assert!(close(p, their_p), "{field} {p} {their_p}");
            assert!(close(t, their_t) || (t - their_t).abs() < 1e-9, "{field} {t} {their_t}");
            compared += 1;
        }
    }
    assert_eq!(compared, alerts.len());
    assert!(compared >= 12, "{compared}");
}

/// Times in the printer's line protocol are seconds.
const SECONDS: [&str; 2] = ["--precision", "s"];

pub(crate) const MAIN_JOB: [&str; 10] = [
    "--period",
    "5m",
    "--every",
    "5m",
    "--each",
    "field=hotend,bed,air",
    "--set",
    "size=3600",
    "--crit",
    "pvalue < 0.001",
];

fn main_job(data: &str, precision: &[&str]) -> Run {
    let folder = Folder::new("main_job");
    let output = text(folder.path("output.json"));
    let end = ["--every-alert", "--format", "json", "-o", &output];
    let base = [&*script("ttest"), "--data", data];
    let run = replay(&[&base[..], precision, &MAIN_JOB, &end].concat());
    let points = std::fs::read_to_string(&output).unwrap();
    assert_eq!(points.lines().count(), 3 * 287);
    run
}

#[test]
fn the_printers_day_raises_the_guides_alerts() {
    compare_with_the_guides_alerts(&main_job(&printer(), &SECONDS).text());
}

#[test]
fn the_same_day_as_a_stream_recording_raises_the_same_alerts() {
    let folder = Folder::new("srpl");
    let mut lines = String::new();
    let unpacked = String::from_utf8(gunzip(&repo("examples/printer/printer.lp.gz"))).unwrap();
    for line in unpacked.lines() {
        lines += &format!("printer\nautogen\n{line}000000000\n");
    }
    let file = std::fs::File::create(folder.path("printer.srpl")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packer.write_all(lines.as_bytes()).unwrap();
    packer.finish().unwrap();
    compare_with_the_guides_alerts(&main_job(&text(folder.path("printer.srpl")), &[]).text());
}

/// What the README shows is what comes out.
#[test]
fn without_a_format_changes_of_level_are_shown_for_people() {
    let base = [&*script("ttest"), "--data", &printer()];
    let run = replay(&[&base[..], &SECONDS, &MAIN_JOB].concat());
    let text = run.text();
    let seen: Vec<_> =
        text.lines().map(|l| l.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        seen,
        [
            "2016-01-01T01:05:00Z CRITICAL hotend",
            "2016-01-01T01:10:00Z OK hotend",
            "2016-01-01T08:05:00Z CRITICAL bed",
            "2016-01-01T08:20:00Z OK bed",
            "2016-01-01T12:05:00Z CRITICAL air",
            "2016-01-01T12:35:00Z OK air",
        ]
    );
    let summary = run.stderr.lines().last().unwrap();
    assert!(summary.starts_with("86402 points in, 288 batches; 861 points out; 3 alerts; "));
    assert!(summary.ends_with(" points/s"), "{summary}");
}

/// One process for three fields gives what three processes give.
#[test]
fn ttest_fields_equals_three_ttests() {
    let window = ["--precision", "s", "--period", "5m", "--every", "5m", "--set", "size=3600"];
    let end = ["--format", "json"];
    let data = ["--data", &*printer()];
    let all = replay(
        &[
            &[&*script("ttest_fields")],
            &data[..],
            &window,
            &["--set", "field=hotend,bed,air"],
            &end,
        ]
        .concat(),
    );
    let each = replay(
        &[&[&*script("ttest")], &data[..], &window, &["--each", "field=hotend,bed,air"], &end]
            .concat(),
    );
    let (all, each) = (json(&all.text()), json(&each.text()));
    assert_eq!(all.len(), 287);
    assert_eq!(each.len(), 3 * 287);
    for one in &each {
        let field = one["udf"].as_str().unwrap();
        let row = all.iter().find(|row| row["time"] == one["time"]).unwrap();
        for name in ["t", "pvalue"] {
            assert_eq!(row["fields"][format!("{field}_{name}")], one["fields"][name]);
        }
    }
}

#[test]
fn a_batch_recording_runs_through_outliers() {
    let data = text(repo("tests/data/cpu_outliers.brpl"));
    let options = ["--set", "field=usage_idle", "--set", "scale=1.5", "--format", "json"];
    let run = replay(&[&[&*script("outliers"), "--data", &data], &options[..]].concat());
    let summary = run.stderr.lines().last().unwrap();
    assert!(summary.starts_with("1437 points in, 72 batches; 37 points out in 72 batches"));
    let rows = json(&run.text());
    assert_eq!(rows.len(), 37);
    assert_eq!(rows[0]["tags"]["host"], "server01");
    assert_eq!(rows[0]["name"], "cpu");
    let points = replay(&[&[&*script("outlier_points"), "--data", &data], &options[..]].concat());
    assert!(points.text().lines().count() >= 37);
}

/// The real recordings of CI, beside the repository.
#[test]
fn recordings_of_the_daemon_replay_where_they_are() {
    let Some(captures) = std::env::var_os("RHAI_UDF_CAPTURES") else { return };
    let recordings = Path::new(&captures).parent().unwrap().join("recordings");
    compare_with_the_guides_alerts(&main_job(&text(recordings.join("printer.srpl")), &[]).text());
}
