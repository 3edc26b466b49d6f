use crate::util::{Fleet, Servers, assert_same, points, replayed, wait_for};
use std::process::Command;

#[test]
fn what_is_fed_comes_out_as_a_replay_makes_it() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 4");
    let feed = fleet.feed();
    let worker = fleet.worker("a");
    let mut all = String::new();
    for i in 0..20 {
        let lines = points(i * 500, (i + 1) * 500, 40);
        feed.send_until_taken(&lines);
        all.push_str(&lines);
    }
    assert_same(&fleet.output(10_000), &replayed(&fleet.script(), &all));
    assert_eq!(feed.send("nonsense\n"), 400);
    assert_eq!(worker.end(), Some(0));
    let status = fleet.ok(&["status"]);
    assert!(status.contains("no owner"), "{status}");
}

#[test]
fn alerts_come_as_json_beside_the_points() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 2\ncrit = \"n > 2\"");
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&points(0, 20, 4));
    let output = fleet.output(24);
    let alerts: Vec<serde_json::Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(alerts.len(), 4, "one for each group: {output}");
    assert!(alerts.iter().all(|alert| alert["level"] == "CRITICAL" && alert["values"]["n"] == 3));
}

#[test]
fn a_tickscript_runs_on_a_fleet() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::new(
        servers.urls(),
        "partitions = 2\nscript = \"t.tick\"\nudf = { count = \"count.rhai\" }\ndbrp = \"d.autogen\"",
    );
    let script = "stream\n    |from()\n        .measurement('m')\n        .groupBy('host')\n    @count()\n    \
                  |alert()\n        .crit(lambda: \"n\" == 3)\n        .message('{{ .Level }} {{ index .Tags \"host\" }}')\n    \
                  |influxDBOut()\n        .database('d')\n        .measurement('counted')\n";
    std::fs::write(fleet.folder.path().join("t.tick"), script).unwrap();
    fleet.ok(&["create"]);
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&points(0, 16, 4));
    // Each group has two events, CRITICAL and OK; an alert passes on the points of its events only.
    let output = fleet.output(16);
    assert_eq!(output.lines().filter(|line| line.starts_with("counted,")).count(), 8, "{output}");
    assert!(output.contains("\"message\":\"CRITICAL h1\""), "{output}");
}

#[test]
fn recorded_data_is_learned_before_the_first_point() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 4");
    let (before, after) = (points(0, 1000, 10), points(1000, 1100, 10));
    std::fs::create_dir(fleet.folder.path().join("archive")).unwrap();
    std::fs::write(fleet.folder.path().join("archive/a.lp"), &before).unwrap();
    assert!(fleet.ok(&["seed", "--data", "archive"]).starts_with("1000 points were learned"));
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&after);
    let expected = replayed(&fleet.script(), &format!("{before}{after}"));
    let expected: String = expected.lines().skip(1000).flat_map(|line| [line, "\n"]).collect();
    assert_same(&fleet.output(100), &expected);
    let refused = fleet.run(&["seed", "--data", "archive"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn metrics_and_status_say_what_happens() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 2");
    let log = std::fs::File::create(fleet.folder.path().join("worker.log")).unwrap();
    let mut worker = fleet
        .command(&["worker", "--id", "a", "--metrics", "127.0.0.1:0"])
        .stderr(log)
        .spawn()
        .unwrap();
    let feed = fleet.feed();
    feed.send_until_taken(&points(0, 100, 10));
    fleet.output(100);
    let log = || std::fs::read_to_string(fleet.folder.path().join("worker.log")).unwrap();
    let log = log();
    let url = log.split("metrics on http://").nth(1).unwrap().split('/').next().unwrap();
    let mut metrics = String::new();
    wait_for("metrics", || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(url).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        metrics.clear();
        stream.read_to_string(&mut metrics).unwrap();
        let sum: f64 = metrics
            .lines()
            .filter(|line| line.starts_with("rhai_udf_fleet_points_in_total{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        sum == 100.0
    });
    assert!(
        metrics.contains("rhai_udf_fleet_takeovers_total{fleet=\"t\",worker=\"a\"} 3"),
        "{metrics}"
    );
    let status = fleet.status();
    assert_eq!(status["output_copied_by"], "a");
    assert!(status["output_lag"].is_u64(), "{status}");
    wait_for("the end of the lag", || fleet.status()["output_lag"] == 0);
    assert!(metrics.contains("rhai_udf_fleet_output_lag_seconds{"), "{metrics}");
    assert!(fleet.ok(&["drain", "--worker", "a"]).contains("drained"));
    assert_eq!(worker.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_usage_says_what_to_do_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("count.rhai"), include_str!("../scripts/count.rhai"))
        .unwrap();
    let run = |config: &str| {
        std::fs::write(folder.path().join("f.toml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_rhai-udf-nats"))
            .args(["create", "-c", "f.toml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), crate::util::text(&output.stderr))
    };
    for (config, part) in [
        ("name = \"a.b\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"", "letters, digits"),
        ("name = \"a\"\nservers = [\"a b\"]\nscript = \"s.rhai\"", "write nats://HOST:4222"),
        (
            "name = \"a\"\nserver = [\"nats://x\"]\nscript = \"s.rhai\"",
            "line 2: unknown field `server`",
        ),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\npartition = 3",
            "did you mean partitions?",
        ),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\n[security]\nnky = 3",
            "line 5: unknown field `nky`",
        ),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\n[security]\nnkey = \"n\"\ncredentials = \"c\"",
            "one of them",
        ),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"count.rhai\"\n[security]\nca = \"count.rhai\"",
            "ca holds no certificate",
        ),
        ("name = \"a\"\nservers = []\nscript = \"s.rhai\"", "name at least one"),
        ("name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nfeild = 1", "feild"),
        ("name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nreplicas = 2", "1, 3 or 5"),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"count.rhai\"\ncrit = \"n >\"",
            "crit: n >",
        ),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nperiod = \"5m\"",
            "write period and every together",
        ),
    ] {
        let (code, message) = run(config);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn names_that_are_not_there_are_told_with_the_nearest_one() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 2");
    let worker = fleet.worker("first");
    fleet.wait_until_running();
    let mut other = Fleet::new(servers.urls(), "partitions = 2");
    other.name = "fleet".into();
    other.configure("f.toml", "");
    for command in [
        &["status"][..],
        &["tail", "--all", "--idle", "1"],
        &["drain", "--all"],
        &["worker"],
        &["feed", "--bind", "127.0.0.1:0"],
        &["repartition", "--partitions", "3"],
    ] {
        let (code, message) = ended(&other.run(command));
        assert_eq!(code, Some(2), "{command:?}: {message}");
        assert!(
            message.contains("have no fleet \"fleet\"") && message.contains("they have t"),
            "{message}"
        );
    }
    std::fs::write(fleet.folder.path().join("bad.lp"), "no line\nm,host=a x=1 1\n").unwrap();
    for (command, code, part) in [
        (
            &["drain", "--worker", "fisrt"][..],
            2,
            "no worker is called fisrt; running workers: first; did you mean first?",
        ),
        (
            &["deploy", "count.rahi"],
            1,
            "count.rahi: cannot be read: No such file or directory (os error 2); did you mean count.rhai?",
        ),
        (&["seed", "--data", "nothing"], 1, "nothing: cannot be read"),
        (&["seed", "--data", "bad.lp"], 1, "bad.lp:1: not line protocol"),
        (&["resume", "--partition", "0", "--accept-gap"], 2, "worker first is at work on it"),
        (&["feed", "--bind", "192.0.2.1:9"], 1, "choose another with --bind"),
        (&["seed", "--data", "bad.lp", "--skip-bad-lines"], 0, "1 lines were skipped"),
    ] {
        let (ended_with, message) = ended(&fleet.run(command));
        assert_eq!(ended_with, Some(code), "{command:?}: {message}");
        assert!(message.contains(part), "{command:?}: {message}");
    }
    assert_eq!(worker.end(), Some(0));
    for part in [&["--partition", "0"][..], &["--output"]] {
        let (code, message) = ended(&fleet.run(&[&["resume", "--accept-gap"], part].concat()));
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("nothing is seen to be missing: start a worker"), "{message}");
    }
    fleet.configure("f.toml", "[streams]\ninput_bytes = 5000");
    let (code, message) = ended(&fleet.run(&["create"]));
    assert_eq!(code, Some(0), "{message}");
    assert!(
        message.contains("input_bytes: the fleet has 268435456, the configuration says 5000"),
        "{message}"
    );
    let (code, message) = ended(&fleet.run(&["drain", "--all"]));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("no worker of this fleet is running"), "{message}");
}

fn ended(output: &std::process::Output) -> (Option<i32>, String) {
    (output.status.code(), crate::util::text(&output.stderr))
}
