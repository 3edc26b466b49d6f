//! Replays that are judged: CSV, labels, sweeps; and the detectors on input that is no number.

use crate::util::*;
use std::path::PathBuf;

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn script(name: &str) -> String {
    text(repo(&format!("scripts/{name}.rhai")))
}

fn replay(arguments: &[&str]) -> Run {
    feed(binary().arg("replay").args(arguments), &[])
}

/// A value a minute, 1 but for some that are 9.
fn series(high: &[usize]) -> String {
    let minute = |i: usize| format!("2026-01-05 {:02}:{:02}:00", i / 60, i % 60);
    let value = |i: usize| if high.contains(&i) { 9 } else { 1 };
    let rows = (0..100).map(|i| format!("{},{}\n", minute(i), value(i)));
    format!("time,value\n{}", rows.collect::<String>())
}

const LABELS: &str = r#"[["2026-01-05 00:30:00", "2026-01-05 00:39:00"],
                         ["2026-01-05 01:00:00", "2026-01-05 01:09:00"]]"#;

#[test]
fn labels_say_how_good_alerts_are() {
    let folder = Folder::new("labels");
    let data = text(folder.write("data.csv", &series(&[32, 33, 80])));
    let labels = text(folder.write("labels.json", LABELS));
    let mirror = script("mirror");
    let base = [&*mirror, "--data", &data, "--labels", &labels, "--crit", "value > 5"];
    let run = replay(&base);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let out = run.text();
    for line in [
        "alerts        2",
        "anomalies     2",
        "hits          1",
        "misses        1",
        "false alarms  1",
        "a day         14.55",
        "delay         2m",
        "precision     0.500",
        "recall        0.500",
        "F1            0.500",
    ] {
        assert!(out.lines().any(|l| l == line), "{line} in\n{out}");
    }
    let json = replay(&[&base[..], &["--format", "json"]].concat()).text();
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((&last["hits"], &last["delay_seconds"]), (&1.into(), &120.0.into()));
}

#[test]
fn a_sweep_plays_every_combination() {
    let folder = Folder::new("sweep");
    let data = text(folder.write("data.csv", &series(&[32, 33, 80])));
    let average = script("moving_avg");
    let run = replay(&[
        &average,
        "--data",
        &data,
        "--set",
        "field=value",
        "--sweep",
        "size=1,4",
        "--sweep",
        "crit=avg > 8; avg > 2",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let out = run.text();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "size  crit     alerts",
            "1     avg > 8       2",
            "1     avg > 2       2",
            "4     avg > 8       0",
            "4     avg > 2       2",
        ]
    );
}

/// Keyed labels make each file a series of its own: the second does not know the first.
#[test]
fn each_file_with_its_own_labels_starts_afresh() {
    let folder = Folder::new("files");
    let a = text(folder.write("a.csv", &series(&[])));
    let b = text(folder.write("b.csv", &series(&[32])));
    let labels = r#"{"b.csv": [["2026-01-05 00:30:00", "2026-01-05 00:39:00"]], "a.csv": []}"#;
    let labels = text(folder.write("labels.json", labels));
    let ewma = script("ewma");
    let run = replay(&[
        &*ewma,
        "--data",
        &a,
        &b,
        "--set",
        "field=value",
        "--set",
        "threshold=5",
        "--set",
        "span=20",
        "--labels",
        &labels,
        "--crit",
        "ewma_alert",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.text().contains("hits          1\n"), "{}", run.text());
    let alone = text(folder.write("c.csv", &series(&[])));
    let run = replay(&[
        &ewma,
        "--data",
        &alone,
        "--set",
        "field=value",
        "--labels",
        &labels,
        "--crit",
        "true",
    ]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("no entry for"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let folder = Folder::new("unjudged");
    let data = text(folder.write("data.csv", &series(&[])));
    let mirror = script("mirror");
    let run = replay(&[&mirror, "--data", &data, "--sweep", "size=1,2"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("give --crit"), "{}", run.stderr);
    let run = replay(&[&mirror, "--data", &data, "--crit", "true", "--sweep", "size=1,2"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("option 'size' is unknown"), "{}", run.stderr);
    let bad = text(folder.write("bad.csv", "time,value\n2026-01-05,1\n2026-01-06,much\n"));
    let run = replay(&[&mirror, "--data", &bad]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("bad.csv:3: column 2 'value': 'much' is not a number"),
        "{}",
        run.stderr
    );
}

#[test]
fn columns_of_csv_become_tags_and_fields() {
    let folder = Folder::new("columns");
    let text_of = "when;host;x;y\n1451606400;a;1.5;2\n1451606401;b;;3\n";
    let data = text(folder.write("cpu.csv", text_of));
    let run = replay(&[
        &*script("mirror"),
        "--data",
        &data,
        "--time-column",
        "when",
        "--tag-columns",
        "host",
        "--field-columns",
        "x,y",
        "--format",
        "lp",
    ]);
    assert_eq!(
        run.text(),
        "cpu,host=a x=1.5,y=2 1451606400000000000\ncpu,host=b y=3 1451606401000000000\n"
    );
}

/// The detectors of one field, and what else they need.
const DETECTORS: &[(&str, &[&str])] = &[
    ("anomaly", &[]),
    ("sigma", &[]),
    ("ewma", &[]),
    ("change_likelihood", &[]),
    ("seasonal", &[]),
    ("level_shift", &[]),
    ("rate_of_change", &[]),
    ("stuck", &[]),
    ("forecast", &["--set", "limit=5.0"]),
    ("knn", &[]),
    ("isolation_forest", &[]),
    ("discord", &[]),
    ("multivariate", &[]),
];

#[test]
fn a_detector_names_what_is_no_number() {
    let folder = Folder::new("detectors");
    let absent = text(folder.write("absent.lp", "m other=1 1451606400000000000\n"));
    let words = text(folder.write("words.lp", "m value=\"high\" 1451606400000000000\n"));
    let bools = text(folder.write("bools.lp", "m value=true 1451606400000000000\n"));
    for (name, more) in DETECTORS {
        let path = script(name);
        for (data, expected) in [
            (&absent, "field 'value' is missing; the point has other"),
            (&words, "the string 'high'"),
            (&bools, "true (bool)"),
        ] {
            let base = [&*path, "--data", data, "--set", "field=value"];
            let run = replay(&[&base[..], more].concat());
            assert_eq!(run.code, Some(1), "{name} {data}: {}", run.text());
            assert!(run.stderr.contains(expected), "{name}: {}", run.stderr);
            let place = format!("{name}.rhai:");
            assert!(run.stderr.contains(&place), "{name}: {}", run.stderr);
        }
    }
}

#[test]
fn a_detector_refuses_sizes_beyond_limits() {
    let folder = Folder::new("sizes");
    let data = text(folder.write("data.csv", &series(&[])));
    for (name, option, expected) in [
        ("level_shift", "warmup=0", "warmup"),
        ("ewma", "span=0.5", "span"),
        ("ewma", "threshold=1.0", "must not be above threshold"),
        ("change_likelihood", "long=0", "long"),
        ("change_likelihood", "short=1000", "short 1000 must be below long"),
        ("seasonal", "slots=0", "slots"),
        ("knn", "training=1000000", "training"),
        ("rate_of_change", "size=99999999999", "size must be from 1 to 10000000"),
        ("isolation_forest", "window=0", "window"),
        ("anomaly", "per_week=0", "per_week"),
        ("discord", "pattern=3", "must be 0 or at least 4"),
        ("multivariate", "learn=9", "learn"),
        ("stuck", "after=soon", "after"),
    ] {
        let path = script(name);
        let run = replay(&[&path, "--data", &data, "--set", "field=value", "--set", option]);
        assert_ne!(run.code, Some(0), "{name} {option}");
        assert!(run.stderr.contains(expected), "{name} {option}: {}", run.stderr);
    }
}
