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
    assert!(told.contains("behind message 2") && told.contains("with its state"), "{told}");
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
    assert!(told.contains("with no state"), "{told}");
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
