//! Keeping state: what is done with a snapshot, which groups go, and what the state folder keeps.

use crate::daemon::Daemon;
use crate::util::*;
use rhai_udf::protocol::message::{EdgeType, InfoRequest};
use std::path::Path;

const COUNTER: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\", options: #{ size: #{ type: \
                       \"int\", default: 10 } } } }\nfn state(opt) { #{ w: moving_stats(opt.size) } }\nfn \
                       point(p) { p.n = this.w.push(p.x).count.to_float(); emit(p); }\n";

fn folder(name: &str, config: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("script.rhai", COUNTER);
    folder.write("rhai-udf.toml", config);
    folder
}

fn start(folder: &Folder, arguments: &[&str]) -> Daemon {
    Daemon::run(&folder.path("script.rhai"), arguments)
}

fn count(daemon: &mut Daemon, time: i64, group: &str) -> f64 {
    daemon.ask(point(time, group, &[("x", 1.0)]), "n")
}

/// A snapshot of a group that has seen three points, with these options.
fn snapshot(folder: &Folder, options: &[(&str, &[OptionArgument])]) -> Vec<u8> {
    let mut daemon = start(folder, &[]);
    daemon.init(options);
    for i in 0..3 {
        count(&mut daemon, i, "a");
    }
    daemon.snapshot()
}

#[test]
fn the_least_recently_seen_group_goes_when_there_are_too_many() {
    let folder = folder("max-groups", "[limits]\ngroups = 2");
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    for (group, n) in [("a", 1.0), ("b", 1.0), ("a", 2.0), ("c", 1.0), ("a", 3.0), ("b", 1.0)] {
        assert_eq!(count(&mut daemon, 1, group), n, "{group}");
    }
    let line = daemon.log.wait("is removed", 1);
    assert!(
        line.contains("the state of group 'b' is removed: there are more than [limits] groups"),
        "{line}"
    );
    daemon.signal("USR1");
    let line = daemon.log.wait("status:", 1);
    assert!(line.contains("2 groups, 2 evicted, 0 expired"), "{line}");
}

#[test]
fn a_group_that_was_not_seen_for_its_time_starts_fresh() {
    let folder = folder("ttl", "[state]\ngroup_ttl = '10s'");
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    let second = 1_000_000_000;
    for (group, time, n) in [
        ("a", 0, 1.0),
        ("a", 10, 2.0),
        ("a", 21, 1.0),
        ("b", 21, 1.0),
        ("b", 32, 1.0),
        ("b", 33, 2.0),
    ] {
        assert_eq!(count(&mut daemon, time * second, group), n, "{group} at {time}");
    }
    let (code, _) = {
        daemon.close_input();
        daemon.wait()
    };
    assert_eq!(code, Some(0));
    daemon.log.wait("3 expired", 1);
}

#[test]
fn a_clock_that_goes_backwards_or_far_ahead_loses_no_other_group() {
    let folder = folder("clock", "[state]\ngroup_ttl = '10s'");
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    let second = 1_000_000_000;
    let times = [
        ("a", 100, 1.0),
        ("b", i64::MAX / second, 1.0),
        ("a", 101, 2.0),
        ("a", -100, 3.0),
        ("a", 50, 4.0),
    ];
    for (group, time, n) in times {
        assert_eq!(count(&mut daemon, time * second, group), n, "{group} at {time}");
    }
}

#[test]
fn other_options_start_fresh_and_say_so_unless_told_otherwise() {
    let size: &[(&str, &[OptionArgument])] = &[("size", &[OptionArgument::Int(20)])];
    for (rule, expected) in [("fresh", Some(1.0)), ("use", Some(4.0)), ("refuse", None)] {
        let folder =
            folder(&format!("options-{rule}"), &format!("[state]\non_other_options = '{rule}'"));
        let snapshot = snapshot(&folder, &[]);
        let mut daemon = start(&folder, &[]);
        daemon.init(size);
        let restored = daemon.restore(snapshot);
        match expected {
            Some(n) => {
                restored.unwrap();
                assert_eq!(count(&mut daemon, 9, "a"), n);
                daemon.log.wait("snapshot: made with options", 1);
            }
            None => assert!(restored.unwrap_err().contains("[state] on_other_options")),
        }
    }
}

#[test]
fn other_options_go_through_migrate() {
    let folder = folder("options-migrate", "");
    let snapshot = snapshot(&folder, &[]);
    let migrate = "fn migrate(old, opt) { #{ w: moving_stats(opt.size).extend(old.w.values) } }\n";
    folder.write("script.rhai", &format!("{COUNTER}{migrate}"));
    let mut daemon = start(&folder, &[]);
    daemon.init(&[("size", &[OptionArgument::Int(2)])]);
    daemon.restore(snapshot).unwrap();
    assert_eq!(count(&mut daemon, 9, "a"), 2.0, "the window is smaller now");
}

#[test]
fn a_migrate_that_fails_for_a_group_starts_that_group_fresh() {
    let folder = folder("migrate-fails", "");
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    for group in ["a", "b", "b"] {
        count(&mut daemon, 1, group);
    }
    let snapshot = daemon.snapshot();
    let migrate = "fn migrate(old) { if old.w.count > 1 { throw \"too old\"; } old }\n";
    folder.write("script.rhai", &format!("{COUNTER}{migrate}"));
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    daemon.restore(snapshot).unwrap();
    daemon.log.wait("too old (in migrate, group 'b'); such groups start fresh", 1);
    assert_eq!((count(&mut daemon, 2, "a"), count(&mut daemon, 2, "b")), (2.0, 1.0));
}

#[test]
fn a_snapshot_of_an_unrelated_script_starts_fresh_and_says_so() {
    for (rule, fresh) in [("fresh", true), ("refuse", false)] {
        let folder = folder(&format!("alien-{rule}"), &format!("[state]\non_snapshot = '{rule}'"));
        let snapshot = snapshot(&folder, &[]);
        let text = COUNTER.replace("moving_stats(opt.size)", "running_stats()");
        let other = folder.write("other.rhai", &text);
        let mut daemon = Daemon::run(&other, &[]);
        daemon.init(&[]);
        match daemon.restore(snapshot) {
            Ok(()) => {
                daemon.log.wait("it was made by script.rhai, and this script is other.rhai", 1);
                assert_eq!((fresh, count(&mut daemon, 9, "a")), (true, 1.0));
            }
            Err(error) => {
                assert!(!fresh && error.contains("it was made by script.rhai"), "{error}")
            }
        }
    }
}

#[test]
fn a_moving_mean_does_not_go_on_as_a_running_one() {
    let folder = folder("kind", "");
    let snapshot = snapshot(&folder, &[]);
    folder.write("script.rhai", &COUNTER.replace("moving_stats(opt.size)", "running_stats()"));
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    daemon.restore(snapshot).unwrap();
    let line = "this.w is moving_stats, and state() makes running_stats; such groups start fresh";
    daemon.log.wait(line, 1);
    assert_eq!(count(&mut daemon, 9, "a"), 1.0);
}

#[test]
fn a_damaged_snapshot_starts_fresh_or_is_refused() {
    for (rule, fresh) in [("fresh", true), ("refuse", false)] {
        let folder =
            folder(&format!("damaged-{rule}"), &format!("[state]\non_snapshot = '{rule}'"));
        let mut damaged = snapshot(&folder, &[]);
        *damaged.last_mut().unwrap() ^= 1;
        for bytes in [damaged, b"foreign".to_vec(), Vec::new()] {
            let mut daemon = start(&folder, &[]);
            daemon.init(&[]);
            match daemon.restore(bytes) {
                Ok(()) => assert_eq!((fresh, count(&mut daemon, 9, "a")), (true, 1.0)),
                Err(error) => assert!(!fresh && error.starts_with("snapshot: it is"), "{error}"),
            }
        }
    }
}

fn state_files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rudf"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_state_folder_keeps_the_last_snapshots_and_the_end() {
    let folder = folder("state-dir", "[state]\nkeep = 2");
    let dir = folder.path("states");
    let mut daemon = start(&folder, &["--state-dir", dir.to_str().unwrap()]);
    daemon.init(&[]);
    for i in 0..4 {
        count(&mut daemon, i, "host=one");
        daemon.snapshot();
    }
    count(&mut daemon, 5, "host=one");
    daemon.finish();
    let names = ["task.udf2.end.rudf", "task.udf2.snapshot-0.rudf", "task.udf2.snapshot-1.rudf"];
    assert_eq!(state_files(&dir), names);
    let end = dir.join("task.udf2.end.rudf");
    let shown = feed(binary().arg("state").arg(&end), b"").text();
    assert!(shown.contains("host=one, last seen 1970-01-01T00:00:00.000000005Z"), "{shown}");
    assert!(shown.contains("moving_stats"), "{shown}");
    let json = feed(binary().args(["state", "--format", "json"]).arg(&end), b"").text();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["groups"][0]["group"], "host=one");
    // The state at the end continues the task.
    let mut daemon = start(&folder, &[]);
    daemon.init(&[]);
    daemon.restore(std::fs::read(&end).unwrap()).unwrap();
    assert_eq!(count(&mut daemon, 6, "host=one"), 6.0);
}

#[test]
fn what_is_no_snapshot_is_said_to_be_none() {
    let folder = Folder::new("no-snapshot");
    let file = folder.write("x.rudf", "hello");
    let run = feed(binary().arg("state").arg(&file), b"");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("it is not a state of rhai-udf (5 bytes)"), "{}", run.stderr);
    let run = feed(binary().arg("state").arg(folder.path("absent")), b"");
    assert!(run.stderr.contains("absent: cannot be read"), "{}", run.stderr);
}

/// Asks a script for its declaration, as the daemon does when it starts.
fn info(command: &mut std::process::Command) -> (EdgeType, EdgeType, Vec<String>) {
    let run = feed(command, &stream(vec![Request::Info(InfoRequest {}), init(&[])]));
    let mut answers = run.answers().into_iter();
    let Some(Answer::Info(info)) = answers.next() else { panic!("{}", run.stderr) };
    let Some(Answer::Init(init)) = answers.next() else { panic!("{}", run.stderr) };
    assert!(!init.success && !init.error.is_empty(), "{init:?}");
    let mut options: Vec<_> = info.options.keys().cloned().collect();
    options.sort();
    (info.wants(), info.provides(), options)
}

#[test]
fn a_broken_script_still_answers_with_its_info() {
    let folder = Folder::new("rescue");
    let text = "fn info() { #{ wants: \"batch\", provides: \"stream\", options: #{ f: \"string\" } } }\nfn \
                point(p { }";
    let script = folder.write("script.rhai", text);
    let found = info(binary().arg("run").arg(script));
    assert_eq!(found, (EdgeType::Batch, EdgeType::Stream, vec!["f".into()]));
}

#[test]
fn a_script_whose_info_is_broken_answers_with_its_last_good_declaration() {
    let folder = Folder::new("last-good");
    let dir = folder.path("states");
    let good = "fn info() { #{ wants: \"batch\", provides: \"batch\", options: #{ f: [\"string\", \
                \"duration\"] } } }\nfn end_batch(b) { }";
    let script = folder.write("script.rhai", good);
    let mut command = binary();
    command.arg("run").arg(&script).arg("--state-dir").arg(&dir);
    let expected = (EdgeType::Batch, EdgeType::Batch, vec!["f".to_owned()]);
    assert_eq!(info(&mut command), expected);
    folder.write("script.rhai", "fn info() {");
    assert_eq!(info(&mut command), expected);
    std::fs::remove_file(&script).unwrap();
    assert_eq!(info(&mut command), expected);
}

#[test]
fn a_broken_config_does_not_keep_the_daemon_from_starting() {
    let folder = folder("broken-config", "[limits]\ndepht = 1");
    let run = feed(
        binary().arg("run").arg(folder.path("script.rhai")),
        &stream(vec![Request::Info(InfoRequest {}), init(&[])]),
    );
    let answers = run.answers();
    assert!(matches!(&answers[0], Answer::Info(info) if info.options.contains_key("size")));
    assert!(
        matches!(&answers[1], Answer::Init(init) if !init.success && init.error.contains("depht"))
    );
}

#[test]
fn an_info_that_cannot_run_still_tells_its_options_without_a_state_folder() {
    let folder = Folder::new("literal");
    let text = "fn info() {\n    #{ wants: \"batch\", provides: \"stream\", about: missing(),\n       options: #{ \
                field: \"string\", size: #{ type: \"int\" min: 1 } } }\n}\nfn end_batch(b) { }\n";
    let script = folder.write("script.rhai", text);
    let found = info(binary().arg("run").arg(script));
    assert_eq!(found.0, EdgeType::Batch);
    assert!(found.2.contains(&"field".to_owned()), "{found:?}");
}

#[test]
fn a_refused_init_leaves_no_process_behind() {
    let folder = Folder::new("refused");
    let script = folder.write("script.rhai", "fn broken(");
    let mut child = binary()
        .arg("run")
        .arg(script)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe stays open, as the daemon leaves it.
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &stream(vec![init(&[])])).unwrap();
    let output = child.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains("init was refused, and the daemon has sent nothing for 5s: the process ends"),
        "{log}"
    );
    drop(stdin);
}
