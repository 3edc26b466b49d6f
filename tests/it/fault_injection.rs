//! Faults of every kind: the process ends cleanly with a clear error, or goes on, and never crashes.

use crate::daemon::Daemon;
use crate::util::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prost::Message;
use rhai_udf::agent::{AgentOptions, Pulse, Session};
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
fn converse(script: &Path, input: &[u8]) -> (Vec<u8>, Result<(), String>) {
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

/// Answers to data, of one piece or of two with a snapshot between them; those of each group in
/// their order, since chunks of different groups may overtake each other.
fn play(script: &Path, init: &Request, pieces: &[&[Request]]) -> Vec<Answer> {
    let mut all = answers_to(script, init, pieces);
    if !all.iter().any(|answer| matches!(answer, Answer::Begin(_))) {
        all.sort_by_key(|answer| match answer {
            Answer::Point(point) => (0, point.group.clone()),
            _ => (1, String::new()),
        });
    }
    all
}

fn answers_to(script: &Path, init: &Request, pieces: &[&[Request]]) -> Vec<Answer> {
    let mut all = Vec::new();
    let mut snapshot: Option<Vec<u8>> = None;
    for piece in pieces {
        let handler = ScriptHandler::load(script, Default::default(), &Pulse::default());
        let mut session = Session::new(handler);
        let mut feed = vec![init.clone()];
        feed.extend(snapshot.take().map(|snapshot| {
            Request::Restore(rhai_udf::protocol::message::RestoreRequest { snapshot })
        }));
        feed.extend(piece.iter().cloned());
        feed.push(Request::Snapshot(SnapshotRequest {}));
        for frame in frames(&stream(feed)) {
            if let Err(error) = session.handle(&frame) {
                session.fail(&error);
                break;
            }
        }
        for answer in answers(session.output().committed()) {
            match answer {
                Answer::Snapshot(s) => snapshot = Some(s.snapshot),
                Answer::Begin(_) | Answer::Point(_) | Answer::End(_) => all.push(answer),
                Answer::Init(init) => assert!(init.success, "{}", init.error),
                Answer::Restore(restore) => assert!(restore.success, "{}", restore.error),
                // What fails in one piece fails in two, at the same message.
                Answer::Error(error) => {
                    all.push(Answer::Error(error));
                    return all;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    all
}

/// Random data of a few groups, as a stream or as batches.
fn data(batches: bool) -> impl Strategy<Value = Vec<Vec<Request>>> {
    let value = prop_oneof![-1e3..1e3f64, Just(0.0), Just(1e12), -1e-9..1e-9f64];
    let one = (0..3usize, prop::collection::vec(value, 4..12));
    prop::collection::vec(one, 1..30).prop_map(move |items| {
        let mut time = 0;
        let mut tick = || {
            time += 1_000_000_000;
            time
        };
        let group = |i: usize| ["", "host=a", "host=b"][i];
        items
            .into_iter()
            .flat_map(|(i, values)| {
                let points: Vec<Request> =
                    values.iter().map(|x| point(tick(), group(i), &[("x", *x)])).collect();
                if !batches {
                    return points.into_iter().map(|p| vec![p]).collect::<Vec<_>>();
                }
                let (name, group) = ("m".to_owned(), group(i).to_owned());
                let begin = rhai_udf::protocol::message::BeginBatch {
                    name: name.clone(),
                    group: group.clone(),
                    ..Default::default()
                };
                let end = rhai_udf::protocol::message::EndBatch {
                    name,
                    group,
                    tmax: tick(),
                    ..Default::default()
                };
                let mut batch = vec![Request::Begin(begin)];
                batch.extend(points);
                batch.push(Request::End(end));
                vec![batch]
            })
            .collect()
    })
}

/// For random data and cuts: both pieces give what the whole gives.
fn continues(script: &Path, init: &Request, batches: bool, cases: u32) {
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let strategy = (data(batches), any::<prop::sample::Index>());
    let tested = runner.run(&strategy, |(units, cut)| {
        let cut = cut.index(units.len() + 1);
        let (a, b) = (units[..cut].concat(), units[cut..].concat());
        let whole = play(script, init, &[&units.concat()]);
        let pieces = play(script, init, &[&a, &b]);
        prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
}

/// Options for each shipped script, from its declaration: the field is `x`, numbers are small.
fn options_of(script: &Path) -> (Request, bool) {
    use rhai_udf::protocol::message::{
        EdgeType, InitOption, InitRequest, OptionValue, ValueType, option_value::Value,
    };
    let handler = ScriptHandler::load(script, Default::default(), &Pulse::default());
    let declaration = handler.program().unwrap().declaration();
    let value = |kind: &ValueType, spec: &rhai_udf::script::OptionSpec| {
        let least = spec.min.unwrap_or(0.0);
        let value = match kind {
            ValueType::String => Value::StringValue("x".into()),
            ValueType::Int => Value::IntValue((least as i64).max(4)),
            ValueType::Double => Value::DoubleValue(spec.max.unwrap_or(2.0).min(least.max(0.5))),
            ValueType::Bool => Value::BoolValue(true),
            ValueType::Duration => Value::DurationValue((least as i64).max(10_000_000_000)),
        };
        OptionValue { r#type: (*kind).into(), value: Some(value) }
    };
    let options = declaration
        .options
        .iter()
        .filter(|(_, spec)| spec.default.is_none())
        .map(|(name, spec)| InitOption {
            name: name.clone(),
            values: spec.types.iter().map(|kind| value(kind, spec)).collect(),
        })
        .collect();
    let request = InitRequest { options, task_id: "t".into(), node_id: "n".into() };
    (Request::Init(request), declaration.wants == EdgeType::Batch)
}

#[test]
fn every_shipped_script_continues_from_a_snapshot_at_any_cut() {
    let mut scripts = 0;
    for entry in repo("scripts").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "rhai") {
            continue;
        }
        let (init, batches) = options_of(&path);
        continues(&path, &init, batches, 24);
        scripts += 1;
    }
    assert!(scripts >= 6);
}

/// A random script: statements that change a state of numbers, arrays, maps and native objects.
fn random_script() -> impl Strategy<Value = String> {
    let statement = prop_oneof![
        Just("this.n += 1;"),
        Just("this.sum += p.x;"),
        Just("this.list.push(p.x); if this.list.len() > 7 { this.list.remove(0); }"),
        Just("this.map[`k${this.n % 5}`] = p.x;"),
        Just("this.window.push(p.x);"),
        Just("this.running.push(p.x);"),
        Just("this.nested.inner.text = `${this.n}`;"),
        Just("this.last = p;"),
        Just("if p.x > this.sum { this.flag = !this.flag; }"),
        Just("this.window = moving_stats(3 + this.n % 4);"),
        Just("this.copy = this.window;"),
        Just(
            "this.list = this.list + this.map.values();  if this.list.len() > 40 { this.list = []; }"
        ),
        Just("if this.last != () { p.before = this.last.x; }"),
    ];
    prop::collection::vec(statement, 1..10).prop_map(|body| {
        format!(
            "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0, sum: \
             0.0, list: [], map: #{{}}, window: moving_stats(5), running: running_stats(), nested: #{{ \
             inner: #{{ text: \"\" }} }}, last: (), flag: false, copy: () }} }}\nfn point(p) {{\n{}\np.n = \
             this.n; p.sum = this.sum; p.len = this.list.len(); p.keys = this.map.len(); p.count = \
             this.window.count; if this.window.count > 0 {{ p.mean = this.window.mean; }} p.flag = \
             this.flag; p.text = this.nested.inner.text; emit(p);\n}}\n",
            body.join("\n")
        )
    })
}

#[test]
fn random_scripts_continue_from_a_snapshot_at_any_cut() {
    let folder = Folder::new("random");
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let tested = runner.run(
        &(random_script(), data(false), any::<prop::sample::Index>()),
        |(text, units, cut)| {
            let script = folder.write("script.rhai", &text);
            let cut = cut.index(units.len() + 1);
            let (a, b) = (units[..cut].concat(), units[cut..].concat());
            let whole = play(&script, &init(&[]), &[&units.concat()]);
            let pieces = play(&script, &init(&[]), &[&a, &b]);
            prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
            prop_assert!(!whole.is_empty());
            Ok(())
        },
    );
    tested.unwrap();
}

/// Random scripts that fail at random points: with `skip` the rest is as if those had never come.
#[test]
fn random_scripts_are_left_as_if_failing_points_had_never_come() {
    let folder = Folder::new("random-skip");
    folder.write("rhai-udf.toml", "on_error = 'skip'");
    let mut runner =
        TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&(random_script(), data(false), 2..9usize), |(text, units, nth)| {
        let text = text.replace("emit(p);\n}", "if p.has(\"bad\") { throw 1; } emit(p);\n}");
        let script = folder.write("script.rhai", &text);
        let good = units.concat();
        let mut mixed = vec![init(&[])];
        for (i, request) in good.iter().enumerate() {
            if i % nth == 1 {
                let mut bad = request.clone();
                if let Request::Point(point) = &mut bad {
                    point.fields_double.insert("bad".into(), 1.0);
                }
                mixed.push(bad);
            }
            mixed.push(request.clone());
        }
        let (output, result) = converse(&script, &stream(mixed));
        prop_assert!(result.is_ok(), "{:?}", result);
        let ours = points(&answers(&output));
        let theirs = points(&answers_to(&script, &init(&[]), &[&good]));
        prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        Ok(())
    });
    tested.unwrap();
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
