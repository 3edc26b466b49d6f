//! How the command line behaves: standard input as data and as script, colours, more and less on standard
//! error, JSON, options with commas, tables with the borders of batches.

use crate::util::*;
use std::process::Command;

const LINES: &[u8] = b"m,h=a x=1 1451606400000000000\nm,h=b x=2 1451606401000000000\n";

const DOUBLE: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                      fn point(p) { p.x *= 2.0; emit(p); }\n";

/// Runs the program with these arguments, `SCRIPTS/` standing for the shipped scripts.
fn run(arguments: &str, input: &[u8]) -> Run {
    let scripts = format!("{}/", repo("scripts").display());
    let arguments = arguments.replace("SCRIPTS/", &scripts);
    feed(binary().args(arguments.split_whitespace()), input)
}

fn shows(arguments: &str, input: &[u8], expected: &str) {
    let run = run(arguments, input);
    assert_eq!(run.code, Some(0), "{arguments}: {}", run.stderr);
    assert!(run.text().contains(expected), "{arguments}: {}", run.text());
}

fn refuses(arguments: &str, input: &[u8], why: &str) {
    let run = run(arguments, input);
    assert_eq!(run.code, Some(2), "{arguments}: {} {}", run.text(), run.stderr);
    assert!(run.stderr.contains(why), "{arguments}: {}", run.stderr);
}

/// Runs a line of bash, with the program as `$UDF`, in the repository.
fn bash(line: &str) -> Run {
    let program = binary().get_program().to_owned();
    let mut command = Command::new("bash");
    command.args(["-c", line]).current_dir(repo("")).env("UDF", program).env("TERM", "xterm");
    feed(command.env_remove("NO_COLOR"), b"")
}

#[test]
fn data_comes_on_standard_input_in_every_format() {
    for name in ["-", "/dev/stdin"] {
        let arguments = format!("replay SCRIPTS/mirror.rhai --data {name}");
        shows(&arguments, LINES, "2016-01-01T00:00:01Z  m,h=b  x=2.0\n");
    }
    let csv = b"time,h,x\n2016-01-01T00:00:00Z,a,1\n";
    let arguments = "replay SCRIPTS/mirror.rhai --data - --data-format csv --tag-columns h";
    shows(arguments, csv, "2016-01-01T00:00:00Z  data,h=a  x=1.0\n");
    let packed = std::fs::read(repo("examples/printer/printer.lp.gz")).unwrap();
    let arguments = "replay SCRIPTS/mirror.rhai --data - --precision s --to 2016-01-01T00:00:01Z";
    shows(arguments, &packed, "2016-01-01T00:00:00Z  temperatures");
    // A recording of batches is a zip, which is read from its end.
    let recording = std::fs::read(repo("tests/data/cpu_outliers.brpl")).unwrap();
    let arguments =
        "replay SCRIPTS/outliers.rhai --data - --data-format brpl --set field=usage_idle";
    let piped = run(arguments, &recording);
    let file = run(&arguments.replace(" - ", " tests/data/cpu_outliers.brpl "), b"");
    assert_eq!((piped.code, piped.text()), (Some(0), file.text()), "{}", piped.stderr);
    assert!(!piped.text().is_empty());
}

#[test]
fn the_format_of_data_is_said_where_names_do_not_say_it() {
    let folder = Folder::new("format");
    let data = folder.write("points.log", std::str::from_utf8(LINES).unwrap());
    let arguments = format!("replay SCRIPTS/mirror.rhai --data {}", data.display());
    let told = run(&arguments, b"");
    assert_eq!(told.code, Some(1));
    assert!(told.stderr.contains("give --data-format"), "{}", told.stderr);
    shows(&format!("{arguments} --data-format lp"), b"", "m,h=a  x=1.0");
    refuses(
        &format!("{arguments} --data-format lp --time-column t"),
        b"",
        "--time-column does not apply: it applies to CSV and Parquet",
    );
    refuses("listen SCRIPTS/mirror.rhai --data-format lp", b"", "--data-format does not apply");
}

#[test]
fn a_script_comes_on_standard_input_or_through_a_pipe() {
    let folder = Folder::new("piped-script");
    let data = folder.write("data.lp", std::str::from_utf8(LINES).unwrap());
    let data = data.display();
    shows("check -", DOUBLE.as_bytes(), "-: stream to stream");
    shows(&format!("replay - --data {data}"), DOUBLE.as_bytes(), "m,h=b  x=4.0");
    let sweep = format!("replay - --data {data} --sweep crit=x>1;x>2;x>3");
    let swept = run(&sweep, DOUBLE.as_bytes());
    assert_eq!(swept.code, Some(0), "{}", swept.stderr);
    let row = |line: &str| line.split_whitespace().eq(["x>3", "1"]);
    assert!(swept.text().lines().any(row), "{}", swept.text());
    let tick = b"stream|from().measurement('m')|eval(lambda: \"x\" * 3.0).as('y')|log()";
    shows(&format!("replay - --data {data}"), tick, "\"y\"");
    shows("bench - --points 100 --rounds 1", DOUBLE.replace('x', "f0").as_bytes(), "throughput");
    let broken = run("check -", b"fn info() { let = 3; }");
    assert_eq!(broken.code, Some(1));
    assert!(broken.text().starts_with("-:1:17: "), "{}", broken.text());
    let both = bash(
        "$UDF replay <(cat scripts/mirror.rhai) --data <(echo 'm x=1 1') <(echo 'm x=2 2') && \
         $UDF diff <(cat scripts/mirror.rhai) scripts/mirror.rhai --precision s --data \
         examples/printer/printer.lp.gz",
    );
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    assert!(both.text().contains("m  x=2.0") && both.text().contains("are the same"));
}

/// Modules and the configuration of a script on standard input are those of the present folder.
#[test]
fn a_script_on_standard_input_is_at_home_in_the_present_folder() {
    let folder = Folder::new("piped-home");
    folder.write("lib.rhai", "fn twice(x) { x * 2.0 }");
    folder.write("rhai-udf.toml", "[limits]\noperations = 1\n");
    let script = "import \"lib\" as lib;\nfn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                  fn point(p) { p.x = lib::twice(p.x); emit(p); }";
    let config = folder.path("rhai-udf.toml");
    let mut command = binary();
    let checked = |command: &mut Command| feed(command, script.as_bytes());
    let run = checked(command.args(["check", "-"]).current_dir(folder.path("")));
    assert!(run.code == Some(1) && run.text().contains("operations"), "{}", run.text());
    std::fs::remove_file(config).unwrap();
    let run = checked(&mut command);
    assert_eq!(run.code, Some(0), "{}", run.text());
    assert!(run.text().contains("imports lib.rhai"), "{}", run.text());
}

#[test]
fn what_standard_input_cannot_be_is_refused() {
    refuses("replay - --data -", DOUBLE.as_bytes(), "standard input can be read only once");
    refuses(
        "replay SCRIPTS/mirror.rhai --data - /dev/stdin",
        LINES,
        "standard input can be read only once",
    );
    refuses("replay - --data x.lp --watch", DOUBLE.as_bytes(), "can be read only once");
    refuses("run -", b"", "the data comes on standard input");
    refuses("execd -", b"", "the data comes on standard input");
    refuses("lab - --data x.lp", DOUBLE.as_bytes(), "name the file");
    refuses("conf -", DOUBLE.as_bytes(), "name a file, or give --tick");
    refuses(
        "diff SCRIPTS/mirror.rhai SCRIPTS/mirror.rhai --data -",
        LINES,
        "can be read only once: name a file",
    );
}

#[test]
fn options_may_hold_commas_and_be_json() {
    let folder = Folder::new("commas");
    let script = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{\n\
                  text: #{ type: \"string\", default: \"\" },\n\
                  two: #{ type: [\"string\", \"double\"], default: [\"\", 0.0] },\n\
                  tag: #{ type: \"string\", repeated: true, default: [] } } } }\n\
                  fn point(p, opt) { p.seen = `${opt.text}|${opt.two}|${opt.tag}`; p.keep([\"seen\"]); emit(p); }";
    let script = folder.write("options.rhai", script);
    let sees = |set: &[&str], expected: &str| {
        let mut command = binary();
        command.arg("replay").arg(&script).args(["--data", "-"]);
        command.args(set.iter().flat_map(|one| ["--set", *one]));
        let run = feed(&mut command, b"m x=1 1\n");
        assert_eq!(run.code, Some(0), "{set:?}: {}", run.stderr);
        let shown = run.text().replace("\\\"", "\"");
        assert!(shown.contains(&format!("seen=\"{expected}\"")), "{set:?}: {shown}");
    };
    sees(&[r"text=a,b"], r#"a,b|["", 0.0]|[]"#);
    sees(&[r"text=a\,b"], r#"a,b|["", 0.0]|[]"#);
    sees(&[r"two=a\,b, 1.5"], r#"|["a,b", 1.5]|[]"#);
    sees(&[r#"two=["a,b", 2]"#], r#"|["a,b", 2.0]|[]"#);
    sees(&[r#"text="a b""#], r#"a b|["", 0.0]|[]"#);
    sees(&[r#"tag=["a","b"]"#, "tag=c"], r#"|["", 0.0]|["a", "b", "c"]"#);
    sees(&["text=[a-z"], r#"[a-z|["", 0.0]|[]"#);
    let arguments = format!("replay {} --data - --set two=a,b,1.5", script.display());
    refuses(&arguments, LINES, "got 3; a comma within a value is written \\,");
    let mut command = binary();
    command.arg("replay").arg(&script).args(["--data", "-", "--sweep", r"text=a\,b,c"]);
    let run = feed(command.args(["--crit", "seen == \"a,b|[\\\"\\\", 0.0]|[]\""]), b"m x=1 1\n");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text().lines().count(), 3, "{}", run.text());
}

#[test]
fn batches_have_borders_in_tables() {
    let folder = Folder::new("borders");
    let script = "fn info() { #{ wants: \"batch\", provides: \"batch\" } }\n\
                  fn end_batch(batch) { emit(batch.select(batch.column(\"x\") > 5)); }";
    let script = folder.write("large.rhai", script);
    let lines = b"cpu,h=a x=1 1000000000\ncpu,h=a x=9 5000000000\ncpu,h=a x=1 11000000000\n\
                  cpu,h=a x=1 21000000000\n";
    let arguments = "--group-by h --period 10s --every 10s --align --data -";
    let arguments = format!("replay {} {arguments}", script.display());
    let table = run(&arguments, lines);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    assert_eq!(
        table.text(),
        "1970-01-01T00:00:10Z  cpu,h=a  batch of 1 point\n  1970-01-01T00:00:05Z  cpu,h=a  x=9.0\n\
         1970-01-01T00:00:20Z  cpu,h=a  batch of 0 points\n"
    );
    let lp = run(&format!("{arguments} --format lp"), lines);
    assert_eq!(lp.text(), "cpu,h=a x=9 5000000000\n");
}

#[test]
fn standard_error_says_less_or_more() {
    let arguments = "replay SCRIPTS/mirror.rhai --data - --measurement other";
    let err = |flag: &str| run(&format!("{arguments} {flag}"), LINES).stderr;
    let usual = err("");
    assert!(usual.contains("warning: ") && usual.contains("points in"), "{usual}");
    assert_eq!(err("-q"), "");
    assert_eq!(err("--quiet"), "");
    let failed = run("-q replay SCRIPTS/mirror.rhai --data none.lp", b"");
    assert!(failed.code == Some(1) && failed.stderr.contains("none.lp"), "{}", failed.stderr);
    let folder = Folder::new("verbose");
    let text = DOUBLE.replace("p.x *= 2.0;", "log_debug(\"seen\"); p.x *= 2.0;");
    let script = folder.write("verbose.rhai", &text);
    let replay = |flag: &str| run(&format!("replay {} --data - {flag}", script.display()), LINES);
    assert!(!replay("").stderr.contains("seen"));
    assert!(replay("-v").stderr.contains("seen"));
    assert!(replay("-vv").stderr.contains("seen"));
    refuses(&format!("{arguments} -q -v"), LINES, "cannot be used with");
    refuses(&format!("{arguments} -v --log-level info"), LINES, "cannot be used with");
}

#[test]
fn colours_are_for_terminals_or_for_who_asks() {
    let alerts = "examples/printer/printer.lp.gz --precision s --period 5m --every 5m --set field=hotend \
                  --set size=3600 --crit 'pvalue < 0.001' --to 2016-01-01T01:12:00Z";
    let alerts = format!("$UDF replay scripts/ttest.rhai --data {alerts}");
    let red = "\x1b[31mCRITICAL\x1b[0m";
    assert!(!bash(&alerts).text().contains('\x1b'));
    assert!(bash(&format!("{alerts} --color always")).text().contains(red));
    assert!(!bash(&format!("{alerts} --color always --format json")).text().contains('\x1b'));
    // `script` runs a command on a terminal of its own.
    let on_terminal = |line: &str| bash(&format!("script -qec {:?} /dev/null", line)).text();
    let shown = on_terminal(&alerts);
    assert!(shown.contains(red), "{shown}");
    assert!(!on_terminal(&format!("NO_COLOR=1 {alerts}")).contains(red));
    assert!(!on_terminal(&format!("TERM=dumb {alerts}")).contains(red));
    assert!(!on_terminal(&format!("{alerts} --color never")).contains(red));
    let check = bash("echo 'fn info() { let = 3; }' | $UDF check - --color always").text();
    assert!(check.contains("\x1b[31m^\x1b[0m"), "{check:?}");
    let help = bash("$UDF --help --color always").text();
    assert!(help.contains('\x1b') && !bash("$UDF --help").text().contains('\x1b'));
    let failed = bash("$UDF --color=always check none.rhai --config none.toml").stderr;
    assert!(failed.contains("\x1b[31mrhai-udf:\x1b[0m"), "{failed:?}");
}

/// A long sweep and `bench` show on a terminal how far they are and how long they will take.
#[test]
fn progress_is_shown_on_a_terminal() {
    let terminal = |line: &str| bash(&format!("script -qec {line:?} /dev/null")).text();
    let bench = "$UDF bench scripts/mirror.rhai --points 2000 --rounds 2";
    let shown = terminal(bench);
    assert!(shown.contains("of 3 rounds") && shown.contains("eta"), "{shown:?}");
    assert!(!terminal(&format!("{bench} -q")).contains("eta"));
    let sweep = "$UDF replay scripts/ewma.rhai --data examples/printer/printer.lp.gz --precision s \
                 --set field=hotend --sweep span=60,120 --crit ewma_alert";
    let shown = terminal(sweep);
    assert!(shown.contains("eta") && shown.contains("span"), "{shown:?}");
    assert!(!bash(sweep).stderr.contains("eta"));
}

#[test]
fn figures_come_as_json() {
    let json = |arguments: &str| -> serde_json::Value {
        let run = run(arguments, b"");
        assert_eq!(run.code, Some(0), "{arguments}: {}", run.stderr);
        serde_json::from_slice(&run.stdout).unwrap()
    };
    let bench = json(
        "bench SCRIPTS/moving_avg.rhai --set field=f0 --set size=10 --points 1200 --rounds 1 --format json",
    );
    assert_eq!(bench["points"], 1200);
    assert_eq!(bench["groups"], 8);
    assert!(bench["points_per_second"].as_f64().unwrap() > 0.0, "{bench}");
    assert!(bench["latency_us"]["p99"].as_f64().unwrap() > 0.0, "{bench}");
    let model = json("bench SCRIPTS/models/pump.onnx --points 300 --rounds 1 --format json");
    assert!(model["ns_per_prediction"].as_f64().unwrap() > 0.0, "{model}");
    assert_eq!(model["features"], 5);
    let check = &json("check SCRIPTS/moving_avg.rhai --format json")[0];
    assert_eq!(check["callbacks"].as_array().unwrap().len(), 4, "{check}");
    assert_eq!((&check["scope"], &check["usable"]), (&"group".into(), &true.into()));
    let size = &check["options"]["size"];
    assert_eq!(size["types"], serde_json::json!(["int"]));
    assert_eq!((&size["required"], &size["min"]), (&true.into(), &1.0.into()), "{size}");
    assert_eq!(check["options"]["as"]["default"], "'avg'");
}
