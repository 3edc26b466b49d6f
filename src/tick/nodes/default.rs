//! `|default()`: values for absent fields and tags.

use std::rc::Rc;

use super::map_points;
use crate::protocol::group::{Dimensions, regroup};
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, Message, Node, Outbox};

/// Sets absent fields and tags.
pub(crate) struct Default {
    fields: Vec<(Rc<str>, Object)>,
    tags: Vec<(Rc<str>, Rc<str>)>,
}

impl Default {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let mut fields: Vec<(Rc<str>, Object)> = Vec::new();
        let mut tags: Vec<(Rc<str>, Rc<str>)> = Vec::new();
        for property in definition.all("field") {
            if let [Object::String(name), value] = property.arguments.as_slice() {
                if value_of(value).is_none() {
                    let message =
                        format!("a field is a float, int, string or bool, not a {}", value.kind());
                    return Err(source.error(property.at, message));
                }
                fields.retain(|(known, _)| known != name);
                fields.push((Rc::clone(name), value.clone()));
            }
        }
        for property in definition.all("tag") {
            if let [Object::String(name), Object::String(value)] = property.arguments.as_slice() {
                tags.retain(|(known, _)| known != name);
                tags.push((Rc::clone(name), Rc::clone(value)));
            }
        }
        Ok(Self { fields, tags })
    }

    fn set(&self, point: &mut Point) {
        for (name, value) in &self.fields {
            if let Some(value) = value_of(value)
                && point.field(name).is_none()
            {
                point.set_field(name, value);
            }
        }
        for (name, value) in &self.tags {
            if point.tag(name).is_none_or(|tag| tag.is_empty()) {
                point.set_tag(name, value);
            }
        }
    }
}

fn value_of(object: &Object) -> Option<FieldValue<'_>> {
    Some(match object {
        Object::Bool(v) => FieldValue::Bool(*v),
        Object::Int(v) => FieldValue::Int(*v),
        Object::Float(v) => FieldValue::Double(*v),
        Object::String(v) => FieldValue::String((&**v).into()),
        _ => return None,
    })
}

impl Node for Default {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let changed = out.pool.edit(&mut point);
        self.set(changed);
        if !self.tags.is_empty() {
            Dimensions::of(changed).apply(changed);
        }
        out.send(Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut changed = map_points(&batch, |point| {
            self.set(point);
            true
        });
        for (name, value) in &self.tags {
            let tag = changed.tags.entry(name.to_string()).or_default();
            if tag.is_empty() {
                *tag = value.to_string();
            }
        }
        regroup(&mut changed);
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, _memory: &mut Memory<'_>) -> Result<()> {
        Ok(())
    }
}
