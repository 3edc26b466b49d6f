//! The reader against InfluxData's parser, and reading back what is written.

use super::*;
use crate::protocol::{FieldValue, Point};
use influxdb_line_protocol::{FieldValue as Value, ParsedLine, parse_lines, split_lines};
use proptest::prelude::*;
use std::cell::RefCell;

/// Reads a line by InfluxData's parser.
fn theirs(line: &str) -> Result<Option<Point>, String> {
    let Some(parsed) = parse_lines(line).next() else { return Ok(None) };
    let ParsedLine { series, field_set, timestamp } = parsed.map_err(|error| error.to_string())?;
    let mut point = Point::new(timestamp.ok_or("no time")?);
    point.set_name(series.measurement.as_str());
    for (name, value) in series.tag_set.iter().flatten() {
        point.set_tag(name.as_str(), value.as_str());
    }
    for (name, value) in &field_set {
        let value = match value {
            Value::F64(value) => FieldValue::Double(*value),
            Value::I64(value) => FieldValue::Int(*value),
            Value::Boolean(value) => FieldValue::Bool(*value),
            Value::String(value) => FieldValue::from(value.as_str()),
            Value::U64(value) => {
                FieldValue::Int(i64::try_from(*value).map_err(|error| error.to_string())?)
            }
        };
        point.set_field(name.as_str(), value);
    }
    Ok(Some(point))
}

thread_local! {
    /// A reader that has seen the lines of all tests of the thread, as a reader of a file has.
    static USED: RefCell<Reader> = RefCell::default();
}

/// Reads a line by a new reader, and by one that has read others before and after.
fn ours(line: &str) -> Result<Option<Point>, String> {
    let fresh = ours_by(&mut Reader::default(), line);
    USED.with_borrow_mut(|used| {
        for time in 1..4 {
            assert_eq!(ours_by(used, line), fresh, "{line:?}, time {time}");
        }
    });
    fresh
}

fn ours_by(reader: &mut Reader, line: &str) -> Result<Option<Point>, String> {
    let mut point = Point::new(5);
    point.set_field("left over", true);
    let read = reader.read(line.as_bytes(), &mut point);
    let read = read.map_err(|error| error.to_string())?;
    // The index and the bytes say the same.
    let mut message = Vec::new();
    point.put_message(&mut message);
    assert_eq!(Point::from_message(&message).unwrap(), point, "{line:?}");
    Ok(read.then_some(point))
}

/// Both accept a line, with the same values, or both refuse it.
fn compare(line: &str) {
    match (ours(line), theirs(line)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{line:?}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{line:?}: ours {ours:?}, theirs {theirs:?}"),
    }
}

/// Cuts a text into lines by our rules.
fn lines(text: &str) -> Vec<&str> {
    let (mut rest, mut lines) = (text, Vec::new());
    loop {
        match cut(rest.as_bytes(), u64::MAX) {
            Cut::Line { len, end, newlines } => {
                assert_eq!(rest[..end].matches('\n').count() as u64, newlines);
                lines.push(&rest[..len]);
                rest = &rest[end..];
            }
            Cut::Partial { newlines, .. } => {
                assert_eq!(rest.matches('\n').count() as u64, newlines);
                lines.push(rest);
                return lines;
            }
        }
    }
}

/// What lines are made of, valid and not.
const PIECES: [&str; 62] = [
    "m",
    "cpu",
    ",",
    ",",
    ",",
    " ",
    " ",
    " ",
    "=",
    "=",
    "=",
    "t",
    "host",
    "x",
    "y",
    "usage_idle",
    "1",
    "0",
    "-",
    "+",
    ".",
    "e",
    "E",
    "i",
    "u",
    "12",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.5",
    "-0.0",
    "1e5",
    "2.5E-3",
    "1e400",
    "0.1234567890123456789",
    "\"",
    "\"",
    "\"text\"",
    "\\",
    "\\\\",
    "\\\"",
    "\\ ",
    "\\,",
    "\\=",
    "\\n",
    "true",
    "T",
    "False",
    "tr",
    "nan",
    "#",
    "\t",
    "\r",
    "\0",
    "é",
    "日",
    "x=1",
    " x=1 1",
    "m,a=b x=1i 1",
    "1451606400000000000",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => Just("\n".to_owned()),
        1 => any::<char>().prop_map(String::from),
        2 => any::<f64>().prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
    ]
}

/// A name or the value of a tag as it is written.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", r"([a-z\\é,=]|\\ |\\,|\\=|\\\\){1,5}",]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|value| value.to_string()),
        (any::<f64>(), 0usize..20).prop_map(|(value, digits)| format!("{:.digits$}", value % 1e3)),
        (any::<f64>(), 0usize..20).prop_map(|(value, digits)| format!("{value:.digits$e}")),
        any::<i64>().prop_map(|value| format!("{value}i")),
        any::<u64>().prop_map(|value| format!("{value}u")),
        prop::sample::select(&["t", "F", "true", "False", "TRUE"][..]).prop_map(str::to_owned),
        r#""([a-z ,=#\n\r\té]|\\"|\\\\|\\a){0,9}""#,
    ]
}

/// A line that is mostly valid.
fn line() -> impl Strategy<Value = String> {
    let pairs = |value: BoxedStrategy<String>, least| {
        prop::collection::vec((name(), value).prop_map(|(k, v)| format!("{k}={v}")), least..5)
            .prop_map(|pairs| pairs.join(","))
    };
    let tags = pairs(name().boxed(), 0);
    let fields = pairs(value().boxed(), 1);
    let time = prop_oneof![
        8 => any::<i64>().prop_map(|time| format!(" {time}")),
        1 => Just(String::new()),
        1 => "[ 0-9-]{0,22}",
    ];
    (name(), tags, fields, time).prop_map(|(name, tags, fields, time)| {
        let comma = if tags.is_empty() { "" } else { "," };
        format!("{name}{comma}{tags} {fields}{time}")
    })
}

/// A line with a piece put in, taken out or changed.
fn mutated() -> impl Strategy<Value = String> {
    (line(), piece(), any::<prop::sample::Index>(), 0usize..3).prop_map(
        |(line, piece, at, taken)| {
            let characters: Vec<char> = line.chars().collect();
            let at = at.index(characters.len() + 1);
            let after = (at + taken).min(characters.len());
            let (head, tail) = (&characters[..at], &characters[after..]);
            head.iter().chain(&piece.chars().collect::<Vec<_>>()).chain(tail).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn valid_lines_are_read_as_influxdatas_parser_reads_them(line in line()) {
        lines(&line).into_iter().for_each(compare);
    }

    #[test]
    fn changed_lines_are_accepted_and_refused_as_by_influxdatas_parser(line in mutated()) {
        lines(&line).into_iter().for_each(compare);
    }

    #[test]
    fn pieces_are_accepted_and_refused_as_by_influxdatas_parser(
        pieces in prop::collection::vec(piece(), 0..14)
    ) {
        lines(&pieces.concat()).into_iter().for_each(compare);
        lines(&format!("m x=1,{}", pieces.concat())).into_iter().for_each(compare);
        lines(&format!("m x=1,y=2,z=3,{}", pieces.concat())).into_iter().for_each(compare);
    }

    /// But for the two differences that the module names.
    #[test]
    fn texts_are_cut_as_influxdatas_parser_cuts_them(
        pieces in prop::collection::vec(prop_oneof![1 => Just("\n".to_owned()), 6 => piece()], 0..30)
    ) {
        let text = pieces.concat().replace(['#', '\r'], "");
        prop_assert_eq!(lines(&text), split_lines(&text).collect::<Vec<_>>());
    }

    #[test]
    fn a_point_that_is_written_is_read_back(
        name in "[a-z ,=é]{1,6}", tags in prop::collection::btree_map("[a-z ,=]{1,4}", "[a-z ,=]{0,4}", 0..4),
        double: f64, int: i64, text in any::<String>(), time: i64,
    ) {
        let mut point = Point::new(time);
        point.set_name(&name);
        tags.iter().for_each(|(name, value)| point.set_tag(name, value));
        point.set_field("double", double);
        point.set_field("int", int);
        point.set_field("te xt", text.as_str());
        let mut line = String::new();
        prop_assert!(Writer::default().write(&point, "", &mut line));
        tags.iter().filter(|(_, value)| value.is_empty()).for_each(|(name, _)| {
            point.remove_tag(name);
        });
        if !double.is_finite() {
            point.remove_field("double");
        }
        prop_assert_eq!(ours(&line).unwrap(), Some(point), "{}", line);
    }
}

#[test]
fn known_oddities_are_the_same() {
    for line in [
        "",
        " ",
        "#",
        " # x",
        "m x=1 1",
        "m x=1, 1",
        "m x=1,",
        "m x=1,y=2, 1",
        "m x=1  1  ",
        "m x=1 ",
        "m x=1 1\r",
        "m  x=1 1",
        "\tm x=1 1",
        "m\tx=1 1",
        "m x=1\t1",
        "m,a=b,a=c x=1 1",
        "m x=1,x=2i 1",
        "m,a,b=c x=1 1",
        "m,a=b=c x=1 1",
        "m,a= x=1 1",
        "m,=a x=1 1",
        "m, x=1 1",
        "m=x x=1 1",
        "m\\ x=1 1",
        "m\\\\ x=1 1",
        "m,a=b\\ x=1 1",
        "m,a=b\\\nc x=1 1",
        "m\0 x=1 1",
        "m\\\0 x=1 1",
        "m x=1u 1",
        "m x=-1u 1",
        "m x=1iu 1",
        "m x=1. 1",
        "m x=.5 1",
        "m x=+1 1",
        "m x=1e 1",
        "m x=1e5i 1",
        "m x=1.5i 1",
        "m x=1e400 1",
        "m x=-0 1",
        "m x=inf 1",
        "m x=NaN 1",
        "m x=\"\" 1",
        "m x=\"a\\\" 1",
        "m x=\"a\\\\\" 1",
        "m x=\"\\a\\\"\" 1",
        "m x=\"a\nb\" 1",
        "m x=\"a\"b 1",
        "m x=tr 1",
        "m x=tRUE 1",
        "m x=t 1",
        "m x=1 1 1",
        "m x=1 -1",
        "m x=1 1.5",
        "m x=1 9223372036854775808",
        "m =1 1",
        "m x 1",
        "m x= 1",
        "m x\\=y=1 1",
        "é é=1 1",
    ] {
        compare(line);
    }
}

#[test]
fn lines_with_other_fields_than_the_line_before_are_read_as_they_are() {
    for line in [
        "m x=1,y=2,z=3 1",
        "m x=1,y=2i,z=\"a\" 1",
        "m x=1,z=3 1",
        "m x=1,y=2,z=3,x=4 1",
        "m x=1,y=2,z=3,q=4 1",
        "m x=1,x=2,y=3 1",
        "m x=1,x=2,y=3 1",
        "m x=1,y=3,x=t 1",
        "m x\\ a=1,y=3 1",
        "m x\\ a=1,y=3 1",
        "m y=3 1",
        "m x=1,y=2,yy=3 1",
        "m x=1, 1",
        "m x=1,y=2, 1",
        "m x=1,y 1",
        "m x=1,y= 1",
        "k x=1,y=2 1",
    ] {
        compare(line);
    }
}

#[test]
fn errors_say_where_and_what_was_expected() {
    for (line, expected) in [
        ("m x=\"open 1", "column 5: the text that begins here has no quote at its end"),
        ("é,a x=1 1", "column 4: expected '=' and a value after tag 'a' (a space"),
        ("m,a= x=1 1", "column 5: tag 'a' has no value"),
        ("m", "column 2: expected a comma and a tag, or a space and the fields"),
        ("m 1", "column 4: expected '=' and a value after field '1'"),
        ("m x=yes 1", "column 5: field 'x' needs a value: a number (1.5)"),
        ("m x=1;y=2 1", "column 6: expected a comma and another field, or a space and the time"),
        ("m x=1 2016-01-01", "column 11: expected the end of the line after the time"),
        ("m x=1 now", "column 7: expected the time, a whole number"),
        ("m x=99999999999999999999i 1", "column 5: 99999999999999999999 is out of the range"),
        ("m\\", "column 3: a name or the value of a tag may not end with a backslash"),
        (",a=b x=1 1", "column 1: expected the name of a measurement"),
    ] {
        let error = ours(line).unwrap_err();
        assert!(error.starts_with(&format!("not line protocol: {expected}")), "{line}: {error}");
    }
    let mut point = Point::default();
    let two_down = Reader::default().read(b"m x=\"a\nb\n\"y 1", &mut point).unwrap_err();
    assert!(matches!(two_down, LineError::Syntax { down: 2, column: 2, .. }), "{two_down:?}");
}

#[test]
fn times_are_in_the_unit_that_is_asked_for() {
    let mut point = Point::default();
    let mut seconds = Reader::new(Precision::Seconds);
    assert_eq!(seconds.read(b"m x=1 2", &mut point), Ok(true));
    assert_eq!(point.time(), 2_000_000_000);
    assert_eq!(seconds.read(b"m x=1", &mut point), Err(LineError::NoTime));
    let beyond = seconds.read(b"m x=1 9223372036854775807", &mut point);
    assert_eq!(beyond, Err(LineError::Time(i64::MAX)));
    assert_eq!(seconds.read(b"m x=\xff 1", &mut point), Err(LineError::NotUtf8));
    let unsigned = seconds.read(b"m x=18446744073709551615u 1", &mut point);
    assert_eq!(unsigned, Err(LineError::Unsigned("x".into())));
    let points = read_all(b"m x=1\n\n# c\nm x=2 3\r\n", Precision::Hours, 7).unwrap();
    assert_eq!(points.iter().map(Point::time).collect::<Vec<_>>(), [7, 3 * 3_600_000_000_000]);
    let (line, error) = read_all(b"m x=1\nm x=\"a\nb\"\nm x", Precision::Hours, 7).unwrap_err();
    assert_eq!((line, error.to_string().contains("field 'x'")), (4, true));
}

#[test]
fn a_comment_with_a_quote_ends_with_its_line() {
    assert_eq!(lines("# it says a=\"\nm x=1 1\n"), ["# it says a=\"", "m x=1 1", ""]);
    assert_eq!(lines("m x=\"a\r\nb\" 1\r\n"), ["m x=\"a\r\nb\" 1", ""]);
    let open = cut(b"m x=\"a\nb\nc\nd", 2);
    assert_eq!(open, Cut::Partial { open: true, newlines: 2 });
}

#[test]
fn lines_are_written_as_the_daemon_writes_them() {
    let mut point = Point::new(42);
    point.set_name("my cpu=1,2\n3");
    point.set_tag("host", "a b");
    point.set_tag("empty", "");
    point.set_tag("a=\n", "x");
    point.set_field("b c", 1.0);
    point.set_field("a", 7);
    point.set_field("on", true);
    point.set_field("s", "say \"hi\" \\");
    point.set_field("nan", f64::NAN);
    point.set_field("small", 1e-7);
    let mut out = String::from("before ");
    assert!(Writer::default().write(&point, "other", &mut out));
    assert_eq!(
        out,
        "before my\\ cpu=1\\,2\\n3,a\\=\\n=x,host=a\\ b \
         a=7i,b\\ c=1,on=true,s=\"say \\\"hi\\\" \\\\\",small=0.0000001 42"
    );
    let tags = [("aa", "1"), ("host", "c"), ("z", ""), ("zz", "2")];
    let line = Line { point: &point, measurement: "n", tags: &tags, time: 1 };
    out.clear();
    assert!(Writer::default().write_line(&line, &mut out));
    assert!(out.starts_with("n,a\\=\\n=x,aa=1,host=c,zz=2 a=7i,"), "{out}");
    assert!(out.ends_with(" 1"), "{out}");
}

#[test]
fn nan_has_no_line() {
    let mut point = Point::new(1);
    point.set_field("x", f64::NAN);
    let mut line = String::from("before ");
    let mut writer = Writer::default();
    assert!(!writer.write(&point, "m", &mut line));
    assert_eq!(line, "before ");
    point.set_field("y", 1.5);
    assert!(writer.write(&point, "m", &mut line));
    assert_eq!(line, "before m y=1.5 1");
}
