//! `listen` with batch tasks: their schedule, kills, new versions, and databases that are slow or away.

use crate::house::{House, Manners, certificate};
use crate::listener::{Listening, send};
use crate::util::*;
use std::time::{Duration, Instant};

const BATCH: &str = "batch|query('SELECT mean(x) FROM d.r.m').period(1s).every(1s)
    |alert().crit(lambda: \"x\" > 1.5).message('{{ index .Fields \"x\" }}')";

#[test]
fn what_asks_a_database_wants_to_know_which() {
    let folder = Folder::new("listen-batch");
    let script = folder.write("b.tick", "batch|query('SELECT x FROM m').period(1m).every(1m)");
    let run = feed(binary().arg("listen").arg(script), &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("give --influxdb URL, and it is asked on schedule"),
        "{}",
        run.stderr
    );
}

#[test]
fn batch_tasks_are_asked_on_schedule_and_go_on_when_the_database_is_away() {
    let folder = Folder::new("listen-batch-live");
    let script = folder.write("b.tick", BATCH);
    let house =
        House::new(Manners { api: 1, certificate: Some("server.pem"), ..Manners::default() });
    let ca = certificate("ca.pem");
    let arguments =
        [script.to_str().unwrap(), "--influxdb", &house.url, "--ca", ca.to_str().unwrap()];
    let listening = Listening::start(&arguments);
    let ends = Instant::now() + crate::daemon::NEVER;
    while house.seen_at("/query").len() < 3 {
        assert!(Instant::now() < ends);
        std::thread::sleep(Duration::from_millis(20));
    }
    let (status, answer) = send(&mut listening.connect(), "GET /metrics", "", b"");
    assert!(status == 200 && answer.contains("rhai_udf_task_ticks_total{task=\"b\"} "), "{answer}");
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("CRITICAL") && out.contains("2.5"), "{out}{err}");
    // The times that are asked for follow each other without a gap.
    let asked: Vec<_> = house.seen_at("/query").iter().map(|seen| seen.body.clone()).collect();
    let part = |body: &str, mark: &str| {
        body.split(mark).nth(1).unwrap().split('\'').nth(1).unwrap().to_owned()
    };
    for pair in asked.windows(2) {
        assert_eq!(part(&pair[0], "time <"), part(&pair[1], "time >="), "{asked:?}");
    }
    let instead = vec![("/query", 500, "{\"error\":\"engine: s3cret\"}".to_owned())];
    let house = House::new(Manners { api: 1, instead, ..Manners::default() });
    let url = house.url.replacen("://", "://ann:s3cret@", 1);
    let mut listening = Listening::start(&[script.to_str().unwrap(), "--influxdb", &url]);
    for _ in 0..2 {
        let log = listening.wait_for("the query of this tick has failed");
        assert!(log.contains("answers 500") && !log.contains("s3cret"), "{log}");
    }
    assert_eq!(listening.stop().2, Some(0));
}

#[test]
fn ticks_that_passed_while_the_listener_was_away_are_told_and_not_asked() {
    let folder = Folder::new("listen-missed");
    let script = folder.write("b.tick", BATCH);
    let house = House::new(Manners { api: 1, ..Manners::default() });
    let state = folder.path("state");
    let arguments = [
        script.to_str().unwrap(),
        "--influxdb",
        &house.url,
        "--state-dir",
        state.to_str().unwrap(),
    ];
    let wait = |count: usize| {
        let ends = Instant::now() + crate::daemon::NEVER;
        while house.seen_at("/query").len() < count {
            assert!(Instant::now() < ends);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let listening = Listening::start(&arguments);
    wait(2);
    listening.kill();
    std::thread::sleep(Duration::from_millis(3200));
    let mut listening = Listening::start(&arguments);
    let log = listening.wait_for("missed, from ");
    assert!(log.contains("task b: ") && log.contains("the listener was not running"), "{log}");
    wait(4);
    let (_, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
}

/// The series that the database answers with.
fn series(x: f64) -> String {
    format!(
        "{{\"results\":[{{\"series\":[{{\"name\":\"m\",\"columns\":[\"time\",\"x\"],\"values\":[[1000,{x}]]}}]}}]}}"
    )
}

fn wait_until(what: impl Fn() -> bool) {
    let ends = Instant::now() + crate::daemon::NEVER;
    while !what() {
        assert!(Instant::now() < ends);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The times that a query asks for, from and to.
fn asked(body: &str) -> (String, String) {
    let part = |mark: &str| body.split(mark).nth(1).unwrap().split('\'').nth(1).unwrap().to_owned();
    (part("time >="), part("time <"))
}

#[test]
fn kills_change_nothing_of_what_batch_tasks_tell_and_no_time_is_left_out_in_silence() {
    let folder = Folder::new("listen-batch-kill");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    let task = |name: &str, pace: &str| {
        format!(
            "batch|query('SELECT x FROM d.r.{name}').period(1s).{pace}\
             |alert().crit(lambda: \"x\" > 1.5).stateChangesOnly().message('{name} {{{{ .Level }}}}')"
        )
    };
    folder.write("tasks/paced.tick", &task("paced", "every(1s)"));
    folder.write("tasks/timed.tick", &task("timed", "cron('* * * * * * *')"));
    let house = House::new(Manners { api: 1, ..Manners::default() });
    let (tasks, state) = (folder.path("tasks"), folder.path("state"));
    let arguments = [
        "--tasks",
        tasks.to_str().unwrap(),
        "--influxdb",
        &house.url,
        "--state-dir",
        state.to_str().unwrap(),
    ];
    let count = || house.seen_at("/query").len();
    let (mut told, mut missed) = (String::new(), String::new());
    // The level changes twice, and there are kills before, between and after.
    for (life, x) in [2.0, 2.0, 1.0, 1.0, 2.0].into_iter().enumerate() {
        house.answer_instead("/query", 200, series(x));
        let before = count();
        let mut listening = Listening::start(&arguments);
        wait_until(|| count() >= before + 4);
        // Until the state of the last tick is kept, too.
        std::thread::sleep(Duration::from_millis(300));
        if life == 2 {
            std::thread::sleep(Duration::from_millis(2200));
        }
        missed += &std::mem::take(&mut listening.early);
        let (out, err) = listening.kill_with_log();
        told += &out;
        missed += &err;
    }
    for name in ["paced", "timed"] {
        let told: Vec<_> = told
            .lines()
            .filter(|line| line.contains(name))
            .map(|line| line.split_whitespace().nth(1).unwrap())
            .collect();
        assert_eq!(told, ["CRITICAL", "OK", "CRITICAL"], "{name}");
        let times: Vec<_> = house
            .seen_at("/query")
            .iter()
            .filter(|seen| seen.body.contains(name))
            .map(|seen| asked(&seen.body))
            .collect();
        for pair in times.windows(2) {
            let follows = pair[0].1 == pair[1].0;
            let said =
                missed.contains(&format!("task {name}: ")) && missed.contains("missed, from ");
            assert!(follows || said && pair[0].1 < pair[1].0, "{name} {times:?} {missed}");
        }
    }
}

#[test]
fn a_new_version_of_a_batch_task_goes_on_where_the_old_one_is_or_not_at_all() {
    let folder = Folder::new("listen-batch-reload");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    let task = BATCH.replace("|alert()", "|alert().stateChangesOnly()");
    folder.write("tasks/b.tick", &task);
    let house = House::new(Manners { api: 1, ..Manners::default() });
    house.answer_instead("/query", 200, series(2.0));
    let tasks = folder.path("tasks");
    let mut listening = Listening::start(&[
        "--tasks",
        tasks.to_str().unwrap(),
        "--influxdb",
        &house.url,
        "--log-level",
        "info",
    ]);
    let count = || house.seen_at("/query").len();
    wait_until(|| count() >= 2);
    folder.write("tasks/b.tick", &task.replace("message('", "message('new "));
    listening.wait_for("task b: the saved version is running");
    folder.write("tasks/b.tick", "batch|nosuch()");
    listening.wait_for("task b: the previous version keeps running: ");
    let before = count();
    wait_until(|| count() >= before + 2);
    house.answer_instead("/query", 200, series(1.0));
    let before = count();
    wait_until(|| count() >= before + 2);
    let (_, page) = send(&mut listening.connect(), "GET /metrics", "", b"");
    for line in ["reloads_total{task=\"b\"} 1\n", "reloads_failed_total{task=\"b\"} 1\n"] {
        assert!(page.contains(line), "{line} {page}");
    }
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    let told: Vec<_> =
        out.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>()).collect();
    assert_eq!(told, [vec!["CRITICAL", "b", "2"], vec!["OK", "b", "new", "1"]], "{err}");
    let times: Vec<_> = house.seen_at("/query").iter().map(|seen| asked(&seen.body)).collect();
    assert!(times.windows(2).all(|pair| pair[0].1 == pair[1].0), "{times:?}");
}

#[test]
fn a_database_that_falls_silent_does_not_keep_the_listener_from_ending() {
    let folder = Folder::new("listen-batch-silent");
    let script = folder.write("b.tick", BATCH);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let (asked, was_asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in server.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"results\":[";
            let _ = std::io::Write::write_all(&mut stream, half);
            let _ = asked.send(());
            open.push(stream);
        }
    });
    let script = script.to_str().unwrap();
    let listening = Listening::start(&[script, "--influxdb", &url, "--influxdb-api", "1"]);
    was_asked.recv_timeout(crate::daemon::NEVER).unwrap();
    let (_, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("while it waited for an answer, which is dropped"), "{err}");
}
