//! Recorded data through a script: the main job, sources, windows, groups, formats.

use crate::util::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;

pub(crate) fn text(path: impl Into<PathBuf>) -> String {
    path.into().to_string_lossy().into_owned()
}

pub(crate) fn script(name: &str) -> String {
    text(repo(&format!("scripts/{name}.rhai")))
}

/// Replays, and succeeds.
pub(crate) fn replay(arguments: &[&str]) -> Run {
    let run = feed(binary().arg("replay").args(arguments), &[]);
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    run
}

/// Replays line protocol in nanoseconds.
fn lines_of(name: &str, script: &str, data: &str, arguments: &[&str]) -> Vec<String> {
    let folder = Folder::new(name);
    let data = text(folder.write("data.lp", data));
    let run = replay(&[&[script, "--data", &data], arguments].concat());
    run.text().lines().map(str::to_owned).collect()
}

pub(crate) fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn printer() -> String {
    text(repo("examples/printer/printer.lp.gz"))
}

pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// A captured session holds its own init; `--set` takes its place.
#[test]
fn a_capture_replays_with_its_own_options_or_others() {
    let data = text(repo("tests/data/captures/moving_avg.requests.bin.gz"));
    let run = replay(&[&script("moving_avg"), "--data", &data, "--format", "json"]);
    let rows = json(&run.text());
    assert_eq!(rows.len(), 633);
    assert!(rows[0]["fields"]["cpu_avg"].is_f64());
    let others = ["--set", "field=usage_idle", "--set", "size=2", "--set", "as=two"];
    let run = replay(
        &[&[&*script("moving_avg"), "--data", &data, "--format", "json"], &others[..]].concat(),
    );
    let rows = json(&run.text());
    assert!(rows[0]["fields"]["two"].is_f64() && rows[0]["fields"]["cpu_avg"].is_null());
}

const TWO_HOSTS: &str = "cpu,host=a,core=0 x=1 1\ncpu,host=b,core=0 x=2 2\nmem x=9 2\n\
                         cpu,host=a,core=1 x=3 3\ncpu,host=b,core=1 x=4 4\n";

#[test]
fn points_are_chosen_by_measurement_and_grouped_by_tags() {
    let average = ["--set", "field=x", "--set", "size=9", "--measurement", "cpu", "--format", "lp"];
    let check = |name: &str, group_by: &[&str], expected: [&str; 4]| {
        let arguments = [&average[..], group_by].concat();
        let got = lines_of(name, &script("moving_avg"), TWO_HOSTS, &arguments);
        let averages: Vec<_> = got.iter().filter_map(|l| l.split(['=', ',']).nth(5)).collect();
        assert_eq!(averages, expected, "{got:?}");
    };
    check("no_group", &[], ["1", "1.5", "2", "2.5"]);
    check("host", &["--group-by", "host"], ["1", "2", "2", "3"]);
    check("both", &["--group-by", "host,core"], ["1", "2", "3", "4"]);
    check("all", &["--group-by", "*"], ["1", "2", "3", "4"]);
}

#[test]
fn windows_are_those_of_the_daemon() {
    let folder = Folder::new("windows");
    let body = r#"
        fn info() { #{ wants: "batch", provides: "stream" } }
        fn end_batch(b) { emit(b.point(#{ n: b.len, first: b[0].time, size: b.size })); }"#;
    let script = text(folder.write("count.rhai", body));
    let data = "m x=1 13\nm x=1 15\nm x=1 22\nm x=1 31\nm x=1 33\n";
    let check = |name: &str, arguments: &[&str], expected: &[&str]| {
        let arguments = [&["--precision", "s", "--format", "table"], arguments].concat();
        assert_eq!(lines_of(name, &script, data, &arguments), expected, "{arguments:?}");
    };
    let ten = ["--period", "10s", "--every", "10s"];
    check("tens", &ten, &["1970-01-01T00:00:23Z  m  first=13000000000 n=3 size=3"]);
    check(
        "aligned",
        &[&ten[..], &["--align"]].concat(),
        &[
            "1970-01-01T00:00:20Z  m  first=13000000000 n=2 size=2",
            "1970-01-01T00:00:30Z  m  first=22000000000 n=1 size=1",
        ],
    );
    check(
        "overlapping",
        &["--period", "10s", "--every", "5s"],
        &[
            "1970-01-01T00:00:18Z  m  first=13000000000 n=2 size=2",
            "1970-01-01T00:00:27Z  m  first=22000000000 n=1 size=1",
        ],
    );
}

#[test]
fn every_precision_is_understood() {
    for (precision, time, expected) in [
        ("ns", "1451606400000000000", "2016-01-01T00:00:00Z"),
        ("u", "1451606400000000", "2016-01-01T00:00:00Z"),
        ("ms", "1451606400500", "2016-01-01T00:00:00.5Z"),
        ("s", "-1", "1969-12-31T23:59:59Z"),
        ("m", "24193440", "2016-01-01T00:00:00Z"),
        ("h", "403224", "2016-01-01T00:00:00Z"),
    ] {
        let data = format!("m x=1 {time}\n");
        let got = lines_of("precision", &script("mirror"), &data, &["--precision", precision]);
        assert_eq!(got, [format!("{expected}  m  x=1.0")], "{precision}");
    }
}

#[test]
fn formats_go_to_standard_output_or_a_file() {
    let data = "room,floor=1 n=3i,note=\"a b\",open=true,t=20.5 1451606400000000000\n";
    let check = |format: &str, expected: &str| {
        assert_eq!(lines_of(format, &script("mirror"), data, &["--format", format]), [expected]);
    };
    check("table", "2016-01-01T00:00:00Z  room,floor=1  n=3 note=\"a b\" open=true t=20.5");
    check(
        "json",
        r#"{"time":"2016-01-01T00:00:00Z","name":"room","group":"","tags":{"floor":"1"},"fields":{"n":3,"note":"a b","open":true,"t":20.5}}"#,
    );
    check("lp", data.trim_end());
    let folder = Folder::new("file");
    let output = text(folder.path("out.lp"));
    let none = lines_of("to_file", &script("mirror"), data, &["--format", "lp", "-o", &output]);
    assert!(none.is_empty());
    assert_eq!(std::fs::read_to_string(&output).unwrap(), data);
    let input = text(folder.write("in.lp", data));
    let arguments = ["replay", &script("mirror"), "--data", &input, "-o", "/nothing/out"];
    let run = feed(binary().args(arguments), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/nothing/out: cannot be written: No such file"), "{}", run.stderr);
}

/// With a format and alerts on standard output, both come in the order of the data.
#[test]
fn output_and_alerts_come_in_order() {
    let data: String = (0..5_000).map(|i| format!("m x={} {i}\n", i % 2)).collect();
    let got = lines_of("order", &script("mirror"), &data, &["--crit", "x > 0", "--format", "json"]);
    assert_eq!(got.len(), 5_000 + 4_999);
    for pair in got[1..].chunks(2) {
        let (point, alert) = (&json(&pair[0])[0], &json(&pair[1])[0]);
        assert_eq!(point["time"], alert["time"]);
        assert!(alert["level"].is_string() && point["fields"].is_object());
    }
}

#[test]
fn levels_rise_and_fall() {
    let data = "m x=1 1\nm x=5 2\nm x=9 3\nm x=9 4\nm x=3 5\nm x=1 6\n";
    let rules = ["--info", "x > 2", "--warn", "x > 4", "--crit", "x > 8"];
    let levels = |arguments: &[&str]| -> Vec<String> {
        let got = lines_of("levels", &script("mirror"), data, &[&rules[..], arguments].concat());
        got.iter().map(|l| l.split_whitespace().nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(levels(&[]), ["WARNING", "CRITICAL", "INFO", "OK"]);
    assert_eq!(levels(&["--every-alert"]), ["WARNING", "CRITICAL", "CRITICAL", "INFO", "OK"]);
}

#[test]
fn packed_or_not_and_several_files_are_read() {
    let folder = Folder::new("files");
    let plain = text(folder.write("a.lp", "m x=1 1\n"));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"m x=2 2\n").unwrap();
    let packed = packer.finish().unwrap();
    // Two members, as `cat a.gz b.gz` makes them; and one whose name does not say gzip.
    std::fs::write(folder.path("b.lp.gz"), [&packed[..], &packed[..]].concat()).unwrap();
    std::fs::write(folder.path("c.lp"), &packed).unwrap();
    let (b, c) = (text(folder.path("b.lp.gz")), text(folder.path("c.lp")));
    let run = replay(&[&script("mirror"), "--format", "lp", "--data", &plain, &b, "--data", &c]);
    assert_eq!(run.text(), "m x=1 1\nm x=2 2\nm x=2 2\nm x=2 2\n");
}

#[test]
fn a_text_field_may_span_lines() {
    let data = "m s=\"one\ntwo \\\" \nthree\",x=1 1\nm x=2 2\n";
    let got = lines_of("span", &script("mirror"), data, &["--format", "json"]);
    let rows = json(&got.join("\n"));
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["fields"]["s"], "one\ntwo \" \nthree");
}

#[test]
fn outlier_points_raise_an_alert_each() {
    let mut data: String = (0..20).map(|i| format!("m x={} {i}\n", i % 4)).collect();
    data += "m x=50 20\nm x=60 21\nm x=1 30\nm x=1 61\n";
    let arguments = "--precision s --period 1m --every 1m --set field=x --crit true --every-alert";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let got = lines_of("points", &script("outlier_points"), &data, &arguments);
    assert_eq!(
        got,
        ["1970-01-01T00:00:20Z  CRITICAL  m  x=50.0", "1970-01-01T00:00:21Z  CRITICAL  m  x=60.0"]
    );
}

/// `now()` is the data's time.
#[test]
fn now_is_fixed_in_a_replay() {
    let folder = Folder::new("now");
    let body = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }
        fn point(p) { p.same = now() == p.time; emit(p); }";
    let script = text(folder.write("now.rhai", body));
    assert_eq!(
        lines_of("now", &script, "m x=1 1451606400000000000\n", &["--format", "lp"]),
        ["m same=true,x=1 1451606400000000000"]
    );
}

#[test]
fn the_real_clock_takes_the_datas_time() {
    let started = std::time::Instant::now();
    let got = lines_of(
        "pace",
        &script("mirror"),
        "m x=1 1000000000\nm x=1 1300000000\n",
        &["--real-clock", "--format", "lp"],
    );
    assert_eq!(got.len(), 2);
    assert!(started.elapsed() >= std::time::Duration::from_millis(300));
}

/// `replay … | head -1` ends without a complaint.
#[test]
fn a_reader_that_leaves_ends_the_replay_quietly() {
    let mut child = binary()
        .args(["replay", &script("mirror"), "--precision", "s", "--format", "lp", "--data"])
        .arg(printer())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&first, output.status.code()), (b"temperatures", Some(0)), "{stderr}");
    assert!(!stderr.contains("rhai-udf:") && !stderr.contains("panicked"), "{stderr}");
}
