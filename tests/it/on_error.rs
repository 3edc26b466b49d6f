//! `on_error`: what a failed call does to the task, the data and the state.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::{BeginBatch, EndBatch, PointMessage};

/// Sums what it sees, counts its calls, and fails after it has changed its state.
const SUM: &str = r#"
fn info() { #{ wants: "stream", provides: "stream" } }
fn state() { #{ calls: 0, window: moving_stats(100), list: [] } }
fn point(p) {
    this.calls += 1;
    this.list.push(p.x);
    this.window.push(p.x);
    emit(p);
    if p.x < 0.0 { throw "below zero"; }
    p.calls = this.calls.to_float();
    p.sum = this.window.sum;
    p.list = this.list.len().to_float();
    emit(p);
}
"#;

fn folder(name: &str, script: &str, config: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("script.rhai", script);
    folder.write("rhai-udf.toml", config);
    folder
}

fn run(name: &str, script: &str, config: &str, requests: Vec<Request>) -> Run {
    let folder = folder(name, script, config);
    run_udf(&folder.path("script.rhai"), &stream(requests))
}

#[test]
fn stop_tells_the_daemon_and_writes_nothing_of_the_failed_call() {
    let requests = vec![init(&[]), point(1, "g", &[("x", 1.0)]), point(2, "g", &[("x", -1.0)])];
    let run = run("stop", SUM, "", requests);
    assert_eq!(run.points().len(), 2, "the two of the first call");
    assert!(
        run.error().contains("script.rhai:9:20: below zero (in point, group 'g')"),
        "{}",
        run.error()
    );
    assert_eq!(run.code, Some(1));
}

/// Values of which every seventh fails: the state must be as if those had never come.
fn mixed(n: usize) -> (Vec<Request>, Vec<(f64, f64)>) {
    let mut requests = vec![init(&[])];
    let mut expected = Vec::new();
    let mut sums = [(0.0, Vec::<f64>::new()), (0.0, Vec::new())];
    for i in 0..n {
        let group = i % 2;
        let x = if i % 7 == 3 { -1.0 } else { (i % 13) as f64 };
        requests.push(point(i as i64, ["a", "b"][group], &[("x", x)]));
        if x >= 0.0 {
            let (calls, values) = &mut sums[group];
            *calls += 1.0;
            values.push(x);
            let window = &values[values.len().saturating_sub(100)..];
            expected.push((*calls, window.iter().sum()));
        }
    }
    (requests, expected)
}

#[test]
fn skip_leaves_the_state_as_it_was_before_the_failed_call() {
    let (requests, expected) = mixed(2000);
    let run = run("skip", SUM, "on_error = 'skip'", requests);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let points = run.points();
    // Each good call emits twice; nothing of a failed one is left.
    assert_eq!(points.len(), expected.len() * 2);
    for (pair, (calls, sum)) in points.chunks(2).zip(expected) {
        assert_eq!(pair[1].fields_double["calls"], calls);
        assert_eq!(pair[1].fields_double["list"], calls);
        assert!((pair[1].fields_double["sum"] - sum).abs() < 1e-9);
    }
}

#[test]
fn a_thousand_errors_are_counted_and_a_few_are_logged() {
    let (requests, _) = mixed(7000);
    let run = run("throttle", SUM, "on_error = 'skip'", requests);
    let lines = run.stderr.lines().filter(|line| line.contains("below zero")).count();
    assert!((3..=6).contains(&lines), "{lines}: {}", run.stderr);
    assert!(run.stderr.contains("1000 errors did not stop the task"), "{}", run.stderr);
}

#[test]
fn pass_forwards_the_point_as_it_came() {
    let script = r#"
        fn info() { #{ wants: "stream", provides: "stream" } }
        fn point(p) { p.x = 99.0; p.name = "other"; p.undefined.y }
    "#;
    let sent = point(5, "g", &[("x", 1.0)]);
    let run = run("pass", script, "on_error = 'pass'", vec![init(&[]), sent.clone()]);
    let Request::Point(sent) = sent else { unreachable!() };
    assert_eq!(run.points(), [sent]);
}

fn batch(group: &str, values: &[f64]) -> Vec<Request> {
    let size = values.len() as i64;
    let (name, group) = ("m".to_owned(), group.to_owned());
    let begin = BeginBatch { name: name.clone(), group: group.clone(), size, ..Default::default() };
    let end = EndBatch { name, group, tmax: 100, ..Default::default() };
    let mut all = vec![Request::Begin(begin)];
    for (i, value) in values.iter().enumerate() {
        let fields_double = [("x".to_owned(), *value)].into();
        all.push(Request::Point(PointMessage {
            time: i as i64,
            fields_double,
            ..Default::default()
        }));
    }
    all.push(Request::End(end));
    all
}

/// Emits each point of a batch with the number of calls; fails where x is below zero.
const BATCHES: &str = r#"
fn info() { #{ wants: "batch", provides: "batch" } }
fn state() { #{ begun: 0, points: moving_stats(1000), ended: 0 } }
fn begin_batch(batch) {
    this.begun += 1;
    if batch.tags.contains("bad") { throw "bad begin"; }
}
fn point(p) {
    emit(p);
    this.points.push(p.x);
    if p.x < 0.0 { throw "bad point"; }
    p.n = this.points.count.to_float();
    emit(p);
}
fn end_batch(batch) {
    this.ended += 1;
    if this.points.max > 1e6 { this.points.reset(); throw "bad end"; }
}
"#;

fn sizes(run: &Run) -> Vec<usize> {
    let mut sizes = Vec::new();
    for answer in run.answers() {
        match answer {
            Answer::Begin(_) => sizes.push(0),
            Answer::Point(_) => *sizes.last_mut().unwrap() += 1,
            _ => {}
        }
    }
    sizes
}

#[test]
fn a_failed_point_of_a_batch_is_dropped_and_the_batch_goes_on() {
    let mut requests = vec![init(&[])];
    let values: Vec<f64> =
        (0..300).map(|i| if i % 10 == 9 { -1.0 } else { f64::from(i) }).collect();
    requests.extend(batch("a", &values));
    requests.extend(batch("a", &[1.0, -1.0, 2.0]));
    let run = run("batch-skip", BATCHES, "on_error = 'skip'", requests);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(sizes(&run), [540, 4]);
    let last = run.points().pop().unwrap();
    assert_eq!(last.fields_double["n"], 272.0);
}

#[test]
fn a_batch_that_fails_is_dropped_or_passed_on_whole() {
    for (on_error, expected) in [("skip", vec![2]), ("pass", vec![2, 3])] {
        let mut requests = vec![init(&[])];
        requests.extend(batch("a", &[1.0]));
        requests.extend(batch("a", &[1.0, 1e7, -1.0]));
        let config = format!("on_error = '{on_error}'");
        let run = run(on_error, BATCHES, &config, requests);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(sizes(&run), expected, "{}", run.stderr);
    }
}

#[test]
fn a_batch_that_fails_at_its_beginning_is_passed_on_whole() {
    let mut bad = batch("a", &[1.0, -2.0]);
    if let Request::Begin(begin) = &mut bad[0] {
        begin.tags.insert("bad".into(), "yes".into());
    }
    let run = run("begin", BATCHES, "on_error = 'pass'", [vec![init(&[])], bad].concat());
    assert_eq!(sizes(&run), [2], "{}", run.stderr);
}

#[test]
fn what_now_gave_is_given_again_when_calls_are_run_again() {
    let script = r#"
        fn info() { #{ wants: "stream", provides: "stream" } }
        fn state() { #{ times: [] } }
        fn point(p) {
            this.times.push(now());
            if p.x < 0.0 { throw "no"; }
            p.t = this.times[0];
            emit(p);
        }
    "#;
    let folder = folder("now", script, "on_error = 'skip'");
    let mut daemon = Daemon::run(&folder.path("script.rhai"), &[]);
    daemon.init(&[]);
    daemon.send(point(1, "g", &[("x", 1.0)]));
    let first = daemon.point().fields_int["t"];
    daemon.send(point(2, "g", &[("x", -1.0)]));
    daemon.send(point(3, "g", &[("x", 1.0)]));
    assert_eq!(daemon.point().fields_int["t"], first);
}
