//! `replay x.tick` on the real binary: its options, functions that are other programs, variants, and
//! options that do not apply.

use crate::daemon::Daemon;
use crate::util::*;
use std::path::PathBuf;

const LEVEL: &str = "var level = 5.0\n\
    stream|from().measurement('m').groupBy('host')@pass()\n\
    |alert().id('{{ .TaskName }} {{ index .Tags \"host\" }}').crit(lambda: \"x\" > level).stateChangesOnly()\n\
    .log('/tmp/level.log')\n";

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn replay(arguments: &[&str]) -> Run {
    feed(binary().arg("replay").args(arguments), &[])
}

/// A task, data of two hosts, and what `@pass()` runs.
struct Case {
    folder: Folder,
    task: String,
    data: String,
    pass: String,
}

fn case(name: &str, script: &str) -> Case {
    let folder = Folder::new(name);
    let lines: String =
        (0..20).map(|i| format!("m,host=a x={i} {i}\nm,host=b x={} {i}\n", 20 - i)).collect();
    let pass = format!("pass={}", text(repo("scripts/mirror.rhai")));
    let task = text(folder.write("level.tick", script));
    let data = text(folder.write("data.lp", &lines));
    Case { folder, task, data, pass }
}

impl Case {
    fn replay(&self, arguments: &[&str]) -> Run {
        self.with(&["--udf", &self.pass], arguments)
    }

    fn with(&self, udf: &[&str], arguments: &[&str]) -> Run {
        let base = [&*self.task, "--data", &self.data, "--precision", "s"];
        replay(&[&base[..], udf, arguments].concat())
    }

    fn alerts(&self, arguments: &[&str]) -> Vec<String> {
        let run = self.replay(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        run.text().lines().map(|line| line.split("  -> ").next().unwrap().to_owned()).collect()
    }
}

#[test]
fn variables_and_the_tasks_id_are_given() {
    let case = case("tick-var", LEVEL);
    assert_eq!(
        case.alerts(&[]),
        [
            "1970-01-01T00:00:00Z  CRITICAL  level b is CRITICAL",
            "1970-01-01T00:00:06Z  CRITICAL  level a is CRITICAL",
            "1970-01-01T00:00:15Z  OK        level b is OK",
        ]
    );
    assert_eq!(
        case.alerts(&["--var", "level=18.5", "--task", "night"]),
        [
            "1970-01-01T00:00:00Z  CRITICAL  night b is CRITICAL",
            "1970-01-01T00:00:02Z  OK        night b is OK",
            "1970-01-01T00:00:19Z  CRITICAL  night a is CRITICAL",
        ]
    );
    let run = case.replay(&["--var", "levle=1.0"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("does not declare a variable levle"), "{}", run.stderr);
}

#[test]
fn data_without_a_database_is_given_one() {
    let script =
        "dbrp \"telegraf\".\"autogen\"\nstream|from().database('telegraf')|influxDBOut()\n";
    let case = case("tick-dbrp", script);
    assert_eq!(case.with(&[], &[]).text().lines().count(), 40);
    assert_eq!(case.with(&[], &["--dbrp", "other.autogen"]).text(), "");
}

#[test]
fn functions_may_be_other_programs_and_servers() {
    let case = case("tick-exec", LEVEL);
    let expected = case.replay(&[]).text();
    let mirror = text(repo("scripts/mirror.rhai"));
    let exec = format!("pass=exec: {} run {mirror}", env!("CARGO_BIN_EXE_rhai-udf"));
    assert_eq!(case.with(&["--udf", &exec], &[]).text(), expected);
    let socket = text(case.folder.path("pass.sock"));
    let server = Daemon::start(binary().args(["serve", "--socket", &socket, &mirror]));
    server.log.wait("served on", 1);
    let udf = format!("pass=socket: {socket}");
    assert_eq!(case.with(&["--udf", &udf], &[]).text(), expected);
    let run = case.with(&["--udf", "pass=exec: false"], &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("@pass: "), "{}", run.stderr);
}

#[test]
fn formats_and_files_are_for_tickscripts_too() {
    let script = format!("{LEVEL}|influxDBOut().database('d')\n");
    let case = case("tick-format", &script);
    let alert = case.replay(&["--format", "json"]).text();
    let first: serde_json::Value = serde_json::from_str(alert.lines().next().unwrap()).unwrap();
    assert_eq!((&first["level"], &first["id"]), (&"CRITICAL".into(), &"level b".into()));
    assert_eq!(
        (&first["message"], &first["values"]["x"]),
        (&"level b is CRITICAL".into(), &20.0.into())
    );
    let points = text(case.folder.path("points.lp"));
    let run = case.replay(&["-o", &points]);
    assert_eq!(run.text().lines().count(), 3);
    let written = std::fs::read_to_string(&points).unwrap();
    assert_eq!(written.lines().next(), Some("m,host=b x=20 0"));
    let out = text(case.folder.path("out"));
    assert_eq!(case.replay(&["--out", &out]).code, Some(0));
    assert_eq!(
        std::fs::read_to_string(case.folder.path("out/level.log")).unwrap().lines().count(),
        3
    );
    assert!(case.folder.path("out/d.lp").is_file());
}

#[test]
fn variants_of_variables_and_options_are_swept_and_judged() {
    let script = LEVEL.replace("@pass()", "@avg().field('x').size(1)").replace("\"x\"", "\"avg\"");
    let case = case("tick-sweep", &script);
    let udf = format!("avg={}", text(repo("scripts/moving_avg.rhai")));
    let labels = case.folder.write("labels.json", "[[0, 14]]");
    let run = case.with(
        &["--udf", &udf],
        &[
            "--sweep",
            "var:level=5.0,18.5",
            "--sweep",
            "udf:avg.size=1,4",
            "--labels",
            &text(labels),
        ],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let table = run.text();
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().take(5).collect()).collect();
    assert_eq!(rows[0], ["var:level", "udf:avg.size", "alerts", "anomalies", "hits"]);
    assert_eq!(rows[1], ["5.0", "1", "2", "1", "1"]);
    assert_eq!(rows[4], ["18.5", "4", "1", "1", "1"]);
    for (sweep, message) in [
        ("udf:avg.sise=1", "@avg has no option sise"),
        ("udf:gva.size=1", "the script has no @gva()"),
        ("udf:avg.size=many", "@avg.size() takes (int), not 'many'"),
        ("size=1", "write var:NAME=V1,V2 or udf:FUNCTION.OPTION=V1,V2"),
    ] {
        let run = case.with(&["--udf", &udf], &["--sweep", sweep]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}

#[test]
fn variants_side_by_side_are_told_apart() {
    let case = case("tick-each", LEVEL);
    let alerts = case.alerts(&["--each", "var:level=5.0,18.5"]);
    assert_eq!(alerts.len(), 6);
    assert_eq!(alerts[0], "1970-01-01T00:00:00Z  CRITICAL  5.0 level b is CRITICAL");
    assert_eq!(alerts[1], "1970-01-01T00:00:00Z  CRITICAL  18.5 level b is CRITICAL");
    assert!(alerts.is_sorted_by_key(|line| line[..20].to_owned()), "{alerts:#?}");
}

/// No option is ignored: where it would change nothing, it is named.
#[test]
fn options_that_do_not_apply_are_refused_by_name() {
    let case = case("tick-refused", LEVEL);
    for option in [
        &["--set", "size=1"][..],
        &["--group-by", "host"],
        &["--period", "5m", "--every", "5m"],
        &["--crit", "x > 1"],
        &["--warn", "x > 1"],
        &["--info", "x > 1"],
        &["--time-column", "t"],
        &["--past", "1h"],
        &["--db", "d"],
    ] {
        let run = case.replay(option);
        assert_eq!(run.code, Some(2), "{option:?}: {}", run.stderr);
        let named = run.stderr.contains(option[0]) && run.stderr.contains("not apply");
        assert!(named, "{option:?}: {}", run.stderr);
    }
    let mirror = text(repo("scripts/mirror.rhai"));
    for option in [
        &["--udf", "a=b.rhai"][..],
        &["--out", "dir"],
        &["--dbrp", "a.b"],
        &["--var", "a=1"],
        &["--task", "t"],
        &["--tag-columns", "host"],
    ] {
        let run = replay(&[&[&*mirror, "--data", &case.data], option].concat());
        assert_eq!(run.code, Some(2), "{option:?}: {}", run.stderr);
        let named = run.stderr.contains(option[0]) && run.stderr.contains("not apply");
        assert!(named, "{option:?}: {}", run.stderr);
    }
}

/// A script alone and the same steps as a TICKscript raise the same alerts, and sum up alike.
#[test]
fn a_script_alone_is_the_task_that_it_stands_for() {
    let script = "stream|from().groupBy('host')|window().period(5s).every(5s)@big()\n\
        |alert().crit(lambda: \"max\" > 15.0).stateChangesOnly()\n";
    let case = case("tick-same", script);
    let body = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\n\
        fn end_batch(b) { emit(b.point(#{ max: b.column(\"x\").max })); }";
    let big = text(case.folder.write("big.rhai", body));
    let task = case.with(&["--udf", &format!("big={big}")], &[]);
    let base = [&*big, "--data", &case.data, "--precision", "s"];
    let end = ["--group-by", "host", "--period", "5s", "--every", "5s", "--crit", "max > 15.0"];
    let plain = replay(&[&base[..], &end].concat());
    let shown = |run: &Run| -> Vec<String> {
        run.text().lines().map(|line| line[..30].trim_end().to_owned()).collect()
    };
    assert_eq!(shown(&task), shown(&plain), "{}\n{}", task.stderr, plain.stderr);
    // Without the time that it took.
    let sum = |run: &Run| -> String {
        run.stderr.lines().last().unwrap().rsplit_once("; ").unwrap().0.to_owned()
    };
    assert_eq!(sum(&task), sum(&plain));
    assert_eq!(sum(&plain), "40 points in, 6 batches; 6 points out; 1 alert");
}
