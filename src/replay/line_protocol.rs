//! Line protocol: one point a line. Read with InfluxData's own parser.

use crate::protocol::{FieldValue, Point};
use influxdb_line_protocol::{FieldValue as LineValue, ParsedLine, parse_lines};
use std::fmt::Write;

/// The unit of the times in line protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Precision {
    /// By the names that InfluxDB's `precision` parameter has.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "n" | "ns" => Self::Nanoseconds,
            "u" | "us" | "µ" | "µs" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            _ => return None,
        })
    }

    /// Nanoseconds of one unit.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
        }
    }
}

/// A line that is no point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The parser refuses it.
    #[error("not line protocol: {0}")]
    Syntax(String),
    /// It has no time.
    #[error("the line has no time")]
    NoTime,
    /// Its time is beyond what nanoseconds can count.
    #[error("time {0} is out of range; is --precision right?")]
    Time(i64),
    /// An unsigned number beyond the signed ones.
    #[error("field '{0}' is beyond 64-bit signed integers")]
    Unsigned(String),
}

/// Reads one line into `point`; false if it is empty or a comment.
///
/// # Errors
/// A line that is no point.
pub fn read(line: &str, precision: Precision, point: &mut Point) -> Result<bool, LineError> {
    let Some(parsed) = parse_lines(line).next() else { return Ok(false) };
    let parsed = parsed.map_err(|e| LineError::Syntax(e.to_string()))?;
    fill(&parsed, precision, None, point)?;
    Ok(true)
}

/// Reads all lines of a request; those without a time get `now`, in nanoseconds.
///
/// # Errors
/// The first line that is no point.
pub fn read_all(text: &str, precision: Precision, now: i64) -> Result<Vec<Point>, LineError> {
    let mut points = Vec::new();
    for parsed in parse_lines(text) {
        let parsed = parsed.map_err(|e| LineError::Syntax(e.to_string()))?;
        let mut point = Point::default();
        fill(&parsed, precision, Some(now), &mut point)?;
        points.push(point);
    }
    Ok(points)
}

fn fill(
    parsed: &ParsedLine<'_>,
    precision: Precision,
    now: Option<i64>,
    point: &mut Point,
) -> Result<(), LineError> {
    let time = match (parsed.timestamp, now) {
        (Some(time), _) => {
            time.checked_mul(precision.nanoseconds()).ok_or(LineError::Time(time))?
        }
        (None, Some(now)) => now,
        (None, None) => return Err(LineError::NoTime),
    };
    point.reset(time);
    point.set_name(parsed.series.measurement.as_str());
    for (name, value) in parsed.series.tag_set.iter().flatten() {
        point.set_tag(name.as_str(), value.as_str());
    }
    for (name, value) in &parsed.field_set {
        let name = name.as_str();
        match value {
            LineValue::F64(value) => point.set_field(name, *value),
            LineValue::I64(value) => point.set_field(name, *value),
            LineValue::Boolean(value) => point.set_field(name, *value),
            LineValue::String(value) => point.set_field(name, value.as_str()),
            LineValue::U64(value) => {
                let value = i64::try_from(*value).map_err(|_| LineError::Unsigned(name.into()))?;
                point.set_field(name, value);
            }
        }
    }
    Ok(())
}

/// Appends a point as a line with its time in nanoseconds, under `name` where it has none; false if
/// no field can be written (line protocol has no NaN and no infinity).
pub fn write(point: &Point, name: &str, out: &mut String) -> bool {
    let start = out.len();
    let own = point.name();
    escape(if own.is_empty() { name } else { &own }, &[',', ' '], out);
    let mut tags: Vec<_> = point.tags().filter(|(_, value)| !value.is_empty()).collect();
    tags.sort_unstable();
    for (name, value) in tags {
        out.push(',');
        escape(&name, &[',', ' ', '='], out);
        out.push('=');
        escape(&value, &[',', ' ', '='], out);
    }
    let mut fields: Vec<_> = point.fields().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let mut separator = ' ';
    for (name, value) in fields {
        if matches!(value, FieldValue::Double(v) if !v.is_finite()) {
            continue;
        }
        out.push(separator);
        separator = ',';
        escape(&name, &[',', ' ', '='], out);
        out.push('=');
        let _ = match value {
            FieldValue::Double(value) => write!(out, "{value}"),
            FieldValue::Int(value) => write!(out, "{value}i"),
            FieldValue::Bool(value) => write!(out, "{value}"),
            FieldValue::String(text) => {
                write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
        };
    }
    if separator == ' ' {
        out.truncate(start);
        return false;
    }
    let _ = write!(out, " {}", point.time());
    true
}

fn escape(text: &str, special: &[char], out: &mut String) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        // A newline would end the line.
        out.push(if c == '\n' { ' ' } else { c });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut point = Point::new(1_451_606_400_000_000_001);
        point.set_name("cpu load,x");
        point.set_tag("host name", "a=b");
        point.set_field("usage idle", 0.1);
        point.set_field("n", -3);
        point.set_field("on", true);
        point.set_field("why", "say \"hi\" \\ there");
        let mut line = String::new();
        assert!(write(&point, "", &mut line));
        let mut back = Point::default();
        assert!(read(&line, Precision::Nanoseconds, &mut back).unwrap());
        assert_eq!(back, point, "{line}");
    }

    #[test]
    fn nan_has_no_line() {
        let mut point = Point::new(1);
        point.set_field("x", f64::NAN);
        let mut line = String::from("before ");
        assert!(!write(&point, "m", &mut line));
        assert_eq!(line, "before ");
        point.set_field("y", 1.5);
        assert!(write(&point, "m", &mut line));
        assert_eq!(line, "before m y=1.5 1");
    }

    #[test]
    fn comments_and_empty_lines_are_no_points() {
        let mut point = Point::default();
        for line in ["", "# comment", "   "] {
            assert_eq!(read(line, Precision::Seconds, &mut point), Ok(false), "{line}");
        }
        assert_eq!(read("m x=1", Precision::Seconds, &mut point), Err(LineError::NoTime));
        let beyond = read("m x=1 9223372036854775807", Precision::Seconds, &mut point);
        assert_eq!(beyond, Err(LineError::Time(i64::MAX)));
        assert!(matches!(read("m", Precision::Seconds, &mut point), Err(LineError::Syntax(_))));
        assert!(matches!(
            read("m x=18446744073709551615u 1", Precision::Seconds, &mut point),
            Err(LineError::Unsigned(_))
        ));
    }
}
