//! `[limits]`: a script that never ends, or takes everything, ends in a clear error.

use crate::daemon::Daemon;
use crate::util::*;
use std::time::Instant;

/// Runs one point through a script with this body of `point`, and gives the error.
fn error_of(name: &str, config: &str, body: &str) -> String {
    let folder = Folder::new(name);
    folder.write("rhai-udf.toml", config);
    let script = folder.write(
        "script.rhai",
        &format!(
            "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn deep(n) {{ deep(n + 1) \
             + 1 }}\nfn point(p) {{\n{body}\n}}\n"
        ),
    );
    let run = run_udf(&script, &stream(vec![init(&[]), point(1, "g", &[("x", 1.0)])]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    run.error()
}

#[track_caller]
fn check(name: &str, config: &str, body: &str, expected: &str) {
    let error = error_of(name, config, body);
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("script.rhai:"), "no place: {error}");
}

#[test]
fn an_endless_loop_ends_within_its_operations() {
    check("loop", "[limits]\noperations = 100000", "loop { }", "[limits] operations");
}

#[test]
fn an_endless_loop_ends_within_its_time() {
    let config = "[limits]\noperations = 0\ncall_timeout = '150ms'";
    check("time", config, "let i = 0; loop { i += 1; }", "takes longer than 150ms");
}

#[test]
fn endless_recursion_ends_by_default() {
    check("recursion", "", "deep(0)", "[limits] depth");
}

#[test]
fn endless_recursion_without_a_limit_does_not_crash_the_process() {
    check("depth", "[limits]\ndepth = 0", "deep(0)", "[limits] depth");
}

#[test]
fn an_endless_string_array_or_map_ends_by_default() {
    let strings = "let s = \"x\"; loop { s += s; }";
    check("string", "", strings, "[limits] string, array, map");
    let arrays = "let a = [1]; loop { a += a; }";
    check("array", "[limits]\narray = 100000", arrays, "[limits] string, array, map");
    let pushes = "let a = []; loop { a.push(1); }";
    check("push", "[limits]\narray = 100000", pushes, "[limits] string, array, map");
    let maps = "let m = #{}; loop { m = #{ a: m, b: m }; }";
    check("map", "[limits]\nmap = 1000", maps, "[limits] string, array, map");
}

#[test]
fn arrays_inside_arrays_cannot_grow_for_ever() {
    let body = "let a = [1]; loop { a = [a, a]; }";
    check("nested", "[limits]\narray = 100000\noperations = 1000000", body, "too");
}

/// What no size tells: entries of a map, one by one.
#[test]
fn a_map_that_grows_for_ever_ends_by_its_memory() {
    let config = "[limits]\noperations = 0\nmemory = 50000000\ncall_timeout = '50s'";
    let body =
        "let m = #{}; let i = 0; loop { i += 1; m[i.to_string()] = i.to_string() + \"xxxxxxxx\"; }";
    check("memory", config, body, "the call takes more than 50000000 bytes of memory");
}

#[test]
fn an_array_nested_for_ever_does_not_crash_the_process() {
    let config = "[limits]\noperations = 0\ncall_timeout = '500ms'";
    check("deep-array", config, "let a = []; loop { a = [a]; }", "takes longer than 500ms");
}

/// 0 is no limit: what the limits above forbid is done, in small.
#[test]
fn zero_is_no_limit() {
    let folder = Folder::new("zero");
    folder.write(
        "rhai-udf.toml",
        "[limits]\noperations = 0\ncall_timeout = '0'\ndepth = 0\nstring = 0\narray = 0\nmap = 0\n\
         groups = 0\nstate = 0",
    );
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn deep(n) { if n == 0 { 0 } else { \
         deep(n - 1) } }\nfn point(p) { deep(200); let s = \"\"; let a = []; let m = #{}; for i in 0..2000 \
         { s += \"xxxxxxxxxx\"; a.push(i); m[i.to_string()] = i; } emit(p); }",
    );
    let run = run_udf(&script, &stream(vec![init(&[]), point(1, "g", &[("x", 1.0)])]));
    assert_eq!(run.points().len(), 1, "{}", run.stderr);
}

#[test]
fn a_state_that_is_too_large_is_a_clear_error() {
    let folder = Folder::new("state-size");
    folder.write("rhai-udf.toml", "[limits]\nstate = 10000");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ list: [] } }\nfn \
         point(p) { for i in 0..5000 { this.list.push(i); } emit(p); }",
    );
    let mut daemon = Daemon::run(&script, &[]);
    daemon.init(&[]);
    daemon.send(point(1, "g", &[("x", 1.0)]));
    daemon.point();
    daemon.send(Request::Snapshot(Default::default()));
    let Answer::Error(error) = daemon.next() else { panic!() };
    let expected =
        "the state cannot be saved: 1 groups take more than 10000 bytes; raise [limits] state";
    assert!(error.error.contains(expected), "{}", error.error);
}

/// The daemon hears something while one call takes much longer than the time between keepalives.
#[test]
fn a_slow_handler_is_not_silent() {
    let folder = Folder::new("slow");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\nkeepalive = '100ms'");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { let end = now() + \
         duration(\"2s\"); let i = 0; while p.x > 0.0 && i < 3000000 { i += 1; } emit(p); }",
    );
    let mut daemon = Daemon::run(&script, &[]);
    daemon.init(&[]);
    let began = Instant::now();
    daemon.send(point(1, "g", &[("x", 1.0)]));
    daemon.point();
    assert!(daemon.keepalives >= 2, "{}", daemon.keepalives);
    assert!(daemon.silence < began.elapsed(), "{:?}", daemon.silence);
}

#[test]
fn a_call_that_was_stopped_leaves_its_budget_to_the_next() {
    let folder = Folder::new("budget");
    // Long enough for a call that does little, on a machine that is busy with other things.
    let config = "on_error = 'skip'\n[limits]\noperations = 0\ncall_timeout = '1s'";
    folder.write("rhai-udf.toml", config);
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ n: 0.0 } }\nfn \
         point(p) { this.n += 1.0; while p.x > 1.0 { } p.n = this.n; emit(p); }",
    );
    let mut daemon = Daemon::run(&script, &[]);
    daemon.init(&[]);
    assert_eq!(daemon.ask(point(1, "g", &[("x", 1.0)]), "n"), 1.0);
    daemon.send(point(2, "g", &[("x", 2.0)]));
    assert_eq!(daemon.ask(point(3, "g", &[("x", 1.0)]), "n"), 2.0);
    daemon.log.wait("the call takes longer than 1s", 1);
}

/// 20,000 values in the state, and each step walked through them: minutes in this test.
#[test]
fn a_long_queue_in_the_state_costs_no_more_a_step_and_still_keeps_its_limit() {
    let folder = Folder::new("queue");
    folder.write("rhai-udf.toml", "[limits]\narray = 20010\nstring = 1000\noperations = 10000000");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
         fn state() { let list = []; list.pad(20000, 0.0); #{ list: list, text: \"\" } }\n\
         fn point(p) {\n\
           this.list.push(p.x);\n\
           if p.x > 0.0 { p.old = this.list.shift(); p.n = this.list.len(); emit(p); }\n\
           if p.x < -1.0 { loop { this.text += \"x\"; } }\n\
         }",
    );
    let xs = |x: f64, count: i64| (0..count).map(move |i| point(i, "g", &[("x", x)]));
    let requests = |end: f64, count| {
        [init(&[])].into_iter().chain(xs(1.0, 5000)).chain(xs(end, count)).collect::<Vec<_>>()
    };
    for (end, what) in [(0.0, "size of array/blob"), (-2.0, "length of string")] {
        let run = run_udf(&script, &stream(requests(end, 20)));
        assert_eq!(run.points().len(), 5000, "{}", run.stderr);
        assert_eq!(run.points()[4999].fields_int["n"], 20000);
        let expected = format!("{what} too large ([limits] string, array, map)");
        assert!(run.error().contains(&expected), "{}", run.error());
    }
}

#[test]
fn one_replace_does_not_take_the_process_down() {
    let body = "let s = \"x\"; s.pad(1000000, 'x'); s.replace(\"x\", s);";
    check("replace", "[limits]\ncall_timeout = '50s'", body, "[limits] string, array, map");
}

/// Without the daemon too: a replay of a script that never ends would go on for ever.
#[test]
fn an_endless_loop_ends_in_a_replay() {
    let folder = Folder::new("endless-replay");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '200ms'");
    let data = folder.write("data.lp", "m x=1 1\n");
    let stream = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }";
    let batch = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }";
    for (text, more) in [
        (format!("{stream}\nfn point(p) {{ loop {{ }} }}"), &[][..]),
        (format!("{stream}\nfn points(chunk) {{ loop {{ }} }}"), &[]),
        (format!("{stream}\nfn init() {{ loop {{ }} }}\nfn point(p) {{ emit(p); }}"), &[]),
        (
            format!("{batch}\nfn end_batch(b) {{ loop {{ }} }}"),
            &["--period", "1ns", "--every", "1ns"],
        ),
    ] {
        let script = folder.write("script.rhai", &text);
        let later = folder.write("later.lp", "m x=1 9\n");
        let mut command = binary();
        command.arg("replay").arg(&script).arg("--data").args([&data, &later]).args(more);
        let run = feed(&mut command, &[]);
        assert_eq!(run.code, Some(1), "{text}: {}", run.stderr);
        assert!(run.stderr.contains("takes longer than 200ms"), "{text}: {}", run.stderr);
    }
}

#[test]
fn a_call_that_runs_when_the_process_is_asked_to_end_is_ended_soon() {
    for call in ["rolling_median(v, 500000)", "mann_whitney(v, v)", "{ loop {} }"] {
        let folder = Folder::new("asked");
        folder.write("rhai-udf.toml", "[limits]\noperations = 0");
        let script = folder.write(
            "script.rhai",
            &format!(
                "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn point(p) {{ let v = \
                 random(1).series(1000000); log_info(\"made\"); {call}; emit(p); }}"
            ),
        );
        let mut daemon = Daemon::run(&script, &[]);
        daemon.init(&[]);
        daemon.send(point(1, "g", &[("x", 1.0)]));
        daemon.log.wait("made", 1);
        daemon.signal("TERM");
        // Not after a minute, which is what a call may take.
        daemon.log.wait("because the process was asked to end", 1);
        assert_eq!(daemon.wait().0, Some(1), "{call}");
    }
}

/// A state that is too long to be walked through: what one call gathers is bounded by `memory`.
#[test]
fn what_one_call_gathers_beside_a_long_state_ends_by_its_memory() {
    for body in [
        "let a = [0.5]; a.pad(100000, 0.5); loop { a = [a, a]; }",
        "let m = #{}; let i = 0; loop { i += 1; m[i.to_string()] = [i, i, i, i, i, i, i, i]; }",
        "let m = #{}; loop { m = #{ a: m, b: m }; }",
    ] {
        let folder = Folder::new("gathers");
        folder.write("rhai-udf.toml", "[limits]\noperations = 0\nmemory = 60000000\nmap = 0");
        let script = folder.write(
            "script.rhai",
            &format!(
                "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ let list = \
                 []; list.pad(60000, 0.0); #{{ list: list }} }}\nfn point(p) {{ if p.x > 1.0 {{ {body} }} \
                 }}"
            ),
        );
        let xs = (0..3000).map(|i| point(i, "g", &[("x", 1.0)]));
        let data = [init(&[])].into_iter().chain(xs).chain([point(1, "g", &[("x", 2.0)])]);
        let run = run_udf(&script, &stream(data.collect()));
        assert!(run.error().contains("more than 60000000 bytes"), "{body}: {}", run.error());
    }
}

/// A text made of parts in a callback is bounded while a long state is not walked through, and the state costs nothing.
#[test]
fn a_long_state_beside_texts_made_of_parts_keeps_the_limit_of_strings() {
    let folder = Folder::new("parts");
    folder.write("rhai-udf.toml", "[limits]\nstring = 1000\n");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }
fn state() { let a = []; a.pad(3000, 0); #{ a: a } }
fn point(p) {
    this.a[p.x.to_int()] = 1;
    p.text = `${p.x} of ${this.a.len()}`;
    if p.x > 998.0 { let s = \"x\"; loop { s = `${s}${s}`; } }
    emit(p);
}",
    );
    let points = (0..1000).map(|i| point(i, "g", &[("x", i as f64)]));
    let requests = std::iter::once(init(&[])).chain(points).collect();
    let run = run_udf(&script, &stream(requests));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.points().len(), 999);
    assert!(run.error().contains("script.rhai:6:"), "{}", run.error());
    assert!(run.error().contains("[limits] string"), "{}", run.error());
}
