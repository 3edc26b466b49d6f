//! Columns that are found, named and wrong.

use super::*;
use crate::protocol::FieldValue;

fn read(text: &str, reading: &Reading) -> Result<Vec<Point>, String> {
    let bytes: Box<dyn BufRead> = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    let mut csv = Csv::open(bytes, Path::new("cpu.csv.gz"), reading).map_err(|e| e.to_string())?;
    let mut scratch = Scratch::default();
    let mut points = Vec::new();
    while csv.next(&mut scratch).map_err(|e| e.to_string())?.is_some() {
        points.push(scratch.point.clone());
    }
    Ok(points)
}

fn columns(time: Option<&str>, fields: &[&str], tags: &[&str]) -> Reading {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let csv = CsvReading {
        time_column: time.map(Into::into),
        field_columns: owned(fields),
        tag_columns: owned(tags),
        ..CsvReading::default()
    };
    Reading { csv, ..Reading::default() }
}

#[test]
fn the_first_value_says_what_a_column_holds() {
    let text = "timestamp,x,n,on,s\n2014-04-01 00:00:00,1,2i,True,a\n\
                2014-04-01 00:05:00,2.5,,false,7\n";
    let points = read(text, &Reading::default()).unwrap();
    assert_eq!(points[0].time(), 1_396_310_400_000_000_000);
    assert_eq!(points[0].name(), "cpu");
    let field = |i: usize, name: &str| points[i].field(name).map(|v| format!("{v:?}"));
    assert_eq!(field(0, "x"), Some(format!("{:?}", FieldValue::Double(1.0))));
    assert_eq!(field(0, "n"), Some(format!("{:?}", FieldValue::Int(2))));
    assert_eq!(field(0, "on"), Some(format!("{:?}", FieldValue::Bool(true))));
    assert_eq!(field(1, "n"), None);
    assert_eq!(field(1, "s"), Some(format!("{:?}", FieldValue::String("7".into()))));
}

#[test]
fn columns_are_found_or_named() {
    let text = "\u{feff}host;when;x;y\na;2014-04-01T00:00:00Z;1;2\n";
    let points = read(text, &columns(None, &["y"], &["host"])).unwrap();
    assert_eq!(points[0].tag("host").as_deref(), Some("a"));
    assert!(points[0].field("y").is_some() && points[0].field("x").is_none());
    let windows = read("time,5\r\n2014-04-01,1\r\n", &Reading::default()).unwrap();
    assert_eq!(windows[0].field("5"), Some(FieldValue::Double(1.0)));
    let twins = read("time,x,y,x\n1,2,3,4\n", &columns(None, &["y"], &[])).unwrap();
    assert_eq!(twins[0].field_count(), 1);
    let epoch = read("a,b\n1,1396310400\n", &columns(Some("b"), &[], &[])).unwrap();
    assert_eq!(epoch[0].time(), 1_396_310_400_000_000_000);
}

#[test]
fn what_is_wrong_is_named_with_line_and_column() {
    let plain = Reading::default();
    for (text, reading, expected) in [
        ("a,b\n1,2\n", &plain, "no column seems to have times"),
        ("", &plain, "cpu.csv.gz: the file is empty"),
        ("\n\n", &plain, "the file is empty"),
        ("5,6.0\n7,8\n", &plain, "the first line has '5', which is a value: put a line"),
        ("2014-01-01,6.0\n", &plain, "the first line has '2014-01-01', which is a value"),
        ("time,x,y,x\n1,2,3,4\n", &plain, "columns 2 and 4 have the same name 'x': rename"),
        ("time,x\nsoon,2\n", &plain, "cpu.csv.gz:2: column 1 'time': 'soon' is not a time"),
        (
            "time,x\n2014-01-01,2\n2014-01-02,low\n",
            &plain,
            ":3: column 2 'x': 'low' is not a number",
        ),
        ("time,x\n2014-01-01,2\n2014-01-02\n", &plain, ":3: the line has 1 columns"),
        ("time,x\n", &columns(None, &["y"], &[]), "no column 'y'; there are time, x"),
    ] {
        let error = read(text, reading).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let skipping = Reading { skip_bad_lines: true, ..Reading::default() };
    let points = read("time,x\nsoon,2\n2014-01-02,1\n", &skipping).unwrap();
    assert_eq!((points.len(), skipping.skipped.get()), (1, 1));
}
