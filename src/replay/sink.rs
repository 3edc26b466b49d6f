//! Where output goes: as a table for people, as JSON lines or as line protocol for programs.

use super::ReplayError;
use super::alert::{Alert, Level};
use super::line_protocol;
use super::transport::Event;
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
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Sink {
    /// Writes to `writer`.
    pub fn new(writer: Box<dyn Write>, format: Format) -> Self {
        Self { writer, format, line: String::new() }
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
        self.line.clear();
        let name = batch.map_or("", |b| &b.name);
        match self.format {
            Format::Table => table(label, point, name, &mut self.line),
            Format::Json => json_line(label, point, batch, &mut self.line),
            Format::LineProtocol => {
                if !line_protocol::write(point, name, &mut self.line) {
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

fn table(label: &str, point: &Point, batch_name: &str, out: &mut String) {
    use std::fmt::Write;
    out.push_str(&rfc3339(point.time()));
    if !label.is_empty() {
        let _ = write!(out, "  {label}");
    }
    let name = point.name();
    let _ = write!(out, "  {}", if name.is_empty() { batch_name } else { &name });
    let mut tags: Vec<_> = point.tags().collect();
    tags.sort_unstable();
    for (name, value) in tags {
        let _ = write!(out, ",{name}={value}");
    }
    out.push(' ');
    let mut fields: Vec<_> = point.fields().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, value) in fields {
        let _ = match value {
            FieldValue::String(text) => write!(out, " {name}={text:?}"),
            value => write!(out, " {name}={value}"),
        };
    }
}

fn json_line(label: &str, point: &Point, batch: Option<&Batch>, out: &mut String) {
    let mut object = Map::new();
    object.insert("time".into(), rfc3339(point.time()).into());
    if !label.is_empty() {
        object.insert("udf".into(), label.into());
    }
    let own = point.name();
    let name = batch.map_or(&*own, |b| b.name.as_str());
    object.insert("name".into(), name.into());
    let group = batch.map_or_else(|| point.group().into_owned(), |b| b.group.clone());
    object.insert("group".into(), group.into());
    if let Some(batch) = batch {
        object.insert("tmax".into(), rfc3339(batch.tmax).into());
    }
    let sorted = |mut entries: Vec<(String, Value)>| {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Object(entries.into_iter().collect())
    };
    let tags = point.tags().map(|(k, v)| (k.into_owned(), v.into_owned().into())).collect();
    object.insert("tags".into(), sorted(tags));
    let fields = point.fields().map(|(k, v)| (k.into_owned(), json_value(&v))).collect();
    object.insert("fields".into(), sorted(fields));
    *out = Value::Object(object).to_string();
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

/// A time as RFC 3339 in UTC, as Go prints it.
pub fn rfc3339(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| format!("{ns}ns"), |time| time.to_string())
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
