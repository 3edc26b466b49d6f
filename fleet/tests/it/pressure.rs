use crate::util::{
    Client, Fleet, Servers, assert_same, by_group, points, replayed, settled, wait_for,
};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

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

#[test]
fn servers_without_space_are_named_and_all_goes_on_when_there_is_room() {
    let Some(servers) = Servers::start_on(1, "", None, "4MB") else { return };
    let bounds = "partitions = 1\n[streams]\ninput_bytes = 300000\noutput_bytes = 500000";
    let fleet = Fleet::create(servers.urls(), bounds);
    let feed = fleet.feed();
    let mut all = points(0, 1000, 20);
    feed.send_until_taken(&all);
    // Somebody else's stream takes the rest of what the servers may store.
    let client = Client::new(&servers.urls());
    client.block(async {
        let config = async_nats::jetstream::stream::Config {
            name: "OTHER".into(),
            subjects: vec!["other".into()],
            ..Default::default()
        };
        client.context.create_stream(config).await.unwrap();
        let block = bytes::Bytes::from(vec![b'x'; 100_000]);
        let publish =
            || async { client.context.publish("other", block.clone()).await.unwrap().await };
        let mut blocks = 0;
        while publish().await.is_ok() {
            blocks += 1;
            assert!(blocks < 100, "never full");
        }
    });
    let more = points(1000, 2000, 20);
    assert_eq!(feed.send(&more), 503);
    assert!(feed.process.log().contains("have no space left"), "{}", feed.process.log());
    let worker = fleet.worker("a");
    wait_for("a worker that says it", || worker.log().contains("have no space left for t_J_1_0"));
    client.block(client.context.delete_stream("OTHER")).unwrap();
    feed.send_until_taken(&more);
    all.push_str(&more);
    assert_same(&fleet.output(2000), &replayed(&fleet.script(), &all));
}

/// A file system of its own, that is soon full.
struct Disk(TempDir);

impl Disk {
    /// Mounts one; `None` where that is not allowed, which is said loudly.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        let told =
            "SKIPPED: nothing can be mounted here (that needs root), so this test shows nothing";
        let _ = writeln!(std::io::stderr(), "{told}");
        None
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }

    /// Leaves a few hundred KB free.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        while file.write_all(&[0; 1024]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length - (300 << 10)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_is_full_loses_nothing_and_all_goes_on_after_a_restart() {
    let Some(disk) = Disk::mount("60m") else { return };
    let store: &Path = disk.0.path();
    let Some(mut servers) = Servers::start_on(1, "", Some(store), "64GB") else { return };
    let rest = "partitions = 2\n[streams]\nkeep_input = true\n[checkpoint]\nseconds = 1";
    let fleet = Fleet::create(servers.urls(), rest);
    let (feed, worker) = (fleet.feed(), fleet.worker("a"));
    feed.send_until_taken(&points(0, 2000, 20));
    fleet.output(2000);
    disk.fill();
    let mut sent = 2000;
    loop {
        assert!(sent < 100_000, "never full");
        match feed.send(&points(sent, sent + 1000, 20)) {
            204 => sent += 1000,
            status => {
                assert_eq!(status, 503);
                break;
            }
        }
    }
    // Servers of the 2.9 series do not answer any more then, not even to SIGTERM.
    wait_for("a feed that says it", || feed.process.log().contains("disk is full"));
    wait_for("a worker that says it", || worker.log().contains("disk is full"));
    std::fs::remove_file(disk.filler()).unwrap();
    servers.kill(0);
    servers.restart(0);
    feed.send_until_taken(&points(sent, sent + 1000, 20));
    sent += 1000;
    let (fed, output) = settled(&fleet, &Client::new(&servers.urls()), (1, 2), 0);
    assert!(fed.lines().count() as u64 >= sent, "of {sent}, {} are stored", fed.lines().count());
    assert_same(&output, &replayed(&fleet.script(), &fed));
}
