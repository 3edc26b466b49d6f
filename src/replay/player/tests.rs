//! What comes out depends neither on threads nor on chunks.

use super::*;
use crate::replay::effects::Show;
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
