//! One batch of a recording, read from its JSON straight into a [`Batch`]: the points of a batch may be
//! millions, so no value of the JSON is kept.
//!
//! What counts is what the daemon takes: it ignores `group` and computes it from the tags and `byname`,
//! gives points without tags those of their batch, and ends a batch no earlier than its last point.

use crate::protocol::group::regroup;
use crate::protocol::message::{BeginBatch, EndBatch};
use crate::protocol::{Batch, Point};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A batch of a recording.
#[derive(Debug, Default)]
pub(super) struct Record {
    batch: Batch,
    /// The time that the record gives; the time of the last point where it gives none.
    tmax: Option<i64>,
    last_point: Option<i64>,
    /// The points were read before the metadata that they inherit.
    late: bool,
}

impl<'de> serde::Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

impl Record {
    /// Completes the batch with what can only be known once all of the record has been read.
    pub(super) fn finish(self) -> Batch {
        let Self { mut batch, tmax, last_point, late } = self;
        let tmax = tmax.max(last_point).unwrap_or_default();
        regroup(&mut batch);
        batch.size = batch.len() as i64;
        if late {
            batch = complete(&batch);
        }
        batch.end(EndBatch {
            name: batch.name.clone(),
            group: batch.group.clone(),
            tmax,
            tags: batch.tags.clone(),
            by_name: batch.by_name,
        });
        batch
    }
}

/// Gives every point what it inherits, for a batch whose points were read before its metadata.
fn complete(read: &Batch) -> Batch {
    let mut batch = Batch::default();
    batch.begin(BeginBatch { size: read.size, ..read.begin_message() });
    for mut point in read.points() {
        inherit(&mut point, read);
        batch.push(&point);
    }
    batch
}

/// Gives a point its batch's group, and its batch's tags if it has none.
fn inherit(point: &mut Point, batch: &Batch) {
    point.set_group(&batch.group);
    if point.tags().next().is_none() {
        for (name, value) in &batch.tags {
            point.set_tag(name, value);
        }
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch: an object with name, tags, tmax and points")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        let mut named = false;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "name" => {
                    record.late |= !record.batch.is_empty();
                    record.batch.name = map.next_value()?;
                    named = true;
                }
                "tmax" => record.tmax = Some(map.next_value_seed(Time)?),
                "tags" => {
                    record.late |= !record.batch.is_empty();
                    record.batch.tags =
                        map.next_value::<Option<BTreeMap<_, _>>>()?.unwrap_or_default();
                }
                "byname" | "byName" => {
                    record.late |= !record.batch.is_empty();
                    record.batch.by_name = map.next_value()?;
                }
                "points" => map.next_value_seed(Points(&mut record))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if named { Ok(record) } else { Err(A::Error::missing_field("name")) }
    }
}

/// Reads a time as RFC 3339, in nanoseconds since the epoch.
struct Time;

impl<'de> DeserializeSeed<'de> for Time {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        let time: jiff::Timestamp = serde::Deserialize::deserialize(deserializer)?;
        i64::try_from(time.as_nanosecond())
            .map_err(|_| D::Error::custom(format!("time {time} is out of range")))
    }
}

/// Reads the points into the batch.
struct Points<'r>(&'r mut Record);

impl<'de> DeserializeSeed<'de> for Points<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Points<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of points")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut points: A) -> Result<(), A::Error> {
        let Record { batch, last_point, .. } = self.0;
        regroup(batch);
        let mut point = Point::default();
        let mut number = 0u64;
        loop {
            number += 1;
            point.reset(0);
            match points.next_element_seed(OnePoint(&mut point)) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(A::Error::custom(format!("point {number}: {error}"))),
            }
            inherit(&mut point, batch);
            *last_point = Some(point.time());
            batch.push(&point);
        }
    }
}

/// Reads one point.
struct OnePoint<'p>(&'p mut Point);

impl<'de> DeserializeSeed<'de> for OnePoint<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OnePoint<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point: an object with time, fields and tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut timed, mut filled) = (false, false);
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "time" => {
                    self.0.set_time(map.next_value_seed(Time)?);
                    timed = true;
                }
                "fields" => {
                    map.next_value_seed(Fields(self.0))?;
                    filled = true;
                }
                "tags" => {
                    let tags: Option<BTreeMap<Cow<'_, str>, Cow<'_, str>>> = map.next_value()?;
                    for (name, value) in tags.into_iter().flatten() {
                        self.0.set_tag(&name, &value);
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (timed, filled) {
            (false, _) => Err(A::Error::missing_field("time")),
            (_, false) => Err(A::Error::missing_field("fields")),
            _ => Ok(()),
        }
    }
}

/// Reads the fields of a point.
struct Fields<'p>(&'p mut Point);

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a point: an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            map.next_value_seed(Field { point: self.0, name: &name })?;
        }
        Ok(())
    }
}

/// Reads the value of a field.
struct Field<'f> {
    point: &'f mut Point,
    name: &'f str,
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let name = self.name;
        deserializer
            .deserialize_any(self)
            .map_err(|error| D::Error::custom(format!("field '{name}': {error}")))
    }
}

/// The recorder writes whole doubles without a point, so every number is a double.
impl Visitor<'_> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a string or a boolean")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.point.set_field(self.name, value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.point.set_field(self.name, value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.point.set_field(self.name, value);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Batch {
        serde_json::from_str::<Record>(json).unwrap().finish()
    }

    #[test]
    fn the_group_is_computed_and_points_have_their_batchs_tags() {
        let points = r#""points":[{"time":"1970-01-01T00:00:01Z","fields":{"x":3}},
            {"time":"1970-01-01T00:00:02Z","fields":{"x":4.5,"none":null},"tags":{"own":"1"}}]"#;
        let orders = [
            format!(r#"{{"name":"m","tags":{{"b":"2","a":"1"}},"group":"wrong",{points}}}"#),
            format!(r#"{{{points},"tags":{{"b":"2","a":"1"}},"name":"m"}}"#),
        ];
        for json in orders {
            let batch = read(&json);
            assert_eq!((batch.group.as_str(), batch.tmax), ("a=1,b=2", 2_000_000_000));
            let points: Vec<_> = batch.points().collect();
            assert_eq!(points[0].tag("b").as_deref(), Some("2"));
            assert_eq!(points[0].group(), "a=1,b=2");
            assert_eq!(points[0].field("x").and_then(|v| v.as_double()), Some(3.0));
            assert_eq!((points[1].tag("a"), points[1].tag("own").as_deref()), (None, Some("1")));
            assert_eq!(points[1].fields().count(), 1);
        }
        let named =
            read(r#"{"name":"m","byname":true,"tags":{"a":"1"},"tmax":"1970-01-01T00:00:09Z"}"#);
        assert_eq!((named.group.as_str(), named.tmax), ("m\na=1", 9_000_000_000));
    }

    #[test]
    fn what_is_no_batch_is_told_by_place() {
        let error = |json: &str| serde_json::from_str::<Record>(json).unwrap_err().to_string();
        let bad = r#"{"name":"m","points":[{"time":"1970-01-01T00:00:01Z","fields":{"x":[1]}}]}"#;
        assert!(error(bad).contains("point 1: field 'x': "), "{}", error(bad));
        let untimed = r#"{"name":"m","points":[{"fields":{}}]}"#;
        assert!(error(untimed).contains("point 1: missing field `time`"), "{}", error(untimed));
        assert!(error("{}").contains("missing field `name`"));
    }
}
