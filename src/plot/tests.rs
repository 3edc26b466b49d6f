//! Pictures of traces that are made here: what is in them, and that nothing is outside of them.

use super::*;
use crate::replay::quality::Interval;
use crate::replay::trace::{
    LevelInterval, Sample, Threshold, TracedAlert, TracedField, TracedGroup,
};
use crate::tick::alert::Level;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_451_606_400 * SECOND;

fn field(name: &str, samples: Vec<Sample>) -> TracedField {
    let count = samples.len() as u64;
    TracedField { field: name.into(), named: true, count, samples, ..TracedField::default() }
}

fn group(id: &str, inputs: Vec<TracedField>) -> TracedGroup {
    let tags = vec![("host".to_owned(), id.to_owned())];
    TracedGroup {
        id: format!("host={id}"),
        name: "m".into(),
        tags,
        inputs,
        ..TracedGroup::default()
    }
}

fn values(values: &[f64]) -> Vec<Sample> {
    values.iter().zip(0..).map(|(value, i)| (START + i * 60 * SECOND, *value)).collect()
}

fn alert(level: Level, from: i64, to: i64) -> TracedAlert {
    let (from, to) = (START + from * SECOND, START + to * SECOND);
    let intervals = vec![LevelInterval { level, from, to }];
    TracedAlert { began: 1, worst: level, intervals, ..TracedAlert::default() }
}

/// A trace with everything: an alert, a threshold on the axis and one far above, a label, a gap.
fn full() -> Trace {
    let mut group = group("a", vec![field("x", values(&[1.0, 2.0, f64::NAN, 40.0, 1.5]))]);
    group.outputs = vec![field("score", values(&[0.1, 0.2, 0.3, 9.0, 0.2]))];
    group.alerts = vec![alert(Level::Critical, 150, 200)];
    let threshold = |value| Threshold {
        udf: String::new(),
        field: "score".into(),
        level: Level::Critical,
        value,
    };
    Trace {
        groups: vec![group],
        thresholds: vec![threshold(4.5), threshold(1e9)],
        labels: vec![Interval { from: START + 120 * SECOND, to: START + 240 * SECOND }],
        ..Trace::default()
    }
}

fn svg(trace: &Trace) -> String {
    String::from_utf8(Form::Svg.draw(trace, "title", Theme::Light).unwrap()).unwrap()
}

/// The numbers of all attributes of that name.
fn numbers<'s>(svg: &'s str, name: &str) -> impl Iterator<Item = f64> + 's {
    let opening = format!(" {name}=\"");
    let parts: Vec<&str> = svg.split(opening.as_str()).skip(1).collect();
    parts.into_iter().filter_map(|part| part.split('"').next()?.parse().ok())
}

#[test]
fn a_picture_says_what_it_shows() {
    let drawn = svg(&full());
    for text in [
        "title",
        "m host=a  (1 alert)",
        "x",
        "score (output)",
        "critical 4.5",
        "critical 1e9 ↑",
        "labelled anomaly",
        "threshold",
        "2016-01-01",
        "times are UTC",
    ] {
        assert!(drawn.contains(&format!("\n{text}\n")), "{text}: {drawn}");
    }
    assert!(drawn.contains("prefers-color-scheme: dark"));
    // The line of x breaks where there is no number.
    let lines = drawn.matches(" stroke=\"#0072B2\"").count();
    assert_eq!(lines, 2, "{drawn}");
}

#[test]
fn nothing_is_outside_of_a_picture() {
    let long = "a field whose name is much longer than anybody would want to read ".repeat(6);
    let mut group = group(
        &long,
        vec![
            field(&long, values(&[f64::MIN, f64::MAX, 0.0, 1e-300])),
            field("one", values(&[-123_456_789.123])),
            field("none", values(&[f64::NAN])),
            field("<&\"'\u{1}", values(&[1e12, 1e12 + 1.0, 3.5])),
        ],
    );
    group.alerts = vec![alert(Level::Warning, -10_000, 90_000)];
    let trace = Trace { groups: vec![group], ..full() };
    let drawn = svg(&trace);
    let (width, height) = (8000.0, numbers(&drawn, "height").next().unwrap() * 8.0);
    for (name, most) in [("x", width), ("y", height), ("x1", width), ("cx", width), ("cy", height)]
    {
        for number in numbers(&drawn, name) {
            assert!((0.0..=most).contains(&number), "{name} {number}");
        }
    }
    for points in drawn.split(" points=\"").skip(1) {
        let points = points.split('"').next().unwrap();
        for point in points.split_whitespace() {
            let (x, y) = point.split_once(',').unwrap();
            assert!((0.0..=width).contains(&x.parse::<f64>().unwrap()), "{point}");
            assert!((0.0..=height).contains(&y.parse::<f64>().unwrap()), "{point}");
        }
    }
    assert!(drawn.contains('…') && drawn.contains("&lt;&amp;") && !drawn.contains('\u{1}'));
}

#[test]
fn the_worst_groups_are_shown_and_the_others_counted() {
    let mut groups: Vec<_> =
        (0..50).map(|i| group(&i.to_string(), vec![field("x", values(&[1.0, 2.0]))])).collect();
    groups[20].alerts = vec![alert(Level::Info, 0, 1)];
    let trace = Trace { groups, groups_left_out: 7, ..Trace::default() };
    let drawn = svg(&trace);
    let note = "8 of 57 groups are shown, the worst first; 49 are not, with 1 alert";
    assert!(drawn.contains(note), "{drawn}");
    let html = String::from_utf8(Form::Html.draw(&trace, "t", Theme::Light).unwrap()).unwrap();
    assert!(html.contains("40 of 57 groups are shown, the worst first; 17 are not, none of them"));
}

#[test]
fn nothing_to_draw_is_said() {
    let drawn = svg(&Trace::default());
    assert!(drawn.contains("there is nothing to draw: no point with a number"), "{drawn}");
    let mut out = Vec::new();
    Screen { width: 80, colours: false }.draw(&Trace::default(), &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().starts_with("there is nothing to draw"));
}

#[test]
fn pixels_are_a_png_in_both_themes() {
    for (theme, corner) in [(Theme::Light, 0xff), (Theme::Dark, 0x15)] {
        let png = Form::Png.draw(&full(), "title", theme).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!(size(16), 2000);
        // The data follows the header and its sum.
        let length = size(33) as usize;
        assert_eq!(&png[37..41], b"IDAT");
        let mut pixels = Vec::new();
        let mut decoder = flate2::read::ZlibDecoder::new(&png[41..41 + length]);
        std::io::Read::read_to_end(&mut decoder, &mut pixels).unwrap();
        assert_eq!(pixels.len() as u32, size(20) * (1 + 3 * 2000));
        assert_eq!(pixels[1], corner);
        let sum = crc32fast::hash(&png[37..41 + length]);
        assert_eq!(size(41 + length), sum);
    }
}

#[test]
fn a_page_holds_all_that_it_needs() {
    let mut trace = full();
    trace.groups[0].name = "</script><script>alert(1)//{{title}}".into();
    let html = String::from_utf8(Form::Html.draw(&trace, "a & b", Theme::Light).unwrap()).unwrap();
    assert!(html.contains("<title>a &amp; b</title>"));
    assert!(html.contains("Copyright (c)") && html.contains("Leon Sorokin"));
    assert!(!html.contains("</script><script>alert"));
    for fetched in ["src=", "<link", "@import", "fetch(", "XMLHttpRequest"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    let json = html.split("id=\"picture\">").nth(1).unwrap().split("</script>").next().unwrap();
    let picture: serde_json::Value = serde_json::from_str(json).unwrap();
    let rows = &picture["panels"][0]["rows"];
    let length = |name: &str| rows[0][name].as_array().unwrap().len();
    assert_eq!((length("times"), length("values")), (5, 5));
    assert!(rows[0]["values"][2].is_null());
    assert_eq!(rows[1]["bands"][0]["level"], "CRITICAL");
    assert_eq!(rows[0]["summary"], "x: 1 to 40, 1 alert");
}

#[test]
fn a_terminal_shows_lines_alerts_and_labels() {
    let mut out = Vec::new();
    Screen { width: 80, colours: false }.draw(&full(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "m host=a  (1 alert)");
    assert_eq!(lines[1].trim(), "x: 1 to 40");
    assert!(text.contains("score (output): 0.1 to 9, critical 4.5, critical 1e9"), "{text}");
    assert!(text.contains('╌') && text.contains("UTC"), "{text}");
    let alerts = lines.iter().find(|line| line.trim().starts_with("alerts")).unwrap();
    let begin = alerts.chars().position(|c| c == 'C').unwrap();
    assert!((48..58).contains(&begin), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'));
    let mut coloured = Vec::new();
    Screen { width: 60, colours: true }.draw(&full(), &mut coloured).unwrap();
    assert!(String::from_utf8(coloured).unwrap().contains("\u{1b}[31mC"));
}
