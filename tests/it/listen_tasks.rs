//! `listen` with the tasks of a folder, and with batch tasks on schedule.

use crate::house::{House, Manners, certificate};
use crate::listener::{Listening, send};
use crate::util::*;
use std::time::{Duration, Instant};

/// Reads lines until one is wanted; all of them.
fn wait_for(listening: &mut Listening, text: &str) -> String {
    use std::io::BufRead;
    let mut all = std::mem::take(&mut listening.early);
    if all.contains(text) {
        return all;
    }
    loop {
        let mut line = String::new();
        assert!(listening.stderr.read_line(&mut line).unwrap() > 0, "no '{text}' in {all}");
        all += &line;
        if line.contains(text) {
            return all;
        }
    }
}

fn alert(above: u32) -> String {
    format!(
        "stream|from().measurement('m').groupBy('host')|alert().crit(lambda: \"x\" > {above}.0)\
         .stateChangesOnly().id('{{{{ index .Tags \"host\" }}}}').message('{{{{ .ID }}}} {{{{ .Level }}}} {above}')"
    )
}

#[test]
fn tasks_of_a_folder_come_change_and_go_and_a_broken_one_leaves_the_old_at_work() {
    let folder = Folder::new("listen-tasks");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    folder.write("tasks/low.tick", &alert(1));
    folder.write("tasks/broken.tick", "stream|from()|nosuch()");
    let tasks = folder.path("tasks");
    let mut listening =
        Listening::start(&["--tasks", tasks.to_str().unwrap(), "--log-level", "info"]);
    let mut stream = listening.connect();
    let mut write = |line: &str| {
        assert_eq!(send(&mut stream, "POST /write?db=d&precision=s", "", line.as_bytes()).0, 204);
    };
    write("m,host=a x=5 1");
    folder.write("tasks/high.tick", &alert(10));
    wait_for(&mut listening, "task high: the version that was saved is at work");
    // Broken in every way: the version before goes on.
    for (text, why) in [("stream|from(", "task low: "), ("stream|from()|nosuch()", "task low: ")] {
        folder.write("tasks/low.tick", text);
        let log = wait_for(&mut listening, "the version before goes on");
        assert!(log.contains(why), "{log}");
    }
    write("m,host=a x=6 2\nm,host=b x=6 2");
    // The new version knows the level of each group: a is critical already.
    folder.write(
        "tasks/low.tick",
        &alert(1).replace("{{ .ID }} {{ .Level }} 1", "{{ .ID }} {{ .Level }} new"),
    );
    wait_for(&mut listening, "task low: the version that was saved is at work");
    write("m,host=a x=20 3\nm,host=b x=0 3");
    std::fs::remove_file(folder.path("tasks/low.tick")).unwrap();
    wait_for(&mut listening, "task low: its file has gone");
    write("m,host=b x=20 4");
    folder.write("tasks/broken.tick", &alert(3));
    wait_for(&mut listening, "task broken: the version that was saved is at work");
    let (out, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    let told: Vec<_> = out.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let told: Vec<_> =
        told.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        told,
        [
            "CRITICAL low a CRITICAL 1",
            "CRITICAL low b CRITICAL 1",
            "OK low b OK new",
            "CRITICAL high a CRITICAL 10",
            "CRITICAL high b CRITICAL 10"
        ],
        "{err}"
    );
}

const BATCH: &str = "batch|query('SELECT mean(x) FROM d.r.m').period(1s).every(1s)
    |alert().crit(lambda: \"x\" > 1.5).message('{{ index .Fields \"x\" }}')";

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
        let log = wait_for(&mut listening, "this tick has no answer");
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
    let log = wait_for(&mut listening, "missed, from ");
    assert!(log.contains("task b: ") && log.contains("the listener was away"), "{log}");
    wait(4);
    let (_, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
}
