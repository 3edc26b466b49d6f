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
    assert!(fleet.ok(&["seed", "--data", "archive"]).starts_with("1000 points learned"));
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
        ("name = \"a\"\nserver = [\"nats://x\"]\nscript = \"s.rhai\"", "unknown field `server`"),
        ("name = \"a\"\nservers = []\nscript = \"s.rhai\"", "name at least one"),
        ("name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nfeild = 1", "feild"),
        ("name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nreplicas = 2", "1, 3 or 5"),
        (
            "name = \"a\"\nservers = [\"nats://x\"]\nscript = \"s.rhai\"\nperiod = \"5m\"",
            "go together",
        ),
    ] {
        let (code, message) = run(config);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(part), "{message}");
    }
}
