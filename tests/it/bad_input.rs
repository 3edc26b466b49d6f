//! What is broken is named with its place; nothing panics and nothing is half-written.

use crate::bad_data::{mirror, text};
use crate::util::*;
use rhai_udf::protocol::message::{PointMessage, SnapshotRequest};

pub(crate) const STREAM: &str = r#"fn info() { #{ wants: "stream", provides: "stream" } }"#;

/// Runs a script on bytes that end in an error; every frame before it is whole.
fn broken(name: &str, script: &str, input: &[u8]) -> (Vec<String>, String) {
    let folder = Folder::new(name);
    let path = folder.write("script.rhai", script);
    let run = run_udf(&path, input);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    let error = run.error();
    let mut before = lines(&run.answers());
    before.pop();
    assert!(run.stderr.contains(&error), "the log has it too: {}", run.stderr);
    (before, error)
}

fn echo() -> String {
    format!("{STREAM}\nfn point(p) {{ emit(p); }}")
}

fn collect() -> &'static str {
    "fn info() { #{ wants: \"batch\", provides: \"batch\" } }
    fn begin_batch(batch) {}
    fn point(p) { emit(p); }
    fn end_batch(batch) {}"
}

/// A session cut at every byte: what was whole before the cut is answered, the cut is an error.
#[test]
fn an_input_that_ends_inside_a_frame_is_answered_as_far_as_it_goes() {
    let requests = [
        vec![init(&[])],
        batch("a", &[1.0]),
        batch("a", &[2.0, 3.0]),
        vec![Request::Snapshot(SnapshotRequest {})],
    ]
    .concat();
    let mut ends = vec![0];
    for i in 1..=requests.len() {
        ends.push(stream(requests[..i].to_vec()).len());
    }
    let input = stream(requests);
    let folder = Folder::new("cut");
    let path = folder.write("script.rhai", collect());
    let whole = lines(&run_udf(&path, &input).answers());
    assert_eq!(whole.len(), 9);
    for cut in 0..input.len() {
        let run = run_udf(&path, &input[..cut]);
        let mut got = lines(&run.answers());
        let frame = ends.iter().filter(|end| **end <= cut).count();
        if ends.contains(&cut) {
            assert_eq!(run.code, Some(0), "cut at {cut}: {}", run.stderr);
        } else {
            assert_eq!(run.code, Some(1), "cut at {cut}: {}", run.stderr);
            let error = got.pop().unwrap();
            let part = format!("error: frame {frame}: the input ended inside it, after ");
            assert!(error.starts_with(&part), "cut at {cut}: {error}");
        }
        assert_eq!(got, whole[..got.len()], "cut at {cut}");
    }
}

#[test]
fn frames_that_are_none_are_named() {
    let session = stream(vec![init(&[]), point(1, "", &[("x", 1.0)])]);
    for (name, bytes, part) in [
        (
            "huge",
            &[0xff, 0xff, 0xff, 0xff, 0x0f][..],
            "frame 3: 4294967295 bytes long, more than the limit of 2147483647",
        ),
        (
            "endless",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "frame 3: the length before it is not a 32-bit varint; is this a request stream?",
        ),
        ("promise", &[0xff, 0xff, 0xff, 0x7f, 1, 2], "frame 3: the input ended inside it, after 6"),
        ("empty", &[0], "a request without a message"),
        ("unknown", &[3, 0xca, 0x01, 0], "a request of an unknown kind (field 25)"),
        ("text", b"\x05hello", "Request: not a valid message"),
        ("point", &[4, 0x8a, 0x01, 1, 0xff], "Point: not a valid message"),
    ] {
        let (before, error) = broken(name, &echo(), &[&session[..], bytes].concat());
        assert_eq!(before, ["init", "1 m x=1.0"], "{name}");
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn data_in_the_wrong_place_is_named() {
    let x = || point(1, "", &[("x", 1.0)]);
    let (started, open) = (init(&[]), begin("", 1));
    for (name, script, requests, part) in [
        ("no_init", &*echo(), vec![x()], "a point arrived before init"),
        ("no_init_batch", collect(), vec![open.clone()], "a batch arrived before init"),
        (
            "batch_for_stream",
            &echo(),
            vec![started.clone(), open.clone()],
            "a batch arrived, but the UDF wants a stream; if its declaration has changed, restart kapacitord, which asks for it only when it starts",
        ),
        (
            "end_for_stream",
            &echo(),
            vec![started.clone(), end("", 1)],
            "the end of a batch arrived, but the UDF wants a stream; if its declaration has changed, restart kapacitord, which asks for it only when it starts",
        ),
        (
            "bare",
            collect(),
            vec![started.clone(), x()],
            "a point arrived outside a batch, but the UDF wants batches; if its declaration has changed, restart kapacitord, which asks for it only when it starts",
        ),
        (
            "no_begin",
            collect(),
            vec![started.clone(), end("", 1)],
            "the end of batch 'm' arrived without its begin",
        ),
        (
            "nested",
            collect(),
            vec![started.clone(), open.clone(), open.clone()],
            "batch 'm' began inside another",
        ),
    ] {
        let (_, error) = broken(name, script, &stream(requests));
        assert_eq!(error, part, "{name}");
    }
}

/// A throw in each callback: what came before is whole, what the call wrote is dropped.
#[test]
fn a_throw_anywhere_has_its_place_and_leaves_nothing_half_written() {
    let script = |callback: &str| {
        let throw = |name: &str| if name == callback { "throw \"stop\";" } else { "" };
        format!(
            "fn info() {{ #{{ wants: \"batch\", provides: \"batch\" }} }}\n\
             fn state() {{ {} #{{}} }}\n\
             fn begin_batch(batch) {{ {} }}\n\
             fn point(p) {{ emit(p); if p.x > 1.5 {{ {} }} }}\n\
             fn end_batch(batch) {{ emit(batch.point(#{{ end: 1 }})); {} }}",
            throw("state"),
            throw("begin_batch"),
            throw("point"),
            throw("end_batch")
        )
    };
    let data = [vec![init(&[])], batch("a", &[1.0]), batch("b", &[2.0])].concat();
    for (callback, place, whole, group) in [
        ("state", "2:14", 1, "host=a"),
        ("begin_batch", "3:25", 1, "host=a"),
        ("point", "4:39", 5, "host=b"),
        ("end_batch", "5:55", 1, "host=a"),
    ] {
        let name = format!("throw_{callback}");
        let (before, error) = broken(&name, &script(callback), &stream(data.clone()));
        assert_eq!(before.len(), whole, "{callback}: {before:?}");
        let end = format!("script.rhai:{place}: stop (in {callback}, group '{group}')");
        assert!(error.ends_with(&end), "{error}");
    }
}

#[test]
fn a_throw_in_info_init_and_migrate_refuses_the_task() {
    let thrown = "fn init() { throw #{ code: 7 }; }";
    let run = run_text("init", &format!("{}\n{thrown}", echo()), vec![init(&[])]);
    let said = lines(&run.answers()).remove(0);
    assert!(said.contains("script.rhai:3:13: thrown: #{\"code\": 7} (in init)"), "{said}");
}

/// The text that DESIGN.md promises.
#[test]
fn a_missing_field_is_named_with_what_is_there() {
    let run = run_udf(
        &repo("scripts/ttest.rhai"),
        &stream(
            [
                vec![init(&[
                    ("field", &[OptionArgument::Text("hotend")]),
                    ("size", &[OptionArgument::Int(10)]),
                ])],
                batch("", &[1.0]),
            ]
            .concat(),
        ),
    );
    let error = run.error();
    let part = "ttest.rhai:29:24: no point of the batch has a field 'hotend'; the points have the fields x";
    assert!(error.contains(part), "{error}");
    let data = vec![point(1, "", &[("bed", 1.0), ("air", 2.0)])];
    for (name, body) in [
        ("push", "moving_stats(3).push(p.hotend);"),
        ("set", "p.y = p.hotend;"),
        ("plus", "let y = p.hotend + 1.0;"),
        ("minus", "let y = -p.hotend;"),
    ] {
        let (_, error) =
            play_to_error(name, &format!("{STREAM}\nfn point(p) {{ {body} }}"), data.clone());
        assert!(
            error.contains("field 'hotend' is missing; the point has air (double), bed (double)"),
            "{name}: {error}"
        );
        assert!(error.contains("script.rhai:2:"), "{error}");
    }
}

/// What an author gets wrong first.
#[test]
fn mistakes_in_a_callback_say_what_and_where() {
    let point_with = |fields_string: &str| {
        Request::Point(PointMessage {
            name: "m".into(),
            fields_string: [("s".into(), fields_string.into())].into(),
            ..Default::default()
        })
    };
    for (name, body, part) in [
        ("typo", "p.y = valeu;", "undefined variable: valeu"),
        ("function", "p.y = medain([1.0]);", "no function medain (array)"),
        (
            "number",
            "moving_stats(3).push(p.s);",
            "the value must be a number, not the string 'abc'",
        ),
        ("size", "moving_stats(-1);", "moving_stats: size must be 0 or more, got -1"),
        ("zero", "let x = 1 / 0;", "division by zero"),
        (
            "map",
            "p.y = #{};",
            "field 'y' cannot hold a map; fields are double, int, string or bool",
        ),
        ("sleep", "sleep(1);", "a script cannot sleep"),
        ("depth", "f(1);", "calls are nested too deep"),
        ("index", "let a = [1]; a[3];", "array index 3 out of bounds: only 1 element in array"),
        ("eval", "eval(\"1\");", "'eval' is "),
        ("key", "new_point(#{ tim: 1 });", "new_point: unknown key 'tim'; known are time, name"),
    ] {
        let script = format!("{STREAM}\nfn point(p) {{ {body} }}\nfn f(n) {{ f(n + 1); }}");
        let run = run_text(name, &script, vec![init(&[]), point_with("abc")]);
        let said = lines(&run.answers()).join("\n");
        assert!(said.contains(part), "{name}: {said}");
        assert!(said.contains("script.rhai:2:") || name == "depth", "{name}: {said}");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn wrong_commands_are_wrong_usage() {
    for arguments in [&["walk"][..], &["run"], &["run", "--fast", "x.rhai"], &[]] {
        let run = feed(binary().args(arguments), &[]);
        assert_eq!(run.code, Some(2), "{arguments:?}");
        let told = ["Usage: rhai-udf", "name a script, or a folder of scripts with --dir"];
        assert!(told.iter().any(|text| run.stderr.contains(text)), "{}", run.stderr);
    }
}

/// A TICKscript, data or a model where a script is wanted, and the reverse.
#[test]
fn swapped_arguments_are_told() {
    let folder = Folder::new("swapped");
    let tick = text(folder.write("task.tick", "stream|from()@mine()|httpOut('a')"));
    let rhai = text(folder.write("script.tick", &echo()));
    let data = text(folder.write("data.lp", "m x=1 1\n"));
    let mine = format!("mine={tick}");
    let (is_tick, is_data) =
        ("this is a TICKscript, and a script (*.rhai) is", "this is data, and a");
    for (code, arguments, part) in [
        (1, &["check", &tick][..], is_tick),
        (1, &["conf", &tick], is_tick),
        (1, &["bench", &tick], is_tick),
        (1, &["replay", &tick, "--udf", &mine, "--data", &data], is_tick),
        (1, &["replay", &data, "--data", &mirror()], is_data),
        (1, &["check", &data], is_data),
        (1, &["replay", &mirror(), "--data", &tick], "this is a script, and data is wanted here"),
        (
            1,
            &["replay", &mirror(), "--data", &mirror()],
            "this is a script, and data is wanted here",
        ),
        (2, &["replay", &rhai, "--data", &data], "give it a name that ends with .rhai"),
        (
            2,
            &["replay", &mirror(), "--udf", &mine, "--data", &data],
            "it applies to a TICKscript (.tick) only",
        ),
    ] {
        let run = feed(binary().args(arguments), &[]);
        assert_eq!(run.code, Some(code), "{arguments:?}: {} {}", run.text(), run.stderr);
        let said = format!("{}{}", run.text(), run.stderr);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    // The daemon must start; the task is refused with the same words.
    let run = run_udf(&folder.path("task.tick"), &stream(vec![init(&[])]));
    assert!(lines(&run.answers())[0].contains(is_tick), "{:?}", lines(&run.answers()));
}
