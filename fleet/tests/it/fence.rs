use crate::util::{Client, Fleet, Servers, assert_same, points, replayed, wait_for};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream;
use std::time::Duration;

/// Two writers that know the same last record, 200 times: what all of the fleet stands on.
fn race(servers: usize) {
    let Some(servers) = Servers::start(servers) else { return };
    let urls = servers.urls();
    let client = Client::new(&urls);
    let config = stream::Config {
        name: "RACE".into(),
        subjects: vec!["race.>".into()],
        num_replicas: urls.len(),
        ..stream::Config::default()
    };
    wait_for("a stream", || client.block(client.context.create_stream(config.clone())).is_ok());
    let (one, other) = (Client::new(&urls), Client::new(&urls));
    let mut winners = 0;
    let mut last = 0;
    for round in 0..200 {
        let write = |client: &Client, who: &str| {
            let publish = PublishMessage::build()
                .payload(format!("{round} {who}").into())
                .expected_last_sequence(last);
            client.block(async {
                let sent = client.context.send_publish(format!("race.{who}"), publish).await;
                match sent {
                    Ok(ack) => ack.await.is_ok(),
                    Err(_) => false,
                }
            })
        };
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| write(&one, "one"));
            let second = scope.spawn(|| write(&other, "other"));
            (first.join().unwrap(), second.join().unwrap())
        });
        assert!(!(first && second), "round {round}: both have won");
        winners += u32::from(first || second);
        let info = client.block(async {
            client.context.get_stream("RACE").await.unwrap().cached_info().clone()
        });
        last = info.state.last_sequence;
    }
    assert!(winners >= 190, "{winners} of 200 rounds had a winner");
    assert!(last <= 200, "{last} records of 200 rounds");
}

#[test]
fn of_two_writers_one_wins_on_one_server() {
    race(1);
}

#[test]
fn of_two_writers_one_wins_on_three_servers() {
    race(3);
}

#[test]
fn of_two_workers_with_one_name_the_later_one_leaves() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 1");
    let _first = fleet.worker("same");
    fleet.wait_until_running();
    let second = fleet.run(&["worker", "--id", "same"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(crate::util::text(&second.stderr).contains("already has the name same"));
    fleet.wait_until_running();
}

#[test]
fn a_worker_that_was_stopped_and_wakes_writes_nothing() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(servers.urls(), "partitions = 2");
    let feed = fleet.feed();
    let asleep = fleet.worker("asleep");
    let mut all = points(0, 1000, 10);
    feed.send_until_taken(&all);
    fleet.output(1000);
    asleep.signal("-STOP");
    let awake = fleet.worker("awake");
    let more = points(1000, 2000, 10);
    feed.send_until_taken(&more);
    all.push_str(&more);
    fleet.output(2000);
    asleep.signal("-CONT");
    for i in 2..12 {
        let more = points(i * 1000, (i + 1) * 1000, 10);
        feed.send_until_taken(&more);
        all.push_str(&more);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_same(&fleet.output(12_000), &replayed(&fleet.script(), &all));
    wait_for("a refused write or a partition given away", || {
        let log = asleep.log();
        log.contains("another worker has taken over") || log.contains("handed over")
    });
    drop(awake);
}
