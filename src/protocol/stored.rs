//! Points, batches and values as serde sees them: as their bytes in a file of states, as line protocol
//! where people read.

use super::line::Writer;
use super::message::{BeginBatch, EndBatch};
use super::{Batch, FieldValue, Point};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes, which serde would else take for a list of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut line = String::new();
            Writer::default().write(self, "", &mut line);
            return serializer.serialize_str(&line);
        }
        let mut bytes = Vec::with_capacity(self.message_len());
        self.put_message(&mut bytes);
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::from_message(&bytes.0).map_err(D::Error::custom)
    }
}

/// A batch: its metadata and its points.
#[derive(Serialize, Deserialize)]
struct StoredBatch {
    name: String,
    group: String,
    tags: std::collections::BTreeMap<String, String>,
    by_name: bool,
    tmax: i64,
    size: i64,
    points: Vec<Bytes>,
}

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let text = format!("a batch of {} points of {}", self.len(), self.name);
            return serializer.serialize_str(&text);
        }
        let messages = (0..self.len()).filter_map(|i| self.message(i));
        let stored = StoredBatch {
            name: self.name.clone(),
            group: self.group.clone(),
            tags: self.tags.clone(),
            by_name: self.by_name,
            tmax: self.tmax,
            size: self.size,
            points: messages.map(|message| Bytes(message.to_vec())).collect(),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredBatch { name, group, tags, by_name, tmax, size, points } =
            StoredBatch::deserialize(deserializer)?;
        let mut batch = Self::default();
        let (begun, ended) = ((name.clone(), group.clone(), tags.clone()), (name, group, tags));
        let (name, group, tags) = begun;
        batch.begin(BeginBatch { name, group, tags, size, by_name });
        let mut point = Point::default();
        for Bytes(message) in points {
            point.parse(&message).map_err(D::Error::custom)?;
            batch.push(&point);
        }
        let (name, group, tags) = ended;
        batch.end(EndBatch { name, group, tags, by_name, tmax });
        Ok(batch)
    }
}

/// The value of a field with a name for its type.
#[derive(Serialize, Deserialize)]
enum StoredValue {
    String(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = match self {
            Self::String(text) => StoredValue::String(text.clone().into_owned()),
            Self::Int(value) => StoredValue::Int(*value),
            Self::Double(value) => StoredValue::Double(*value),
            Self::Bool(value) => StoredValue::Bool(*value),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FieldValue<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match StoredValue::deserialize(deserializer)? {
            StoredValue::String(text) => Self::String(text.into()),
            StoredValue::Int(value) => Self::Int(value),
            StoredValue::Double(value) => Self::Double(value),
            StoredValue::Bool(value) => Self::Bool(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back<T: Serialize + for<'de> Deserialize<'de>>(value: &T) -> T {
        postcard::from_bytes(&postcard::to_allocvec(value).unwrap()).unwrap()
    }

    #[test]
    fn points_and_batches_come_back_byte_for_byte() {
        let mut point = Point::new(-7);
        point.set_name("m");
        point.set_database("db");
        point.set_tag("host", "a b");
        point.set_field("x", f64::NAN);
        point.set_field("text", "ä\"");
        point.set_group("host=a b");
        point.set_dimensions(["host"]);
        let bytes = |point: &Point| {
            let mut bytes = Vec::new();
            point.put_message(&mut bytes);
            bytes
        };
        assert_eq!(bytes(&back(&point)), bytes(&point));
        let mut batch = Batch::default();
        batch.hold(&point);
        batch.push(&point);
        (batch.size, batch.tmax) = (2, 9);
        let again = back(&batch);
        assert_eq!((again.len(), again.size, again.tmax), (2, 2, 9));
        assert_eq!((again.group, again.tags), (batch.group, batch.tags));
        assert_eq!(serde_json::to_string(&point).unwrap(), r#""m,host=a\\ b text=\"ä\\\"\" -7""#);
    }

    #[test]
    fn bytes_that_are_no_point_are_refused() {
        let bytes = postcard::to_allocvec(&Bytes(vec![0xff; 9])).unwrap();
        assert!(postcard::from_bytes::<Point>(&bytes).is_err());
    }
}
