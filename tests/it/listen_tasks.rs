//! `listen` with the tasks of a folder.

use crate::listener::{Listening, send};
use crate::util::*;

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
    listening.wait_for("task high: the saved version is running");
    // Broken in every way: the previous version keeps running.
    for (text, why) in [("stream|from(", "task low: "), ("stream|from()|nosuch()", "task low: ")] {
        folder.write("tasks/low.tick", text);
        let log = listening.wait_for("the previous version keeps running");
        assert!(log.contains(why), "{log}");
    }
    write("m,host=a x=6 2\nm,host=b x=6 2");
    // The new version knows the level of each group: a is critical already.
    folder.write(
        "tasks/low.tick",
        &alert(1).replace("{{ .ID }} {{ .Level }} 1", "{{ .ID }} {{ .Level }} new"),
    );
    listening.wait_for("task low: the saved version is running");
    write("m,host=a x=20 3\nm,host=b x=0 3");
    std::fs::remove_file(folder.path("tasks/low.tick")).unwrap();
    listening.wait_for("task low: its file was removed");
    write("m,host=b x=20 4");
    folder.write("tasks/broken.tick", &alert(3));
    listening.wait_for("task broken: the saved version is running");
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

#[test]
fn a_module_that_is_saved_renews_the_tasks_that_use_it_and_a_refused_task_is_seen() {
    let folder = Folder::new("listen-modules");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    let task = "stream|from()@scaled()|alert().crit(lambda: \"x\" > 5.0).stateChangesOnly()\
                .message('{{ index .Fields \"x\" }}').log('/tmp/alerts.log')";
    folder.write("tasks/user.tick", task);
    folder.write("tasks/other.tick", &alert(100));
    folder.write("lib.rhai", "fn scale(x) { x * 2.0 }");
    let script = folder.write(
        "scaled.rhai",
        "import \"lib\" as lib;\nfn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
         fn point(p, opt) { p.x = lib::scale(p.x); emit(p); }",
    );
    let (tasks, out) = (folder.path("tasks"), folder.path("out"));
    let udf = format!("scaled={}", script.display());
    let mut listening = Listening::start(&[
        "--tasks",
        tasks.to_str().unwrap(),
        "--udf",
        &udf,
        "--out",
        out.to_str().unwrap(),
        "--log-level",
        "info",
    ]);
    let mut stream = listening.connect();
    let mut write = |line: &str| {
        assert_eq!(send(&mut stream, "POST /write?db=d&precision=s", "", line.as_bytes()).0, 204);
    };
    write("m,host=a x=3 1");
    folder.write("lib.rhai", "fn scale(x) { x * -1.0 }");
    let log = listening.wait_for("task user: the saved version is running");
    assert!(!log.contains("task other: the version"), "{log}");
    write("m,host=a x=7 2");
    folder.write("lib.rhai", "fn scale(x) {");
    listening.wait_for("task user: the previous version keeps running: ");
    folder.write("tasks/refused.tick", "stream|nosuch()");
    listening.wait_for("task refused: it is not started: ");
    let (_, health) = send(&mut listening.connect(), "GET /health", "", b"");
    for text in [
        "\"status\":\"pass\"",
        "task refused",
        "it is not running",
        "task user",
        "the previous version keeps running",
    ] {
        assert!(health.contains(text), "{health}");
    }
    let (_, page) = send(&mut listening.connect(), "GET /metrics", "", b"");
    for line in [
        "rhai_udf_task_up{task=\"user\"} 1\n",
        "rhai_udf_task_up{task=\"refused\"} 0\n",
        "rhai_udf_task_reloads_total{task=\"user\"} 1\n",
        "rhai_udf_task_reloads_failed_total{task=\"user\"} 1\n",
    ] {
        assert!(page.contains(line), "{line} {page}");
    }
    folder.write("lib.rhai", "fn scale(x) { x * 3.0 }");
    listening.wait_for("task user: the saved version is running");
    std::fs::remove_file(folder.path("tasks/refused.tick")).unwrap();
    listening.wait_for("task refused: its file was removed");
    let (_, health) = send(&mut listening.connect(), "GET /health", "", b"");
    assert!(health.contains("\"checks\":[]"), "{health}");
    write("m,host=a x=4 3");
    let (stdout, err, code) = listening.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(stdout.matches("CRITICAL").count(), 2, "{stdout}");
    // The file has the alerts of all versions, and none of those that a version was only tried out on.
    let alerts = std::fs::read_to_string(out.join("user/alerts.log")).unwrap();
    let levels: Vec<_> = alerts
        .lines()
        .map(|line| line.split("\"level\":\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    assert_eq!(levels, ["CRITICAL", "OK", "CRITICAL"], "{alerts}");
}

#[test]
fn a_threshold_that_is_changed_is_taken_though_nothing_of_the_state_fits() {
    let folder = Folder::new("listen-threshold");
    std::fs::create_dir(folder.path("tasks")).unwrap();
    folder.write("tasks/t.tick", &alert(1));
    let tasks = folder.path("tasks");
    let mut listening =
        Listening::start(&["--tasks", tasks.to_str().unwrap(), "--log-level", "info"]);
    let mut stream = listening.connect();
    let write = "POST /write?db=d&precision=s";
    assert_eq!(send(&mut stream, write, "", b"m,host=a x=5 1").0, 204);
    folder.write("tasks/t.tick", &alert(2));
    let log = listening.wait_for("task t: the saved version is running");
    assert_eq!(log.matches("it starts fresh").count(), 1, "{log}");
    assert_eq!(send(&mut stream, write, "", b"m,host=a x=5 2").0, 204);
    let (out, err, code) = listening.stop();
    assert_eq!((out.matches("CRITICAL").count(), code), (4, Some(0)), "{out}{err}");
}
