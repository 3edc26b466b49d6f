use crate::util::{
    Client, Fleet, Process, Servers, assert_same, points, replayed, settled, text, wait_for,
};
use std::time::{Duration, Instant};

const PARTITIONS: u32 = 6;
const GROUPS: u64 = 60;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides) as usize
    }
}

/// Three servers and three workers; every few seconds one of them is killed or stopped for a while.
fn chaos(seconds: u64, seed: u64) {
    let Some(mut servers) = Servers::start(3) else { return };
    let rest = format!(
        "partitions = {PARTITIONS}\nreplicas = 3\n[streams]\nkeep_input = true\n[checkpoint]\nseconds = 2"
    );
    let fleet = Fleet::create(servers.urls(), &rest);
    let feed = fleet.feed();
    let mut workers: Vec<Process> = ["a", "b", "c"].map(|id| fleet.worker(id)).into();
    let mut dice = Dice(0x5eed_1234_5678 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..8 {
        dice.roll(2);
    }
    let began = Instant::now();
    let mut events = Vec::new();
    let mut sent = 0;
    let feeding = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            let mut next = 0;
            while feeding.load(std::sync::atomic::Ordering::Acquire) {
                feed.send_until_taken(&points(next, next + 300, GROUPS));
                next += 300;
            }
            next
        });
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(1500));
            let which = dice.roll(3);
            let event = match dice.roll(5) {
                0 => {
                    let id = ["a", "b", "c"][which];
                    workers[which].signal("-KILL");
                    workers[which] = fleet.worker(id);
                    format!("kill worker {which}")
                }
                1 => {
                    workers[which].signal("-STOP");
                    std::thread::sleep(Duration::from_millis(5500));
                    workers[which].signal("-CONT");
                    format!("stop worker {which}")
                }
                2 | 3 => {
                    servers.kill(which);
                    std::thread::sleep(Duration::from_millis(1000));
                    servers.restart(which);
                    std::thread::sleep(Duration::from_millis(2000));
                    format!("kill server {which}")
                }
                _ => {
                    servers.signal(which, "-STOP");
                    std::thread::sleep(Duration::from_millis(3000));
                    servers.signal(which, "-CONT");
                    std::thread::sleep(Duration::from_millis(1000));
                    format!("stop server {which}")
                }
            };
            events.push(event);
        }
        feeding.store(false, std::sync::atomic::Ordering::Release);
        sent = feeder.join().unwrap();
    });
    // What was acknowledged, and what was stored without that: a sender sends it again.
    let client = Client::new(&servers.urls());
    tell_of_stops(&fleet, &client);
    let (fed, output) = settled(&fleet, &client, (1, PARTITIONS), 0);
    let lines = fed.lines().count();
    assert!(
        lines as u64 >= sent,
        "{lines} lines are stored of {sent} that were acknowledged: {events:?}"
    );
    let expected = replayed(&fleet.script(), &fed);
    assert_same(&output, &expected);
    wait_for("the last takeovers", || {
        let rows = fleet.status()["partitions"].as_array().unwrap().clone();
        rows.iter().all(|row| row["stage"] == "running")
    });
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{sent} points sent, {lines} stored and out, through {events:?}\n").as_bytes(),
    );
}

/// Says what the servers hold of journals whose partitions are stopped, for whoever looks for the reason.
fn tell_of_stops(fleet: &Fleet, client: &Client) {
    let status = fleet.status();
    for row in status["partitions"].as_array().unwrap().iter().filter(|row| row["why"].is_string())
    {
        let journal = format!("t_J_1_{}", row["number"]);
        let held = client.block(async {
            let stream = client.context.get_stream(&journal).await.ok()?;
            let state = stream.cached_info().state.clone();
            let mut held = Vec::new();
            for sequence in state.first_sequence.saturating_sub(3)..=state.last_sequence {
                if let Ok(message) = stream.get_raw_message(sequence).await {
                    held.push((sequence, message.subject.to_string()));
                }
            }
            held.truncate(4);
            Some((state.first_sequence, state.last_sequence, state.messages, held))
        });
        let line = format!("{journal}: {}\nholds {held:?}\n", row["why"]);
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }
}

/// `RHAI_UDF_CHAOS=300` lets it go on for five minutes, `RHAI_UDF_CHAOS_SEED=7` lets other things happen, and with
/// `RHAI_UDF_KEEP=1` the logs and the streams stay where it fails.
#[test]
fn nothing_is_lost_or_doubled_when_workers_and_servers_die() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    chaos(number("RHAI_UDF_CHAOS").unwrap_or(20), number("RHAI_UDF_CHAOS_SEED").unwrap_or(1));
}

#[test]
fn two_of_three_servers_are_killed_at_once_and_the_fleet_waits_for_them() {
    let Some(mut servers) = Servers::start(3) else { return };
    let rest =
        "partitions = 3\nreplicas = 3\n[streams]\nkeep_input = true\n[checkpoint]\nseconds = 1";
    let fleet = Fleet::create(servers.urls(), rest);
    let feed = fleet.feed();
    let workers = ["a", "b"].map(|id| fleet.worker(id));
    feed.send_until_taken(&points(0, 2000, 20));
    fleet.output(2000);
    servers.kill(0);
    servers.kill(1);
    assert_eq!(feed.send(&points(2000, 3000, 20)), 503);
    let too_few = "fewer than half of its replicas";
    assert!(feed.process.log().contains(too_few), "{}", feed.process.log());
    wait_for("workers that say it", || workers.iter().all(|own| own.log().contains(too_few)));
    let status = fleet.run(&["status"]);
    let told = text(&status.stderr);
    assert!(status.status.code() == Some(1) && told.contains(too_few), "{told}");
    servers.restart(0);
    servers.restart(1);
    feed.send_until_taken(&points(3000, 4000, 20));
    let (fed, output) = settled(&fleet, &Client::new(&servers.urls()), (1, 3), 0);
    assert!(fed.lines().count() >= 3000);
    assert_same(&output, &replayed(&fleet.script(), &fed));
}
