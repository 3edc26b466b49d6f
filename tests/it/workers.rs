//! `--workers`: what comes out is what one worker gives, group by group, whatever the daemon asks meanwhile.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::{PointMessage, SnapshotRequest};
use rhai_udf::script::SnapshotView;
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers the points of a group and sums its values, one call a point.
const COUNT: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ n: 0.0, sum: 0.0 \
                     } }\nfn point(p) {\n    this.n += 1.0;\n    this.sum += p.x;\n    p.n = this.n;\n    p.sum = \
                     this.sum;\n    emit(p);\n}\n";

/// The same, with batches of two points out.
const BATCHES: &str = "fn info() { #{ wants: \"batch\", provides: \"batch\" } }\nfn state() { #{ n: 0.0 } }\nfn \
                       begin_batch(b) { this.n += 1.0; }\nfn point(p) { this.n += p.x; p.n = this.n; emit(p); \
                       }\nfn end_batch(b) { emit(b.point(#{ n: this.n })); }\n";

/// A point of groups that come in an order that has no pattern.
fn scattered(i: i64, groups: i64) -> Request {
    let group = ((i * 2_654_435_761) >> 7) % groups;
    point(i, &format!("host=h{group}"), &[("x", (i % 97) as f64 * 0.5)])
}

fn run_with(script: &Path, workers: &str, arguments: &[&str], requests: &[Request]) -> Run {
    let mut command = binary();
    command.arg("run").arg(script).args(["--workers", workers]).args(arguments);
    feed(&mut command, &stream(requests.to_vec()))
}

/// The points of each group, in order. A batch's points belong to the group of its begin.
fn by_group(run: &Run) -> BTreeMap<String, Vec<PointMessage>> {
    let mut groups: BTreeMap<String, Vec<PointMessage>> = BTreeMap::new();
    let mut batch = None;
    for answer in run.answers() {
        match answer {
            Answer::Begin(begin) => {
                assert!(batch.is_none(), "a batch inside a batch");
                batch = Some(begin.group);
            }
            Answer::End(end) => assert_eq!(batch.take(), Some(end.group), "whole batches"),
            Answer::Point(point) => {
                let group = batch.clone().unwrap_or_else(|| point.group.clone());
                groups.entry(group).or_default().push(point);
            }
            _ => {}
        }
    }
    groups
}

/// The states of a snapshot by group.
fn states(snapshot: &[u8]) -> BTreeMap<String, String> {
    let view = SnapshotView::read(snapshot).unwrap();
    view.groups.into_iter().map(|g| (g.group, format!("{:?} {}", g.seen, g.state))).collect()
}

fn snapshot_of(run: &Run) -> Vec<u8> {
    let snapshot = run.answers().into_iter().find_map(|answer| match answer {
        Answer::Snapshot(snapshot) => Some(snapshot.snapshot),
        _ => None,
    });
    snapshot.unwrap_or_else(|| panic!("no snapshot; {}", run.stderr))
}

/// Plays the same requests with 1, 2 and 4 workers; gives the runs, which must agree by group.
fn agree(name: &str, script: &str, config: &str, requests: &[Request]) -> [Run; 3] {
    let folder = Folder::new(name);
    let path = folder.write("script.rhai", script);
    folder.write("rhai-udf.toml", config);
    let runs = ["1", "2", "4"].map(|workers| run_with(&path, workers, &[], requests));
    for run in &runs[1..] {
        assert_eq!(run.code, runs[0].code, "{}", run.stderr);
        assert_eq!(by_group(run), by_group(&runs[0]), "{}", run.stderr);
    }
    runs
}

fn stream_of(count: i64, groups: i64) -> Vec<Request> {
    std::iter::once(init(&[])).chain((0..count).map(|i| scattered(i, groups))).collect()
}

#[test]
fn every_number_of_workers_gives_the_same_output_group_by_group() {
    let [one, ..] = agree("workers-stream", COUNT, "", &stream_of(5000, 37));
    assert_eq!(one.points().len(), 5000);
    for name in ["moving_avg", "ewma"] {
        let script = std::fs::read_to_string(repo(&format!("scripts/{name}.rhai"))).unwrap();
        let mut requests = stream_of(3000, 11);
        requests[0] = match name {
            "moving_avg" => init(&[
                ("field", &[OptionArgument::Text("x")]),
                ("size", &[OptionArgument::Int(10)]),
            ]),
            _ => init(&[("field", &[OptionArgument::Text("x")])]),
        };
        let [one, ..] = agree(&format!("workers-{name}"), &script, "", &requests);
        assert_eq!(one.points().len(), 3000, "{}", one.stderr);
    }
}

#[test]
fn batches_stay_whole_on_one_worker() {
    let mut requests = vec![init(&[])];
    for i in 0..400 {
        requests.extend(batch(&format!("h{}", (i * i + 3 * i) % 13), &[1.0, 2.0, f64::from(i)]));
    }
    let [one, ..] = agree("workers-batch", BATCHES, "", &requests);
    assert_eq!(one.answers().iter().filter(|a| matches!(a, Answer::Begin(_))).count(), 400);
}

#[test]
fn a_real_session_comes_out_as_with_one_worker() {
    for (name, script) in
        [("moving_avg", "moving_avg"), ("outliers", "outliers"), ("ttest_hotend_30", "ttest")]
    {
        let session = requests(&capture(&format!("{name}.requests")));
        let script = repo(&format!("scripts/{script}.rhai"));
        let runs = ["1", "3"].map(|workers| run_with(&script, workers, &[], &session));
        assert_eq!(by_group(&runs[0]), by_group(&runs[1]), "{name}: {}", runs[1].stderr);
    }
}

#[test]
fn a_snapshot_is_a_barrier_and_restores_into_any_number_of_workers() {
    let mut first = stream_of(2000, 23);
    first.push(Request::Snapshot(SnapshotRequest {}));
    let rest: Vec<Request> = (2000..4000).map(|i| scattered(i, 23)).collect();
    first.extend(rest.clone());
    let runs = agree("workers-snapshot", COUNT, "", &first);
    let before = states(&snapshot_of(&runs[0]));
    assert_eq!(before.len(), 23);
    for run in &runs {
        let answers = run.answers();
        let at = answers.iter().position(|a| matches!(a, Answer::Snapshot(_))).unwrap();
        assert_eq!(points(&answers[..at]).len(), 2000, "every point before it is answered");
        assert_eq!(states(&snapshot_of(run)), before);
    }
    let mut whole = by_group(&runs[0]);
    let folder = Folder::new("workers-restore");
    let script = folder.write("script.rhai", COUNT);
    for points in whole.values_mut() {
        points.retain(|point| point.time >= 2000);
    }
    for run in &runs {
        for workers in ["1", "2", "4"] {
            let mut again = vec![init(&[]), restore(snapshot_of(run))];
            again.extend(rest.clone());
            let after = run_with(&script, workers, &[], &again);
            assert_eq!(by_group(&after), whole, "into {workers}: {}", after.stderr);
        }
    }
}

#[test]
fn a_snapshot_that_is_damaged_starts_all_workers_fresh_or_is_refused() {
    for (config, success) in [("", true), ("[state]\non_snapshot = 'refuse'", false)] {
        let folder = Folder::new("workers-damaged");
        let script = folder.write("script.rhai", COUNT);
        folder.write("rhai-udf.toml", config);
        let mut daemon = Daemon::run(&script, &["--workers", "2"]);
        daemon.init(&[]);
        assert_eq!(daemon.restore(b"no snapshot".to_vec()).is_ok(), success);
        if success {
            assert_eq!(daemon.ask(point(1, "a", &[("x", 1.0)]), "n"), 1.0);
            assert_eq!(daemon.ask(point(1, "b", &[("x", 1.0)]), "n"), 1.0);
        }
    }
}

#[test]
fn groups_are_forgotten_as_with_one_worker() {
    // By number, by age, and a group that comes back late.
    let points = |i: i64| {
        let group = if i % 10 == 0 { i % 70 } else { (i * i * 31 + i * 7) % (3 + i / 200) };
        let time = if i % 41 == 0 { i - 25 } else { i };
        point(time, &format!("g{group}"), &[("x", 1.0)])
    };
    let mut requests: Vec<Request> = vec![init(&[])];
    requests.extend((0..4000).map(points));
    requests.push(Request::Snapshot(SnapshotRequest {}));
    requests.extend((4000..5000).map(points));
    for config in [
        "[limits]\ngroups = 9",
        "[state]\ngroup_ttl = '20ns'",
        "[limits]\ngroups = 9\n[state]\ngroup_ttl = '20ns'",
    ] {
        let runs = agree("workers-forget", COUNT, config, &requests);
        let views = runs.each_ref().map(|run| SnapshotView::read(&snapshot_of(run)).unwrap());
        let order = |view: &SnapshotView| {
            view.groups.iter().map(|g| format!("{} {}", g.group, g.state)).collect::<Vec<_>>()
        };
        assert!(order(&views[0]).len() < 70, "{config}");
        for view in &views[1..] {
            assert_eq!(order(view), order(&views[0]), "{config}");
        }
        let told = |run: &Run| {
            let line = run.stderr.lines().find(|line| line.contains("groups were evicted"));
            line.map(|line| line.split("task;").last().unwrap_or_default().to_owned())
        };
        assert!(told(&runs[0]).is_some(), "{}", runs[0].stderr);
        assert_eq!([told(&runs[1]), told(&runs[2])], [told(&runs[0]), told(&runs[0])]);
    }
    let mut requests = vec![init(&[])];
    for i in 0..300 {
        requests.extend(batch(&format!("h{}", (i * i + 3 * i) % 17), &[1.0, f64::from(i)]));
    }
    agree("workers-forget-batches", BATCHES, "[limits]\ngroups = 5", &requests);
}

#[test]
fn a_script_with_one_state_for_all_groups_runs_on_one_worker_and_says_so() {
    let script = COUNT.replace("provides: \"stream\"", "provides: \"stream\", scope: \"task\"");
    let runs = agree("workers-task", &script, "", &stream_of(500, 7));
    assert_eq!(runs[2].stdout, runs[0].stdout);
    assert!(
        runs[2].stderr.contains("one worker is used instead of 4: all groups share one state"),
        "{}",
        runs[2].stderr
    );
    assert!(!runs[0].stderr.contains("one worker"), "{}", runs[0].stderr);
}

#[test]
fn an_error_that_stops_the_task_comes_after_all_that_was_before_it() {
    let script = COUNT.replace("emit(p);", "if p.x < 0.0 { throw `bad ${p.x}`; }\n    emit(p);");
    let mut requests = stream_of(3000, 19);
    for (at, x) in [(2001, -2.0), (2000, -1.0)] {
        requests.insert(at, point(7, if x == -1.0 { "late" } else { "other" }, &[("x", x)]));
    }
    let folder = Folder::new("workers-error");
    let path = folder.write("script.rhai", &script);
    for workers in ["1", "2", "4"] {
        let run = run_with(&path, workers, &[], &requests);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.error().contains("bad -1"), "the first one, not {}", run.error());
        let done: std::collections::BTreeSet<i64> = run.points().iter().map(|p| p.time).collect();
        assert!((0..1999).all(|time| done.contains(&time)), "{workers} workers: {}", done.len());
    }
}

#[test]
fn what_came_before_a_broken_frame_is_answered() {
    let folder = Folder::new("workers-broken");
    let path = folder.write("script.rhai", COUNT);
    let mut input = stream(stream_of(100, 9));
    input.extend([0xff; 12]);
    let mut command = binary();
    let run = feed(command.arg("run").arg(&path).args(["--workers", "2"]), &input);
    assert_eq!((run.code, run.points().len()), (Some(1), 100));
    assert!(run.error().contains("frame 102: the length before it"), "{}", run.error());
}

#[test]
fn errors_that_do_not_stop_the_task_are_counted_over_all_workers() {
    let script = COUNT.replace("emit(p);", "if p.x > 40.0 { throw `too much`; }\n    emit(p);");
    for (config, out) in [("on_error = 'skip'", None), ("on_error = 'pass'", Some(2000))] {
        let runs = agree("workers-skip", &script, config, &stream_of(2000, 19));
        assert!(out.is_none_or(|out| runs[0].points().len() == out));
        let told = |run: &Run| {
            let line = run.stderr.lines().find(|line| line.contains("did not stop the task"));
            line.unwrap_or_else(|| panic!("{}", run.stderr))
                .split("WARN")
                .last()
                .unwrap()
                .to_owned()
        };
        assert_eq!([told(&runs[1]), told(&runs[2])], [told(&runs[0]), told(&runs[0])]);
    }
}

/// Counts the points of a group, and says its version.
fn counter(version: u32) -> String {
    format!(
        "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0.0 }} \
         }}\nfn point(p) {{\n    this.n += 1.0;\n    p.n = this.n;\n    p.version = {version}.0;\n    \
         emit(p);\n}}\n"
    )
}

/// The number and the version of the next point of each group.
fn count_all(daemon: &mut Daemon) -> Vec<(f64, f64)> {
    let groups = ["a", "b", "c", "d"];
    let all = groups.map(|group| {
        daemon.send(point(1, group, &[("x", 1.0)]));
        let fields = daemon.point().fields_double;
        (fields["n"], fields["version"])
    });
    all.to_vec()
}

fn watched(folder: &Folder, text: &str) -> Daemon {
    let script = folder.write("script.rhai", text);
    let mut daemon = Daemon::run(&script, &["--watch", "--workers", "3"]);
    daemon.init(&[]);
    daemon
}

#[test]
fn a_reload_is_taken_by_all_workers_or_by_none() {
    let folder = Folder::new("workers-reload");
    let mut daemon = watched(&folder, &counter(1));
    assert_eq!(count_all(&mut daemon), [(1.0, 1.0); 4]);
    folder.write("script.rhai", &counter(2));
    let line = daemon.log.wait("reload: version", 1);
    assert!(line.contains("in 3 workers, with the state of 4 groups"), "{line}");
    assert_eq!(count_all(&mut daemon), [(2.0, 2.0); 4]);
    // One group's state cannot be taken over: no worker takes the version.
    daemon.send(point(1, "d", &[("x", 1.0)]));
    assert_eq!(daemon.point().fields_double["n"], 3.0);
    let picky =
        format!("{}fn migrate(old) {{ if old.n == 3.0 {{ throw \"three\"; }} old }}\n", counter(3));
    folder.write("script.rhai", &picky);
    let line = daemon.log.wait("is refused, version", 1);
    assert!(line.contains("it cannot take over the state") && line.contains("three"), "{line}");
    for (group, n) in [("a", 3.0), ("b", 3.0), ("c", 3.0), ("d", 4.0)] {
        daemon.send(point(1, group, &[("x", 1.0)]));
        let fields = daemon.point().fields_double;
        assert_eq!((fields["n"], fields["version"]), (n, 2.0), "{group}");
    }
    folder.write("script.rhai", "fn info( {");
    daemon.log.wait("is refused, version", 2);
    folder.write("script.rhai", &counter(4));
    daemon.log.wait("in 3 workers", 2);
    assert!(count_all(&mut daemon).iter().all(|(_, version)| *version == 4.0));
}

#[test]
fn a_version_that_fails_in_one_worker_is_rolled_back_in_all() {
    let folder = Folder::new("workers-rollback");
    let mut daemon = watched(&folder, &counter(1));
    assert_eq!(count_all(&mut daemon), [(1.0, 1.0); 4]);
    let fails =
        counter(2).replace("emit(p);", "if p.x > 5.0 { throw \"too much\"; }\n    emit(p);");
    folder.write("script.rhai", &fails);
    daemon.log.wait("reload: version", 1);
    assert_eq!(count_all(&mut daemon), [(2.0, 2.0); 4]);
    daemon.send(point(1, "a", &[("x", 9.0)]));
    let point = daemon.point();
    assert_eq!((point.fields_double["n"], point.fields_double["version"]), (3.0, 1.0));
    daemon.log.wait("so that version runs again", 1);
    // The other workers follow between two messages of theirs.
    daemon.log.wait("so the other workers do the same", 1);
    assert_eq!(count_all(&mut daemon), [(4.0, 1.0), (3.0, 1.0), (3.0, 1.0), (3.0, 1.0)]);
}

#[test]
fn a_call_that_is_stuck_keeps_neither_keepalives_nor_other_groups_waiting() {
    let script = COUNT.replace("this.n += 1.0;", "this.n += 1.0;\n    while p.x < 0.0 { }");
    let folder = Folder::new("workers-stuck");
    let path = folder.write("script.rhai", &script);
    folder
        .write("rhai-udf.toml", "on_error = 'skip'\n[limits]\ncall_timeout = '3s'\noperations = 0");
    let mut daemon = Daemon::run(&path, &["--workers", "2"]);
    daemon.init(&[]);
    daemon.ask(point(1, "a", &[("x", 1.0)]), "n");
    daemon.ask(point(1, "b", &[("x", 1.0)]), "n");
    daemon.send(point(2, "a", &[("x", -1.0)]));
    for n in 2..50 {
        // A keepalive that is asked for is answered while the call is stuck, and so is the other group.
        daemon.settle();
        assert_eq!(daemon.ask(point(n, "b", &[("x", 1.0)]), "n"), n as f64);
    }
    assert!(!daemon.log.text().contains("call_timeout"), "the call goes on");
    daemon.log.wait("is dropped", 1);
    assert_eq!(daemon.ask(point(3, "a", &[("x", 1.0)]), "n"), 2.0);
}

#[test]
fn a_reader_that_waits_for_a_stuck_worker_sends_keepalives_unasked() {
    let script = COUNT.replace("this.n += 1.0;", "this.n += 1.0;\n    while p.x < 0.0 { }");
    let folder = Folder::new("workers-full");
    let path = folder.write("script.rhai", &script);
    folder.write(
        "rhai-udf.toml",
        "on_error = 'skip'\n[limits]\ncall_timeout = '2s'\noperations = 0\nkeepalive = '200ms'",
    );
    let mut requests = vec![init(&[]), point(1, "a", &[("x", -1.0)])];
    // Much more than may wait.
    requests.extend((0..40_000).map(|i| point(i, "a", &[("x", 1.0), ("y", 2.0), ("z", 3.0)])));
    let mut daemon = Daemon::run(&path, &["--workers", "2"]);
    daemon.send_all(requests);
    let (code, rest) = {
        daemon.close_input();
        daemon.wait()
    };
    assert_eq!((code, points(&rest).len()), (Some(0), 40_000));
    assert!(daemon.keepalives >= 3, "{} keepalives", daemon.keepalives);
}

#[test]
fn the_status_is_that_of_all_workers() {
    let folder = Folder::new("workers-status");
    let path = folder.write("script.rhai", COUNT);
    let mut daemon = Daemon::run(&path, &["--workers", "2"]);
    daemon.init(&[]);
    for i in 0..100 {
        daemon.send(scattered(i, 9));
    }
    daemon.settle_data(100);
    daemon.signal("USR1");
    let line = daemon.log.wait("status:", 1);
    for part in ["points 100 in, 100 out", "2 workers; script", "9 groups", "0 errors", "state "] {
        assert!(line.contains(part), "no '{part}' in {line}");
    }
    daemon.signal("TERM");
    let (code, rest) = daemon.wait();
    assert_eq!((code, rest.len()), (Some(0), 0));
    daemon.log.wait("100 points and 0 batches in, 100 points", 1);
}

#[test]
fn the_state_folder_has_one_state_and_the_recorder_a_file_for_each_worker() {
    let folder = Folder::new("workers-state");
    let path = folder.write("script.rhai", COUNT);
    let (states_dir, records) = (folder.path("states"), folder.path("records"));
    let kept = ["--state-dir", states_dir.to_str().unwrap(), "--record", records.to_str().unwrap()];
    let mut requests = stream_of(1000, 15);
    requests.insert(500, Request::Snapshot(SnapshotRequest {}));
    let one = run_with(&path, "1", &[], &requests);
    let run = run_with(&path, "2", &kept, &requests);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let kept = |name: &str| std::fs::read(states_dir.join(name)).unwrap();
    assert_eq!(states(&kept("task.udf2.snapshot-0.rudf")), states(&snapshot_of(&one)));
    let end = states(&kept("task.udf2.end.rudf"));
    assert_eq!(end.len(), 15);
    assert_eq!(std::fs::read_dir(&states_dir).unwrap().count(), 3, "with the declaration");
    // Each file runs, and together they have every point.
    let mut total = 0;
    for worker in [1, 2] {
        let file = records.join(format!("task.udf2.worker-{worker}.0.requests.bin.gz"));
        let again = run_udf(&path, &gunzip(&file));
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        let all = by_group(&one);
        for (group, points) in by_group(&again) {
            assert_eq!(points, all[&group], "{group}");
            total += points.len();
        }
    }
    assert_eq!(total, 1000);
}

#[test]
fn options_are_refused_once_and_a_broken_script_answers_as_with_one() {
    let folder = Folder::new("workers-refused");
    let script = format!("{COUNT}fn init(opt) {{ throw \"not today\"; }}\n");
    for text in [script.as_str(), "fn info( {"] {
        let path = folder.write("script.rhai", text);
        let requests =
            [Request::Info(Default::default()), init(&[]), Request::Snapshot(SnapshotRequest {})];
        let runs = ["1", "2"].map(|workers| run_with(&path, workers, &[], &requests));
        assert_eq!(runs[0].answers(), runs[1].answers(), "{}", runs[1].stderr);
    }
    // Points before init, and edges that do not fit.
    let path = folder.write("script.rhai", COUNT);
    for requests in
        [vec![point(1, "a", &[])], vec![init(&[]), begin("a", 1)], vec![init(&[]), end("a", 1)]]
    {
        let runs = ["1", "2"].map(|workers| run_with(&path, workers, &[], &requests));
        assert_eq!(runs[0].error(), runs[1].error());
        assert_eq!(runs[0].code, runs[1].code);
    }
}

#[test]
fn memory_stays_bounded_where_one_group_has_half_of_the_points() {
    let script = COUNT.replace(
        "this.n += 1.0;",
        "this.n += 1.0;\n    if p.group == \"hot\" { for i in 0..20 { } }",
    );
    let folder = Folder::new("workers-skew");
    let path = folder.write("script.rhai", &script);
    let mut daemon = Daemon::run(&path, &["--workers", "2"]);
    daemon.init(&[]);
    let text = "x".repeat(1000);
    let mut peak = Vec::new();
    for round in 0..4 {
        let points = (0..10_000).map(|i| {
            let group = if i % 2 == 0 { "hot".to_owned() } else { format!("g{}", i % 9) };
            let mut request = point(i, &group, &[("x", 1.0)]);
            if let Request::Point(point) = &mut request {
                point.fields_string.insert("text".into(), text.clone());
            }
            request
        });
        let (points, expected): (Vec<_>, _) = (points.collect(), 10_000);
        daemon.send_all(points);
        daemon.settle_data(expected);
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        peak.push(kb);
        assert!(kb < 100_000, "{kb} kB after round {round}");
    }
    // Another 10 MB of input take no more memory.
    assert!(peak[3] < peak[1] + 4_000, "{peak:?}");
}

#[test]
fn a_socket_serves_on_several_workers() {
    let folder = Folder::new("workers-serve");
    let path = folder.write("script.rhai", COUNT);
    let socket = folder.path("s.sock");
    let mut command = binary();
    command.arg("serve").arg(&path).arg("--socket").arg(&socket).args(["--workers", "2"]);
    let server = Daemon::start(&mut command);
    server.log.wait("served on", 1);
    let mut daemon = Daemon::connect(&socket);
    daemon.init(&[]);
    for i in 0..50 {
        daemon.send(scattered(i, 5));
    }
    daemon.settle_data(50);
    assert_eq!(states(&daemon.snapshot()).len(), 5);
    server.signal("USR1");
    server.log.wait("2 workers; script", 1);
}

#[test]
fn a_number_of_workers_that_makes_no_sense_is_refused() {
    for workers in ["0", "65", "1.5", "many"] {
        let run = run_with(Path::new("x.rhai"), workers, &[], &[]);
        assert_eq!(run.code, Some(2), "{workers}");
        assert!(run.stderr.contains("--workers"), "{}", run.stderr);
    }
}

/// Line protocol of hosts whose tags come in any order.
fn lines(count: i64) -> String {
    let line = |i: i64| {
        let host = ((i * 2_654_435_761) >> 7) % 9;
        let tags =
            if i % 2 == 0 { format!("host=h{host},dc=x") } else { format!("dc=x,host=h{host}") };
        format!("cpu,{tags} usage={},n={i}i {}\n", (i % 97) as f64 * 0.5, i * 1_000_000_000)
    };
    (0..count).map(line).collect()
}

#[test]
fn a_replay_gives_the_same_lines_with_any_number_of_workers() {
    let folder = Folder::new("workers-replay");
    let data = folder.write("cpu.lp", &lines(4000));
    let average = ["--set", "field=usage", "--set", "size=10", "--crit", "avg > 25.0"];
    let tick = folder.write(
        "t.tick",
        "stream|from().measurement('cpu').groupBy('host')@avg().field('usage').size(10)|alert().crit(lambda: \
         \"avg\" > 25.0).stateChangesOnly()",
    );
    let avg = repo("scripts/moving_avg.rhai");
    let udf = format!("avg={}", avg.display());
    let runs: [(&Path, Vec<&str>); 3] = [
        (&avg, [&average[..], &["--group-by", "*", "--format", "json"]].concat()),
        (&avg, [&average[..], &["--group-by", "host", "--format", "lp", "--every-alert"]].concat()),
        (&tick, vec!["--udf", &udf, "--format", "json"]),
    ];
    for (script, arguments) in runs {
        let play = |workers: Option<&str>| {
            let mut command = binary();
            command.arg("replay").arg(script).arg("--data").arg(&data).args(&arguments);
            if let Some(workers) = workers {
                command.args(["--workers", workers]);
            }
            feed(&mut command, b"")
        };
        let one = play(Some("1"));
        assert_eq!(one.code, Some(0), "{}", one.stderr);
        assert!(one.text().lines().count() > 20, "{}", one.text());
        for workers in [None, Some("2"), Some("4")] {
            let run = play(workers);
            assert!(run.text() == one.text(), "{workers:?}: {}", run.stderr);
            let summary = |run: &Run| {
                let line = run.stderr.lines().last().unwrap_or_default();
                line.rsplit_once(" in ").unwrap_or_default().0.to_owned()
            };
            assert_eq!(summary(&run), summary(&one), "{workers:?}");
        }
    }
}

/// Threads make points of lines by themselves: what is odd about a line is told and counted as by one.
#[test]
fn lines_of_every_kind_are_read_as_by_one_worker() {
    let folder = Folder::new("workers-lines");
    let mut text = String::from("\u{feff}");
    for i in 0..20_000i64 {
        let host = ((i * 2_654_435_761) >> 7) % 9;
        text += &match i % 500 {
            7 => "# a comment\n\n".to_owned(),
            11 => format!("cpu,host=h{host} note=\"two\nlines\",usage=1 {i}\n"),
            13 => format!("cpu,host=h\\ {host} usage={i},n=3i {i}\r\n"),
            17 => format!("  other,host=h{host} usage=5 {i}\n"),
            19 => format!("cpu usage=1,other=\"a, b=c\" {i}\n"),
            23 => format!("cpu,host=h{host} usage=1 {i}x\n"),
            29 => "cpu,host=h1\n".to_owned(),
            31 => format!("cpu,host=h{host} open=\"{i} {i}\n"),
            _ => format!("cpu,dc=x,host=h{host} usage={},n={i}i {i}\n", (i % 97) as f64 * 0.5),
        };
    }
    text.pop();
    let data = folder.write("cpu.lp", &text);
    let bad = folder.write("bad.lp", &text.replace("open=\"", "opened=\""));
    let avg = repo("scripts/moving_avg.rhai");
    let average = ["--set", "field=usage", "--set", "size=3", "--group-by", "host"];
    let skip = ["--skip-bad-lines"];
    const FROM: &str = "1970-01-01T00:00:00.00001Z";
    const TO: &str = "1970-01-01T00:00:00.000015Z";
    let runs: [(&Path, &[&str], i32); 5] = [
        (&data, &["--skip-bad-lines", "--format", "json"], 0),
        (&data, &["--skip-bad-lines", "--measurement", "other"], 0),
        (&data, &["--skip-bad-lines", "--measurement", "others"], 0),
        (&data, &["--skip-bad-lines", "--from", FROM, "--to", TO], 0),
        (&bad, &[], 1),
    ];
    for (data, arguments, code) in runs {
        let play = |workers: &str| {
            let mut command = binary();
            command.arg("replay").arg(&avg).arg("--data").arg(data).args(average).args(arguments);
            feed(command.args(["--workers", workers]), b"")
        };
        let told = |run: &Run| -> Vec<String> {
            let lines = run.stderr.lines();
            // Without the time at the beginning of a line of the log, and that at the end of the summary.
            let told = lines.map(|l| l.split_once("] ").map_or(l, |(_, told)| told));
            told.map(|l| l.rsplit_once("; ").map_or(l, |(told, _)| told).to_owned()).collect()
        };
        let one = play("1");
        assert_eq!(one.code, Some(code), "{}", one.stderr);
        for workers in ["2", "3", "4"] {
            let run = play(workers);
            assert!(run.text() == one.text(), "{workers}, {arguments:?}: {}", run.stderr);
            assert_eq!((run.code, told(&run)), (one.code, told(&one)), "{workers}, {arguments:?}");
        }
    }
    let skipped = feed(
        binary().arg("replay").arg(&avg).arg("--data").arg(&data).args(average).args(skip),
        b"",
    );
    let count = skipped.stderr.lines().filter(|line| line.contains("skipped: ")).count();
    assert!(count >= 120, "{count} lines are told of");
}

#[test]
fn a_replay_that_cannot_be_spread_says_why_if_it_was_asked_to_be() {
    let folder = Folder::new("workers-alone");
    let data = folder.write("cpu.lp", &lines(100));
    let script = folder.write("s.rhai", &COUNT.replace("p.x", "p.usage"));
    let shared = COUNT.replace("provides:", "scope: \"task\", provides:").replace("p.x", "p.usage");
    let shared = folder.write("shared.rhai", &shared);
    let tick = folder.write(
        "t.tick",
        "var a = stream|from().groupBy('host')\na|union(a)|alert().crit(lambda: \"usage\" > 40.0)",
    );
    let several = folder.write(
        "several.tick",
        "stream|from().groupBy('host')|log()\nstream|from().groupBy('host', 'dc')|log()",
    );
    let state = folder.path("state");
    let state = state.to_str().unwrap();
    let limited = folder.write("limited.toml", "[limits]\ngroups = 3");
    let limited = limited.to_str().unwrap();
    for (script, arguments, why) in [
        (&script, vec![], "there is only one group (--group-by makes several)"),
        (&shared, vec!["--group-by", "host"], "all groups share one state"),
        (&several, vec!["--save-state", state], "its |from() nodes group in different ways"),
        (&script, vec!["--group-by", "host", "--config", limited], "apply to all groups together"),
        (&tick, vec![], "|union() brings groups"),
    ] {
        let play = |more: &[&str]| {
            let mut command = binary();
            command.arg("replay").arg(script).arg("--data").arg(&data).args(&arguments).args(more);
            feed(&mut command, b"")
        };
        let asked = play(&["--workers", "3"]);
        assert_eq!(asked.code, Some(0), "{}", asked.stderr);
        let told =
            asked.stderr.lines().find(|line| line.contains("one worker is used instead of 3"));
        assert!(told.is_some_and(|line| line.contains(why)), "{}", asked.stderr);
        let plain = play(&[]);
        assert_eq!(plain.text(), asked.text());
        assert!(!plain.stderr.contains("one worker"), "{}", plain.stderr);
    }
}
