//! Faults of every kind: the process ends cleanly with a clear error, or goes on, and never crashes.

use crate::daemon::Daemon;
use crate::util::*;
use prost::Message;
use rhai_udf::agent::{AgentOptions, Pulse};
use rhai_udf::protocol::message::{KeepaliveRequest, Response, SnapshotRequest};
use rhai_udf::script::ScriptHandler;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const AVERAGE: [(&str, &[OptionArgument]); 2] =
    [("field", &[OptionArgument::Text("x")]), ("size", &[OptionArgument::Int(5)])];

fn average() -> std::path::PathBuf {
    repo("scripts/moving_avg.rhai")
}

/// A small session with every kind of message.
fn session() -> Vec<u8> {
    let mut all = vec![Request::Info(Default::default()), init(&AVERAGE)];
    all.push(point(1, "a", &[("x", 1.0)]));
    all.push(Request::Keepalive(KeepaliveRequest { time: 7 }));
    all.push(Request::Snapshot(SnapshotRequest {}));
    all.push(point(2, "b", &[("x", 2.0), ("y", -0.5)]));
    stream(all)
}

/// Runs requests through a session in this process: the answers, and whether it ended well.
pub(crate) fn converse(script: &Path, input: &[u8]) -> (Vec<u8>, Result<(), String>) {
    let output = Output::default();
    let config = rhai_udf::script::config::Config::beside(script).unwrap();
    let handler = ScriptHandler::load(script, config, &Pulse::default());
    let result = rhai_udf::agent::run(input, output.clone(), handler, &AgentOptions::default());
    let bytes = output.0.lock().unwrap().clone();
    (bytes, result.map(drop).map_err(|error| error.to_string()))
}

#[derive(Clone, Default)]
struct Output(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_input_cut_at_any_byte_ends_with_whole_answers() {
    let input = session();
    let mut boundary = 0;
    for cut in 0..=input.len() {
        let (output, result) = converse(&average(), &input[..cut]);
        let answers = answers(&output);
        match result {
            Ok(()) => boundary += 1,
            Err(error) => {
                assert!(error.contains("the input ended inside it"), "{error}");
                assert!(matches!(answers.last(), Some(Answer::Error(_))));
            }
        }
    }
    assert_eq!(boundary, 7, "between two of the six frames, before and after");
}

#[test]
fn a_byte_flipped_anywhere_breaks_nothing_but_the_session() {
    let input = session();
    for at in 0..input.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut flipped = input.clone();
            flipped[at] ^= flip;
            let (output, result) = converse(&average(), &flipped);
            // Text that is no longer UTF-8 goes back as it came; everything else can be read.
            let frames = frames(&output);
            if result.is_err() {
                let last = Response::decode(&frames.last().unwrap()[..]).unwrap();
                assert!(matches!(last.message, Some(Answer::Error(_))), "byte {at}");
            }
        }
    }
}

#[test]
fn the_real_process_survives_cuts_and_flips_too() {
    let input = session();
    for at in (0..input.len()).step_by(7) {
        let run = run_udf(&average(), &input[..at]);
        assert!(matches!(run.code, Some(0 | 1)), "{:?} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        let mut flipped = input.clone();
        flipped[at] ^= 0xff;
        let run = run_udf(&average(), &flipped);
        assert!(matches!(run.code, Some(0 | 1)), "{:?} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn a_frame_of_64_mib_goes_through() {
    let script = repo("scripts/mirror.rhai");
    let mut large = point(1, "a", &[("x", 1.0)]);
    if let Request::Point(point) = &mut large {
        point.fields_string.insert("text".into(), "x".repeat(64 << 20));
    }
    let run = run_udf(&script, &stream(vec![init(&[]), large]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.points()[0].fields_string["text"].len(), 64 << 20);
}

#[test]
fn a_length_that_is_never_filled_takes_no_memory() {
    let mut input = stream(vec![init(&AVERAGE)]);
    input.extend([0xff, 0xff, 0xff, 0xff, 0x07]);
    input.extend([0; 100]);
    let run = run_udf(&average(), &input);
    assert!(run.error().contains("the input ended inside it"), "{}", run.error());
}

#[test]
fn a_million_groups_stay_within_max_groups() {
    let folder = Folder::new("million");
    folder.write("rhai-udf.toml", "[limits]\ngroups = 1000");
    let script = folder.write(
        "script.rhai",
        "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ n: 0 } }\nfn \
         point(p) { this.n += 1; }\n",
    );
    let mut input = vec![init(&[])];
    input.extend((0..1_000_000).map(|i| point(i, &format!("host={i}"), &[("x", 1.0)])));
    input.push(Request::Snapshot(SnapshotRequest {}));
    let run = run_udf(&script, &stream(input));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("999000 groups were evicted"), "{}", run.stderr);
    let Some(Answer::Snapshot(snapshot)) = run.answers().pop() else { panic!() };
    assert!(snapshot.snapshot.len() < 40_000, "{}", snapshot.snapshot.len());
    assert!(run.stderr.lines().count() < 20, "the log is not flooded: {}", run.stderr);
}

#[test]
fn a_process_that_was_killed_continues_from_its_snapshot() {
    let mut first = Daemon::run(&average(), &[]);
    first.init(&AVERAGE);
    for i in 0..10 {
        first.ask(point(i, "a", &[("x", i as f64)]), "avg");
    }
    let snapshot = first.snapshot();
    first.send(point(10, "a", &[("x", 100.0)]));
    first.signal("KILL");
    drop(first);
    let mut second = Daemon::run(&average(), &[]);
    second.init(&AVERAGE);
    second.restore(snapshot).unwrap();
    assert_eq!(second.ask(point(10, "a", &[("x", 10.0)]), "avg"), 8.0);
}

#[test]
fn a_script_that_is_absent_unreadable_or_a_folder_is_refused_at_init() {
    let folder = Folder::new("bad-script");
    std::fs::create_dir(folder.path("folder.rhai")).unwrap();
    let unreadable = folder.write("unreadable.rhai", "");
    std::fs::set_permissions(&unreadable, std::fs::Permissions::from_mode(0o000)).unwrap();
    for name in ["absent.rhai", "folder.rhai", "unreadable.rhai"] {
        let run = run_udf(
            &folder.path(name),
            &stream(vec![Request::Info(Default::default()), init(&[])]),
        );
        let answers = run.answers();
        assert!(matches!(answers[0], Answer::Info(_)));
        let Answer::Init(init) = &answers[1] else { panic!() };
        assert!(!init.success && init.error.contains(name), "{init:?}");
    }
}

/// The memory of a process in KiB.
fn resident(daemon: &Daemon) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", daemon.id())).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

#[test]
fn a_thousand_reloads_take_no_memory_and_lose_no_point() {
    let folder = Folder::new("thousand");
    folder.write("rhai-udf.toml", "[reload]\nprobation = '0'");
    let text = |version: u32| {
        format!(
            "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0.0, w: \
             moving_stats(100) }} }}\nfn point(p) {{ this.n += 1.0; this.w.push(p.x); p.n = this.n; p.v = \
             {version}.0; emit(p); }}\n"
        )
    };
    let script = folder.write("script.rhai", &text(0));
    let mut daemon = Daemon::run(&script, &["--watch"]);
    daemon.init(&[]);
    let (mut sent, mut settled) = (0.0, 0);
    for version in 1..=1000u32 {
        folder.write("next", &text(version));
        std::fs::rename(folder.path("next"), &script).unwrap();
        loop {
            sent += 1.0;
            daemon.send(point(1, "a", &[("x", 1.0)]));
            let point = daemon.point();
            assert_eq!(point.fields_double["n"], sent);
            if point.fields_double["v"] == f64::from(version) {
                break;
            }
        }
        if version == 200 {
            settled = resident(&daemon);
        }
    }
    let grown = resident(&daemon).saturating_sub(settled);
    assert!(grown < 8 << 10, "{grown} KiB more after 800 reloads");
}

/// A server of a script on a socket, started by a shell that allows it only a few open files.
fn serve(folder: &Folder, script: &str) -> (Daemon, std::path::PathBuf) {
    let script = folder.write("script.rhai", script);
    let socket = folder.path("script.sock");
    let mut command = std::process::Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -S -n 256; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_rhai-udf"),
            "serve",
        ])
        .args(["--stop-timeout", "30s", "--socket"])
        .arg(&socket)
        .arg(script);
    let server = Daemon::start(&mut command);
    server.log.wait("served on", 1);
    (server, socket)
}

const SUM: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn state() { #{ sum: 0.0 } }\nfn \
                   point(p) { while p.x == 666.0 { } this.sum += p.x; p.sum = this.sum; emit(p); }\n";

#[test]
fn mutated_sessions_end_alone_and_the_server_goes_on() {
    use crate::fuzz::mutate;
    use rhai_udf::stats::Rng;
    use std::io::{Read, Write};
    let folder = Folder::new("mutated");
    folder.write("rhai-udf.toml", "[limits]\ncall_timeout = '1s'");
    let (mut server, socket) = serve(&folder, SUM);
    let mut honest = Daemon::connect(&socket);
    honest.init(&[]);
    let seeds = vec![
        stream(vec![
            Request::Info(Default::default()),
            init(&[]),
            point(1, "a", &[("x", 1.0)]),
            Request::Keepalive(KeepaliveRequest { time: 7 }),
            Request::Snapshot(SnapshotRequest {}),
            point(2, "b", &[("x", 2.0)]),
        ]),
        stream([vec![init(&[])], batch("a", &[1.0, 2.0, 3.0])].concat()),
        stream(vec![init(&[]), restore(vec![1, 2, 3]), point(2, "b", &[("x", 2.0)])]),
    ];
    let mut random = Rng::new(1);
    for i in 1..=500 {
        let bytes = mutate(&mut random, &seeds);
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).unwrap();
        for frame in frames(&answers) {
            Response::decode(&frame[..]).unwrap();
        }
        if i % 50 == 0 {
            let sum = honest.ask(point(i, "a", &[("x", 1.0)]), "sum");
            assert_eq!(sum, (i / 50) as f64);
        }
    }
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    assert!(!server.log.text().contains("panicked"), "{}", server.log.text());
}

#[test]
fn five_hundred_connections_are_served_where_the_shell_allows_256_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // The other end needs as many.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let folder = Folder::new("five-hundred");
    let (mut server, socket) = serve(&folder, SUM);
    let mut daemons: Vec<Daemon> = (0..500).map(|_| Daemon::connect(&socket)).collect();
    for daemon in &mut daemons {
        daemon.send_all(vec![init(&[]), point(1, "a", &[("x", 1.5)])]);
    }
    for daemon in &mut daemons {
        assert!(matches!(daemon.next(), Answer::Init(init) if init.success));
        assert_eq!(daemon.point().fields_double["sum"], 1.5);
    }
    server.signal("USR1");
    server.log.wait("status: 500 sessions", 1);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    for mut daemon in daemons {
        assert!(daemon.try_next().is_none(), "each has ended");
    }
}

#[test]
fn a_server_that_was_killed_in_the_middle_of_everything_starts_again() {
    let folder = Folder::new("killed");
    folder.write("rhai-udf.toml", "[limits]\noperations = 0\ncall_timeout = '0'");
    let mut snapshot = None;
    for round in 0..4 {
        let (server, socket) = serve(&folder, SUM);
        let mut started: Vec<Daemon> = (0..3).map(|_| Daemon::connect(&socket)).collect();
        for daemon in &mut started {
            daemon.init(&[]);
        }
        let [waits, half, stuck] = started.as_mut_slice() else { panic!() };
        if let Some(snapshot) = snapshot.take() {
            waits.restore(snapshot).unwrap();
        }
        let sum = waits.ask(point(1, "a", &[("x", 1.0)]), "sum");
        assert_eq!(sum, f64::from(round + 1), "it continues from the snapshot");
        snapshot = Some(waits.snapshot());
        half.send_part(&stream(vec![point(1, "a", &[("x", 1.0)])])[..9]);
        stuck.send(point(1, "a", &[("x", 666.0)]));
        let _connected = Daemon::connect(&socket);
        server.signal("KILL");
        assert!(started[0].try_next().is_none());
        drop(server);
        let left: Vec<_> =
            folder.path(".").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "the script, its configuration and the socket: {left:?}");
    }
}
