//! Where output goes: as a table for people, as JSON lines or as line protocol for programs.

use super::ReplayError;
use super::alert::{Alert, Level};
use super::transport::Event;
use crate::protocol::line::Writer;
use crate::protocol::number::{put_debug, put_int, put_json};
use crate::protocol::point::Order;
use crate::protocol::time::{put_rfc3339, rfc3339};
use crate::protocol::{Batch, FieldValue, Point};
use serde_json::{Map, Value, json};
use std::io::Write;

/// How output is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Time, name, tags and fields in a line.
    #[default]
    Table,
    /// One object a line: time (RFC 3339), name, group, tags, fields.
    Json,
    /// Line protocol, times in nanoseconds.
    LineProtocol,
}

/// Writes points and alerts.
pub struct Sink {
    writer: Box<dyn Write>,
    format: Format,
    line: String,
    order: Order,
    lines: Writer,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Sink {
    /// Writes to `writer`.
    pub fn new(writer: Box<dyn Write>, format: Format) -> Self {
        Self {
            writer,
            format,
            line: String::new(),
            order: Order::default(),
            lines: Writer::default(),
        }
    }

    /// Writes what a UDF wrote; `label` tells several UDFs apart.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn event(&mut self, label: &str, event: &Event<'_>) -> Result<(), ReplayError> {
        match event {
            Event::Point(point) => self.point(label, point, None),
            Event::Batch(batch) => {
                batch.points().try_for_each(|point| self.point(label, &point, Some(batch)))
            }
        }
    }

    /// Writes an alert.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn alert(&mut self, label: &str, alert: &Alert) -> Result<(), ReplayError> {
        self.line.clear();
        match self.format {
            Format::Json => {
                let mut object = json!({
                    "time": rfc3339(alert.time),
                    "level": alert.level.to_string(),
                    "previousLevel": alert.previous.to_string(),
                    "id": id(label, &alert.id),
                });
                object["values"] = alert
                    .values
                    .iter()
                    .map(|(name, value)| (name.clone(), json_value(value)))
                    .collect::<Map<_, _>>()
                    .into();
                self.line = object.to_string();
            }
            _ => {
                let values: Vec<String> =
                    alert.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.line = format!(
                    "{}  {:<8}  {}  {}",
                    rfc3339(alert.time),
                    alert.level,
                    id(label, &alert.id),
                    values.join(" ")
                );
                if alert.level == Level::Ok {
                    self.line = self.line.trim_end().into();
                }
            }
        }
        self.write_line()
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// An output that takes no more.
    pub fn flush(&mut self) -> Result<(), ReplayError> {
        self.writer.flush().map_err(ReplayError::Write)
    }

    fn point(
        &mut self,
        label: &str,
        point: &Point,
        batch: Option<&Batch>,
    ) -> Result<(), ReplayError> {
        let Self { format, line, order, lines, .. } = self;
        line.clear();
        let name = batch.map_or("", |b| &b.name);
        match format {
            Format::Table => table(label, point, name, order, line),
            Format::Json => json_line(label, point, batch, order, line),
            Format::LineProtocol => {
                if !lines.write(point, name, line) {
                    return Ok(());
                }
            }
        }
        self.write_line()
    }

    fn write_line(&mut self) -> Result<(), ReplayError> {
        self.line.push('\n');
        self.writer.write_all(self.line.as_bytes()).map_err(ReplayError::Write)
    }
}

fn id(label: &str, id: &str) -> String {
    match label {
        "" => id.to_owned(),
        label => format!("{label} {id}"),
    }
}

fn table(label: &str, point: &Point, batch_name: &str, order: &mut Order, out: &mut String) {
    put_rfc3339(out, point.time());
    if !label.is_empty() {
        push(out, &["  ", label]);
    }
    let name = point.name();
    push(out, &["  ", if name.is_empty() { batch_name } else { &name }]);
    for (name, value) in point.sorted_tags(order) {
        push(out, &[",", name, "=", &value]);
    }
    out.push(' ');
    for (name, value) in point.sorted_fields(order) {
        push(out, &[" ", name, "="]);
        match value {
            FieldValue::String(text) => {
                // A String takes everything.
                let _ = std::fmt::Write::write_fmt(out, format_args!("{text:?}"));
            }
            FieldValue::Int(value) => put_int(out, value),
            FieldValue::Double(value) => put_debug(out, value),
            FieldValue::Bool(value) => out.push_str(boolean(value)),
        }
    }
}

fn json_line(
    label: &str,
    point: &Point,
    batch: Option<&Batch>,
    order: &mut Order,
    out: &mut String,
) {
    out.push_str("{\"time\":\"");
    put_rfc3339(out, point.time());
    out.push('"');
    if !label.is_empty() {
        out.push_str(",\"udf\":");
        put_text(out, label);
    }
    let (name, group) = (point.name(), point.group());
    out.push_str(",\"name\":");
    put_text(out, batch.map_or(&*name, |batch| &batch.name));
    out.push_str(",\"group\":");
    put_text(out, batch.map_or(&*group, |batch| &batch.group));
    if let Some(batch) = batch {
        out.push_str(",\"tmax\":\"");
        put_rfc3339(out, batch.tmax);
        out.push('"');
    }
    out.push_str(",\"tags\":{");
    for (i, (name, value)) in point.sorted_tags(order).enumerate() {
        key(out, i, name);
        put_text(out, &value);
    }
    out.push_str("},\"fields\":{");
    for (i, (name, value)) in point.sorted_fields(order).enumerate() {
        key(out, i, name);
        match value {
            FieldValue::String(text) => put_text(out, &text),
            FieldValue::Int(value) => put_int(out, value),
            FieldValue::Double(value) => put_json(out, value),
            FieldValue::Bool(value) => out.push_str(boolean(value)),
        }
    }
    out.push_str("}}");
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Appends the name of an entry of an object, and what stands around it.
fn key(out: &mut String, index: usize, name: &str) {
    if index > 0 {
        out.push(',');
    }
    put_text(out, name);
    out.push(':');
}

/// Appends a text as JSON.
fn put_text(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let quoted = Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

/// JSON has no NaN and no infinity: they become null.
fn json_value(value: &FieldValue<'_>) -> Value {
    match value {
        FieldValue::String(text) => text.as_ref().into(),
        FieldValue::Int(value) => (*value).into(),
        FieldValue::Double(value) => (*value).into(),
        FieldValue::Bool(value) => (*value).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Memory(Rc<RefCell<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format) -> String {
        let mut point = Point::new(1_451_606_400_500_000_000);
        point.set_name("m");
        point.set_tag("host", "a");
        point.set_group("host=a");
        point.set_field("x", 1.0);
        point.set_field("n", 2);
        point.set_field("bad", f64::NAN);
        point.set_field("s", "hi");
        let memory = Memory::default();
        let mut sink = Sink::new(Box::new(memory.clone()), format);
        sink.event("", &Event::Point(&point)).unwrap();
        String::from_utf8(memory.0.take()).unwrap()
    }

    #[test]
    fn each_format_says_it_its_way() {
        assert_eq!(
            written(Format::Table),
            "2016-01-01T00:00:00.5Z  m,host=a  bad=NaN n=2 s=\"hi\" x=1.0\n"
        );
        assert_eq!(
            written(Format::Json),
            "{\"time\":\"2016-01-01T00:00:00.5Z\",\"name\":\"m\",\"group\":\"host=a\",\
             \"tags\":{\"host\":\"a\"},\
             \"fields\":{\"bad\":null,\"n\":2,\"s\":\"hi\",\"x\":1.0}}\n"
        );
        assert_eq!(
            written(Format::LineProtocol),
            "m,host=a n=2i,s=\"hi\",x=1 1451606400500000000\n"
        );
    }
}
