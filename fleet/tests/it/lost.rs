use crate::util::{Client, Fleet, Servers, points, wait_for};

/// A fleet of one partition that has played something and stands still.
fn at_rest(servers: &Servers) -> (Fleet, Client) {
    let fleet = Fleet::create(servers.urls(), "partitions = 1");
    let feed = fleet.feed();
    let worker = fleet.worker("a");
    feed.send_until_taken(&points(0, 100, 5));
    fleet.output(100);
    assert_eq!(worker.end(), Some(0));
    feed.send_until_taken(&points(100, 200, 5));
    feed.send_until_taken(&points(200, 300, 5));
    (fleet, Client::new(&servers.urls()))
}

fn wait_for_stop(fleet: &Fleet, why: &str) {
    wait_for("a stop", || {
        fleet.status()["partitions"][0]["why"].as_str().is_some_and(|text| text.contains(why))
    });
}

#[test]
fn a_gap_in_the_input_stops_the_partition_until_it_is_accepted() {
    let Some(servers) = Servers::start(1) else { return };
    let (fleet, client) = at_rest(&servers);
    client.block(async {
        let stream = client.context.get_stream("t_IN_1_0").await.unwrap();
        stream.purge().sequence(3).await.unwrap();
    });
    let worker = fleet.worker("b");
    wait_for_stop(&fleet, "messages 2 to 2 of the input t_IN_1_0 are missing");
    assert_eq!(fleet.run(&["tail", "--all", "--idle", "1"]).stdout.len(), fleet.output(100).len());
    let told = fleet.ok(&["resume", "--partition", "0", "--accept-gap"]);
    assert!(told.contains("after message 2") && told.contains("with its state"), "{told}");
    let output = fleet.output(200);
    // The state is that before the gap: the 21st point of each group is the first after it.
    assert!(output.lines().any(|line| line.contains("n=21i")), "{output}");
    let refused = fleet.run(&["resume", "--partition", "0", "--accept-gap"]);
    assert_eq!(refused.status.code(), Some(2), "nothing is missing any more");
    drop(worker);
}

#[test]
fn a_truncated_journal_stops_the_partition_until_its_state_is_given_up() {
    let Some(servers) = Servers::start(1) else { return };
    let (fleet, client) = at_rest(&servers);
    client.block(async {
        let stream = client.context.get_stream("t_J_1_0").await.unwrap();
        stream.purge().await.unwrap();
    });
    let _worker = fleet.worker("b");
    wait_for_stop(&fleet, "the journal t_J_1_0 is truncated");
    let told = fleet.ok(&["resume", "--partition", "0", "--accept-gap"]);
    assert!(told.contains("without a state"), "{told}");
    let output = fleet.output(300);
    assert_eq!(output.lines().count(), 300, "nothing is there twice");
    assert!(output.lines().nth(100).unwrap().contains("n=1i"), "{output}");
}

#[test]
fn a_message_that_was_removed_in_the_middle_is_noticed() {
    let Some(servers) = Servers::start(1) else { return };
    let (fleet, client) = at_rest(&servers);
    let feed = fleet.feed();
    feed.send_until_taken(&points(300, 400, 5));
    client.block(async {
        let stream = client.context.get_stream("t_IN_1_0").await.unwrap();
        stream.delete_message(3).await.unwrap();
    });
    let _worker = fleet.worker("b");
    wait_for_stop(&fleet, "messages 3 to 3 of the input t_IN_1_0 are missing");
}

#[test]
fn output_that_was_not_copied_is_missed_until_it_is_given_up() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 1");
    let feed = fleet.feed();
    let worker = fleet.worker("a");
    feed.send_until_taken(&points(0, 100, 5));
    fleet.output(100);
    assert_eq!(worker.end(), Some(0));
    let client = Client::new(&servers.urls());
    // The stream of all output comes back from a backup that is older than the journal.
    client.block(async {
        let output = client.context.get_stream("t_OUT").await.unwrap();
        let config = output.cached_info().config.clone();
        let first = output.get_raw_message(1).await.unwrap();
        client.context.delete_stream("t_OUT").await.unwrap();
        client.context.create_stream(config).await.unwrap();
        let sent = client.context.publish_with_headers(first.subject, first.headers, first.payload);
        sent.await.unwrap().await.unwrap();
        let journal = client.context.get_stream("t_J_1_0").await.unwrap();
        let state = journal.cached_info().state.clone();
        journal.purge().sequence(state.last_sequence).await.unwrap();
    });
    let _worker = fleet.worker("b");
    feed.send_until_taken(&points(100, 200, 5));
    wait_for("a stop", || {
        let status = fleet.status();
        status["output_stopped"].as_str().is_some_and(|why| why.contains("was not copied"))
    });
    assert!(fleet.ok(&["status"]).contains("resume --output --accept-gap"));
    fleet.ok(&["resume", "--output", "--accept-gap"]);
    let output = fleet.output(100);
    assert_eq!(output.lines().count(), 100, "the lines before are given up");
    assert!(output.lines().all(|line| !line.contains("n=20i")), "{output}");
    let refused = fleet.run(&["resume", "--output", "--accept-gap"]);
    assert_eq!(refused.status.code(), Some(2), "nothing is missing any more");
}

#[test]
fn a_version_that_is_not_stored_any_more_stops_its_partition() {
    let Some(servers) = Servers::start(1) else { return };
    let (fleet, client) = at_rest(&servers);
    let bundles = |client: &Client| {
        client.block(async {
            let stream = client.context.get_stream("t_META").await.unwrap();
            stream.purge().filter("t.meta.bundle.>").await.unwrap();
        });
    };
    bundles(&client);
    let _worker = fleet.worker("b");
    wait_for_stop(&fleet, "is not stored");
    // The file that it was made of stores it again.
    let deployed = fleet.ok(&["deploy", "count.rhai"]);
    assert!(deployed.contains("already runs version"), "{deployed}");
    assert_eq!(fleet.output(300).lines().count(), 300);
}
