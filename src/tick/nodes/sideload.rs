//! `|sideload()`: fields and tags from files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use super::map_points;
use super::sideload_files::{Values, read_all};
use crate::protocol::group::Dimensions;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::definition::strings;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{Memory, Message, Node, Outbox};
use crate::tick::template::Template;
use crate::tick::template::value::Data;
use crate::tick::text::float_plain;

/// Adds fields and tags from files.
pub(crate) struct Sideload {
    /// The values of each file, by its path in the folder.
    files: HashMap<String, Values>,
    order: Vec<Template>,
    fields: Vec<(Rc<str>, Object)>,
    tags: Vec<(Rc<str>, Rc<str>)>,
}

impl Sideload {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let error = |message: String| source.error(definition.at, message);
        let address = definition.string("source").unwrap_or_default();
        let folder = folder(&address).map_err(error)?;
        let files = read_all(Path::new(&folder)).map_err(|e| error(e.to_string()))?;
        let order = definition.last("order").map_or(Vec::new(), |p| strings(&p.arguments));
        let order = order.iter().map(|text| Template::parse("order", text, false));
        let order: Vec<_> = order.collect::<Result<_>>().map_err(|e| error(e.to_string()))?;
        let mut fields = BTreeMap::new();
        for property in definition.all("field") {
            if let [Object::String(name), value] = property.arguments.as_slice() {
                if !matches!(
                    value,
                    Object::Bool(_) | Object::Int(_) | Object::Float(_) | Object::String(_)
                ) {
                    let message =
                        format!("a field is a float, int, string or bool, not a {}", value.kind());
                    return Err(source.error(property.at, message));
                }
                fields.insert(Rc::clone(name), value.clone());
            }
        }
        let tag = |property: &crate::tick::definition::Property| match property.arguments.as_slice()
        {
            [Object::String(name), Object::String(value)] => {
                Some((Rc::clone(name), Rc::clone(value)))
            }
            _ => None,
        };
        let tags: BTreeMap<_, _> = definition.all("tag").filter_map(tag).collect();
        Ok(Self {
            files,
            order,
            fields: fields.into_iter().collect(),
            tags: tags.into_iter().collect(),
        })
    }

    fn load(&self, point: &mut Point, out: &mut Outbox<'_>) {
        let tags = Data::tags(point.tags());
        let order: Result<Vec<String>> = self.order.iter().map(|path| path.render(&tags)).collect();
        let order = match order {
            Ok(order) => order,
            Err(error) => return out.diagnose(&error),
        };
        let look_up = |key: &str| {
            let values = order.iter().filter_map(|path| self.files.get(path));
            values.filter_map(|values| values.get(key)).next().filter(|value| !value.is_null())
        };
        for (key, default) in &self.fields {
            let loaded = look_up(key).map(|value| convert(value, default));
            let value = match loaded {
                Some(Some(value)) => value,
                None => own(default),
                Some(None) => {
                    out.diagnose(&unfit(key, default.kind()));
                    own(default)
                }
            };
            point.set_field(key, value);
        }
        for (key, default) in &self.tags {
            let loaded = look_up(key).map(|value| convert(value, &Object::String("".into())));
            match loaded {
                Some(Some(FieldValue::String(value))) => point.set_tag(key, &value),
                None => point.set_tag(key, default),
                Some(_) => {
                    out.diagnose(&unfit(key, "string"));
                    point.set_tag(key, default);
                }
            }
        }
    }
}

/// Returns the folder that an address names.
fn folder(address: &str) -> std::result::Result<String, String> {
    let Some(path) = address.strip_prefix("file://") else {
        return Err(format!(
            "|sideload() needs .source('file:///FOLDER') with files of values, not '{address}'"
        ));
    };
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    if !path.starts_with('/') {
        return Err(format!("the folder of .source('{address}') must be absolute: file:///FOLDER"));
    }
    Ok(path)
}

fn unfit(key: &str, wanted: &str) -> TickError {
    TickError::Evaluate(format!("the value of '{key}' in the files is no {wanted}"))
}

/// Returns a default as a field's value.
fn own(default: &Object) -> FieldValue<'static> {
    match default {
        Object::Bool(v) => (*v).into(),
        Object::Int(v) => (*v).into(),
        Object::Float(v) => (*v).into(),
        other => {
            FieldValue::String(other.as_string().unwrap_or_default().as_ref().to_owned().into())
        }
    }
}

/// Converts a value of a file to the type of a default, as the daemon does; `None` where it cannot.
fn convert(value: &Value, default: &Object) -> Option<FieldValue<'static>> {
    // All numbers of the files are floats to the daemon.
    let number = value.as_f64();
    Some(match default {
        Object::Int(_) => match value {
            Value::String(text) => text.parse::<i64>().ok()?.into(),
            _ => number.filter(|n| n.fract() == 0.0 && n.abs() < 9.3e18).map(|n| n as i64)?.into(),
        },
        Object::Float(_) => match value {
            Value::String(text) => text.parse::<f64>().ok()?.into(),
            _ => number?.into(),
        },
        Object::Bool(_) => match value {
            Value::Bool(v) => (*v).into(),
            Value::String(text) => parse_bool(text)?.into(),
            _ => return None,
        },
        Object::String(_) => match value {
            Value::String(text) => FieldValue::String(text.clone().into()),
            Value::Bool(v) => FieldValue::String(v.to_string().into()),
            Value::Number(_) => FieldValue::String(float_plain(number?).into()),
            _ => return None,
        },
        _ => return None,
    })
}

/// Reads a truth value as Go does.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl Node for Sideload {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let mut changed = std::mem::take(out.pool.edit(&mut point));
        self.load(&mut changed, out);
        if !self.tags.is_empty() {
            Dimensions::of(&changed).apply(&mut changed);
        }
        *out.pool.edit(&mut point) = changed;
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let changed = map_points(&batch, |point| {
            self.load(point, out);
            true
        });
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
