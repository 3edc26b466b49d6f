//! A point in a script: fields by name, metadata by property. A value: changing a copy never
//! changes the original.

use super::{Fallible, Form, NativeError, NativeType, NativeTypes, fail};
use crate::protocol::{FieldValue, Point};
use crate::script::host::Host;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::fmt::Write;
use std::rc::Rc;

/// A point, shared until one of its owners changes it.
#[derive(Clone, Debug)]
pub(crate) struct SharedPoint(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    point: RefCell<Point>,
    /// The handler holds one of the references, to reuse the point's memory.
    lent: Cell<bool>,
}

impl SharedPoint {
    pub(crate) fn new(point: Point) -> Self {
        Self(Rc::new(Shared { point: point.into(), lent: Cell::new(false) }))
    }

    pub(crate) fn read(&self) -> Ref<'_, Point> {
        self.0.point.borrow()
    }

    /// The point, for a change.
    pub(super) fn change(&mut self) -> RefMut<'_, Point> {
        let owners = Rc::strong_count(&self.0) - usize::from(self.0.lent.get());
        if owners > 1 {
            let copy = self.read().clone();
            *self = Self::new(copy);
        }
        self.0.point.borrow_mut()
    }
}

/// The one point that a handler lends to its script again and again.
#[derive(Debug, Default)]
pub(crate) struct LentPoint(Rc<Shared>);

impl LentPoint {
    /// Lends `point` to the script. `point` gets the memory of the point that was lent before.
    pub(crate) fn lend(&mut self, point: &mut Point) -> SharedPoint {
        if Rc::strong_count(&self.0) > 1 {
            // The script kept it.
            self.0.lent.set(false);
            self.0 = Rc::default();
        }
        self.0.lent.set(true);
        std::mem::swap(&mut *self.0.point.borrow_mut(), point);
        SharedPoint(self.0.clone())
    }
}

/// A field's value in a script.
pub(crate) fn to_dynamic(value: FieldValue<'_>) -> Dynamic {
    match value {
        FieldValue::Double(value) => value.into(),
        FieldValue::Int(value) => value.into(),
        FieldValue::Bool(value) => value.into(),
        FieldValue::String(value) => ImmutableString::from(&*value).into(),
    }
}

/// Sets a field from a script's value.
pub(crate) fn set(host: &Host, point: &mut Point, name: &str, value: &Dynamic) -> Fallible<()> {
    if let Ok(value) = value.as_float() {
        point.set_field(name, value);
    } else if let Ok(value) = value.as_int() {
        point.set_field(name, value);
    } else if let Ok(value) = value.as_bool() {
        point.set_field(name, value);
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        point.set_field(name, text.as_str());
    } else if let Ok(value) = value.as_char() {
        point.set_field(name, value.to_string().as_str());
    } else if value.is_unit() {
        let reason = host.reason().map_or_else(String::new, |reason| format!(" ({reason})"));
        return Err(fail(format_args!(
            "field '{name}' cannot be set to (){reason}; to take it away: p.remove(\"{name}\")"
        )));
    } else {
        return Err(fail(format_args!(
            "field '{name}' cannot hold {}; fields are double, int, string or bool",
            super::arguments::describe(value)
        )));
    }
    Ok(())
}

pub(crate) fn tags_map<K: AsRef<str>, V: AsRef<str>>(tags: impl Iterator<Item = (K, V)>) -> Map {
    tags.map(|(name, value)| (name.as_ref().into(), value.as_ref().into())).collect()
}

pub(super) fn text(what: &str, value: &Dynamic) -> Fallible<ImmutableString> {
    match value.read_lock::<ImmutableString>() {
        Some(text) => Ok(text.clone()),
        None => Err(fail(format_args!(
            "{what} must be a string, not {}",
            super::arguments::describe(value)
        ))),
    }
}

fn set_tags(point: &mut Point, tags: &Map) -> Fallible<()> {
    let gone: Vec<String> = point
        .tags()
        .filter(|(name, _)| !tags.contains_key(&**name))
        .map(|(name, _)| name.into_owned())
        .collect();
    for name in gone {
        point.remove_tag(&name);
    }
    for (name, value) in tags {
        let value = text(&format!("tag '{name}'"), value)?;
        if point.tag(name).as_deref() != Some(value.as_str()) {
            point.set_tag(name, &value);
        }
    }
    Ok(())
}

fn set_fields(host: &Host, point: &mut Point, fields: &Map) -> Fallible<()> {
    point.clear_fields();
    for (name, value) in fields {
        set(host, point, name, value)?;
    }
    Ok(())
}

/// Builds a point from `#{ time, name, tags, fields, database, retention_policy }`.
pub(crate) fn build(host: &Host, parts: &Map) -> Fallible<Point> {
    let mut point = Point::new(0);
    for (key, value) in parts {
        match key.as_str() {
            "time" => match value.as_int() {
                Ok(time) => point.set_time(time),
                Err(kind) => {
                    return Err(fail(format_args!(
                        "new_point: time must be an int (nanoseconds), not {kind}"
                    )));
                }
            },
            "name" => point.set_name(&text("new_point: name", value)?),
            "database" => point.set_database(&text("new_point: database", value)?),
            "retention_policy" => {
                point.set_retention_policy(&text("new_point: retention_policy", value)?);
            }
            "tags" | "fields" => {
                let Some(map) = value.read_lock::<Map>() else {
                    return Err(fail(format_args!("new_point: {key} must be a map")));
                };
                match key.as_str() {
                    "tags" => set_tags(&mut point, &map)?,
                    _ => set_fields(host, &mut point, &map)?,
                }
            }
            other => {
                return Err(fail(format_args!(
                    "new_point: unknown key '{other}'; known are time, name, tags, fields, \
                     database, retention_policy"
                )));
            }
        }
    }
    Ok(point)
}

fn show(point: &Point) -> String {
    let mut out =
        format!("point {} at {}", point.name(), crate::protocol::time::rfc3339(point.time()));
    for (name, value) in point.tags() {
        let _ = write!(out, " {name}={value}");
    }
    for (name, value) in point.fields() {
        let _ = match value {
            FieldValue::String(text) => write!(out, " {name}={text:?}"),
            value => write!(out, " {name}={value}"),
        };
    }
    out
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>, registry: &mut NativeTypes) {
    registry.add::<SharedPoint>(NativeType {
        name: "point",
        form: Form::Bytes {
            write: |value, out| {
                let point = value.read_lock::<SharedPoint>().ok_or(NativeError::Type)?;
                point.read().put_message(out);
                Ok(())
            },
            read: |bytes| match Point::from_message(bytes) {
                Ok(point) => Ok(Dynamic::from(SharedPoint::new(point))),
                Err(error) => Err(error.into()),
            },
        },
    });
    engine.register_type_with_name::<SharedPoint>("Point");
    register_fields(engine, host);
    register_metadata(engine);
}

fn register_fields(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_indexer_get(move |p: &mut SharedPoint, name: &str| -> Dynamic {
        match p.read().field(name) {
            Some(value) => to_dynamic(value),
            None => {
                h.miss(name, &p.read());
                Dynamic::UNIT
            }
        }
    });
    let h = host.clone();
    engine.register_indexer_set(
        move |p: &mut SharedPoint, name: &str, value: Dynamic| -> Fallible<()> {
            set(&h, &mut p.change(), name, &value)
        },
    );
    // With `p[name] = x` Rhai looks for something to change inside the value first, and composes the
    // error for that: which takes a tenth of the time of a call for a point.
    let h = host.clone();
    engine.register_fn(
        "set",
        move |p: &mut SharedPoint, name: &str, value: Dynamic| -> Fallible<()> {
            set(&h, &mut p.change(), name, &value)
        },
    );
    register_field_list(engine, host);
}

/// All fields of a point, and whether it has a field.
fn register_field_list(engine: &mut Engine, host: &Rc<Host>) {
    let h = host.clone();
    engine.register_get("fields", |p: &mut SharedPoint| -> Map {
        p.read().fields().map(|(name, value)| ((&*name).into(), to_dynamic(value))).collect()
    });
    set_property(engine, "fields", move |p, value| {
        let wrong = || not_a("fields", "a map", value);
        set_fields(&h, &mut p.change(), &*value.read_lock::<Map>().ok_or_else(wrong)?)
    });
    engine.register_fn("has", |p: &mut SharedPoint, name: ImmutableString| {
        p.read().field(&name).is_some()
    });
    engine.register_fn("contains", |p: &mut SharedPoint, name: ImmutableString| {
        p.read().field(&name).is_some()
    });
    engine.register_fn("remove", |p: &mut SharedPoint, name: ImmutableString| {
        p.change().remove_field(&name)
    });
    engine.register_fn("keep", |p: &mut SharedPoint, names: Array| -> Fallible<()> {
        let names = names
            .iter()
            .map(|name| text("keep: a field's name", name))
            .collect::<Fallible<Vec<_>>>()?;
        let gone: Vec<String> = p
            .read()
            .fields()
            .filter(|(field, _)| !names.iter().any(|name| *name == **field))
            .map(|(field, _)| field.into_owned())
            .collect();
        for name in gone {
            p.change().remove_field(&name);
        }
        Ok(())
    });
    let h = host.clone();
    engine.register_fn("new_point", move |parts: Map| -> Fallible<SharedPoint> {
        build(&h, &parts).map(SharedPoint::new)
    });
    engine.register_fn("==", |a: SharedPoint, b: SharedPoint| *a.read() == *b.read());
    engine.register_fn("!=", |a: SharedPoint, b: SharedPoint| *a.read() != *b.read());
    engine.register_fn("to_string", |p: &mut SharedPoint| show(&p.read()));
    engine.register_fn("to_debug", |p: &mut SharedPoint| show(&p.read()));
}

/// A setter of a point's property that takes any value: one of a wrong type would else find the indexer,
/// and become a field of that name.
fn set_property(
    engine: &mut Engine,
    name: &'static str,
    set: impl Fn(&mut SharedPoint, &Dynamic) -> Fallible<()> + 'static,
) {
    engine.register_set(name, move |p: &mut SharedPoint, value: Dynamic| set(p, &value));
}

/// The error for a property's value of another type.
fn not_a(name: &str, wanted: &str, value: &Dynamic) -> Box<rhai::EvalAltResult> {
    fail(format_args!(
        "p.{name} must be {wanted}, not {}; a field of that name is written p[\"{name}\"]",
        super::arguments::describe(value)
    ))
}

fn name_of(property: &str, value: &Dynamic) -> Fallible<ImmutableString> {
    let text = value.read_lock::<ImmutableString>().map(|text| text.clone());
    text.ok_or_else(|| not_a(property, "a string", value))
}

fn register_metadata(engine: &mut Engine) {
    engine.register_get("time", |p: &mut SharedPoint| p.read().time());
    set_property(engine, "time", |p, value| {
        let time = value.as_int().map_err(|_| not_a("time", "an int, in nanoseconds", value))?;
        p.change().set_time(time);
        Ok(())
    });
    engine.register_get("name", |p: &mut SharedPoint| ImmutableString::from(&*p.read().name()));
    set_property(engine, "name", |p, value| {
        let name = name_of("name", value)?;
        p.change().set_name(&name);
        Ok(())
    });
    engine.register_get("database", |p: &mut SharedPoint| {
        ImmutableString::from(&*p.read().database())
    });
    set_property(engine, "database", |p, value| {
        let name = name_of("database", value)?;
        p.change().set_database(&name);
        Ok(())
    });
    engine.register_get("retention_policy", |p: &mut SharedPoint| {
        ImmutableString::from(&*p.read().retention_policy())
    });
    set_property(engine, "retention_policy", |p, value| {
        let name = name_of("retention_policy", value)?;
        p.change().set_retention_policy(&name);
        Ok(())
    });
    engine.register_get("group", |p: &mut SharedPoint| ImmutableString::from(&*p.read().group()));
    set_property(engine, "group", |_, _| {
        Err(fail(
            "p.group cannot be set: it follows from the tags; set p.tags or p.dimensions (a field of \
             that name is written p[\"group\"])",
        ))
    });
    engine.register_get("dimensions", |p: &mut SharedPoint| -> Array {
        p.read().dimensions().map(|d| ImmutableString::from(&*d).into()).collect()
    });
    set_property(engine, "dimensions", |p, value| {
        let wrong = || not_a("dimensions", "an array of strings", value);
        let names = value.read_lock::<Array>().ok_or_else(wrong)?;
        let names = names.iter().map(|n| text("a dimension", n)).collect::<Fallible<Vec<_>>>()?;
        p.change().set_dimensions(names.iter().map(|n| n.as_str()));
        Ok(())
    });
    engine.register_get("tags", |p: &mut SharedPoint| tags_map(p.read().tags()));
    set_property(engine, "tags", |p, value| {
        let wrong = || not_a("tags", "a map of strings", value);
        set_tags(&mut p.change(), &*value.read_lock::<Map>().ok_or_else(wrong)?)
    });
    engine.register_fn("tag", |p: &mut SharedPoint, name: ImmutableString| -> Dynamic {
        p.read().tag(&name).map_or(Dynamic::UNIT, |value| ImmutableString::from(&*value).into())
    });
}
