//! The JSON form of a trace: times in milliseconds, samples as two columns.

use super::{Interval, LevelInterval, Sample};
use crate::tick::alert::Level;
use serde::Serializer;
use serde::ser::{SerializeMap, SerializeSeq};

#[derive(serde::Serialize)]
struct Between {
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    from: f64,
    to: f64,
}

/// Nanoseconds as milliseconds.
pub(super) fn milliseconds(time: i64) -> f64 {
    time as f64 / 1e6
}

pub(super) fn level<S: Serializer>(level: &Level, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(level.name())
}

pub(super) fn tags<S: Serializer>(tags: &[(String, String)], out: S) -> Result<S::Ok, S::Error> {
    out.collect_map(tags.iter().map(|(name, value)| (name, value)))
}

pub(super) fn intervals<S: Serializer>(all: &[Interval], out: S) -> Result<S::Ok, S::Error> {
    let between = |one: &Interval| Between {
        level: None,
        from: milliseconds(one.from),
        to: milliseconds(one.to),
    };
    out.collect_seq(all.iter().map(between))
}

pub(super) fn levels<S: Serializer>(all: &[LevelInterval], out: S) -> Result<S::Ok, S::Error> {
    let mut list = out.serialize_seq(Some(all.len()))?;
    for LevelInterval { level, from, to } in all {
        let (from, to) = (milliseconds(*from), milliseconds(*to));
        list.serialize_element(&Between { level: Some(level.name()), from, to })?;
    }
    list.end()
}

pub(super) fn samples<S: Serializer>(samples: &[Sample], out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(Some(2))?;
    let times: Vec<f64> = samples.iter().map(|(time, _)| milliseconds(*time)).collect();
    let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    map.serialize_entry("times", &times)?;
    map.serialize_entry("values", &values)?;
    map.end()
}
