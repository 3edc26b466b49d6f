//! `listen --state-dir`: kills and restarts, after which no change of level is told twice or lost.

use crate::listener::{Listening, send};
use crate::util::*;
use std::path::Path;

/// Windows, levels of alerts and a function with a state.
const TASK: &str = "var data = stream|from().groupBy('host')
data|alert().crit(lambda: \"x\" > 10.0).stateChangesOnly().message('x {{ index .Tags \"host\" }} {{ .Level }}')
data|window().periodCount(7).everyCount(3)|sum('x')
    |alert().crit(lambda: \"sum\" > 60.0).stateChangesOnly().message('sum {{ index .Tags \"host\" }} {{ .Level }}')
data@total()|alert().crit(lambda: \"total\" % 5.0 < 2.0).stateChangesOnly().message('total {{ index .Tags \"host\" }} {{ .Level }}')";
const TOTAL: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }
fn state(opt) { #{ total: 0.0 } }
fn point(p, opt) { this.total += p.x; p.total = this.total % 100.0; emit(p); }";

fn start(folder: &Folder, state: Option<&Path>, more: &[&str]) -> Listening {
    let script = folder.path("task.tick");
    let udf = format!("total={}", folder.path("total.rhai").display());
    let mut arguments = vec![script.to_str().unwrap(), "--udf", &udf];
    if let Some(state) = state {
        arguments.extend(["--state-dir", state.to_str().unwrap()]);
    }
    arguments.extend(more);
    Listening::start(&arguments)
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("task.tick", TASK);
    folder.write("total.rhai", TOTAL);
    folder
}

/// The requests, of a few points each.
fn requests() -> Vec<String> {
    let mut seed = 7u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    (0..120u64)
        .map(|i| {
            let line = |k: u64, x: u64, host: u64| format!("m,host={host} x={x} {}\n", i * 10 + k);
            (0..1 + next(5)).map(|k| line(k, next(20), next(3))).collect()
        })
        .collect()
}

fn write(listening: &Listening, body: &str) {
    let mut stream = listening.connect();
    let (status, answer) = send(&mut stream, "POST /write?db=d&precision=s", "", body.as_bytes());
    assert_eq!(status, 204, "{answer}");
}

#[test]
fn kills_and_restarts_change_nothing_of_what_is_told() {
    let folder = folder("listen-kill");
    let requests = requests();
    let listening = start(&folder, None, &[]);
    requests.iter().for_each(|body| write(&listening, body));
    let (expected, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(expected.lines().count() > 50, "{expected}");
    for (checkpoint, lives) in [("10s", 8), ("20ms", 8), ("3ms", 24)] {
        let state = folder.path(&format!("state-{checkpoint}"));
        let mut told = String::new();
        let share = requests.len().div_ceil(lives);
        for (life, part) in requests.chunks(share).enumerate() {
            let listening = start(&folder, Some(&state), &["--checkpoint", checkpoint]);
            part.iter().for_each(|body| write(&listening, body));
            // At once, or after it had time to play some of it.
            std::thread::sleep(std::time::Duration::from_millis((life as u64 * 7) % 40));
            told += &match life % 4 {
                3 => {
                    let (out, err, code) = listening.stop();
                    assert_eq!(code, Some(0), "{err}");
                    out
                }
                _ => listening.kill(),
            };
        }
        // What was acknowledged before the last end is told by the next life.
        let listening = start(&folder, Some(&state), &["--checkpoint", checkpoint]);
        let (out, err, code) = listening.stop();
        assert_eq!(code, Some(0), "{err}");
        told += &out;
        let both: Vec<_> = expected.lines().zip(told.lines()).filter(|(a, b)| a != b).collect();
        assert!(
            both.is_empty() && told.lines().count() == expected.lines().count(),
            "{checkpoint}: {both:?}\n{told}"
        );
    }
}

#[test]
fn a_folder_that_is_damaged_or_in_use_or_of_another_task_is_told() {
    let folder = folder("listen-state-odd");
    let state = folder.path("state");
    let listening = start(&folder, Some(&state), &[]);
    write(&listening, "m,host=a x=1 1\n");
    let arguments = |script: &str| {
        let mut command = binary();
        let udf = format!("total={}", folder.path("total.rhai").display());
        command
            .arg("listen")
            .arg(folder.path(script))
            .args(["--udf", &udf, "--port", "0", "--state-dir"])
            .arg(&state);
        feed(&mut command, &[])
    };
    let run = arguments("task.tick");
    assert!(
        run.code == Some(1) && run.stderr.contains("another rhai-udf listen uses it"),
        "{}",
        run.stderr
    );
    assert_eq!(listening.stop().2, Some(0));
    let checkpoint = state.join("checkpoint");
    let good = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &good[..good.len() - 1]).unwrap();
    let run = arguments("task.tick");
    assert!(run.code == Some(1) && run.stderr.contains("it is damaged"), "{}", run.stderr);
    std::fs::write(&checkpoint, good).unwrap();
    // The state is that of the task, however much its script has changed.
    folder.write("task.tick", "stream|from()|window().period(1m).every(1m)|log()");
    let listening = start(&folder, Some(&state), &[]);
    assert!(listening.early.contains("it starts fresh"), "{}", listening.early);
    assert_eq!(listening.stop().2, Some(0));
    // A task of another name begins anew, and the state of the first waits.
    folder.write("other.tick", "stream|from()|log()");
    let script = folder.path("other.tick");
    let arguments = [script.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
    let listening = Listening::start(&arguments);
    assert!(
        listening.early.contains("the state of a task 'task' that is not running"),
        "{}",
        listening.early
    );
    assert_eq!(listening.stop().2, Some(0));
}

#[test]
fn a_task_that_is_refused_keeps_its_state_until_it_is_mended() {
    let folder = folder("listen-state-refused");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    let task = "stream|from()|alert().crit(lambda: \"x\" > 10.0).stateChangesOnly().message('{{ .Level }}')";
    folder.write("tasks/a.tick", task);
    folder.write("tasks/b.tick", "stream|from()|log()");
    let (tasks, state) = (folder.path("tasks"), folder.path("state"));
    let arguments = [
        "--tasks",
        tasks.to_str().unwrap(),
        "--state-dir",
        state.to_str().unwrap(),
        "--checkpoint",
        "50ms",
        "--log-level",
        "info",
    ];
    let listening = Listening::start(&arguments);
    write(&listening, "m x=20 1\n");
    let (mut told, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    folder.write("tasks/a.tick", "stream|nosuch()");
    let mut listening = Listening::start(&arguments);
    assert!(listening.early.contains("the state of a task 'a' that is not running"));
    write(&listening, "m x=21 2\n");
    // Checkpoints are written meanwhile.
    std::thread::sleep(std::time::Duration::from_millis(300));
    folder.write("tasks/a.tick", task);
    listening.early.clear();
    listening.wait_for("task a: the saved version is running");
    write(&listening, "m x=22 3\nm x=1 4\n");
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    told += &out;
    let levels: Vec<_> = told
        .lines()
        .filter(|line| line.contains("  a "))
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(levels, ["CRITICAL", "OK"], "{told}{err}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_nothing_and_is_tried_again() {
    let folder = folder("listen-state-stuck");
    let state = folder.path("state");
    let mut listening = start(&folder, Some(&state), &["--checkpoint", "50ms"]);
    let checkpoint = state.join("checkpoint");
    write(&listening, "m,host=a x=20 1\n");
    // The name is taken by a folder.
    let ends = std::time::Instant::now() + crate::daemon::NEVER;
    while !checkpoint.is_file() {
        assert!(std::time::Instant::now() < ends);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::fs::remove_file(&checkpoint).unwrap();
    std::fs::create_dir(&checkpoint).unwrap();
    write(&listening, "m,host=a x=0 2\n");
    listening.wait_for("the next attempt is in 50ms");
    let (_, page) = send(&mut listening.connect(), "GET /metrics", "", b"");
    assert!(!page.contains("rhai_udf_checkpoints_failed_total 0\n"), "{page}");
    std::fs::remove_dir(&checkpoint).unwrap();
    write(&listening, "m,host=a x=20 3\n");
    let (out, err, code) = listening.stop();
    assert_eq!((out.matches(" x a ").count(), code), (3, Some(0)), "{out}{err}");
    assert!(checkpoint.is_file());
}

#[test]
fn a_disk_that_is_full_acknowledges_nothing_that_would_be_lost() {
    let folder = folder("listen-state-full");
    let state = folder.path("state");
    let script = folder.path("task.tick");
    let udf = format!("total={}", folder.path("total.rhai").display());
    // No file may become larger than a few blocks.
    let line = format!(
        "ulimit -f 8; trap '' XFSZ; exec {} listen {} --udf {udf} --state-dir {} --port 0",
        env!("CARGO_BIN_EXE_rhai-udf"),
        script.display(),
        state.display()
    );
    let mut child = std::process::Command::new("bash")
        .args(["-c", &line])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut text).unwrap();
    let address = text.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let listening = Listening { child, stderr, address, early: String::new() };
    let body = "m,host=a x=1 1\n".repeat(200);
    let mut stream = listening.connect();
    let mut taken = 0;
    loop {
        let (status, answer) =
            send(&mut stream, "POST /write?db=d&precision=s", "", body.as_bytes());
        match status {
            204 => taken += 1,
            _ => {
                assert!(
                    status == 503 && answer.contains("the journal cannot be written"),
                    "{answer}"
                );
                break;
            }
        }
        assert!(taken < 100);
    }
    // A smaller one fits, and what stands before it is whole.
    listening.kill();
    let listening = start(&folder, Some(&state), &[]);
    let (_, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&format!("{} points in", taken * 200)), "{taken} {err}");
}
