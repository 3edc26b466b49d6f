//! A session of `run --dir` or `serve --dir` once its script is named, and what `conf` prints for a folder.

use crate::daemon::Daemon;
use crate::entry::{COUNT, SCALE, folder, udf};
use crate::util::OptionArgument::{Double, Int, Text};
use crate::util::*;
use rhai_udf::protocol::message::SnapshotRequest;

#[test]
fn a_named_script_reloads_and_keeps_its_snapshots() {
    let folder = folder("entry-reload");
    let state = folder.path("state");
    let start = || {
        let mut command = binary();
        command.args(["run", "--watch", "--dir"]).arg(folder.path(""));
        let mut daemon = Daemon::start(command.arg("--state-dir").arg(&state));
        daemon.init(&[("script", &[Text("count")])]);
        daemon
    };
    let mut daemon = start();
    assert_eq!(daemon.ask(point(1, "a", &[]), "n"), 1.0);
    folder.write("count.rhai", &COUNT.replace("this.n += 1.0", "this.n += 10.0"));
    daemon.log.wait("reload: version", 1);
    assert_eq!(daemon.ask(point(2, "a", &[]), "n"), 11.0);
    let snapshot = daemon.snapshot();
    assert_eq!(daemon.finish().0, Some(0));
    assert!(
        state.join("task.udf2.end.rudf").exists()
            && state.join("task.udf2.snapshot-0.rudf").exists()
    );
    let mut daemon = start();
    daemon.restore(snapshot.clone()).unwrap();
    assert_eq!(daemon.ask(point(3, "a", &[]), "n"), 21.0);
    // The state of another script of the folder is not taken for one's own.
    let mut other = Daemon::start(binary().args(["run", "--dir"]).arg(folder.path("")));
    other.init(&[
        ("script", &[Text("scale")]),
        ("field", &[Text("x")]),
        ("factor", &[Double(1.0)]),
    ]);
    other.restore(snapshot).unwrap();
    other.log.wait("it was made by count.rhai, and this script is scale.rhai", 1);
}

#[test]
fn workers_share_the_groups_of_the_script_that_is_named() {
    let folder = folder("entry-workers");
    let script = COUNT.replace("wants:", "scope: \"task\", wants:");
    folder.write("total.rhai", &script);
    for (name, last) in [("count", 50.0), ("total", 200.0)] {
        let mut requests = vec![if name == "count" {
            init(&[("script", &[Text("count")])])
        } else {
            init(&[("script", &[Text("total")])])
        }];
        requests.extend((0..200).map(|i| point(i, &format!("host=h{}", i % 4), &[])));
        requests.push(Request::Snapshot(SnapshotRequest {}));
        let mut most = Vec::new();
        for workers in ["1", "4"] {
            let run = udf(&folder, &["--workers", workers], requests.clone());
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            let told = run.stderr.contains("all groups share one state");
            assert_eq!(told, name == "total" && workers == "4", "{}", run.stderr);
            let points = run.points();
            assert_eq!(points.len(), 200);
            most.push(points.iter().map(|p| p.fields_double["n"]).fold(0.0, f64::max));
        }
        assert_eq!(most, [last, last]);
    }
}

#[test]
fn a_server_has_a_socket_for_each_pair_of_edges() {
    let folder = folder("entry-serve");
    let sockets = folder.path("run");
    let mut command = binary();
    command.args(["serve", "--dir"]).arg(folder.path("")).arg("--socket").arg(&sockets);
    let server = Daemon::start(&mut command);
    server.log.wait("served on", 7);
    let mut stream = Daemon::connect(&sockets.join("stream-to-stream.sock"));
    stream.init(&[("script", &[Text("count")])]);
    assert_eq!(stream.ask(point(1, "a", &[]), "n"), 1.0);
    let mut batches = Daemon::connect(&sockets.join("batch-to-stream.sock"));
    batches.init(&[("script", &[Text("sizes")]), ("size", &[Int(9)])]);
    batches.send_all(batch("", &[1.0]));
    assert_eq!(batches.point().fields_int["n"], 1);
    for name in ["batch-to-batch.sock", "stream-to-batch.sock", "count.sock"] {
        assert!(sockets.join(name).exists(), "{name}");
    }
    folder.write("new.rhai", SCALE);
    let mut late = Daemon::connect(&sockets.join("stream-to-stream.sock"));
    late.init(&[("script", &[Text("new")]), ("field", &[Text("x")]), ("factor", &[Double(2.0)])]);
    assert_eq!(late.ask(point(1, "a", &[("x", 2.0)]), "out"), 4.0);
}

/// What `conf --dir` prints is what the daemon reads, and its TICKscript runs.
#[test]
fn conf_prints_the_entries_of_a_folder() {
    let folder = folder("entry-conf");
    let dir = folder.path("");
    let run = feed(binary().args(["conf", "--dir"]).arg(&dir), b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.text();
    let (section, tick) = text.split_once("// A TICKscript:").unwrap();
    assert!(section.contains("# ") && section.contains("broken.rhai:2:12: "), "{section}");
    let table: toml::Table = section.parse().unwrap();
    let functions = table["udf"]["functions"].as_table().unwrap();
    assert_eq!(functions.keys().collect::<Vec<_>>(), ["rhai", "rhaiBatch"]);
    let args: Vec<&str> = functions["rhaiBatch"]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a.as_str().unwrap())
        .collect();
    assert_eq!(args[args.len() - 2..], ["--edges", "batch-to-stream"]);
    let data = folder.write("data.lp", "my_measurement value=1 1600000000000000000\n");
    let tick = folder.write("task.tick", tick);
    let mut command = binary();
    command.arg("replay").arg(tick).arg("--data").arg(data);
    for (name, function) in functions {
        let words = function["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap());
        let words: Vec<_> = words
            .filter(|word| !word.starts_with("--state-dir") && !word.starts_with("/var/"))
            .collect();
        let program = function["prog"].as_str().unwrap();
        command.arg("--udf").arg(format!("{name}=exec: {program} {}", words.join(" ")));
    }
    let run = feed(&mut command, b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run =
        feed(binary().args(["conf", "--name", "x", "--socket", "/run/u", "--dir"]).arg(&dir), b"");
    assert!(run.text().contains("[udf.functions.xBatch]\n"), "{}", run.text());
    assert!(run.text().contains("socket = \"/run/u/batch-to-stream.sock\""), "{}", run.text());
}
