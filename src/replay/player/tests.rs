//! What comes out depends neither on threads nor on chunks.

use super::*;
use crate::replay::effects::Show;
use crate::replay::quality::{Interval, Quality};
use crate::replay::summary::Summary;
use crate::replay::task::{Alerts, ScriptTask, Use};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Values that wander, of three hosts.
struct Wandering(i64);

impl Source for Wandering {
    fn next(&mut self, scratch: &mut Scratch) -> Result<Option<Item>, ReplayError> {
        if self.0 == 5_000 {
            return Ok(None);
        }
        self.0 += 1;
        let point = &mut scratch.point;
        point.reset(self.0 * 1_000_000_000);
        point.set_name("m");
        point.set_tag("host", ["a", "b", "c"][self.0 as usize % 3]);
        point.set_field("x", (self.0.wrapping_mul(2_654_435_761) % 1000) as f64);
        Ok(Some(Item::Point))
    }
}

fn averages() -> Task {
    let one = |size: usize| Use {
        label: format!("size {size}"),
        options: vec![("field".into(), "x".into()), ("size".into(), size.to_string())],
        alerts: vec![Alerts {
            variant: size,
            conditions: vec![("crit".into(), format!("avg > {}", 900 - 50 * size))],
        }],
    };
    Task::Script(ScriptTask {
        script: concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/moving_avg.rhai").into(),
        group_by: vec!["*".into()],
        uses: (1..6).map(one).collect(),
        output: true,
        show: Show { alerts: true, record: true, ..Show::default() },
        ..ScriptTask::default()
    })
}

fn played(cores: usize, chunk: usize) -> (String, Vec<(usize, Quality)>, Summary) {
    let memory = Memory::default();
    let writers = Writers { shown: Box::new(memory.clone()), points: None };
    let mut player = Player::start_on(averages(), writers, cores).unwrap();
    player.chunk = chunk;
    player.play(&mut Wandering(0), &mut |_| {}).unwrap();
    let judged = player.finish(&[Interval { from: 10_000_000_000, to: 20_000_000_000 }]).unwrap();
    let text = String::from_utf8(memory.0.take()).unwrap();
    (text, judged, player.summary())
}

#[test]
fn threads_and_chunks_change_nothing() {
    let expected = played(1, 1);
    assert_eq!((expected.2.points_in, expected.2.points_out), (5_000, 25_000));
    assert!(expected.2.alerts > 10 && expected.0.lines().count() > 25_000);
    assert_eq!(expected.1.len(), 5);
    for (cores, chunk) in [(1, CHUNK), (1, 7), (2, CHUNK), (3, 100), (16, 1)] {
        let (lines, judged, summary) = played(cores, chunk);
        let differs = lines.lines().zip(expected.0.lines()).find(|(got, wanted)| got != wanted);
        assert_eq!(differs, None, "{cores} threads, chunks of {chunk}");
        assert!(
            lines == expected.0,
            "{cores} threads, chunks of {chunk}: too many or too few lines"
        );
        assert_eq!((judged, summary), (expected.1.clone(), expected.2.clone()));
    }
}

#[test]
fn an_error_on_a_thread_ends_the_replay() {
    let Task::Script(mut task) = averages() else { unreachable!() };
    task.uses[3].alerts[0].conditions[0].1 = "avg + 1".into();
    let writers = Writers { shown: Box::new(Memory::default()), points: None };
    let mut player = Player::start_on(Task::Script(task), writers, 2).unwrap();
    let error = player.play(&mut Wandering(0), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("must be true or false"), "{error}");
}

/// What a task that is spread by its groups leaves: its lines, what it did, and what it missed.
fn spread(task: &Task, cores: usize, chunk: usize) -> (String, Summary, Vec<String>) {
    let memory = Memory::default();
    let writers = Writers { shown: Box::new(memory.clone()), points: None };
    let mut player = Player::start_on(task.clone(), writers, cores).unwrap();
    assert_eq!(player.alone_because(), None);
    let threads = match &player.crew {
        Crew::Here(_) => 1,
        Crew::Threads(threads) => threads.count(),
    };
    assert_eq!(threads, cores);
    player.chunk = chunk;
    player.play(&mut Wandering(0), &mut |_| {}).unwrap();
    player.finish(&[]).unwrap();
    let unseen = player.unseen().map(|one| crate::replay::unseen::describe(&one)).collect();
    (String::from_utf8(memory.0.take()).unwrap(), player.summary(), unseen)
}

#[test]
fn groups_on_threads_give_the_lines_and_counts_of_one_engine() {
    let Task::Script(mut plain) = averages() else { panic!() };
    plain.uses.truncate(1);
    plain.show.record = false;
    let mut by_host = plain.clone();
    by_host.group_by = vec!["host".into(), "rack".into()];
    let windows = ScriptTask {
        script: concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ttest.rhai").into(),
        window: Some(crate::replay::task::Windows {
            period: 60_000_000_000,
            every: 60_000_000_000,
            align: true,
        }),
        uses: vec![Use {
            options: vec![("field".into(), "x".into()), ("size".into(), "300".into())],
            ..Use::default()
        }],
        ..plain.clone()
    };
    let text = "stream|from().measurement('m').groupBy('host')|window().period(40s).every(20s)|mean('x')\
                .as('x')@avg().field('x').size(3)|alert().crit(lambda: \"avg\" > 510).stateChangesOnly()";
    let tick = crate::replay::task::TickTask {
        name: "t.tick".into(),
        text: text.into(),
        id: "t".into(),
        udfs: vec![(
            "avg".into(),
            crate::replay::udfs::UdfCommand::Script(
                concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/moving_avg.rhai").into(),
            ),
        )],
        variants: vec![Default::default()],
        show: Show { alerts: true, ..Show::default() },
        ..Default::default()
    };
    let tasks =
        [Task::Script(plain), Task::Script(by_host), Task::Script(windows), Task::Tick(tick)];
    for task in &tasks {
        let one = spread(task, 1, CHUNK);
        assert!(one.0.lines().count() > 50, "{}", one.0);
        for (cores, chunk) in [(2, CHUNK), (2, 1), (3, 100), (5, 7777)] {
            assert!(spread(task, cores, chunk) == one, "{cores} threads, chunks of {chunk}");
        }
    }
    let missed = spread(&tasks[1], 3, CHUNK).2;
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(missed[0].contains("no point has a tag 'rack' to group by"), "{missed:?}");
}

#[test]
fn an_error_on_a_thread_ends_the_lines_where_one_engine_ends_them() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("s.rhai");
    let text = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\nfn point(p) { if p.time >= \
                2000000000000 { throw `at ${p.time}`; } emit(p); }";
    std::fs::write(&script, text).unwrap();
    let task = Task::Script(ScriptTask {
        script,
        group_by: vec!["host".into()],
        uses: vec![Use::default()],
        output: true,
        ..ScriptTask::default()
    });
    let failed = |cores| {
        let memory = Memory::default();
        let writers = Writers { shown: Box::new(memory.clone()), points: None };
        let mut player = Player::start_on(task.clone(), writers, cores).unwrap();
        let error = player.play(&mut Wandering(0), &mut |_| {}).unwrap_err().to_string();
        (String::from_utf8(memory.0.take()).unwrap(), error)
    };
    let one = failed(1);
    assert!(one.1.contains("at 2000000000000"), "{}", one.1);
    assert_eq!(one.0.lines().count(), 1999);
    for cores in [2, 3] {
        assert_eq!(failed(cores), one);
    }
}
