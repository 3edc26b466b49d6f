//! Reading a line into a point, without an allocation for a point.

use super::cursor::{
    Cursor, ENDS_MEASUREMENT, ENDS_NAME, ENDS_VALUE, ESCAPED, ESCAPED_IN_MEASUREMENT,
};
use super::number::{self, Number};
use super::series::SeriesCache;
use super::shape::{Shape, Shapes};
use super::{Cut, LineError, Precision, Problem, cut};
use crate::protocol::{FieldValue, Point};
use memchr::memchr2;

/// Reads lines into points; what was allocated for one line is used for the next.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    precision: Precision,
    /// The time of points that have none, in nanoseconds.
    now: Option<i64>,
    /// Names and values without their escapes.
    name: Vec<u8>,
    value: Vec<u8>,
    shapes: Shapes,
    series: SeriesCache,
}

impl Reader {
    /// A reader of lines with times in this unit.
    pub fn new(precision: Precision) -> Self {
        Self { precision, ..Self::default() }
    }

    /// A reader that gives points without a time this one, in nanoseconds.
    pub fn with_now(precision: Precision, now: i64) -> Self {
        Self { now: Some(now), ..Self::new(precision) }
    }

    /// Gives points without a time this one from now on, in nanoseconds.
    pub fn set_now(&mut self, now: i64) {
        self.now = Some(now);
    }

    /// Reads one line into `point`, whose memory is used again; false if the line is empty or a
    /// comment. Newlines are part of it only inside of text in quotes and after a backslash: see
    /// [`cut`].
    ///
    /// # Errors
    /// A line that is not a point; `point` holds anything then.
    pub fn read(&mut self, line: &[u8], point: &mut Point) -> Result<bool, LineError> {
        if std::str::from_utf8(line).is_err() {
            return Err(LineError::NotUtf8);
        }
        let start = blanks(line);
        if line.get(start).is_none_or(|byte| *byte == b'#') {
            return Ok(false);
        }
        point.clear();
        let mut cursor = Cursor { line, at: start };
        self.series(&mut cursor, point)?;
        let Self { name, value, shapes, .. } = self;
        let shape = shapes.of(point.name_bytes());
        fields(&mut cursor, name, value, shape, point)?;
        let time = match (time(&mut cursor)?, self.now) {
            (Some(time), _) => {
                time.checked_mul(self.precision.nanoseconds()).ok_or(LineError::Time(time))?
            }
            (None, Some(now)) => now,
            (None, None) => return Err(LineError::NoTime),
        };
        point.set_time(time);
        Ok(true)
    }

    /// Reads the measurement and the tags, and the spaces after them.
    #[inline]
    fn series(&mut self, cursor: &mut Cursor<'_>, point: &mut Point) -> Result<(), LineError> {
        let (start, rest) = (cursor.at, cursor.rest());
        match memchr2(b' ', b'\\', rest) {
            Some(end) if rest[end] == b' ' => match self.series.begin(&rest[..end], point) {
                Ok(()) => cursor.at += end,
                Err(missing) => {
                    series(cursor, &mut self.name, &mut self.value, point)?;
                    if cursor.at == start + end {
                        self.series.keep(missing, &rest[..end], point);
                    }
                }
            },
            _ => series(cursor, &mut self.name, &mut self.value, point)?,
        }
        match cursor.spaces() {
            0 => Err(cursor.error(Problem::Fields)),
            _ => Ok(()),
        }
    }
}

/// Reads the measurement and the tags of lines, and nothing else of them.
#[derive(Clone, Debug, Default)]
pub struct SeriesReader {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl SeriesReader {
    /// Reads the measurement and the tags of a line into `point`; false if the line does not begin with them.
    pub fn read(&mut self, line: &[u8], point: &mut Point) -> bool {
        let start = blanks(line);
        point.clear();
        if line.get(start).is_none_or(|byte| *byte == b'#') {
            return false;
        }
        let mut cursor = Cursor { line, at: start };
        series(&mut cursor, &mut self.name, &mut self.value, point).is_ok()
            && std::str::from_utf8(&line[..cursor.at]).is_ok()
    }

    /// Returns the bytes of a line that hold its measurement and tags, where that is seen without reading them: lines
    /// with the same bytes have the same. Empty where it is not.
    #[inline]
    pub fn written(line: &[u8]) -> &[u8] {
        let rest = &line[blanks(line)..];
        match memchr2(b' ', b'\\', rest) {
            Some(end) if rest[end] == b' ' => &rest[..end],
            _ => &[],
        }
    }
}

/// Returns how many blanks a line begins with.
#[inline]
fn blanks(line: &[u8]) -> usize {
    line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\n')).unwrap_or(line.len())
}

/// Reads all lines of a text; those without a time get `now`, in nanoseconds.
///
/// # Errors
/// The number of the first line that is not a point, from 1, and why.
pub fn read_all(
    text: &[u8],
    precision: Precision,
    now: i64,
) -> Result<Vec<Point>, (u64, LineError)> {
    let mut reader = Reader::with_now(precision, now);
    let mut points = Vec::new();
    let (mut rest, mut number) = (text, 1);
    while !rest.is_empty() {
        let (line, after, newlines) = match cut(rest, u64::MAX) {
            Cut::Line { len, end, newlines } => (&rest[..len], &rest[end..], newlines),
            Cut::Partial { newlines, .. } => (rest, &rest[rest.len()..], newlines),
        };
        let mut point = Point::default();
        match reader.read(line, &mut point) {
            Ok(true) => points.push(point),
            Ok(false) => {}
            Err(LineError::Syntax { down, column, problem }) => {
                return Err((number + down, LineError::Syntax { down, column, problem }));
            }
            Err(error) => return Err((number, error)),
        }
        number += newlines;
        rest = after;
    }
    Ok(points)
}

/// Reads the measurement and the tags.
fn series(
    cursor: &mut Cursor<'_>,
    name: &mut Vec<u8>,
    value: &mut Vec<u8>,
    point: &mut Point,
) -> Result<(), LineError> {
    let measurement = cursor.text(ENDS_MEASUREMENT, ESCAPED_IN_MEASUREMENT, name)?;
    if measurement.is_empty() {
        return Err(cursor.error(Problem::Measurement));
    }
    point.put_name(measurement);
    while cursor.take(b',') {
        let name = cursor.text(ENDS_NAME, ESCAPED, name)?;
        if name.is_empty() {
            return Err(cursor.error(Problem::TagName));
        }
        if !cursor.take(b'=') {
            return Err(cursor.error(Problem::TagEquals(owned(name))));
        }
        let value = cursor.text(ENDS_VALUE, ESCAPED, value)?;
        if value.is_empty() {
            return Err(cursor.error(Problem::TagValue(owned(name))));
        }
        point.put_tag(name, value);
    }
    Ok(())
}

/// Reads the fields.
fn fields(
    cursor: &mut Cursor<'_>,
    name: &mut Vec<u8>,
    text: &mut Vec<u8>,
    shape: &mut Shape,
    point: &mut Point,
) -> Result<(), LineError> {
    let mut count = 0;
    // Fields as in the line before: no name is there twice.
    while let Some(known) = shape.known(count, cursor.rest()) {
        cursor.at += known.len();
        if let Some((Number::Double(value), len)) = number::read(cursor.rest()) {
            cursor.at += len;
            point.push_double(&known.head, value);
        } else {
            match value(cursor, known.name(), text)? {
                Value::Plain(value) => point.push_value(known.name(), &value),
                Value::Text(text) => point.push_text(known.name(), text),
            }
        }
        count += 1;
        if !more(cursor, count) {
            return Ok(());
        }
    }
    loop {
        let start = cursor.at;
        let name = cursor.text(ENDS_NAME, ESCAPED, name)?;
        if name.is_empty() {
            return Err(cursor.error(Problem::FieldName));
        }
        let written = cursor.at - start;
        if !cursor.take(b'=') {
            return Err(cursor.error(Problem::FieldEquals(owned(name))));
        }
        let fields = point.entry_count();
        match value(cursor, name, text)? {
            Value::Plain(value) => point.put_field(name, &value),
            Value::Text(text) => point.put_text(name, text),
        }
        // A name that is there twice is not noted, so that what is known has each name once.
        shape.note(count, name, written > name.len() || point.entry_count() == fields);
        count += 1;
        if !more(cursor, count) {
            return Ok(());
        }
    }
}

/// Takes the comma before the next field; false where there is none.
#[inline]
fn more(cursor: &mut Cursor<'_>, count: usize) -> bool {
    // InfluxData's parser lets a comma stand after a first field that is also the last.
    cursor.take(b',') && !(count == 1 && matches!(cursor.peek(), None | Some(b' ')))
}

/// The value of a field.
enum Value<'v> {
    Plain(FieldValue<'static>),
    Text(&'v [u8]),
}

/// Reads the value of a field.
fn value<'v, 'l: 'v>(
    cursor: &mut Cursor<'l>,
    name: &[u8],
    text: &'v mut Vec<u8>,
) -> Result<Value<'v>, LineError> {
    let (value, len) = match cursor.peek() {
        Some(b'"') => return quoted(cursor, text).map(Value::Text),
        Some(b'-' | b'0'..=b'9') => {
            let Some((number, len)) = number::read(cursor.rest()) else {
                return Err(cursor.error(Problem::FieldValue(owned(name))));
            };
            let value = match number {
                Number::Double(value) => FieldValue::Double(value),
                Number::Int(value) => FieldValue::Int(value),
                Number::Unsigned(value) => {
                    let value = i64::try_from(value);
                    FieldValue::Int(value.map_err(|_| LineError::Unsigned(owned(name)))?)
                }
                Number::OutOfRange => {
                    let digits = owned(&cursor.rest()[..len - 1]);
                    return Err(cursor.error(Problem::Range(digits)));
                }
            };
            (value, len)
        }
        _ => match boolean(cursor.rest()) {
            Some((value, len)) => (FieldValue::Bool(value), len),
            None => return Err(cursor.error(Problem::FieldValue(owned(name)))),
        },
    };
    cursor.at += len;
    Ok(Value::Plain(value))
}

/// Reads a text in quotes, where a backslash escapes quotes and backslashes only.
fn quoted<'t, 'l: 't>(
    cursor: &mut Cursor<'l>,
    buffer: &'t mut Vec<u8>,
) -> Result<&'t [u8], LineError> {
    let text = &cursor.rest()[1..];
    let Some(mut at) = memchr2(b'"', b'\\', text) else {
        return Err(cursor.error(Problem::OpenQuote));
    };
    if text[at] == b'"' {
        cursor.at += at + 2;
        return Ok(&text[..at]);
    }
    buffer.clear();
    buffer.extend_from_slice(&text[..at]);
    loop {
        match (text[at], text.get(at + 1)) {
            (b'"', _) => {
                cursor.at += at + 2;
                return Ok(buffer);
            }
            (_, Some(escaped @ (b'"' | b'\\'))) => {
                buffer.push(*escaped);
                at += 2;
            }
            _ => {
                buffer.push(b'\\');
                at += 1;
            }
        }
        let Some(plain) = memchr2(b'"', b'\\', &text[at..]) else {
            return Err(cursor.error(Problem::OpenQuote));
        };
        buffer.extend_from_slice(&text[at..at + plain]);
        at += plain;
    }
}

/// Reads a boolean, and says how many bytes it has.
fn boolean(text: &[u8]) -> Option<(bool, usize)> {
    let len = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    match &text[..len] {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some((true, len)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some((false, len)),
        _ => None,
    }
}

/// Reads what follows the fields: nothing, or the time, in the unit that it is written in.
#[inline]
fn time(cursor: &mut Cursor<'_>) -> Result<Option<i64>, LineError> {
    if cursor.peek().is_none() {
        return Ok(None);
    }
    if cursor.spaces() == 0 {
        return Err(cursor.error(Problem::AfterField));
    }
    let Some((time, len)) = number::whole(cursor.rest()) else {
        return Err(cursor.error(Problem::TimeNumber));
    };
    let Some(time) = time else {
        return Err(cursor.error(Problem::Range(owned(&cursor.rest()[..len]))));
    };
    cursor.at += len;
    cursor.spaces();
    match cursor.peek() {
        None => Ok(Some(time)),
        Some(_) => Err(cursor.error(Problem::AfterTime)),
    }
}

fn owned(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
