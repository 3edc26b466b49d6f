//! Snapshots at any cut: both halves of random data give what the whole gives, for every shipped script
//! and for random ones.

use crate::fault_injection::converse;
use crate::util::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rhai_udf::agent::{Pulse, Session};
use rhai_udf::protocol::message::SnapshotRequest;
use rhai_udf::script::ScriptHandler;
use std::path::Path;

/// Answers to data, of one piece or of two with a snapshot between them; those of each group in
/// their order, since chunks of different groups may overtake each other.
fn play(script: &Path, init: &Request, pieces: &[&[Request]]) -> Vec<Answer> {
    let mut all = answers_to(script, init, pieces);
    if !all.iter().any(|answer| matches!(answer, Answer::Begin(_))) {
        all.sort_by_key(|answer| match answer {
            Answer::Point(point) => (0, point.group.clone()),
            _ => (1, String::new()),
        });
    }
    all
}

fn answers_to(script: &Path, init: &Request, pieces: &[&[Request]]) -> Vec<Answer> {
    let mut all = Vec::new();
    let mut snapshot: Option<Vec<u8>> = None;
    for piece in pieces {
        let handler = ScriptHandler::load(script, Default::default(), &Pulse::default());
        let mut session = Session::new(handler);
        let mut feed = vec![init.clone()];
        feed.extend(snapshot.take().map(|snapshot| {
            Request::Restore(rhai_udf::protocol::message::RestoreRequest { snapshot })
        }));
        feed.extend(piece.iter().cloned());
        feed.push(Request::Snapshot(SnapshotRequest {}));
        for frame in frames(&stream(feed)) {
            if let Err(error) = session.handle(&frame) {
                session.fail(&error);
                break;
            }
        }
        for answer in answers(session.output().committed()) {
            match answer {
                Answer::Snapshot(s) => snapshot = Some(s.snapshot),
                Answer::Begin(_) | Answer::Point(_) | Answer::End(_) => all.push(answer),
                Answer::Init(init) => assert!(init.success, "{}", init.error),
                Answer::Restore(restore) => assert!(restore.success, "{}", restore.error),
                // What fails in one piece fails in two, at the same message.
                Answer::Error(error) => {
                    all.push(Answer::Error(error));
                    return all;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    all
}

/// Random data of a few groups, as a stream or as batches.
fn data(batches: bool) -> impl Strategy<Value = Vec<Vec<Request>>> {
    let value = prop_oneof![-1e3..1e3f64, Just(0.0), Just(1e12), -1e-9..1e-9f64];
    let one = (0..3usize, prop::collection::vec(value, 4..12));
    prop::collection::vec(one, 1..30).prop_map(move |items| {
        let mut time = 0;
        let mut tick = || {
            time += 1_000_000_000;
            time
        };
        let group = |i: usize| ["", "host=a", "host=b"][i];
        items
            .into_iter()
            .flat_map(|(i, values)| {
                let points: Vec<Request> =
                    values.iter().map(|x| point(tick(), group(i), &[("x", *x)])).collect();
                if !batches {
                    return points.into_iter().map(|p| vec![p]).collect::<Vec<_>>();
                }
                let (name, group) = ("m".to_owned(), group(i).to_owned());
                let begin = rhai_udf::protocol::message::BeginBatch {
                    name: name.clone(),
                    group: group.clone(),
                    ..Default::default()
                };
                let end = rhai_udf::protocol::message::EndBatch {
                    name,
                    group,
                    tmax: tick(),
                    ..Default::default()
                };
                let mut batch = vec![Request::Begin(begin)];
                batch.extend(points);
                batch.push(Request::End(end));
                vec![batch]
            })
            .collect()
    })
}

/// For random data and cuts: both pieces give what the whole gives.
fn continues(script: &Path, init: &Request, batches: bool, cases: u32) {
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let strategy = (data(batches), any::<prop::sample::Index>());
    let tested = runner.run(&strategy, |(units, cut)| {
        let cut = cut.index(units.len() + 1);
        let (a, b) = (units[..cut].concat(), units[cut..].concat());
        let whole = play(script, init, &[&units.concat()]);
        let pieces = play(script, init, &[&a, &b]);
        prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        Ok(())
    });
    tested.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
}

/// Options for each shipped script, from its declaration: the field is `x`, numbers are small.
fn options_of(script: &Path) -> (Request, bool) {
    use rhai_udf::protocol::message::{
        EdgeType, InitOption, InitRequest, OptionValue, ValueType, option_value::Value,
    };
    let handler = ScriptHandler::load(script, Default::default(), &Pulse::default());
    let declaration = handler.program().unwrap().declaration();
    let value = |kind: &ValueType, spec: &rhai_udf::script::OptionSpec| {
        let least = spec.min.unwrap_or(0.0);
        let value = match kind {
            ValueType::String => Value::StringValue("x".into()),
            ValueType::Int => Value::IntValue((least as i64).max(4)),
            ValueType::Double => Value::DoubleValue(spec.max.unwrap_or(2.0).min(least.max(0.5))),
            ValueType::Bool => Value::BoolValue(true),
            ValueType::Duration => Value::DurationValue((least as i64).max(10_000_000_000)),
        };
        OptionValue { r#type: (*kind).into(), value: Some(value) }
    };
    let options = declaration
        .options
        .iter()
        .filter(|(_, spec)| spec.default.is_none())
        .map(|(name, spec)| InitOption {
            name: name.clone(),
            values: spec.types.iter().map(|kind| value(kind, spec)).collect(),
        })
        .collect();
    let request = InitRequest { options, task_id: "t".into(), node_id: "n".into() };
    (Request::Init(request), declaration.wants == EdgeType::Batch)
}

#[test]
fn every_shipped_script_continues_from_a_snapshot_at_any_cut() {
    let mut scripts = 0;
    for entry in repo("scripts").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "rhai") {
            continue;
        }
        let (init, batches) = options_of(&path);
        continues(&path, &init, batches, 24);
        scripts += 1;
    }
    assert!(scripts >= 6);
}

/// A random script: statements that change a state of numbers, arrays, maps and native objects.
fn random_script() -> impl Strategy<Value = String> {
    let statement = prop_oneof![
        Just("this.n += 1;"),
        Just("this.sum += p.x;"),
        Just("this.list.push(p.x); if this.list.len() > 7 { this.list.remove(0); }"),
        Just("this.map[`k${this.n % 5}`] = p.x;"),
        Just("this.window.push(p.x);"),
        Just("this.running.push(p.x);"),
        Just("this.nested.inner.text = `${this.n}`;"),
        Just("this.last = p;"),
        Just("if p.x > this.sum { this.flag = !this.flag; }"),
        Just("this.window = moving_stats(3 + this.n % 4);"),
        Just("this.copy = this.window;"),
        Just(
            "this.list = this.list + this.map.values();  if this.list.len() > 40 { this.list = []; }"
        ),
        Just("if this.last != () { p.before = this.last.x; }"),
    ];
    prop::collection::vec(statement, 1..10).prop_map(|body| {
        format!(
            "fn info() {{ #{{ wants: \"stream\", provides: \"stream\" }} }}\nfn state() {{ #{{ n: 0, sum: \
             0.0, list: [], map: #{{}}, window: moving_stats(5), running: running_stats(), nested: #{{ \
             inner: #{{ text: \"\" }} }}, last: (), flag: false, copy: () }} }}\nfn point(p) {{\n{}\np.n = \
             this.n; p.sum = this.sum; p.len = this.list.len(); p.keys = this.map.len(); p.count = \
             this.window.count; if this.window.count > 0 {{ p.mean = this.window.mean; }} p.flag = \
             this.flag; p.text = this.nested.inner.text; emit(p);\n}}\n",
            body.join("\n")
        )
    })
}

#[test]
fn random_scripts_continue_from_a_snapshot_at_any_cut() {
    let folder = Folder::new("random");
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let tested = runner.run(
        &(random_script(), data(false), any::<prop::sample::Index>()),
        |(text, units, cut)| {
            let script = folder.write("script.rhai", &text);
            let cut = cut.index(units.len() + 1);
            let (a, b) = (units[..cut].concat(), units[cut..].concat());
            let whole = play(&script, &init(&[]), &[&units.concat()]);
            let pieces = play(&script, &init(&[]), &[&a, &b]);
            prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
            prop_assert!(!whole.is_empty());
            Ok(())
        },
    );
    tested.unwrap();
}

/// Random scripts that fail at random points: with `skip` the rest is as if those had never come.
#[test]
fn random_scripts_are_left_as_if_failing_points_had_never_come() {
    let folder = Folder::new("random-skip");
    folder.write("rhai-udf.toml", "on_error = 'skip'");
    let mut runner =
        TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&(random_script(), data(false), 2..9usize), |(text, units, nth)| {
        let text = text.replace("emit(p);\n}", "if p.has(\"bad\") { throw 1; } emit(p);\n}");
        let script = folder.write("script.rhai", &text);
        let good = units.concat();
        let mut mixed = vec![init(&[])];
        for (i, request) in good.iter().enumerate() {
            if i % nth == 1 {
                let mut bad = request.clone();
                if let Request::Point(point) = &mut bad {
                    point.fields_double.insert("bad".into(), 1.0);
                }
                mixed.push(bad);
            }
            mixed.push(request.clone());
        }
        let (output, result) = converse(&script, &stream(mixed));
        prop_assert!(result.is_ok(), "{:?}", result);
        let ours = points(&answers(&output));
        let theirs = points(&answers_to(&script, &init(&[]), &[&good]));
        prop_assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        Ok(())
    });
    tested.unwrap();
}
