//! Points and alerts as text: as a table for people, as JSON lines or as line protocol for programs.

use crate::protocol::line::Writer;
use crate::protocol::number::{put_debug, put_int, put_json};
use crate::protocol::point::Order;
use crate::protocol::time::{put_rfc3339, rfc3339};
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::TickError;
use crate::tick::alert::{AlertEvent, Level};
use serde_json::{Map, Value, json};

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

/// Writes points and alerts into texts.
#[derive(Debug, Default)]
pub struct Formatter {
    /// How they are written.
    pub format: Format,
    order: Order,
    lines: Writer,
}

impl Formatter {
    /// Writes in a format.
    pub fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// Appends a point, alone or of a batch, as a line without its end; `label` tells several
    /// functions apart. False if it has nothing that the format can hold.
    pub fn point(
        &mut self,
        label: &str,
        point: &Point,
        batch: Option<&Batch>,
        out: &mut String,
    ) -> bool {
        let name = batch.map_or("", |b| &b.name);
        match self.format {
            Format::Table => table(label, point, name, &mut self.order, out),
            Format::Json => json_line(label, point, batch, &mut self.order, out),
            Format::LineProtocol => return self.lines.write(point, name, out),
        }
        true
    }

    /// Appends the line that stands before the points of a batch in a table, without its end: its time, name
    /// and tags, and how many points it has.
    pub fn batch(&mut self, label: &str, batch: &Batch, out: &mut String) -> bool {
        put_rfc3339(out, batch.tmax);
        if !label.is_empty() {
            push(out, &["  ", label]);
        }
        push(out, &["  ", &batch.name]);
        for (name, value) in &batch.tags {
            push(out, &[",", name, "=", value]);
        }
        let ending = if batch.len() == 1 { "" } else { "s" };
        push(out, &["  batch of ", &batch.len().to_string(), " point", ending]);
        true
    }

    /// Appends an alert of a plain script as a line without its end: its id, and the fields of the
    /// point that decided.
    pub fn alert(&mut self, label: &str, event: &AlertEvent<'_>, out: &mut String) {
        if self.format == Format::Json {
            out.push_str(&self.alert_object(label, event).to_string());
            return;
        }
        put_rfc3339(out, event.time);
        push(out, &["  ", &format!("{:<8}", event.level), "  ", &id(label, event.id), " "]);
        for (name, value) in event.point.sorted_fields(&mut self.order) {
            push(out, &[" ", name, "=", &value.to_string()]);
        }
        if event.level == Level::Ok {
            out.truncate(out.trim_end().len());
        }
    }

    /// Appends an alert of a TICKscript as a line without its end: its message and its handlers.
    ///
    /// # Errors
    /// A template that cannot be executed on this data.
    pub fn task_alert(
        &mut self,
        label: &str,
        event: &AlertEvent<'_>,
        out: &mut String,
    ) -> Result<(), TickError> {
        if self.format == Format::Json {
            let mut object = self.alert_object(label, event);
            object["message"] = event.message()?.into();
            object["handlers"] = event.handlers.into();
            out.push_str(&object.to_string());
            return Ok(());
        }
        put_rfc3339(out, event.time);
        push(out, &["  ", &format!("{:<8}", event.level), "  ", &id(label, event.message()?)]);
        if !event.handlers.is_empty() {
            push(out, &["  -> ", &event.handlers.join(", ")]);
        }
        Ok(())
    }

    fn alert_object(&mut self, label: &str, event: &AlertEvent<'_>) -> Value {
        let fields = event.point.sorted_fields(&mut self.order);
        let values: Map<_, _> =
            fields.map(|(name, value)| (name.to_owned(), json_value(&value))).collect();
        json!({
            "time": rfc3339(event.time),
            "level": event.level.name(),
            "previousLevel": event.previous_level.name(),
            "id": id(label, event.id),
            "values": values,
        })
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
    for (name, place) in point.sorted_places(order) {
        push(out, &[" ", name, "="]);
        if let Some(value) = point.double_at(place) {
            put_debug(out, value);
            continue;
        }
        match point.value_at(place) {
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
    for (i, (name, place)) in point.sorted_places(order).enumerate() {
        key(out, i, name);
        if let Some(value) = point.double_at(place) {
            put_json(out, value);
            continue;
        }
        match point.value_at(place) {
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

/// Appends the name of an entry of an object, with its comma, quotes and colon.
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

    fn written(format: Format) -> String {
        let mut point = Point::new(1_451_606_400_500_000_000);
        point.set_name("m");
        point.set_tag("host", "a");
        point.set_group("host=a");
        point.set_field("x", 1.0);
        point.set_field("n", 2);
        point.set_field("bad", f64::NAN);
        point.set_field("s", "hi");
        let mut text = String::new();
        assert!(Formatter::new(format).point("", &point, None, &mut text));
        text
    }

    #[test]
    fn each_format_says_it_its_way() {
        assert_eq!(
            written(Format::Table),
            "2016-01-01T00:00:00.5Z  m,host=a  bad=NaN n=2 s=\"hi\" x=1.0"
        );
        assert_eq!(
            written(Format::Json),
            "{\"time\":\"2016-01-01T00:00:00.5Z\",\"name\":\"m\",\"group\":\"host=a\",\
             \"tags\":{\"host\":\"a\"},\
             \"fields\":{\"bad\":null,\"n\":2,\"s\":\"hi\",\"x\":1.0}}"
        );
        assert_eq!(written(Format::LineProtocol), "m,host=a n=2i,s=\"hi\",x=1 1451606400500000000");
    }
}
