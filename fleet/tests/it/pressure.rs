use crate::util::{Client, Fleet, Servers, assert_same, by_group, points, replayed};

#[test]
fn senders_get_503_while_streams_are_full_and_nothing_is_lost() {
    let Some(servers) = Servers::start(1) else { return };
    let fleet = Fleet::create(
        servers.urls(),
        "partitions = 1\n[streams]\ninput_bytes = 200000\n[checkpoint]\nseconds = 1",
    );
    let feed = fleet.feed();
    let (mut all, mut sent, mut refused) = (String::new(), 0, 0);
    // Nobody plays: the stream fills.
    while refused == 0 {
        assert!(sent < 100_000, "never full");
        let lines = points(sent, sent + 1000, 20);
        match feed.send(&lines) {
            204 => {
                all.push_str(&lines);
                sent += 1000;
            }
            status => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    assert!(sent > 0);
    // What was refused is not stored in part, and one that never has room is told so.
    let stored = Client::new(&servers.urls()).fed(1, 1);
    assert_eq!(stored, all);
    assert_eq!(feed.send(&points(0, 5000, 20)), 413);
    let _worker = fleet.worker("a");
    for _ in 0..10 {
        let lines = points(sent, sent + 1000, 20);
        feed.send_until_taken(&lines);
        all.push_str(&lines);
        sent += 1000;
    }
    let output = fleet.output(sent as usize);
    assert_eq!(by_group(&output).len(), 20);
    assert_same(&output, &replayed(&fleet.script(), &all));
}
