//! Points and batches as the daemon's JSON and as line protocol.

use crate::protocol::{FieldValue, Point};
use crate::tick::flow::Message;
use crate::tick::template::value::Data;
use crate::tick::text::{float_json, json_string, rfc3339};

/// Returns `{"series":[…]}`.
pub(crate) fn result(rows: &[String]) -> String {
    format!("{{\"series\":[{}]}}", rows.join(","))
}

/// Returns the row of a series: its name, tags, columns and values, without what is empty.
pub(crate) fn row(message: &Message) -> String {
    match message {
        Message::Point(point) => {
            let mut tags: Vec<_> =
                point.tags().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
            tags.sort();
            write(&point.name(), &tags, &columns(point, &[]), std::iter::once((**point).clone()))
        }
        Message::Batch(batch) => {
            let tags: Vec<_> = batch.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            let columns = batch.points().next().map_or(Vec::new(), |first| {
                let extra: Vec<_> = first
                    .tags()
                    .map(|(name, _)| name.into_owned())
                    .filter(|name| !batch.tags.contains_key(name))
                    .collect();
                columns(&first, &extra)
            });
            write(&batch.name, &tags, &columns, batch.points())
        }
    }
}

fn columns(point: &Point, extra: &[String]) -> Vec<String> {
    let mut columns: Vec<_> =
        point.fields().map(|(name, _)| name.into_owned()).chain(extra.iter().cloned()).collect();
    columns.sort();
    columns.insert(0, "time".to_owned());
    columns
}

fn write(
    name: &str,
    tags: &[(String, String)],
    columns: &[String],
    points: impl Iterator<Item = Point>,
) -> String {
    let mut parts = Vec::new();
    if !name.is_empty() {
        parts.push(format!("\"name\":{}", json_string(name)));
    }
    if !tags.is_empty() {
        parts.push(format!(
            "\"tags\":{}",
            object(tags.iter().map(|(k, v)| (k.as_str(), json_string(v))))
        ));
    }
    if !columns.is_empty() {
        let names: Vec<_> = columns.iter().map(|column| json_string(column)).collect();
        parts.push(format!("\"columns\":[{}]", names.join(",")));
        let rows: Vec<_> = points
            .map(|point| {
                let mut values = vec![format!("\"{}\"", rfc3339(point.time()))];
                values.extend(columns[1..].iter().map(|column| {
                    match (point.field(column), point.tag(column)) {
                        (Some(field), _) => field_json(&field),
                        (None, Some(tag)) => json_string(&tag),
                        (None, None) => "null".to_owned(),
                    }
                }));
                format!("[{}]", values.join(","))
            })
            .collect();
        parts.push(format!("\"values\":[{}]", rows.join(",")));
    }
    format!("{{{}}}", parts.join(","))
}

fn object<'o>(entries: impl Iterator<Item = (&'o str, String)>) -> String {
    let entries: Vec<_> = entries.map(|(k, v)| format!("{}:{v}", json_string(k))).collect();
    format!("{{{}}}", entries.join(","))
}

/// Writes a field as JSON; what JSON cannot hold (NaN, infinities) is null.
fn field_json(value: &FieldValue<'_>) -> String {
    match value {
        FieldValue::String(v) => json_string(v),
        FieldValue::Int(v) => v.to_string(),
        FieldValue::Double(v) if v.is_finite() => float_json(*v),
        FieldValue::Double(_) => "null".to_owned(),
        FieldValue::Bool(v) => v.to_string(),
    }
}

/// Tells whether JSON can hold the fields of a message: there is no NaN and no infinity among them.
pub(crate) fn is_json(message: &Message) -> bool {
    let finite = |point: &Point| {
        point.fields().all(|(_, value)| !matches!(value, FieldValue::Double(v) if !v.is_finite()))
    };
    match message {
        Message::Point(point) => finite(point),
        Message::Batch(batch) => batch.points().all(|point| finite(&point)),
    }
}

/// Returns the fields of a point as templates see them.
pub(crate) fn fields(point: &Point) -> Data {
    Data::fields(point.fields().map(|(name, value)| {
        let data = match value {
            FieldValue::String(v) => Data::String(v.as_ref().into()),
            FieldValue::Int(v) => Data::Int(v),
            FieldValue::Double(v) => Data::Float(v),
            FieldValue::Bool(v) => Data::Bool(v),
        };
        (name.into_owned(), data)
    }))
}

/// Returns a message as the JSON that `log` shows.
pub(crate) fn log_json(message: &Message) -> String {
    let point = |point: &Point| {
        let mut fields: Vec<_> =
            point.fields().map(|(k, v)| (k.into_owned(), field_json(&v))).collect();
        fields.sort();
        let mut tags: Vec<_> =
            point.tags().map(|(k, v)| (k.into_owned(), json_string(&v))).collect();
        tags.sort();
        let mut parts = Vec::new();
        if !fields.is_empty() {
            parts.push(format!(
                "\"fields\":{}",
                object(fields.iter().map(|(k, v)| (k.as_str(), v.clone())))
            ));
        }
        if !tags.is_empty() {
            parts.push(format!(
                "\"tags\":{}",
                object(tags.iter().map(|(k, v)| (k.as_str(), v.clone())))
            ));
        }
        parts.push(format!("\"time\":\"{}\"", rfc3339(point.time())));
        parts.join(",")
    };
    let mut head = Vec::new();
    let mut text = |key: &str, value: &str| {
        if !value.is_empty() {
            head.push(format!("\"{key}\":{}", json_string(value)));
        }
    };
    text("name", &message.name());
    match message {
        Message::Point(p) => {
            text("database", &p.database());
            text("retentionPolicy", &p.retention_policy());
            text("group", &p.group());
            head.push(point(p));
        }
        Message::Batch(batch) => {
            text("group", &batch.group);
            head.push(format!("\"tmax\":\"{}\"", rfc3339(batch.tmax)));
            let points: Vec<_> = batch.points().map(|p| format!("{{{}}}", point(&p))).collect();
            head.push(format!("\"points\":[{}]", points.join(",")));
        }
    }
    format!("{{{}}}", head.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Batch;

    #[test]
    fn rows_leave_out_what_is_empty() {
        let mut point = Point::new(1_451_610_300_000_000_000);
        point.set_field("t", 9.5);
        point.set_field("pvalue", 2.9e-19);
        assert_eq!(
            row(&point.into()),
            "{\"columns\":[\"time\",\"pvalue\",\"t\"],\"values\":[[\"2016-01-01T01:05:00Z\",2.9e-19,9.5]]}"
        );
        let mut batch = Batch::default();
        "cpu".clone_into(&mut batch.name);
        assert_eq!(row(&batch.into()), "{\"name\":\"cpu\"}");
    }
}
