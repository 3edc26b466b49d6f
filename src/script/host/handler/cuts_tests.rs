//! What comes out never depends on how points were cut into reads.

use super::ScriptHandler;
use crate::agent::{Pulse, Session};
use crate::protocol::Point;
use crate::protocol::message::{
    InitRequest, PointMessage, RequestMessage, request, response, responses,
};
use crate::script::config::{Config, OnError};
use crate::script::host::program::Program;
use crate::script::text::ScriptText;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;

const INFO: &str = "fn info() { #{ wants: \"stream\", provides: \"stream\", scope: \"SCOPE\" } }
fn state() { #{ n: 0, window: moving_stats(5), list: [] } }\n";

/// Changes the state before it fails, and emits before it fails.
const POINT: &str = "fn point(p) {
    this.n += 1;
    this.list.push(p.x);
    p.n = this.n;
    p.sum = this.window.push(p.x).sum;
    p.list = this.list.len;
    emit(p);
    if p.x < 0.0 { throw \"below zero\"; }
    if p.x > 7.0 { emit(p); }
}\n";

const POINTS: &str = "fn points(chunk) {
    for p in chunk.points() {
        this.n += 1;
        this.list.push(p.x);
        p.n = this.n;
        p.sum = this.window.push(p.x).sum;
        p.list = this.list.len;
        emit(p);
        if p.x < 0.0 { throw \"below zero\"; }
        if p.x > 7.0 { emit(p); }
    }
}\n";

/// Points of some groups, and after which of them nothing more had arrived.
#[derive(Clone, Debug)]
struct Case {
    points: Vec<(u8, i64, f64)>,
    cuts: Vec<bool>,
    ttl: i64,
    groups: usize,
    on_error: OnError,
    scope: &'static str,
    both: bool,
    watched: bool,
    recorded: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let value = prop_oneof![30 => 0.0..8.0f64, 1 => Just(-1.0)];
    let step = prop_oneof![20 => 0..3i64, 1 => 20..40i64, 1 => -30..0i64];
    let points = prop::collection::vec((0..5u8, step, value), 1..150);
    let cuts = prop::collection::vec(prop::bool::weighted(0.05), 150);
    let on_error = prop_oneof![Just(OnError::Stop), Just(OnError::Skip), Just(OnError::Pass)];
    let scope = prop_oneof![4 => Just("group"), 1 => Just("task")];
    let bounds = (prop_oneof![Just(0i64), Just(15i64)], prop_oneof![Just(0usize), 2..4usize]);
    (points, cuts, bounds, on_error, scope, any::<[bool; 3]>()).prop_map(
        |(steps, cuts, (ttl, groups), on_error, scope, [both, watched, recorded])| {
            let mut time = 1000;
            let points = steps.into_iter().map(|(group, step, x)| {
                time += step;
                (group, time, x)
            });
            let points = points.collect();
            Case { points, cuts, ttl, groups, on_error, scope, both, watched, recorded }
        },
    )
}

/// What a group's points gave, in order; the errors; the state at the end.
#[derive(Debug, PartialEq)]
struct Outcome {
    points: BTreeMap<String, Vec<PointMessage>>,
    error: Option<String>,
    snapshot: Option<Vec<u8>>,
}

fn play(case: &Case, text: &str, cuts: bool) -> Outcome {
    let mut config = Config { on_error: case.on_error, ..Config::default() };
    config.state.group_ttl = std::time::Duration::from_nanos(case.ttl.unsigned_abs());
    config.limits.groups = case.groups;
    config.reload.watch = case.watched;
    let records = tempfile::tempdir().unwrap();
    config.record.dir = case.recorded.then(|| records.path().into());
    let text = text.replace("SCOPE", case.scope);
    let text = ScriptText { path: "cuts.rhai".into(), text };
    let program = Program::load(text, &config.limits, &Pulse::default());
    let mut session = Session::new(ScriptHandler::new(program, config));
    let init = request::Message::Init(InitRequest::default());
    session.handle(&RequestMessage { message: Some(init) }.encode_to_vec()).unwrap();
    let mut error = None;
    let mut point = Point::default();
    for (i, (group, time, x)) in case.points.iter().enumerate() {
        point.reset(*time);
        point.set_name("m");
        let group = char::from(b'a' + group).to_string();
        point.set_tag("g", &group);
        point.set_dimensions(["g"]);
        point.set_group(&format!("g={group}"));
        point.set_field("x", *x);
        point.set_field("i", i as i64);
        let mut result = session.point(&mut point);
        if result.is_ok() && (!cuts || case.cuts[i]) {
            result = session.ready();
        }
        if let Err(failure) = result {
            error = Some(failure);
            break;
        }
    }
    if error.is_none() {
        error = session.ready().err();
    }
    if error.is_none() {
        let message = Some(request::Message::Snapshot(Default::default()));
        session.handle(&RequestMessage { message }.encode_to_vec()).unwrap();
    }
    let mut outcome = Outcome {
        points: BTreeMap::new(),
        error: error.map(|error| error.to_string()),
        snapshot: None,
    };
    for response in responses(session.output().committed()) {
        match response.unwrap() {
            response::Message::Point(point) => {
                outcome.points.entry(point.group.clone()).or_default().push(point);
            }
            response::Message::Snapshot(snapshot) => outcome.snapshot = Some(snapshot.snapshot),
            _ => {}
        }
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_does_not_depend_on_how_points_were_cut_into_reads(case in case()) {
        let text = match case.both {
            true => format!("{INFO}{POINT}{POINTS}"),
            false => format!("{INFO}{POINTS}"),
        };
        let slow = play(&case, &text, false);
        let burst = play(&case, &text, true);
        prop_assert_eq!(&slow, &burst);
        // A script with `point` alone gives the same, but for its name in an error and its hash.
        let single = play(&case, &format!("{INFO}{POINT}"), true);
        prop_assert_eq!(slow.points, single.points);
        prop_assert_eq!(slow.error.is_some(), single.error.is_some());
    }
}
