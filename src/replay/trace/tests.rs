//! What is traced of whole replays: plain scripts on one thread and on several, TICKscripts with
//! windows, captured requests.

use super::*;
use crate::replay::effects::Show;
use crate::replay::player::Writers;
use crate::replay::source::{self, Reading};
use crate::replay::task::{
    Alerts, DataKind, ScriptTask, Task, TickTask, TickVariant, Use, Windows,
};
use crate::replay::udfs::UdfCommand;
use crate::replay::{Player, ReplayError};
use std::path::{Path, PathBuf};

const SECOND: i64 = 1_000_000_000;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

fn show() -> Show {
    Show { alerts: true, trace: Some(TraceSettings::default()), ..Show::default() }
}

fn traced(task: Task, lines: &str, cores: usize) -> Result<Trace, ReplayError> {
    let writers = Writers { shown: Box::new(std::io::sink()), points: None };
    let mut player = Player::start_on(task, writers, cores)?;
    let reading = Reading::default();
    let mut source = source::of_text(lines.to_owned(), Path::new("test"), &reading);
    player.play(&mut *source, &mut |_| {})?;
    player.finish(&[Interval { from: SECOND, to: 2 * SECOND }])?;
    Ok(player.take_trace().expect("the task is traced"))
}

/// A value each second, of two hosts; that of b jumps up in the last second but one.
fn lines(seconds: i64) -> String {
    let line = |i: i64| {
        let jump = if i == seconds - 2 { 90.0 } else { (i % 7) as f64 };
        let time = i * SECOND;
        format!("m,host=a x={},y=2 {time}\nm,host=b x={jump},y=3,s=\"text\" {time}\n", i % 5)
    };
    (0..seconds).map(line).collect()
}

fn averages(sizes: &[usize]) -> Task {
    let one = |size: &usize| Use {
        label: format!("size {size}"),
        options: vec![("field".into(), "x".into()), ("size".into(), size.to_string())],
        alerts: vec![Alerts {
            variant: *size,
            conditions: vec![
                ("warn".into(), "avg > 20".into()),
                ("crit".into(), "avg > 1000.0".into()),
            ],
        }],
    };
    Task::Script(ScriptTask {
        script: script("moving_avg.rhai"),
        group_by: vec!["host".into()],
        uses: sizes.iter().map(one).collect(),
        show: show(),
        ..ScriptTask::default()
    })
}

fn fields(fields: &[TracedField]) -> Vec<(&str, &str, u64)> {
    fields.iter().map(|f| (f.udf.as_str(), f.field.as_str(), f.count)).collect()
}

#[test]
fn groups_have_inputs_outputs_and_alerts() {
    for cores in [1, 2, 3] {
        let trace = traced(averages(&[2, 3]), &lines(3000), cores).unwrap();
        let titles: Vec<_> = trace.groups.iter().map(TracedGroup::title).collect();
        assert_eq!(titles, ["m host=b", "m host=a"], "the worst first, on {cores} threads");
        let [b, a] = trace.groups.as_slice() else { panic!("two groups") };
        assert_eq!(fields(&b.inputs), [("", "x", 3000), ("", "y", 3000)]);
        assert!(b.inputs[0].named && !b.inputs[1].named);
        // x and y are passed on unchanged.
        assert_eq!(fields(&b.outputs), [("size 2", "avg", 3000), ("size 3", "avg", 3000)]);
        let alert = &b.alerts[0];
        assert_eq!((alert.udf.as_str(), alert.began, alert.open), ("size 2", 1, true));
        let (from, to) = (2998 * SECOND, 2999 * SECOND);
        assert_eq!(alert.intervals, [LevelInterval { level: Level::Warning, from, to }]);
        assert!(a.alerts.is_empty());
        let thresholds: Vec<_> =
            trace.thresholds.iter().map(|t| (t.udf.as_str(), t.level, t.value)).collect();
        assert!(thresholds.contains(&("size 3", Level::Critical, 1000.0)), "{thresholds:?}");
        assert_eq!(thresholds.len(), 4);
        assert_eq!(trace.labels, [Interval { from: SECOND, to: 2 * SECOND }]);
        assert_eq!(trace.span(), Some(Interval { from: 0, to }));
    }
}

#[test]
fn a_part_is_traced_more_closely() {
    let mut task = averages(&[2]);
    let span = Interval { from: 100 * SECOND, to: 110 * SECOND };
    if let Task::Script(task) = &mut task {
        task.show.trace = Some(TraceSettings { span: Some(span), ..TraceSettings::default() });
    }
    let trace = traced(task, &lines(3000), 1).unwrap();
    assert_eq!(trace.span(), Some(span));
    assert_eq!(trace.groups[0].inputs[0].count, 11);
}

#[test]
fn a_field_that_a_function_changes_is_output_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.rhai");
    let text = "fn info() { #{ wants: \"stream\", provides: \"stream\" } }\n\
                fn point(p, opt) { p.x = p.x / 2.0; emit(p); }\n";
    std::fs::write(&path, text).unwrap();
    let task = Task::Script(ScriptTask {
        script: path,
        uses: vec![Use::default()],
        show: show(),
        ..ScriptTask::default()
    });
    let trace = traced(task, "m x=1,y=2 1\nm x=3,y=2 2\n", 1).unwrap();
    assert_eq!(fields(&trace.groups[0].outputs), [("", "x", 2)]);
    assert_eq!(trace.groups[0].outputs[0].samples, [(1, 0.5), (2, 1.5)]);
}

#[test]
fn windows_give_their_points_once() {
    let task = Task::Script(ScriptTask {
        script: script("outliers.rhai"),
        window: Some(Windows { period: 100 * SECOND, every: 10 * SECOND, align: true }),
        group_by: vec!["host".into()],
        uses: vec![Use { options: vec![("field".into(), "x".into())], ..Use::default() }],
        show: show(),
        ..ScriptTask::default()
    });
    let later = format!("m,host=b x=1 {}\n", 600 * SECOND);
    let trace = traced(task, &(lines(500) + later.as_str()), 1).unwrap();
    let [a, b] = trace.groups.as_slice() else { panic!("two groups") };
    assert_eq!((a.inputs[0].count, b.inputs[0].count), (500, 501));
    assert!(b.outputs[0].samples.contains(&(498 * SECOND, 90.0)), "{:?}", b.outputs);
}

fn tick(text: &str) -> Task {
    Task::Tick(TickTask {
        name: "test.tick".into(),
        text: text.into(),
        id: "test".into(),
        udfs: vec![("avg".into(), UdfCommand::Script(script("moving_avg.rhai")))],
        variants: vec![TickVariant::default()],
        show: show(),
        ..TickTask::default()
    })
}

#[test]
fn a_tickscript_is_looked_into_at_functions_and_alerts() {
    let text = "var most = 20.0\n\
                stream|from().groupBy('host')\n  @avg().field('x').size(2)\n  \
                |eval(lambda: \"avg\" * 2.0).as('twice').keep()\n  \
                |alert().warn(lambda: \"twice\" > most AND abs(\"y\") < 5)";
    let trace = traced(tick(text), &lines(3000), 1).unwrap();
    let b = &trace.groups[0];
    assert_eq!(b.title(), "m host=b");
    assert_eq!(fields(&b.inputs), [("", "x", 3000), ("", "y", 3000)]);
    assert_eq!(fields(&b.outputs), [("", "avg", 3000), ("", "twice", 3000)]);
    assert_eq!(b.alerts[0].intervals.len(), 1);
    let thresholds: Vec<_> = trace.thresholds.iter().map(|t| (&*t.field, t.value)).collect();
    assert_eq!(thresholds, [("twice", 20.0), ("y", 5.0), ("y", -5.0)]);
}

#[test]
fn functions_of_a_tickscript_are_told_apart() {
    let text = "var data = stream|from().groupBy('host')\n\
                data@avg().field('x').size(2)|alert().crit(lambda: \"avg\" > 1000.0)\n\
                data@avg().field('y').size(2)|alert().crit(lambda: \"avg\" > 2.5)";
    let trace = traced(tick(text), &lines(30), 1).unwrap();
    let b = &trace.groups[0];
    assert_eq!(fields(&b.outputs), [("avg x", "avg", 30), ("avg y", "avg", 30)]);
    let alerts: Vec<_> = b.alerts.iter().map(|a| (&*a.udf, a.began)).collect();
    assert_eq!(alerts, [("avg y", 1)]);
}

#[test]
fn a_tickscript_without_functions_is_traced() {
    let text = "stream|from().groupBy('host')|window().period(10s).every(10s)\
                |mean('x').as('m')|alert().crit(lambda: \"m\" > 5.0)";
    let trace = traced(tick(text), &lines(100), 1).unwrap();
    assert_eq!(fields(&trace.groups[0].inputs)[0], ("", "x", 100));
    assert_eq!(fields(&trace.groups[0].outputs)[0].1, "m");
    assert!(trace.groups[0].inputs[0].named);
}

#[test]
fn captured_requests_are_traced() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/captures/moving_avg.requests.bin.gz");
    let task = Task::Script(ScriptTask {
        script: script("moving_avg.rhai"),
        kind: DataKind::Frames,
        uses: vec![Use::default()],
        captured_options: true,
        show: show(),
        ..ScriptTask::default()
    });
    let writers = Writers { shown: Box::new(std::io::sink()), points: None };
    let mut player = Player::start(task, writers).unwrap();
    let mut source = source::open(&data, &Reading::default()).unwrap();
    player.play(&mut *source, &mut |_| {}).unwrap();
    player.finish(&[]).unwrap();
    let trace = player.take_trace().unwrap();
    assert!(!trace.groups.is_empty());
    for group in &trace.groups {
        assert!(!group.inputs.is_empty(), "{}", group.id);
        assert!(
            group.outputs.iter().any(|field| field.field == "cpu_avg"),
            "{:?}",
            fields(&group.outputs)
        );
    }
}

#[test]
fn the_json_form_is_as_documented() {
    let trace = traced(averages(&[2]), &lines(30), 1).unwrap();
    let json = serde_json::to_value(&trace).unwrap();
    let b = &json["groups"][0];
    assert_eq!((&b["id"], &b["tags"]["host"]), (&"host=b".into(), &"b".into()));
    assert_eq!(b["inputs"][0]["times"][1], 1000.0);
    assert_eq!(b["inputs"][0]["values"][1], 1.0);
    assert_eq!(b["alerts"][0]["worst"], "WARNING");
    assert_eq!(b["alerts"][0]["intervals"][0]["from"], 28_000.0);
    assert_eq!(json["thresholds"][0]["field"], "avg");
    assert_eq!(json["labels"][0]["to"], 2000.0);
}
