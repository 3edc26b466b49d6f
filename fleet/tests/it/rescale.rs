use crate::util::{Client, Fleet, Servers, assert_same, points, replayed, settled, wait_for};

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

/// The generation of the layout, and its partitions.
fn layout(fleet: &Fleet) -> (u64, u32) {
    let status = fleet.status();
    let partitions = status["partitions"].as_array().unwrap().len();
    (status["generation"].as_u64().unwrap(), partitions as u32)
}

fn assert_no_other_streams(client: &Client, generation: u64) {
    let streams = client.streams();
    let own = |name: &String| {
        name.starts_with(&format!("t_IN_{generation}_"))
            || name.starts_with(&format!("t_J_{generation}_"))
    };
    let known = |name: &String| own(name) || name == "t_META" || name == "t_OUT";
    assert!(streams.iter().all(known), "generation {generation}: {streams:?}");
}

#[test]
fn a_repartition_among_kills_is_run_again_or_taken_back() {
    let Some(mut servers) = Servers::start(3) else { return };
    let rest =
        "partitions = 3\nreplicas = 3\n[streams]\nkeep_input = true\n[checkpoint]\nseconds = 1";
    let fleet = Fleet::create(servers.urls(), rest);
    let feed = fleet.feed();
    let mut worker = fleet.worker("a");
    let _other = fleet.worker("b");
    feed.send_until_taken(&points(0, 2000, 40));
    let client = Client::new(&servers.urls());
    let mut fed = client.fed(1, 3);
    // It dies together with a worker and a server as soon as the inputs are closed.
    let begun = fleet.begin(&["repartition", "--partitions", "5"]);
    wait_for("closed inputs", || begun.log().contains("the inputs are closed"));
    begun.kill();
    servers.kill(0);
    worker.signal("-KILL");
    worker = fleet.worker("a");
    assert_ne!(feed.send(&points(2000, 2100, 40)), 204, "the inputs are closed");
    servers.restart(0);
    // It dies together with a server as soon as it makes new streams, on the way to another number.
    let is_new = |name: &String| name.starts_with("t_J_") && !name.starts_with("t_J_1_");
    let mut begun = fleet.begin(&["repartition", "--partitions", "6"]);
    wait_for("a new stream", || {
        if begun.log().contains("error:") {
            begun = fleet.begin(&["repartition", "--partitions", "6"]);
        }
        client.streams().iter().any(is_new)
    });
    begun.kill();
    servers.kill(1);
    servers.restart(1);
    // Taken back: the number from before. While servers find together again it may fail, and is run again.
    wait_for("the old number", || {
        fleet.run(&["repartition", "--partitions", "3"]).status.success()
    });
    fleet.wait_until_running();
    let (generation, partitions) = layout(&fleet);
    assert_eq!(partitions, 3);
    feed.send_until_taken(&points(2000, 4000, 40));
    let (more, output) = settled(&fleet, &client, (generation, partitions), fed.lines().count());
    fed.push_str(&more);
    assert_same(&output, &replayed(&fleet.script(), &fed));
    assert_no_other_streams(&client, generation);
    drop(worker);
}

#[test]
fn of_two_repartitions_at_once_one_is_refused_and_nothing_is_lost() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 4");
    let (feed, _worker) = (fleet.feed(), fleet.worker("a"));
    let mut all = points(0, 2000, 40);
    feed.send_until_taken(&all);
    fleet.wait_until_running();
    let begun = ["8", "2"].map(|number| fleet.begin(&["repartition", "--partitions", number]));
    let ended = begun.map(|process| {
        wait_for("its end", || {
            process.log().contains("follow") || process.log().contains("error:")
        });
        process.log()
    });
    let done =
        ended.iter().filter(|log| log.contains("partitions; workers and feeds follow")).count();
    assert!(done >= 1, "{ended:?}");
    assert!(
        ended.iter().all(|log| log.contains("follow") || log.contains("another repartition")),
        "{ended:?}"
    );
    let more = points(2000, 4000, 40);
    feed.send_until_taken(&more);
    all.push_str(&more);
    assert_same(&fleet.output(4000), &replayed(&fleet.script(), &all));
    let (generation, _) = layout(&fleet);
    assert_no_other_streams(&Client::new(&servers.urls()), generation);
}
