use crate::util::{Fleet, Servers, assert_same, points, replayed, wait_for};

#[test]
fn workers_come_and_go() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 8\n[checkpoint]\nseconds = 1");
    let feed = fleet.feed();
    let mut all = String::new();
    let mut sent = 0;
    let mut more = |count: u64| {
        let lines = points(sent, sent + count, 40);
        feed.send_until_taken(&lines);
        all.push_str(&lines);
        sent += count;
    };
    let first = fleet.worker("w1");
    more(2000);
    let others = ["w2", "w3", "w4"].map(|id| fleet.worker(id));
    more(2000);
    wait_for("four workers at work", || {
        let status = fleet.status();
        let rows = status["partitions"].as_array().unwrap();
        let owners: std::collections::BTreeSet<_> =
            rows.iter().filter_map(|row| row["worker"].as_str()).collect();
        owners.len() >= 3 && rows.iter().all(|row| row["stage"] == "running")
    });
    more(2000);
    let [second, third, fourth] = others;
    assert_eq!(third.end(), Some(0));
    fourth.kill();
    more(2000);
    assert_same(&fleet.output(8000), &replayed(&fleet.script(), &all));
    drop((first, second));
}

#[test]
fn groups_are_spread_over_more_and_fewer_partitions() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 16");
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    let mut all = String::new();
    let mut sent = 0;
    let mut more = || {
        let lines = points(sent, sent + 3000, 40);
        feed.send_until_taken(&lines);
        all.push_str(&lines);
        sent += 3000;
    };
    more();
    for partitions in ["32", "5"] {
        let told = fleet.ok(&["repartition", "--partitions", partitions]);
        assert!(
            told.contains(&format!("{partitions} partitions; workers and feeds follow")),
            "{told}"
        );
        more();
    }
    assert_same(&fleet.output(9000), &replayed(&fleet.script(), &all));
    fleet.wait_until_running();
    assert_eq!(fleet.status()["generation"], 3);
}
