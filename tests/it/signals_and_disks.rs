//! Signals, closed outputs, full disks, and the flight recorder.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::{BeginBatch, EndBatch};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const SUM: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ w: \
                   moving_stats(50) } }\nfn point(p) {\n    p.n = this.w.push(p.x).sum;\n    if p.x < 0.0 { \
                   throw `below zero after ${this.w.count}`; }\n    emit(p);\n}\n";

fn start(folder: &Folder, script: &str, arguments: &[&str]) -> Daemon {
    let script = folder.write("script.rhai", script);
    let mut daemon = Daemon::run(&script, arguments);
    daemon.init(&[]);
    daemon
}

#[test]
fn a_request_to_end_processes_what_was_read_and_keeps_the_state() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new(&format!("signal-{signal}"));
        let dir = folder.path("states");
        let mut daemon = start(&folder, SUM, &["--state-dir", dir.to_str().unwrap()]);
        for i in 0..100 {
            daemon.send(point(i, "a", &[("x", 1.0)]));
        }
        daemon.settle_data(100);
        daemon.signal(signal);
        let (code, rest) = daemon.wait();
        assert_eq!((code, rest.len()), (Some(0), 0));
        daemon.log.wait("asked to end", 1);
        daemon.log.wait("100 points and 0 batches in, 100 points", 1);
        assert!(dir.join("task.udf2.end.rudf").exists());
    }
}

#[test]
fn a_status_report_can_be_asked_for() {
    let folder = Folder::new("status");
    folder.write("rhai-udf.toml", "on_error = 'skip'");
    let mut daemon = start(&folder, SUM, &[]);
    daemon.send(point(1, "a", &[("x", 1.0)]));
    daemon.point();
    daemon.send(point(2, "b", &[("x", -1.0)]));
    daemon.settle();
    daemon.signal("USR1");
    let line = daemon.log.wait("status:", 1);
    for part in [
        "points 2 in, 1 out",
        "version ",
        "1 groups",
        "1 errors",
        "slowest call",
        "up 0s",
        "state ",
    ] {
        assert!(line.contains(part), "no '{part}' in {line}");
    }
}

#[test]
fn an_output_that_is_closed_ends_the_process_and_keeps_the_state() {
    let folder = Folder::new("closed");
    let dir = folder.path("states");
    let script = folder.write("script.rhai", SUM);
    let mut input = vec![init(&[])];
    input.extend((0..1000).map(|i| point(i, "a", &[("x", 1.0)])));
    let mut child = binary()
        .arg("run")
        .arg(script)
        .arg("--state-dir")
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), &stream(input));
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("the output is closed"), "{log}");
    assert!(dir.join("task.udf2.end.rudf").exists());
}

#[test]
fn a_full_disk_under_the_log_and_the_folders_stops_nothing() {
    let folder = Folder::new("full");
    let script = folder.write("script.rhai", SUM);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let input = stream(vec![init(&[]), point(1, "a", &[("x", 2.0)])]);
    let mut child = binary()
        .arg("run")
        .arg(&script)
        .args(["--state-dir", "/proc/nowhere", "--record", "/proc/nowhere", "--log-level", "trace"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(full())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(points(&answers(&output.stdout))[0].fields_double["n"], 2.0);
}

fn recordings(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(part))
        .collect();
    files.sort();
    files
}

#[test]
fn an_error_is_recorded_and_run_again_to_the_same_error() {
    let folder = Folder::new("record");
    let dir = folder.path("records");
    let mut daemon = start(&folder, SUM, &["--record", dir.to_str().unwrap()]);
    for i in 0..30 {
        daemon.ask(point(i, "a", &[("x", 1.0)]), "n");
        daemon.ask(point(i, "b", &[("x", 1.0)]), "n");
    }
    daemon.send(point(99, "b", &[("x", -1.0)]));
    let Answer::Error(error) = daemon.next() else { panic!() };
    assert!(error.error.contains("below zero after 31 (in point, group 'b')"), "{}", error.error);
    daemon.finish();
    let [file] = &recordings(&dir, ".error-")[..] else { panic!() };
    let again = run_udf(&folder.path("script.rhai"), &gunzip(file));
    assert_eq!(again.error(), error.error);
    let requests = requests(&gunzip(file));
    assert_eq!(requests.len(), 3, "init, restore, the failing point");
    // What the session received, from its beginning.
    let [whole] = &recordings(&dir, ".0.requests")[..] else { panic!() };
    assert_eq!(self::requests(&gunzip(whole)).len(), 62);
    let mut command = binary();
    command.arg("replay").arg(folder.path("script.rhai")).arg("--data").arg(file);
    let replayed = feed(&mut command, b"");
    let said = format!("{}{}", replayed.stderr, replayed.text());
    assert!(said.contains("below zero after 31"), "{said}");
}

#[test]
fn a_failing_batch_is_recorded_with_the_state_at_its_beginning() {
    let script = "fn info() { #{ wants: \"batch\", provides: \"stream\" } }\nfn state() { #{ n: 0 } }\nfn \
                  begin_batch(b) { this.n += 100; }\nfn point(p) { this.n += 1; if p.x < 0.0 { throw \
                  `at ${this.n}`; } }\n";
    let folder = Folder::new("record-batch");
    let dir = folder.path("records");
    let mut daemon = start(&folder, script, &["--record", dir.to_str().unwrap()]);
    for last in [1.0, -1.0] {
        daemon.send(Request::Begin(BeginBatch { group: "g".into(), ..Default::default() }));
        daemon.send_all(vec![point(1, "g", &[("x", 1.0)]), point(2, "g", &[("x", last)])]);
        daemon.send(Request::End(EndBatch { group: "g".into(), ..Default::default() }));
    }
    let Answer::Error(error) = daemon.next() else { panic!() };
    assert!(error.error.contains("at 204"), "{}", error.error);
    daemon.finish();
    let [file] = &recordings(&dir, ".error-")[..] else { panic!() };
    let again = run_udf(&folder.path("script.rhai"), &gunzip(file));
    assert_eq!(again.error(), error.error);
}

#[test]
fn recordings_are_a_bounded_ring_and_each_file_runs() {
    let folder = Folder::new("ring");
    let dir = folder.path("records");
    folder.write("rhai-udf.toml", "[record]\nfiles = 3\nsize = 2000");
    let mut daemon = start(&folder, SUM, &["--record", dir.to_str().unwrap()]);
    for i in 0..1000 {
        daemon.ask(point(i, "a", &[("x", 1.0)]), "n");
    }
    daemon.finish();
    let files = recordings(&dir, ".requests");
    assert_eq!(files.len(), 3);
    for file in &files {
        let run = run_udf(&folder.path("script.rhai"), &gunzip(file));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let full = run.points().iter().all(|point| point.fields_double["n"] == 50.0);
        assert!(full, "the state goes with the file");
    }
}

/// Killed at any time: in the middle of a point, a snapshot, a file of the state folder or of the recorder.
#[test]
fn a_process_that_is_killed_at_any_time_leaves_files_that_can_be_read() {
    let folder = Folder::new("killed");
    let dir = folder.path("kept");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ list: [] } }\nfn \
         point(p) { this.list.push(p.x); emit(p); }",
    );
    let mut kept = 0;
    for round in 0..12 {
        let kept_in = dir.to_str().unwrap();
        let mut child = binary()
            .args(["run", "--state-dir", kept_in, "--record", kept_in])
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || {
            let _ = input.write_all(&stream(vec![init(&[])]));
            for i in 0..100_000 {
                let points = (0..50).map(|n| point(i, &format!("g{n}"), &[("x", 0.1 * n as f64)]));
                let snapshot = Request::Snapshot(Default::default());
                let more = stream(points.chain([snapshot]).collect());
                if input.write_all(&more).is_err() {
                    return;
                }
            }
        });
        // After so many bytes of answers, wherever that is.
        let mut answers = vec![0; 20_000 + 37_777 * round];
        child.stdout.take().unwrap().read_exact(&mut answers).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        feeder.join().unwrap();
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".rudf") {
                let run = feed(binary().arg("state").arg(&path), &[]);
                assert_eq!(run.code, Some(0), "{name} after {round}: {}", run.stderr);
                kept += 1;
            }
        }
    }
    assert!(kept > 20, "{kept}");
    // The next run removes what was being written, and recordings play as far as they go.
    let run = feed(
        binary().args(["run", "--state-dir"]).arg(&dir).arg(&script),
        &stream(vec![init(&[]), point(1, "g", &[("x", 1.0)])]),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut recordings = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{name}");
        if name.ends_with(".bin.gz") && std::fs::metadata(&path).unwrap().len() > 0 {
            let run = feed(
                binary()
                    .arg("replay")
                    .arg(&script)
                    .arg("--data")
                    .arg(&path)
                    .args(["--format", "lp"]),
                &[],
            );
            let cut = run.code == Some(0) || run.stderr.contains("requests.bin.gz");
            assert!(cut && !run.text().is_empty(), "{name}: {}", run.stderr);
            recordings += 1;
        }
    }
    assert!(recordings > 0);
}
