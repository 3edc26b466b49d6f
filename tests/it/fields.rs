//! Points as a script sees them: types, names, times, numbers that are none.

use crate::util::*;
use prost::Message;
use rhai_udf::protocol::frame::put_frame;
use rhai_udf::protocol::message::PointMessage;

const HEAD: &str = r#"fn info() { #{ wants: "stream", provides: "stream" } }"#;

/// A point with a field of each type.
fn typed() -> PointMessage {
    PointMessage {
        time: 7,
        name: "m".into(),
        database: "db".into(),
        retention_policy: "rp".into(),
        group: "host=a".into(),
        dimensions: vec!["host".into()],
        tags: [("host".into(), "a".into())].into(),
        fields_double: [("d".into(), 1.5)].into(),
        fields_int: [("i".into(), 2)].into(),
        fields_string: [("s".into(), "text".into())].into(),
        fields_bool: [("b".into(), true)].into(),
        ..Default::default()
    }
}

/// What `body` makes of a point.
fn change(name: &str, body: &str, point: PointMessage) -> PointMessage {
    let script = format!("{HEAD}\nfn point(p) {{ {body} emit(p); }}");
    let run = run_text(name, &script, vec![init(&[]), Request::Point(point)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.points().remove(0)
}

#[test]
fn a_point_that_nobody_changes_stays_as_it_is() {
    assert_eq!(change("same", "", typed()), typed());
}

#[test]
fn fields_keep_their_types() {
    let body = "p.d += 1; p.i += 1; p.s += \"!\"; p.b = !p.b;";
    let got = change("kept", body, typed());
    assert_eq!(got.fields_double, [("d".into(), 2.5)].into());
    assert_eq!(got.fields_int, [("i".into(), 3)].into());
    assert_eq!(got.fields_string, [("s".into(), "text!".into())].into());
    assert_eq!(got.fields_bool, [("b".into(), false)].into());
}

#[test]
fn setting_another_type_moves_the_field() {
    let got = change("moved", "p.d = 1; p.i = \"2\"; p.s = true; p.b = 0.5;", typed());
    assert_eq!(got.fields_int, [("d".into(), 1)].into());
    assert_eq!(got.fields_string, [("i".into(), "2".into())].into());
    assert_eq!(got.fields_bool, [("s".into(), true)].into());
    assert_eq!(got.fields_double, [("b".into(), 0.5)].into());
    let body = "p.set(\"d\", 1); p.set(\"i\", \"2\"); p.set(\"s\", true); p.set(\"b\", 0.5);";
    let set = change("set", body, typed());
    assert_eq!((&set.fields_int, &set.fields_string), (&got.fields_int, &got.fields_string));
    assert_eq!((&set.fields_bool, &set.fields_double), (&got.fields_bool, &got.fields_double));
}

#[test]
fn fields_are_added_removed_kept_and_replaced() {
    let got =
        change("edit", "p.fresh = 1.0; p.remove(\"d\"); p.keep([\"fresh\", \"i\"]);", typed());
    assert_eq!(line_of(got), "7 m,host=a fresh=1.0 i=2i");
    let got = change("fields", "p.fields = #{ only: p.has(\"d\") };", typed());
    assert_eq!(line_of(got), "7 m,host=a only=true");
}

fn line_of(point: PointMessage) -> String {
    lines(&[Answer::Point(point)]).remove(0)
}

#[test]
fn metadata_is_read_and_set() {
    let body = r#"
        let seen = `${p.time} ${p.name} ${p.group} ${p.database} ${p.retention_policy}`;
        p.seen = `${seen} ${p.tags.host} ${p.tag("host")} ${p.dimensions}`;
        p.time += 1;
        p.name = "n";
        p.database = "other";
        p.tags.rack = "r";"#;
    let got = change("metadata", body, typed());
    assert_eq!(got.fields_string["seen"], "7 m host=a db rp a a [\"host\"]");
    assert_eq!((got.time, got.name.as_str(), got.database.as_str()), (8, "n", "other"));
    assert_eq!(got.tags, [("host".into(), "a".into()), ("rack".into(), "r".into())].into());
}

#[test]
fn names_may_have_spaces_and_any_letters_and_be_reserved_words() {
    let mut point = typed();
    for name in ["usage idle", "naïve Δt", "default", "as", "", "a\nb"] {
        point.fields_double.insert(name.into(), 1.0);
    }
    let body = r#"
        p.default += 1;
        for name in ["usage idle", "naïve Δt", "as", "", "a\nb"] { p[name] += 1; }
        p.tags["rack no"] = "ü 1";"#;
    let got = change("names", body, point);
    for name in ["usage idle", "naïve Δt", "default", "as", "", "a\nb"] {
        assert_eq!(got.fields_double[name], 2.0, "{name}");
    }
    assert_eq!(got.tags["rack no"], "ü 1");
}

/// The wire has bytes; what is no UTF-8 comes out as it went in, and reading it is no error.
#[test]
fn names_and_text_that_are_not_utf8_pass_unharmed() {
    let mut point = typed();
    point.fields_string.insert("QQQ".into(), "RRR".into());
    let mut input = stream(vec![init(&[])]);
    let mut request = stream(vec![Request::Point(point)]);
    for text in [b"QQQ", b"RRR"] {
        let at = request.windows(3).position(|w| w == text).unwrap();
        request[at..at + 3].fill(0xff);
    }
    input.extend_from_slice(&request);
    let folder = Folder::new("utf8");
    let script = "fn point(p) { let all = p.fields; p.d = 1.0; emit(p); }";
    let path = folder.write("script.rhai", &format!("{HEAD}\n{script}"));
    let run = run_udf(&path, &input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let frames = frames(&run.stdout);
    let count = frames[1].windows(3).filter(|w| *w == [0xff; 3]).count();
    assert_eq!(count, 2, "name and value");
}

#[test]
fn nan_and_infinities_pass_and_can_be_told() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE] {
        let mut point = typed();
        point.fields_double.insert("d".into(), value);
        let body = "p.nan = p.d.is_nan(); p.copy = p.d;";
        let got = change("nan", body, point);
        assert_eq!(got.fields_double["copy"].to_bits(), value.to_bits());
        assert_eq!(got.fields_bool["nan"], value.is_nan());
    }
}

#[test]
fn times_may_lie_before_1970() {
    let time = -86_400_000_000_000;
    let point = PointMessage { time, ..typed() };
    let got = change("before", "p.text = time_text(p.time); p.time -= 1;", point);
    assert_eq!(got.fields_string["text"], "1969-12-31T00:00:00Z");
    assert_eq!(got.time, time - 1);
    let point = PointMessage { time: i64::MIN, ..typed() };
    assert_eq!(change("smallest", "p.t = p.time;", point).fields_int["t"], i64::MIN);
}

/// A name in two maps: bool counts before double before int before string.
#[test]
fn a_name_of_two_types_has_the_daemons_precedence() {
    let mut point = typed();
    point.fields_int.insert("d".into(), 9);
    point.fields_string.insert("d".into(), "nine".into());
    assert_eq!(change("two", "p.got = p.d;", point).fields_double["got"], 1.5);
}

#[test]
fn new_points_are_made_from_parts() {
    let body = r#"
        let q = new_point(#{
            time: p.time, name: "n", tags: #{ a: "1" }, fields: #{ x: 1, y: "z" },
            database: p.database, retention_policy: p.retention_policy,
        });
        emit(q);"#;
    let script = format!("{HEAD}\nfn point(p) {{ {body} }}");
    let run = run_text("new_point", &script, vec![init(&[]), Request::Point(typed())]);
    let got = run.points().remove(0);
    assert_eq!((got.database.as_str(), got.retention_policy.as_str()), ("db", "rp"));
    assert_eq!(line_of(got), "7 n,a=1 x=1i y=\"z\"");
}

#[test]
fn now_is_the_clock_of_the_machine() {
    let before = unix_ns();
    let got = change("now", "p.now = now();", typed()).fields_int["now"];
    assert!((before..=unix_ns()).contains(&got), "{got}");
}

fn unix_ns() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// A group's id is a key, whatever it holds.
#[test]
fn a_group_with_a_newline_and_no_utf8_is_a_group() {
    let script = format!(
        "{HEAD}\nfn state() {{ #{{ n: 0 }} }}\n\
        fn point(p) {{ this.n += 1; p.n = this.n; emit(p); }}"
    );
    let folder = Folder::new("group");
    let path = folder.write("script.rhai", &script);
    let mut input = stream(vec![init(&[])]);
    for group in [&b"cpu\nhost=a"[..], b"\xff\xfe", b"cpu\nhost=a", b"\xff\xff"] {
        let mut point = PointMessage { group: "GGG".into(), ..typed() }.encode_to_vec();
        let at = point.windows(3).position(|w| w == b"GGG").unwrap();
        point.splice(at - 1..at + 3, [&[group.len() as u8], group].concat());
        let mut request = vec![0x8a, 0x01, point.len() as u8];
        request.extend_from_slice(&point);
        put_frame(&mut input, &request);
    }
    let run = run_udf(&path, &input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let counts: Vec<u8> = frames(&run.stdout)[1..]
        .iter()
        .map(|frame| {
            let at = frame.windows(3).rposition(|w| w == [0x0a, 0x01, b'n']).unwrap();
            frame[at + 4]
        })
        .collect();
    assert_eq!(counts, [1, 1, 2, 1]);
}
