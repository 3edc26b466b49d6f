//! `serve`: many uses of scripts in one process.

use crate::daemon::Daemon;
use crate::util::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

const COUNTER: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ n: 0.0 } \
                       }\nfn point(p) { if p.x < 0.0 { throw \"below zero\"; } if p.x > 100.0 { \
                       print(\"stuck\"); } while p.x > 100.0 { } this.n += 1.0; p.n = this.n; emit(p); }\n";

fn serve(arguments: &[&str]) -> Daemon {
    Daemon::start(binary().arg("serve").args(arguments))
}

/// Waits until a socket is there.
fn appears(path: &Path, wanted: bool) {
    let end = Instant::now() + crate::daemon::NEVER;
    while path.exists() != wanted {
        assert!(Instant::now() < end, "{}", path.display());
        std::thread::yield_now();
    }
}

fn served(folder: &Folder, arguments: &[&str]) -> (Daemon, std::path::PathBuf) {
    let script = folder.write("counter.rhai", COUNTER);
    let socket = folder.path("counter.sock");
    let mut all = vec!["--socket", socket.to_str().unwrap(), script.to_str().unwrap()];
    all.extend(arguments);
    let server = serve(&all);
    server.log.wait("served on", 1);
    (server, socket)
}

fn count(daemon: &mut Daemon) -> f64 {
    daemon.ask(point(1, "a", &[("x", 1.0)]), "n")
}

#[test]
fn two_hundred_connections_are_instances_of_their_own() {
    let folder = Folder::new("many");
    let (_server, socket) = served(&folder, &[]);
    let mut daemons: Vec<Daemon> = (0..200).map(|_| Daemon::connect(&socket)).collect();
    for daemon in &mut daemons {
        daemon.init(&[]);
    }
    for n in 1..=3 {
        for daemon in &mut daemons {
            assert_eq!(count(daemon), f64::from(n));
        }
    }
    for daemon in daemons {
        assert!(daemon.finish().1.is_empty());
    }
}

#[test]
fn a_failing_or_stuck_instance_disturbs_no_other() {
    let folder = Folder::new("apart");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '0'");
    let (server, socket) = served(&folder, &["--stop-timeout", "200ms"]);
    let [mut good, mut bad, mut stuck] = [(); 3].map(|()| Daemon::connect(&socket));
    for daemon in [&mut good, &mut bad, &mut stuck] {
        daemon.init(&[]);
    }
    stuck.send(point(1, "a", &[("x", 1000.0)]));
    bad.send(point(1, "a", &[("x", -1.0)]));
    assert!(matches!(bad.next(), Answer::Error(_)));
    assert!(bad.try_next().is_none(), "its connection is closed");
    assert_eq!(count(&mut good), 1.0);
    let mut late = Daemon::connect(&socket);
    late.init(&[]);
    assert_eq!(count(&mut late), 1.0);
    // The stuck one does not keep the server from ending, either.
    let mut server = server;
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    server.log.wait("ended with 1 sessions still busy", 1);
    assert!(!socket.exists());
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_refused() {
    let folder = Folder::new("stale");
    drop(std::os::unix::net::UnixListener::bind(folder.path("counter.sock")).unwrap());
    let (mut server, socket) = served(&folder, &["--mode", "0640"]);
    server.log.wait("no server listens on it any more; it is replaced", 1);
    let metadata = socket.metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    let script = folder.path("counter.rhai");
    let second = feed(binary().arg("serve").arg("--socket").arg(&socket).arg(script), b"");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another process serves it"), "{}", second.stderr);
    let mut daemon = Daemon::connect(&socket);
    daemon.init(&[]);
    assert_eq!(count(&mut daemon), 1.0);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    assert!(!socket.exists(), "it is removed at the end");
}

#[test]
fn the_default_mode_lets_only_the_owner_in() {
    let folder = Folder::new("mode");
    let owner = folder.path(".").metadata().unwrap();
    let owner = format!("{}:{}", owner.uid(), owner.gid());
    let (_server, socket) = served(&folder, &["--owner", &owner]);
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let run = feed(
        binary().args(["serve", "--owner", "nobody-of-that-name", "--socket", "x.sock", "x.rhai"]),
        b"",
    );
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("there is no user 'nobody-of-that-name'"), "{}", run.stderr);
}

#[test]
fn scripts_of_a_folder_come_and_go() {
    let folder = Folder::new("dir");
    std::fs::create_dir(folder.path("scripts")).unwrap();
    folder.write("scripts/one.rhai", COUNTER);
    folder.write("scripts/module.rhai", "fn helper() { 1 }");
    let (scripts, sockets) = (folder.path("scripts"), folder.path("run"));
    let server =
        serve(&["--dir", scripts.to_str().unwrap(), "--socket", sockets.to_str().unwrap()]);
    server.log.wait("served on", 1);
    let mut first = Daemon::connect(&sockets.join("one.sock"));
    first.init(&[]);
    folder.write("scripts/two.rhai", COUNTER);
    appears(&sockets.join("two.sock"), true);
    let mut second = Daemon::connect(&sockets.join("two.sock"));
    second.init(&[]);
    std::fs::remove_file(scripts.join("one.rhai")).unwrap();
    appears(&sockets.join("one.sock"), false);
    assert_eq!((count(&mut first), count(&mut second)), (1.0, 1.0), "the sessions continue");
    assert!(!sockets.join("module.sock").exists());
}

#[test]
fn a_saved_script_is_taken_over_by_every_connection() {
    let folder = Folder::new("serve-watch");
    let (server, socket) = served(&folder, &["--watch"]);
    let mut daemons: Vec<Daemon> = (0..20).map(|_| Daemon::connect(&socket)).collect();
    for daemon in &mut daemons {
        daemon.init(&[]);
        assert_eq!(count(daemon), 1.0);
    }
    folder.write("counter.rhai", &COUNTER.replace("+= 1.0", "+= 10.0"));
    server.log.wait("reload: version", 20);
    for daemon in &mut daemons {
        assert_eq!(count(daemon), 11.0);
    }
    server.signal("USR1");
    server.log.wait("status: 20 sessions", 1);
    server.log.wait("status: rhai-udf", 20);
}

#[test]
fn a_socket_that_systemd_made_is_used_and_systemd_is_told() {
    let folder = Folder::new("systemd");
    let script = folder.write("counter.rhai", COUNTER);
    let socket = folder.path("counter.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let notify = std::os::unix::net::UnixDatagram::bind(folder.path("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The shell plays systemd: the socket is descriptor 3, and LISTEN_PID its own.
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg("exec 3<&0; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"")
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_rhai-udf"))
        .args(["serve", "--socket"])
        .arg(&socket)
        .arg(&script)
        .env("NOTIFY_SOCKET", folder.path("notify"))
        .stdin(std::os::fd::OwnedFd::from(listener));
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut buffer = [0; 100];
    let length = notify.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"READY=1"));
    let mut daemon = Daemon::connect(&socket);
    daemon.init(&[]);
    assert_eq!(count(&mut daemon), 1.0);
    drop(daemon);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").arg(id).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(socket.exists(), "systemd keeps its socket");
}

#[test]
fn a_server_whose_socket_file_is_gone_ends_on_a_signal() {
    let folder = Folder::new("socket-gone");
    let (mut server, socket) = served(&folder, &[]);
    let mut daemon = Daemon::connect(&socket);
    daemon.init(&[]);
    std::fs::remove_file(&socket).unwrap();
    server.log.wait("was removed, so no daemon can connect", 1);
    assert_eq!(count(&mut daemon), 1.0, "the sessions continue");
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_script_that_is_removed_after_its_socket_ends_nothing_else() {
    let folder = Folder::new("dir-gone");
    std::fs::create_dir(folder.path("scripts")).unwrap();
    folder.write("scripts/one.rhai", COUNTER);
    folder.write("scripts/two.rhai", COUNTER);
    let (scripts, sockets) = (folder.path("scripts"), folder.path("run"));
    let mut server =
        serve(&["--dir", scripts.to_str().unwrap(), "--socket", sockets.to_str().unwrap()]);
    server.log.wait("served on", 2);
    std::fs::remove_file(sockets.join("one.sock")).unwrap();
    std::fs::remove_file(scripts.join("one.rhai")).unwrap();
    server.log.wait("it was removed and is no longer served", 1);
    let mut daemon = Daemon::connect(&sockets.join("two.sock"));
    daemon.init(&[]);
    assert_eq!(count(&mut daemon), 1.0);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_socket_that_another_server_has_made_since_is_left_alone() {
    let folder = Folder::new("taken-over");
    let (mut first, socket) = served(&folder, &[]);
    std::fs::remove_file(&socket).unwrap();
    let (mut second, _) = served(&folder, &[]);
    first.signal("TERM");
    assert_eq!(first.wait().0, Some(0));
    first.log.wait("another server has replaced it", 1);
    let mut daemon = Daemon::connect(&socket);
    daemon.init(&[]);
    assert_eq!(count(&mut daemon), 1.0);
    second.signal("TERM");
    assert_eq!(second.wait().0, Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_second_signal_does_not_wait_for_busy_sessions() {
    let folder = Folder::new("twice");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '0'");
    let (mut server, socket) = served(&folder, &["--stop-timeout", "1h"]);
    let mut stuck = Daemon::connect(&socket);
    stuck.init(&[]);
    stuck.send(point(1, "a", &[("x", 1000.0)]));
    // A session that had not begun with the point would end at the first signal.
    server.log.wait("stuck", 1);
    server.signal("TERM");
    server.log.wait("ending: 1 sessions", 1);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(1));
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = Folder::new("no-folder");
    let script = folder.write("counter.rhai", COUNTER);
    let socket = folder.path("nope/deep/x.sock");
    let run = feed(binary().arg("serve").arg("--socket").arg(&socket).arg(&script), b"");
    assert_eq!(run.code, Some(1));
    let missing = format!("the folder {} does not exist", folder.path("nope").display());
    assert!(run.stderr.contains(&missing), "{}", run.stderr);
}

#[test]
fn a_script_that_cannot_be_used_is_not_said_to_be_served() {
    let folder = Folder::new("broken-served");
    folder.write("broken.rhai", "fn info() { #{ wants: ");
    for name in ["nope.rhai", "broken.rhai"] {
        let (script, socket) = (folder.path(name), folder.path("x.sock"));
        let mut server = serve(&["--socket", socket.to_str().unwrap(), script.to_str().unwrap()]);
        let line = server.log.wait("every task that uses it is refused", 1);
        assert!(line.contains(name) && line.contains("[ERROR]"), "{line}");
        // The daemon can start all the same.
        let mut daemon = Daemon::connect(&socket);
        daemon.send(Request::Info(Default::default()));
        assert!(matches!(daemon.next(), Answer::Info(_)));
        assert!(!server.log.text().contains("served on"), "{}", server.log.text());
        server.signal("TERM");
        assert_eq!(server.wait().0, Some(0));
    }
}

#[test]
fn lines_of_a_session_name_its_task_and_node() {
    let folder = Folder::new("named-lines");
    let (server, socket) = served(&folder, &["--watch"]);
    let mut daemons = [(); 2].map(|()| Daemon::connect(&socket));
    for (i, daemon) in daemons.iter_mut().enumerate() {
        let request = rhai_udf::protocol::message::InitRequest {
            options: Vec::new(),
            task_id: format!("task{i}"),
            node_id: "jump3".into(),
        };
        daemon.send(Request::Init(request));
        assert!(matches!(daemon.next(), Answer::Init(init) if init.success));
        assert_eq!(count(daemon), 1.0);
    }
    let snapshot = daemons[0].snapshot();
    daemons[1].restore(snapshot).unwrap();
    server.log.wait("task 'task1', node 'jump3': snapshot: restored 1 groups", 1);
    folder.write("counter.rhai", &COUNTER.replace("+= 1.0", "+= 10.0"));
    server.log.wait("task 'task0', node 'jump3': reload: version", 1);
    server.log.wait("task 'task1', node 'jump3': reload: version", 1);
}
