//! `test` and `make`: test cases of scripts, and data by formulas.

use crate::util::*;

const DOUBLE: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                      fn state() { #{ n: 0 } }\n\
                      fn point(p) { this.n += 1; p.y = p.x * 2.0; p.n = this.n; emit(p); }\n";

fn test(folder: &Folder, arguments: &[&str]) -> Run {
    feed(binary().current_dir(folder.path("")).arg("test").args(arguments), &[])
}

/// Runs one case, given as what stands below its name.
fn case(script: &str, body: &str) -> Run {
    let folder = Folder::new("testing");
    folder.write("script.rhai", script);
    let text = format!("script = \"script.rhai\"\n[[test]]\nname = \"it\"\n{body}\n");
    folder.write("a.test.toml", &text);
    test(&folder, &[])
}

fn passes(body: &str) {
    let run = case(DOUBLE, body);
    assert_eq!(run.code, Some(0), "{body}: {} {}", run.text(), run.stderr);
}

fn fails(body: &str, why: &str) {
    let run = case(DOUBLE, body);
    assert_eq!(run.code, Some(1), "{body}: {} {}", run.text(), run.stderr);
    assert!(run.text().contains(why), "{body}: {}", run.text());
    assert!(run.text().contains("FAIL  a.test.toml:2  it"), "{}", run.text());
}

const LINES: &str = "group_by = [\"*\"]\nlines = '''\nm,h=a x=1 1451606400000000000\nm,h=b x=2 \
                     1451606401000000000\nm,h=a x=3 1451606402000000000'''\n";

#[test]
fn the_pages_examples_pass() {
    let page = std::fs::read_to_string(repo("docs/testing.md")).unwrap();
    let folder = Folder::new("testing");
    for script in ["moving_avg.rhai", "ttest.rhai"] {
        let text = std::fs::read_to_string(repo("scripts").join(script)).unwrap();
        folder.write(script, &text);
    }
    let mut files = 0;
    for part in page.split("\n```").skip(1).step_by(2) {
        let (label, text) = part.split_once('\n').unwrap();
        match label.split_once(' ') {
            Some(("tick", name)) => drop(folder.write(name, text)),
            Some(("toml", name)) if name.ends_with(".test.toml") => {
                files += 1;
                folder.write(name, text);
            }
            _ => {}
        }
    }
    let run = test(&folder, &[]);
    assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
    assert_eq!(files, 4);
    assert!(run.text().contains("5 passed, 0 failed"), "{}", run.text());
}

#[test]
fn what_is_expected_passes() {
    for expected in [
        "crit = \"y > 5.0\"\nexpect.count = { critical = 1, warning = 0 }",
        "crit = \"y > 5.0\"\nexpect.alerts = [ { time = \"2016-01-01T00:00:02Z\", level = \"CRIT\", id = \"m:h=a\", values = { y = 6.0, n = 2 } } ]",
        "crit = \"y > 5.0\"\nexpect.within = \"5s\"\nexpect.alerts = [ { time = \"6s\", level = \"critical\" } ]",
        "crit = \"y > 50.0\"\nexpect.none = true",
        "expect.output = [ { group = \"h=a\", tags = { h = \"a\" }, fields = { y = 2 } }, {}, { time = \"2s\", name = \"m\", fields = { y = 6.0000000000001, n = 2 } } ]",
        "expect.state = { \"h=a\" = { n = 2 }, \"h=b\" = { n = 1 } }",
        "expect.max_seconds_per_million = 1e9",
    ] {
        passes(&format!("{LINES}{expected}"));
    }
    passes("lines = \"m z=1 1451606400000000000\"\nexpect.error = \"field 'x'\"");
    let logs = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                fn point(p) { log_warn(`hot ${p.x}`); }\n";
    let run =
        case(logs, &format!("{LINES}expect.log = [\"WARN script.rhai: hot 3.0\", \"hot 1\"]"));
    assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
    // Lines of the log belong to the case, and are shown only where it fails.
    assert!(!run.stderr.contains("hot") && !run.text().contains("hot"), "{}", run.stderr);
}

#[test]
fn what_differs_is_shown() {
    let conditions = "crit = \"y > 5.0\"\n";
    for (expected, why) in [
        ("expect.count = { critical = 2 }", "1 events are CRITICAL, expected 2"),
        ("expect.none = true", "no alert was expected:"),
        (
            "expect.alerts = [ { time = \"2016-01-01T00:00:01Z\", level = \"critical\" } ]",
            "- 2016-01-01T00:00:01Z  CRITICAL\n          + 2016-01-01T00:00:02Z  CRITICAL  m:h=a",
        ),
        ("expect.alerts = []", "+ 2016-01-01T00:00:02Z  CRITICAL"),
        ("expect.alerts = [ { time = \"1s\", level = \"hot\" } ]", "'hot' is not a level"),
        ("expect.output = [ {}, {} ]", "3 points came out, expected 2"),
        (
            "expect.output = [ { fields = { y = 2.1 } }, {}, {} ]",
            "point 1: field y is 2.0, expected 2.1",
        ),
        ("expect.state = { \"h=c\" = { n = 2 } }", "no group 'h=c' has a state"),
        ("expect.state = { \"h=a\" = { n = 3 } }", "the state of group 'h=a' differs"),
        ("expect.error = \"field\"", "the run ended without an error; expected: field"),
        ("expect.log = \"hello\"", "no line of the log holds: hello"),
        ("expect.output = \"none.json\"", "run the test with --bless"),
        ("expect.max_seconds_per_million = 0.0", "a million points take"),
    ] {
        fails(&format!("{LINES}{conditions}{expected}"), why);
    }
    fails(
        "lines = \"m z=1 1451606400000000000\"\nexpect.output = []",
        "the run ended with an error: ",
    );
}

#[test]
fn a_condition_over_a_field_that_no_point_has_fails() {
    fails(
        &format!("{LINES}crit = \"yy > 5\"\nexpect.none = true"),
        "a condition names a field 'yy' that no point of the output has",
    );
}

#[test]
fn a_state_that_a_restart_loses_and_points_that_differ_from_point_fail() {
    // The number of calls is state of `points` only: it depends on how points were cut into reads.
    let cut = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
               fn point(p) { p.y = 1; emit(p); }\n\
               fn points(chunk) { chunk.y = chunk[\"x\"] * 0 + chunk.len; emit(chunk); }\n";
    let data =
        "make = { period = \"10m\", every = \"1s\", fields = { x = 1 } }\nexpect.log = \"\"\n";
    let run = case(cut, data);
    assert_eq!(run.code, Some(1), "{} {}", run.text(), run.stderr);
    let text = run.text();
    assert!(text.contains("with the data handed over point by point"), "{text}");
}

#[test]
fn points_that_fails_where_point_does_not_is_told() {
    let script = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                  fn point(p) { p.y = 1; emit(p); }\n\
                  fn points(chunk) { throw \"no chunks today\"; }\n";
    let data = "make = { period = \"10m\", every = \"1s\", fields = { x = 1 } }\n";
    let run = case(
        script,
        &format!("{data}expect.log = [\"no chunks today\", \"points fails for a chunk\"]"),
    );
    assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
}

#[test]
fn golden_files_are_written_and_compared() {
    let folder = Folder::new("testing");
    folder.write("script.rhai", DOUBLE);
    let text = format!(
        "script = \"script.rhai\"\n[[test]]\nname = \"it\"\n{LINES}expect.output = \"it.json\"\n"
    );
    folder.write("a.test.toml", &text);
    assert_eq!(test(&folder, &[]).code, Some(1));
    let run = test(&folder, &["--bless"]);
    assert_eq!(run.code, Some(0), "{}", run.text());
    assert!(run.text().contains("bless a.test.toml"), "{}", run.text());
    assert_eq!(test(&folder, &[]).code, Some(0));
    folder.write("script.rhai", &DOUBLE.replace("2.0", "2.5"));
    let run = test(&folder, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("it.json:1"), "{}", run.text());
    // A tenth of a billionth is within the tolerance.
    folder.write("script.rhai", &DOUBLE.replace("2.0", "2.0000000001"));
    assert_eq!(test(&folder, &[]).code, Some(0));
}

#[test]
fn a_tickscripts_key_is_refused_for_a_plain_script_and_the_reverse() {
    let error = |body: &str| {
        let run = case(DOUBLE, &format!("{LINES}{body}"));
        assert_eq!(run.code, Some(1));
        run.text()
    };
    let text = error("var = { a = 1 }\nexpect.output = []");
    assert!(text.contains("var is for TICKscripts"), "{text}");
    let text = error("expect.none = true");
    assert!(text.contains("give crit, warn or info"), "{text}");
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line() {
    for (body, why) in [
        ("expct.none = true", "a.test.toml:6: unknown field `expct`"),
        ("expect.nnoe = true", "did you mean none?"),
        ("data = \"x.lp\"\nexpect.none = true", "a.test.toml:2: data, lines and make exclude"),
        ("", "a.test.toml:2: nothing is expected"),
        ("period = \"5x\"\nexpect.none = true", "'5x' is not a duration"),
        ("expect.within = \"5s\"\nexpect.none = true", "expect.within applies to the times"),
    ] {
        let run = case(DOUBLE, &format!("lines = \"m x=1 1\"\n{body}"));
        assert_eq!(run.code, Some(2), "{body}: {} {}", run.text(), run.stderr);
        assert!(run.stderr.contains(why.split(": ").last().unwrap()), "{body}: {}", run.stderr);
        assert!(run.stderr.contains("a.test.toml:"), "{}", run.stderr);
    }
    let folder = Folder::new("testing");
    let run = test(&folder, &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("no file in it ends with .test.toml"), "{}", run.stderr);
    let run = test(&folder, &["nope"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("nope: there is no such file"), "{}", run.stderr);
}

#[test]
fn verdicts_are_written_for_other_programs() {
    let folder = Folder::new("testing");
    folder.write("script.rhai", DOUBLE);
    let text = format!(
        "script = \"script.rhai\"\n[[test]]\nname = \"a < b & \\\"c\\\"\"\n{LINES}expect.output = \
         []\n[[test]]\nname = \"two\"\n{LINES}expect.output = [{{}}, {{}}, {{}}]\n"
    );
    folder.write("a.test.toml", &text);
    let run = test(&folder, &["--format", "tap"]);
    assert_eq!(run.code, Some(1));
    let text = run.text();
    assert!(text.starts_with("TAP version 13\n1..2\nnot ok 1 - a.test.toml: a < b"), "{text}");
    assert!(text.contains("\nok 2 - a.test.toml: two\n"), "{text}");
    let run = test(&folder, &["--format", "junit", "-o", "report.xml"]);
    assert!(run.text().contains("1 passed, 1 failed"), "{}", run.text());
    let xml = std::fs::read_to_string(folder.path("report.xml")).unwrap();
    assert!(xml.contains("<testsuites tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"a &lt; b &amp; &quot;c&quot;\""), "{xml}");
    let run = test(&folder, &["--filter", "two"]);
    assert_eq!(run.code, Some(0));
    assert!(run.text().contains("1 passed, 0 failed"), "{}", run.text());
    let run = test(&folder, &["--filter", "three"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

fn make(arguments: &[&str]) -> Run {
    feed(binary().arg("make").args(arguments), &[])
}

#[test]
fn made_data_follows_its_recipe() {
    let arguments = [
        "--period",
        "1m",
        "--every",
        "20s",
        "--tag",
        "host=a,b",
        "--field",
        "x=10.0 + t",
        "--field",
        "n=n",
        "--event",
        "at=20s field=x add='100 + t' where.host=a",
        "--event",
        "at=40s drop=true where.host=b",
    ];
    let run = make(&arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.text(),
        "m,host=a n=0i,x=10 1767225600000000000\nm,host=b n=0i,x=10 1767225600000000000\n\
         m,host=a n=1i,x=130 1767225620000000000\nm,host=b n=1i,x=30 1767225620000000000\n\
         m,host=a n=2i,x=50 1767225640000000000\n"
    );
    let noise = ["--period", "1h", "--every", "1s", "--field", "x=noise(1)"];
    let first = make(&noise).text();
    assert_eq!(first.lines().count(), 3600);
    assert_eq!(first, make(&noise).text());
    let seeded: Vec<&str> = noise.iter().copied().chain(["--seed", "1"]).collect();
    assert_ne!(first, make(&seeded).text());
}

#[test]
fn labels_of_made_data_judge_a_replay() {
    let folder = Folder::new("making");
    folder.write("script.rhai", DOUBLE);
    let recipe = "period = \"1h\"\nevery = \"10s\"\nevents = [ { at = \"30m\", for = \"5m\", add = 50 } ]\n\
                  [fields]\nx = \"10 + noise(1)\"\n";
    folder.write("recipe.toml", recipe);
    let mut command = binary();
    command.current_dir(folder.path(""));
    let run = feed(
        command.args(["make", "recipe.toml", "-o", "data.lp", "--labels", "labels.json"]),
        &[],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut command = binary();
    command.current_dir(folder.path(""));
    let arguments = ["replay", "script.rhai", "--data", "data.lp", "--crit", "y > 60", "--labels"];
    let run = feed(command.args(arguments).arg("labels.json"), &[]);
    let text = run.text();
    assert!(text.contains("hits          1"), "{text} {}", run.stderr);
    assert!(text.contains("false alarms  0"), "{text}");
}

#[test]
fn a_recipe_that_contradicts_itself_is_refused() {
    let base = ["--period", "1m", "--every", "1s"];
    for (arguments, why) in [
        (
            &["--field", "x=1", "--event", "at=5s field=y add=1"][..],
            "the field 'y', which the recipe does not make",
        ),
        (&["--field", "x=1", "--event", "at=5m add=1"], "lies outside the data"),
        (&["--field", "x=1", "--event", "at=5s"], "changes nothing"),
        (&["--field", "x=tt * 2"], "variables are t, n"),
        (&["--field", "x=1", "--tag", "t=a"], "the name of a variable"),
        (&[], "there are no fields"),
        (&["--field", "x=1", "--every", "0s"], "every must be longer than 0"),
    ] {
        let given: Vec<&str> = match arguments.contains(&"--every") {
            true => ["--period", "1m"].iter().chain(arguments).copied().collect(),
            false => base.iter().chain(arguments).copied().collect(),
        };
        let run = make(&given);
        assert_eq!(run.code, Some(2), "{given:?}: {}", run.stderr);
        assert!(run.stderr.contains(why), "{given:?}: {}", run.stderr);
    }
}

const WEATHER: &str = "stream\n    |from()\n        .database('weather')\n        .retentionPolicy('default')\n        \
                       .measurement('rain')\n    |alert()\n        .warn(lambda: \"mm\" > 5)\n        .crit(lambda: \
                       \"mm\" > 20)\n        .stateChangesOnly()\n";

const SUMS: &str = "batch\n    |query('SELECT sum(mm) FROM weather.\"default\".rain')\n        .period(5m)\n        \
                    .every(10m)\n    |alert()\n        .crit(lambda: \"sum\" > 20)\n        .stateChangesOnly()\n";

fn unit(name: &str, script: &str, kind: &str, expects: &str) -> String {
    format!(
        "  - name: \"{name}\"\n    task_name: {script}\n    db: weather\n    rp: default\n    type: {kind}\n    \
         data:\n      - rain,place=a mm=2\n      - rain,place=a mm=8\n      - rain,place=a mm=15\n    \
         expects: {{ {expects} }}\n"
    )
}

#[test]
fn files_of_kapacitor_unit_run_as_they_are() {
    let folder = Folder::new("unit");
    std::fs::create_dir_all(folder.path("ticks")).unwrap();
    folder.write("ticks/weather.tick", WEATHER);
    folder.write("ticks/sums.tick", SUMS);
    let tests = [
        unit("rain is a warning", "weather.tick", "stream", "ok: 0, warn: 1, crit: 0"),
        unit("made to fail", "weather.tick", "stream", "ok: 0, warn: 1, crit: 1"),
        unit("rain adds up", "sums.tick", "batch", "ok: 0, warn: 0, crit: 1"),
    ];
    folder.write("rain.yaml", &format!("tests:\n{}", tests.concat()));
    let run = test(&folder, &["rain.yaml", "--dir", "ticks"]);
    assert_eq!(run.code, Some(1), "{} {}", run.text(), run.stderr);
    let text = run.text();
    assert!(text.contains("ok    rain.yaml:2  rain is a warning"), "{text}");
    assert!(text.contains("FAIL  rain.yaml:12  made to fail"), "{text}");
    assert!(text.contains("0 events are CRITICAL, expected 1"), "{text}");
    assert!(text.contains("ok    rain.yaml:22  rain adds up"), "{text}");
    let run = test(&folder, &["rain.yaml"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("rain.yaml:2: the TICKscript weather.tick is not in this folder"),
        "{}",
        run.stderr
    );
    for (text, why) in [
        ("tests:\n  - nmae: x\n", "did you mean 'name'?"),
        ("test: []\n", "the list 'tests' is missing"),
        ("tests: [\n", "bad.yaml:2:"),
    ] {
        folder.write("bad.yaml", text);
        let run = test(&folder, &["bad.yaml", "--dir", "ticks"]);
        assert_eq!(run.code, Some(2), "{text}: {}", run.text());
        assert!(run.stderr.contains(why), "{text}: {}", run.stderr);
    }
}

#[test]
fn a_batch_script_is_replayed_over_points() {
    let folder = Folder::new("batch");
    folder.write("sums.tick", SUMS);
    let lines: String = (0..20)
        .map(|i| format!("rain mm={} {}\n", if i == 10 { 30 } else { 1 }, 1_451_606_400 + i * 60))
        .collect();
    folder.write("rain.lp", &lines);
    let mut command = binary();
    command.current_dir(folder.path(""));
    let run =
        feed(command.args(["replay", "sums.tick", "--data", "rain.lp", "--precision", "s"]), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // At 00:10 the query covers 00:05 to 00:10, at 00:20 00:15 to 00:20: the shower at 00:10 is in neither.
    assert_eq!(run.text(), "");
    folder.write("sums.tick", &SUMS.replace(".every(10m)", ".every(5m)"));
    let mut command = binary();
    command.current_dir(folder.path(""));
    let run =
        feed(command.args(["replay", "sums.tick", "--data", "rain.lp", "--precision", "s"]), &[]);
    let text = run.text();
    assert!(text.contains("2016-01-01T00:10:00Z  CRITICAL"), "{text} {}", run.stderr);
    assert!(text.contains("2016-01-01T00:20:00Z  OK"), "{text}");
}
