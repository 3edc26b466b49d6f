//! What a script's author tries first: constants, ints, properties, and the messages when it goes wrong.

use crate::util::*;
use std::process::Command;

fn script(body: &str) -> String {
    format!("fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\n{body}")
}

/// Two points through a script; the last point that it emitted, or its error.
fn run(name: &str, body: &str) -> Run {
    let points = vec![init(&[]), point(1, "g", &[("x", 4.0)]), point(2, "g", &[("x", 9.0)])];
    run_text(name, &script(body), points)
}

#[track_caller]
fn field(name: &str, body: &str, field: &str) -> f64 {
    let run = run(name, body);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.points().last().unwrap().fields_double[field]
}

#[track_caller]
fn error(name: &str, body: &str) -> String {
    let run = run(name, body);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    run.error()
}

#[test]
fn a_constant_is_known_in_every_function() {
    let body = "const UP = \"up\";\nconst LIMITS = #{ high: 5.0, list: [1, 2, 3] };\nconst N = 2;\n\
                fn state() { #{ state: UP, n: N } }\n\
                fn is_high(x) { x > LIMITS.high }\n\
                fn point(p) { p.up = if this.state == UP { 1.0 } else { 0.0 };\n\
                p.len = LIMITS.list.len() * 1.0 + LIMITS.list[1]; p.high = is_high(p.x);\n\
                p.y = this.n * 1.0; this.n += 1; emit(p); }";
    let run = run("constants", body);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let points = run.points();
    let last = points.last().unwrap();
    assert_eq!((last.fields_double["up"], last.fields_double["len"]), (1.0, 5.0));
    assert_eq!((last.fields_double["y"], last.fields_bool["high"]), (3.0, true));
}

#[test]
fn a_constant_does_not_hide_a_parameter() {
    let body =
        "const x = 1.0;\nfn twice(x) { x * 2.0 }\nfn point(p) { p.y = twice(p.x); emit(p); }";
    assert_eq!(field("shadow", body, "y"), 18.0);
}

#[test]
fn a_state_that_was_set_from_a_constant_can_be_changed() {
    let body = "const OFF = #{ on: false, n: 0 };\nconst UP = \"up\";\nfn state() { #{ s: UP, m: OFF } }\n\
                fn point(p) { this.s = global::UP; this.s += \"!\"; this.m = global::OFF; this.m.n += 1; \
                this.m = OFF; this.m.n += 2; p.y = this.m.n + this.s.len() * 1.0; emit(p); }";
    assert_eq!(field("constant-state", body, "y"), 5.0);
}

#[test]
fn a_constant_in_a_map_or_an_array_can_be_changed_there() {
    let body = "const N = 3;\nconst LIST = [1, 2];\n\
                fn state() { #{ n: global::N, a: [global::N, N], l: global::LIST, k: [LIST] } }\n\
                fn add(n) { n += 1; n }\n\
                fn point(p) { this.n += N; this.a[0] += 1; this.a[1] += 1; this.l.push(5); this.l[0] += 1; \
                this.k[0].push(3); let x = global::N; x += 1; let y = add(global::N); \
                p.y = (this.n * 100000 + this.a[0] * 10000 + this.a[1] * 1000 + this.l.len() * 100 + x * 10 \
                + y + global::N + N + LIST.len() + this.l[0] + this.k[0].len()) * 1.0; emit(p); }";
    // Two points: the constants stay as they are, the copies grow.
    let last = 9e5 + 5e4 + 5e3 + 400.0 + 40.0 + 4.0 + 3.0 + 3.0 + 2.0 + 3.0 + 4.0;
    assert_eq!(field("constant-inside", body, "y"), last);
}

#[test]
fn ints_are_numbers_too() {
    let body = "fn point(p) { p.y = sqrt(4) + ln(1) + log10(100) + exp(0) + pow(2, 3) + pow(2, 0.0) + sin(0) \
                + hypot(3, 4) + floor(2) + log(8, 2); if is_nan(1) || !is_finite(1) { p.y = 0.0; } emit(p); }";
    assert_eq!(field("ints", body, "y"), 2.0 + 2.0 + 1.0 + 8.0 + 1.0 + 5.0 + 2.0 + 3.0);
}

#[test]
fn a_property_of_another_type_does_not_become_a_field() {
    for (set, expected) in [
        ("p.time = 1.5", "p.time must be an int, in nanoseconds, not 1.5 (f64)"),
        ("p.name = 3", "p.name must be a string, not 3 (i64)"),
        ("p.tags = \"x\"", "p.tags must be a map of strings, not the string 'x'"),
        ("p.group = \"x\"", "p.group cannot be set: it follows from the tags"),
        ("p.fields = 1", "p.fields must be a map, not 1 (i64)"),
        ("p.dimensions = \"host\"", "p.dimensions must be an array of strings"),
        ("p.database = 1", "p.database must be a string"),
    ] {
        let error = error("property", &format!("fn point(p) {{ {set}; emit(p); }}"));
        assert!(error.contains(expected), "{set}: {error}");
    }
    let body = "fn point(p) { p.time = 7; p.name = \"n\"; p.tags = #{ a: \"b\" }; p[\"y\"] = 1.0; emit(p); }";
    assert_eq!(field("properties", body, "y"), 1.0);
}

#[test]
fn messages_say_what_where_and_what_to_do() {
    for (body, expected) in [
        (
            "fn point(p) { let s = moving_stats(3); s.push([1, s]); }",
            "must be a number, not a moving_stats",
        ),
        ("fn point(p) { median(moving_stats(3)); }", "not a moving_stats"),
        (
            "fn point(p) { p.y = moving_stats(3).meann; }",
            "moving_stats has no property 'meann'; did you mean mean?",
        ),
        (
            "fn point(p) { p.y = timed_queue(\"5m\").width; }",
            "timed_queue has no property 'width'; timed_queue has ",
        ),
        ("fn point(p) { tally().add(1); }", "no function add (tally, i64); tally has contains"),
        (
            "fn point(p) { let s = moving_stat(3); }",
            "no function moving_stat (i64); did you mean moving_stats?",
        ),
        (
            "fn point(p) { let total = (); p.y = total + 1; }",
            "total is (), so it was not set (no function + ((), i64))",
        ),
        ("fn state() { #{} }\nfn point(p) { this.n += 1; }", "this.n is (), so it was not set"),
        (
            "fn point(p) { p.y = p.feild + 1; }",
            "field 'feild' is missing; the point has x (double)",
        ),
        ("fn point(p) { let n = 5; for v in n { } }", "`for` needs an array, a series"),
    ] {
        let error = error("messages", body);
        assert!(error.contains(expected), "{body}: {error}");
    }
}

/// `FILE:LINE:COLUMN:` is what editors jump to.
#[test]
fn an_error_begins_with_its_place() {
    let error = error("place", "fn point(p) {\n    throw \"no\";\n}");
    let at = error.find("script.rhai:3:5: no").unwrap_or_else(|| panic!("{error}"));
    assert!(!error[..at].contains(' '), "{error}");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let folder = Folder::new("bom");
    let path = folder.write("bom.rhai", &format!("\u{feff}{}", script("fn point(p) { emit(p); }")));
    let run = feed(binary().arg("check").arg(path), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn and_in_a_condition_is_answered_with_the_sign() {
    let data = repo("scripts/examples/mirror/input.lp");
    let mut command: Command = binary();
    command.arg("replay").arg(repo("scripts/mirror.rhai")).arg("--data").arg(data);
    let run = feed(command.args(["--crit", "usage > 5 AND usage < 9"]), &[]);
    assert!(run.stderr.contains("write && instead of AND"), "{}", run.stderr);
    assert!(run.stderr.contains("  usage > 5 AND usage < 9\n            ^^^"), "{}", run.stderr);
}

#[test]
fn moving_avg_can_drop_all_other_fields() {
    for (keep, fields) in [("true", 2), ("false", 1)] {
        let mut command: Command = binary();
        command.arg("replay").arg(repo("scripts/moving_avg.rhai"));
        command.arg("--data").arg(repo("scripts/examples/moving_avg/input.lp"));
        command.args(["--precision", "s", "--group-by", "host", "--set", "field=usage_idle"]);
        command.args(["--set", "size=3", "--set", "as=usage_idle", "--format", "lp"]);
        let run = feed(command.args(["--set", &format!("keep={keep}")]), &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let output = run.text();
        let line = output.lines().next().unwrap();
        assert_eq!(line.split(' ').nth(1).unwrap().split(',').count(), fields, "{line}");
    }
}

#[test]
fn a_batch_loses_fields_and_takes_other_points() {
    let text = "fn info() { #{ wants: \"batch\", provides: \"batch\" } }\n\
                fn end_batch(b) { b[\"y\"] = 1.0; b[\"z\"] = 2.0; let had = b.remove(\"z\"); \
                if !had || b.remove(\"q\") { throw \"remove\"; } b.keep([\"y\"]); \
                emit(b.with_points([b[0], b[-1]])); }";
    let run = run_text("fields", text, [vec![init(&[])], batch("a", &[1.0, 2.0, 3.0])].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let points = run.points();
    assert_eq!(points.len(), 2);
    assert!(points.iter().all(|p| p.fields_double.len() == 1 && p.fields_double["y"] == 1.0));
}

/// A jump is far from what was before it, however noisy or still that was.
#[test]
fn the_tutorials_detector_sees_a_jump() {
    let book = std::fs::read_to_string(repo("docs/tutorial.md")).unwrap();
    let text = book.split("```rhai jump.rhai\n").nth(1).unwrap().split("\n```").next().unwrap();
    for noise in [0.0, 1.0] {
        let mut requests = vec![init(&[
            ("field", &[OptionArgument::Text("x")]),
            ("size", &[OptionArgument::Int(20)]),
        ])];
        for i in 0..40i64 {
            let x = if i == 35 { 5000.0 } else { 6.0 + noise * (i % 3) as f64 };
            requests.push(point(i, "g", &[("x", x)]));
        }
        let run = run_text("jump", text, requests);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let points = run.points();
        let sigmas: Vec<f64> = points.iter().map(|p| p.fields_double["sigmas"]).collect();
        assert!(sigmas.iter().all(|s| s.is_finite()), "{sigmas:?}");
        assert!(sigmas[15] > 50.0 && sigmas[..15].iter().all(|s| *s < 3.0), "{sigmas:?}");
    }
}
