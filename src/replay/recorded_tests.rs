//! Recorded data through whole scripts: against what a real daemon wrote, and with other programs.

use std::path::{Path, PathBuf};

use crate::replay::source::{self, Item, Reading, Scratch};
use crate::replay::udfs::registry::{UdfCommand, UdfRegistry};
use crate::tick::TaskSettings;
use crate::tick::graph::{Collected, Graph};
use crate::tick::{TickError, TickText};

const TTEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ttest.rhai");

fn scratch(name: &str) -> PathBuf {
    let directory =
        std::env::temp_dir().join(format!("rhai-udf-tick-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}

fn play(
    script: (&str, &str),
    registry: &mut UdfRegistry,
    data: &Path,
    precision: &str,
) -> Collected {
    let (name, text) = script;
    let task = TaskSettings { id: "print_temps".to_owned(), ..TaskSettings::default() };
    let mut graph =
        Graph::new(&TickText { name, text }, &task, registry).unwrap_or_else(|e| panic!("{e}"));
    let mut collected = Collected::default();
    let reading = Reading {
        precision: crate::protocol::line::Precision::by_name(precision).expect("a precision"),
        ..Reading::default()
    };
    let mut source = source::open(data, &reading).expect("the data");
    let mut scratch = Scratch::default();
    while let Some(item) = source.next(&mut scratch).expect("the data") {
        assert_eq!(item, Item::Point);
        graph.point(&mut scratch.point, &mut collected).unwrap_or_else(|e| panic!("{e}"));
    }
    graph.finish(&mut collected).unwrap_or_else(|e| panic!("{e}"));
    collected
}

/// An hour of normal temperatures, an hour of abnormal ones, and one more of normal ones.
fn temperatures(directory: &Path) -> PathBuf {
    let mut lines = String::new();
    for t in 0..10_800u32 {
        let noise = f64::from(t.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        let shift = if (3_600..3_900).contains(&t) { 3.0 } else { 0.0 };
        let (hotend, bed) = (220.0 + noise + shift, 90.0 + noise);
        lines.push_str(&format!(
            "temperatures hotend={hotend},bed={bed},air={} {t}\n",
            70.0 + noise
        ));
    }
    let path = directory.join("temperatures.lp");
    std::fs::write(&path, lines).expect("the data");
    path
}

#[test]
fn the_printers_script_raises_its_alerts() {
    let directory = scratch("printer");
    let data = temperatures(&directory);
    let mut registry = UdfRegistry::default();
    registry.add("tTest", UdfCommand::Script(TTEST.into()));
    let collected = play(crate::tick::language_tests::GUIDES[0], &mut registry, &data, "s");
    std::fs::remove_dir_all(&directory).expect("the directory is removed");
    let events: Vec<_> =
        collected.alerts.iter().map(|e| (e.time / 1_000_000_000, e.message.as_str())).collect();
    assert_eq!(events, [(3_900, "hotend is CRITICAL"), (4_200, "hotend is OK")]);
    let log = &collected.alert_logs["/tmp/kapacitor_udf/hotend_failure.log"];
    assert!(
        log.starts_with("{\"id\":\"hotend\",\"message\":\"hotend is CRITICAL\",\"details\":\""),
        "{log}"
    );
    assert!(log.contains("\\u0026#34;Tags\\u0026#34;:null"), "a function's point has no tags");
    assert!(log.contains("\"columns\":[\"time\",\"pvalue\",\"t\"]"), "{log}");
}

#[test]
fn a_program_is_run_as_the_daemon_runs_it() {
    // `cat` answers what it is asked: a request's fields are the response's.
    let mut registry = UdfRegistry::default();
    registry.add("echo", UdfCommand::parse("exec: cat"));
    registry.add("gone", UdfCommand::parse("exec: false"));
    let info = crate::tick::udf::Udfs::info(&mut registry, "gone").expect_err("it writes nothing");
    assert!(info.to_string().contains("@gone: it"), "{info}");
    let script = TickText { name: "t", text: "stream|from()@gone()" };
    let error = Graph::new(&script, &TaskSettings::default(), &mut registry)
        .err()
        .expect("it does not start");
    assert!(matches!(error, TickError::Script { .. }), "{error}");
    let echoed = crate::tick::udf::Udfs::info(&mut registry, "echo").expect("an empty declaration");
    assert!(echoed.is_some_and(|info| info.options.is_empty()));
}

#[test]
fn programs_are_told_apart() {
    for (text, expected) in [
        ("scripts/ttest.rhai", UdfCommand::Script("scripts/ttest.rhai".into())),
        ("exec: python3 -u ttest.py", UdfCommand::Exec("python3 -u ttest.py".into())),
        ("socket:/run/x.sock", UdfCommand::Socket("/run/x.sock".into())),
    ] {
        assert_eq!(UdfCommand::parse(text), expected);
    }
}
