use crate::util::{Client, Fleet, Servers, by_group, points, text, wait_for};
use std::sync::atomic::{AtomicBool, Ordering};

/// The script that numbers points, as version `number`, which it writes too.
fn version(number: u32) -> String {
    let script = include_str!("../scripts/count.rhai");
    script.replace("emit(p);", &format!("p.version = {number};\n    emit(p);"))
}

#[test]
fn versions_change_between_two_points_and_keep_the_state() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 4\n[checkpoint]\nseconds = 1");
    let feed = fleet.feed();
    let mut worker = fleet.worker("a0");
    let mut sent = 0;
    fleet.wait_until_running();
    for number in 1..=2 {
        feed.send_until_taken(&points(sent, sent + 2000, 20));
        sent += 2000;
        std::fs::write(fleet.script(), version(number)).unwrap();
        let deployed = fleet.ok(&["deploy", "count.rhai"]);
        assert!(deployed.contains("4 of 4 partitions run version"), "{deployed}");
        feed.send_until_taken(&points(sent, sent + 2000, 20));
        sent += 2000;
        // The next worker plays from the last checkpoint, with the version that was used.
        let next = fleet.worker(&format!("a{number}"));
        std::mem::replace(&mut worker, next).kill();
        fleet.wait_until_running();
    }
    let output = fleet.output(sent as usize);
    assert_eq!(output.lines().count() as u64, sent);
    assert_numbered(&output, 2);
}

/// Each group is numbered without a gap, versions only rise, and the last one is reached.
fn assert_numbered(output: &str, newest: u32) {
    for (group, lines) in by_group(output) {
        let mut last = 0;
        for (i, line) in lines.iter().enumerate() {
            assert!(line.contains(&format!("n={}i", i + 1)), "{group}: line {i}: {line}");
            let version = line
                .split("version=")
                .nth(1)
                .map_or(0, |rest| rest.split('i').next().unwrap().parse::<u32>().unwrap());
            assert!(version >= last, "{group}: version {version} after {last}");
            last = version;
        }
        assert_eq!(last, newest, "{group}");
    }
}

#[test]
fn versions_are_deployed_while_workers_and_servers_are_killed() {
    let Some(mut servers) = Servers::start(3) else { return };
    let rest =
        "partitions = 3\nreplicas = 3\n[streams]\nkeep_input = true\n[checkpoint]\nseconds = 1";
    let fleet = Fleet::create(servers.urls(), rest);
    let feed = fleet.feed();
    let mut workers = ["a", "b"].map(|id| fleet.worker(id));
    fleet.wait_until_running();
    let feeding = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            let mut next = 0;
            while feeding.load(Ordering::Acquire) {
                feed.send_until_taken(&points(next, next + 100, 20));
                next += 100;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            // Each group gets points of the last version.
            feed.send_until_taken(&points(next, next + 100, 20));
        });
        for number in 1..=2u32 {
            let which = number as usize % 2;
            std::fs::write(fleet.script(), version(number)).unwrap();
            // Servers take up to 20 s to agree on leaders again, so one of them dies in the second round only.
            if number == 2 {
                servers.kill(2);
            }
            let id = ["a", "b"][which];
            workers[which].signal("-KILL");
            workers[which] = fleet.worker(id);
            // It may be refused while partitions have no owner, and is then deployed nowhere.
            wait_for("a deployment", || fleet.run(&["deploy", "count.rhai"]).status.success());
            if number == 2 {
                servers.restart(2);
            }
        }
        feeding.store(false, Ordering::Release);
        feeder.join().unwrap();
    });
    let stored = Client::new(&servers.urls()).fed(1, 3).lines().count();
    let output = fleet.output(stored);
    assert_eq!(output.lines().count(), stored);
    assert_numbered(&output, 2);
}

#[test]
fn a_version_that_one_state_refuses_is_taken_nowhere() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 4");
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    fleet.wait_until_running();
    feed.send_until_taken(&points(0, 1000, 20));
    fleet.output(1000);
    let before = fleet.status()["version"].clone();
    std::fs::write(
        fleet.folder.path().join("rhai-udf.toml"),
        "[state]\non_snapshot = \"refuse\"\n",
    )
    .unwrap();
    let refusing = version(9) + "\nfn migrate(old) { if old.n > 49 { throw \"too many\" } old }\n";
    std::fs::write(fleet.folder.path().join("bad.rhai"), refusing).unwrap();
    let refused = fleet.run(&["deploy", "bad.rhai"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(message.contains("refuses the version") && message.contains("too many"), "{message}");
    let status = fleet.status();
    assert_eq!(status["version"], before);
    assert!(status["partitions"].as_array().unwrap().iter().all(|row| row["version"] == before));
}

#[test]
fn a_script_that_fails_stops_its_partition_until_a_mended_one_is_deployed() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 1");
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&points(0, 100, 5));
    fleet.output(100);
    feed.send_until_taken("m,host=h1 y=1 1700000001000000000\n");
    wait_for("a stop", || fleet.status()["partitions"][0]["stage"] == "stopped");
    let status = fleet.ok(&["status"]);
    assert!(status.contains("STOPPED") && status.contains("Deploy a version"), "{status}");
    let mended = version(2).replace("fn point(p) {", "fn point(p) {\n    if p.x == () { return; }");
    std::fs::write(fleet.script(), mended).unwrap();
    fleet.run(&["deploy", "count.rhai"]);
    feed.send_until_taken(&points(100, 200, 5));
    let output = fleet.output(200);
    for (group, lines) in by_group(&output) {
        assert_eq!(lines.len(), 40, "{group}");
        assert!(lines[39].contains("n=40i"), "{}", lines[39]);
    }
}
