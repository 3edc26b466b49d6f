//! Writing a point as a line, without an allocation for a point.
//!
//! The order of tags and fields is by name, as the daemon's. A newline in a name or in the value of a
//! tag is written as `\n` (a backslash and an n), as InfluxData's encoder for Telegraf does: the
//! daemon itself writes the newline, which cuts the line in two.

use crate::protocol::number::{put_int, put_plain};
use crate::protocol::point::Order;
use crate::protocol::{FieldValue, Point};

/// Writes points as lines; what was allocated for one is used for the next.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    order: Order,
}

/// A line that is written for a point, under another name, with more tags or another time.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a, S> {
    /// The point.
    pub point: &'a Point,
    /// The measurement.
    pub measurement: &'a str,
    /// Tags in the order of their names; they replace those of the point.
    pub tags: &'a [(S, S)],
    /// The time, in nanoseconds since the epoch.
    pub time: i64,
}

impl Writer {
    /// Appends a point as a line without its end, under `name` where the point has none; false if no
    /// field can be written (line protocol has no NaN and no infinity).
    pub fn write(&mut self, point: &Point, name: &str, out: &mut String) -> bool {
        let own = point.name();
        let measurement = if own.is_empty() { name } else { &own };
        let none: &[(&str, &str)] = &[];
        self.write_line(&Line { point, measurement, tags: none, time: point.time() }, out)
    }

    /// Appends a line without its end; false if no field can be written.
    pub fn write_line<S: AsRef<str>>(&mut self, line: &Line<'_, S>, out: &mut String) -> bool {
        let start = out.len();
        escape(out, line.measurement, false);
        let mut more = line.tags.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        let mut added = more.next();
        for (name, value) in line.point.sorted_tags(&mut self.order) {
            while let Some((other, value)) = added
                && other < name
            {
                tag(out, other, value);
                added = more.next();
            }
            match added {
                Some((other, _)) if other == name => {}
                _ => tag(out, name, &value),
            }
        }
        added.into_iter().chain(more).for_each(|(name, value)| tag(out, name, value));
        let mut separator = ' ';
        for (name, value) in line.point.sorted_fields(&mut self.order) {
            if matches!(value, FieldValue::Double(value) if !value.is_finite()) {
                continue;
            }
            out.push(separator);
            separator = ',';
            escape(out, name, true);
            out.push('=');
            field(out, &value);
        }
        if separator == ' ' {
            out.truncate(start);
            return false;
        }
        out.push(' ');
        put_int(out, line.time);
        true
    }
}

fn tag(out: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.push(',');
    escape(out, name, true);
    out.push('=');
    escape(out, value, true);
}

fn field(out: &mut String, value: &FieldValue<'_>) {
    match value {
        FieldValue::Double(value) => put_plain(out, *value),
        FieldValue::Int(value) => {
            put_int(out, *value);
            out.push('i');
        }
        FieldValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        FieldValue::String(text) => {
            out.push('"');
            quoted(out, text);
            out.push('"');
        }
    }
}

/// Appends a name or the value of a tag; an equals sign is escaped in all but measurements.
fn escape(out: &mut String, text: &str, equals: bool) {
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b',' => "\\,",
            b' ' => "\\ ",
            b'=' if equals => "\\=",
            b'\n' => "\\n",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        out.push_str(escaped);
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
}

/// Appends a text that stands in quotes.
fn quoted(out: &mut String, text: &str) {
    let mut plain = 0;
    for at in memchr::memchr2_iter(b'"', b'\\', text.as_bytes()) {
        out.push_str(&text[plain..at]);
        out.push('\\');
        plain = at;
    }
    out.push_str(&text[plain..]);
}
