//! A batch in a script: metadata by property, fields as native columns, points by index.

use super::point::{SharedPoint, set, tags_map, text};
use super::series::{Mask, Series, place, same_length};
use super::{Fallible, Form, NativeError, NativeType, NativeTypes, fail};
use crate::protocol::frame::{put_frame, split_first};
use crate::protocol::message::{BeginBatch, EndBatch};
use crate::protocol::{Batch, Column, FieldValue, Point};
use crate::script::host::Host;
use prost::Message;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use std::rc::Rc;

/// A batch, shared until one of its owners changes it.
#[derive(Clone, Debug)]
pub(crate) struct SharedBatch(pub(crate) Rc<Batch>);

impl SharedBatch {
    pub(crate) fn new(batch: Batch) -> Self {
        Self(Rc::new(batch))
    }

    pub(super) fn change(&mut self) -> &mut Batch {
        Rc::make_mut(&mut self.0)
    }

    fn column(&self, field: &str) -> Fallible<Dynamic> {
        Ok(match self.0.column(field).map_err(fail)? {
            Column::Double(values) => Dynamic::from(Series::new(values)),
            Column::Int(values) => {
                Dynamic::from(Series::new(values.into_iter().map(|v| v as f64).collect()))
            }
            Column::String(values) => {
                let texts: Array =
                    values.iter().map(|v| ImmutableString::from(&**v).into()).collect();
                texts.into()
            }
            Column::Bool(values) => Dynamic::from(Mask(Rc::new(values))),
        })
    }

    /// Sets a field of every point: from a series, a mask, an array, or one value for all.
    fn set_column(&mut self, field: &str, values: &Dynamic) -> Fallible<()> {
        let len = self.0.len();
        if let Some(series) = values.read_lock::<Series>() {
            same_count(field, len, series.0.len())?;
            // A missing value is NaN in a series, and an absent field in a point.
            let value = |i: usize| Some(series.0[i]).filter(|v| !v.is_nan()).map(Into::into);
            self.change().set_column(field, value);
        } else if let Some(mask) = values.read_lock::<Mask>() {
            same_count(field, len, mask.0.len())?;
            self.change().set_column(field, |i| Some(mask.0[i].into()));
        } else if let Some(array) = values.read_lock::<Array>() {
            same_count(field, len, array.len())?;
            let values =
                array.iter().map(|v| field_value(field, v)).collect::<Fallible<Vec<_>>>()?;
            self.change().set_column(field, |i| values[i].clone());
        } else {
            let value = field_value(field, values)?;
            self.change().set_column(field, |_| value.clone());
        }
        Ok(())
    }

    fn point_at(&self, index: i64) -> Fallible<SharedPoint> {
        let mut point = Point::default();
        let at = place("batch", index, self.0.len())?;
        self.0.read(at, &mut point).map_err(fail)?;
        Ok(SharedPoint::new(point))
    }

    /// Changes each point.
    fn each_point(&mut self, change: impl Fn(&mut Point)) -> Fallible<()> {
        let mut batch = self.0.head();
        let mut point = Point::default();
        for at in 0..self.0.len() {
            self.0.read(at, &mut point).map_err(fail)?;
            change(&mut point);
            batch.push(&point);
        }
        *self = Self::new(batch);
        Ok(())
    }

    /// A point at the batch's time, with its name and tags.
    fn make_point(&self, host: &Host, fields: &Map) -> Fallible<SharedPoint> {
        let mut point = Point::new(self.0.tmax);
        point.set_name(&self.0.name);
        point.set_group(&self.0.group);
        point.set_dimensions(self.0.tags.keys());
        point.set_by_name(self.0.by_name);
        for (name, value) in &self.0.tags {
            point.set_tag(name, value);
        }
        for (name, value) in fields {
            set(host, &mut point, name, value)?;
        }
        Ok(SharedPoint::new(point))
    }
}

fn same_count(field: &str, points: usize, values: usize) -> Fallible<()> {
    if points == values {
        return Ok(());
    }
    Err(fail(format_args!("field '{field}': {values} values for {points} points")))
}

/// A script's value as a field; `()` is none.
fn field_value(field: &str, value: &Dynamic) -> Fallible<Option<FieldValue<'static>>> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Ok(value) = value.as_float() {
        return Ok(Some(value.into()));
    }
    if let Ok(value) = value.as_int() {
        return Ok(Some(value.into()));
    }
    if let Ok(value) = value.as_bool() {
        return Ok(Some(value.into()));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(Some(FieldValue::String(text.to_string().into())));
    }
    Err(fail(format_args!(
        "field '{field}' cannot hold {}; fields are double, int, string or bool",
        super::arguments::describe(value)
    )))
}

fn fill(batch: &mut Batch, points: &Array) -> Fallible<()> {
    for point in points {
        match point.read_lock::<SharedPoint>() {
            Some(point) => batch.push(&point.read()),
            None => {
                return Err(fail(format_args!(
                    "a batch is made of points, not of {}",
                    super::arguments::describe(point)
                )));
            }
        }
    }
    Ok(())
}

/// Builds a batch from `#{ name, tags, tmax, by_name }` and points; what is left out is taken from
/// the first point, and the time from the latest.
fn build_batch(parts: &Map, points: &Array) -> Fallible<Batch> {
    let mut batch = Batch::default();
    fill(&mut batch, points)?;
    if let Some(first) = points.first().and_then(|p| p.read_lock::<SharedPoint>()) {
        let first = first.read();
        batch.name = first.name().into_owned();
        batch.group = first.group().into_owned();
        batch.by_name = first.by_name();
        batch.tags = first
            .dimensions()
            .filter_map(|d| first.tag(&d).map(|v| (d.to_string(), v.into_owned())))
            .collect();
        batch.tmax = batch.times().into_iter().max().unwrap_or(0);
    }
    for (key, value) in parts {
        let wrong = |kind: &str| fail(format_args!("new_batch: {key} must be {kind}"));
        match key.as_str() {
            "name" => batch.name = text("new_batch: name", value)?.into(),
            "tmax" => batch.tmax = value.as_int().map_err(|_| wrong("an int (nanoseconds)"))?,
            "by_name" => batch.by_name = value.as_bool().map_err(|_| wrong("true or false"))?,
            "tags" => {
                let tags = value.read_lock::<Map>().ok_or_else(|| wrong("a map"))?;
                batch.tags = string_map(&tags)?;
            }
            other => {
                return Err(fail(format_args!(
                    "new_batch: unknown key '{other}'; known are name, tags, tmax, by_name"
                )));
            }
        }
    }
    Ok(batch)
}

fn string_map(tags: &Map) -> Fallible<std::collections::BTreeMap<String, String>> {
    tags.iter()
        .map(|(name, value)| Ok((name.to_string(), text(&format!("tag '{name}'"), value)?.into())))
        .collect()
}

fn store(batch: &Batch, out: &mut Vec<u8>) {
    batch.begin_message().encode_length_delimited(out).expect("a Vec has room");
    batch.end_message().encode_length_delimited(out).expect("a Vec has room");
    for i in 0..batch.len() {
        put_frame(out, batch.message(i).unwrap_or_default());
    }
}

fn load(mut bytes: &[u8]) -> Result<Batch, NativeError> {
    let mut batch = Batch::default();
    let begin = BeginBatch::decode_length_delimited(&mut bytes)?;
    let end = EndBatch::decode_length_delimited(&mut bytes)?;
    batch.begin(begin);
    batch.end(end);
    while let Some((frame, rest)) = split_first(bytes) {
        batch.push(&Point::from_message(frame)?);
        bytes = rest;
    }
    if !bytes.is_empty() {
        return Err(NativeError::InsidePoint);
    }
    Ok(batch)
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    registry.add::<SharedBatch>(NativeType {
        name: "batch",
        form: Form::Bytes {
            write: |value, out| {
                store(&value.read_lock::<SharedBatch>().ok_or(NativeError::Type)?.0, out);
                Ok(())
            },
            read: |bytes| load(bytes).map(|batch| Dynamic::from(SharedBatch::new(batch))),
        },
    });
    engine.register_type_with_name::<SharedBatch>("Batch");
    register_metadata(engine);
    register_points(engine, host);
}

fn register_metadata(engine: &mut Engine) {
    engine.register_get_set(
        "name",
        |b: &mut SharedBatch| ImmutableString::from(b.0.name.as_str()),
        |b: &mut SharedBatch, name: ImmutableString| b.change().name = name.into(),
    );
    engine.register_get_set(
        "tmax",
        |b: &mut SharedBatch| b.0.tmax,
        |b: &mut SharedBatch, tmax: i64| b.change().tmax = tmax,
    );
    engine.register_get_set(
        "tags",
        |b: &mut SharedBatch| tags_map(b.0.tags.iter()),
        |b: &mut SharedBatch, tags: Map| -> Fallible<()> {
            b.change().tags = string_map(&tags)?;
            Ok(())
        },
    );
    engine.register_get_set(
        "by_name",
        |b: &mut SharedBatch| b.0.by_name,
        |b: &mut SharedBatch, by_name: bool| b.change().by_name = by_name,
    );
    engine.register_get("group", |b: &mut SharedBatch| ImmutableString::from(b.0.group.as_str()));
    engine.register_get("size", |b: &mut SharedBatch| b.0.size);
    engine.register_get("len", |b: &mut SharedBatch| b.0.len() as i64);
    engine.register_fn("len", |b: &mut SharedBatch| b.0.len() as i64);
    engine.register_get("is_empty", |b: &mut SharedBatch| b.0.is_empty());
    engine.register_fn("is_empty", |b: &mut SharedBatch| b.0.is_empty());
    let show = |b: &mut SharedBatch| format!("batch {} of {} points", b.0.name, b.0.len());
    engine.register_fn("to_string", show);
    engine.register_fn("to_debug", show);
}

fn register_points(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_fn("column", |b: &mut SharedBatch, field: ImmutableString| b.column(&field));
    engine.register_get("times", |b: &mut SharedBatch| -> Array {
        b.0.times().into_iter().map(Into::into).collect()
    });
    engine.register_get("fields", |b: &mut SharedBatch| -> Array {
        let first = b.0.points().next().unwrap_or_default();
        first.fields().map(|(name, _)| ImmutableString::from(&*name).into()).collect()
    });
    engine.register_fn("points", |b: &mut SharedBatch| -> Array {
        b.0.points().map(|point| Dynamic::from(SharedPoint::new(point))).collect()
    });
    engine.register_indexer_get(|b: &mut SharedBatch, index: i64| b.point_at(index));
    engine.register_indexer_get(|b: &mut SharedBatch, field: &str| b.column(field));
    engine.register_indexer_set(|b: &mut SharedBatch, field: &str, values: Dynamic| {
        b.set_column(field, &values)
    });
    let h = host.clone();
    engine.register_fn("point", move |b: &mut SharedBatch, fields: Map| b.make_point(&h, &fields));
    engine.register_fn("select", |b: &mut SharedBatch, mask: Mask| -> Fallible<SharedBatch> {
        same_length("select", b.0.len(), &mask)?;
        Ok(SharedBatch::new(b.0.select(|i| mask.0[i])))
    });
    engine.register_fn(
        "with_points",
        |b: &mut SharedBatch, points: Array| -> Fallible<SharedBatch> {
            let mut batch = b.0.metadata();
            fill(&mut batch, &points)?;
            Ok(SharedBatch::new(batch))
        },
    );
    engine.register_fn("keep", |b: &mut SharedBatch, names: Array| -> Fallible<()> {
        let names = names
            .iter()
            .map(|name| text("keep: a field's name", name))
            .collect::<Fallible<Vec<_>>>()?;
        b.each_point(|point| {
            let gone: Vec<String> = point
                .fields()
                .filter(|(field, _)| !names.iter().any(|name| *name == **field))
                .map(|(field, _)| field.into_owned())
                .collect();
            for name in gone {
                point.remove_field(&name);
            }
        })
    });
    engine.register_fn("remove", |b: &mut SharedBatch, name: ImmutableString| -> Fallible<bool> {
        let there = b.0.points().any(|point| point.field(&name).is_some());
        if there {
            b.change().set_column(&name, |_| None);
        }
        Ok(there)
    });
    engine.register_fn("new_batch", |parts: Map, points: Array| -> Fallible<SharedBatch> {
        build_batch(&parts, &points).map(SharedBatch::new)
    });
    engine.register_fn("new_batch", |points: Array| -> Fallible<SharedBatch> {
        build_batch(&Map::new(), &points).map(SharedBatch::new)
    });
}
