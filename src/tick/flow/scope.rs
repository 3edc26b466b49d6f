//! Points as expressions see them.

use std::borrow::Cow;
use std::rc::Rc;

use crate::protocol::{FieldValue, Point};
use crate::tick::error::{Result, TickError};
use crate::tick::lambda::{Scope, Value};

/// A point, and what was computed for it, as expressions see them.
pub struct PointScope<'p> {
    /// The point.
    pub point: &'p Point,
    /// Results by name, hidden by fields and tags of that name.
    pub computed: &'p [(Rc<str>, Value<'static>)],
}

impl<'p> PointScope<'p> {
    /// Makes a scope of a point alone.
    pub fn new(point: &'p Point) -> Self {
        Self { point, computed: &[] }
    }

    fn computed(&self, name: &str) -> Value<'_> {
        match self.computed.iter().rev().find(|(known, _)| &**known == name) {
            Some((_, Value::String(text))) => Value::String(Cow::Borrowed(text)),
            Some((_, value)) => value.clone(),
            None => Value::Missing,
        }
    }
}

impl Scope for PointScope<'_> {
    fn get(&self, name: &str) -> Result<Value<'_>> {
        let field = self.point.field(name);
        let tag = self.point.tag(name);
        match (field, tag) {
            (Some(_), Some(_)) => Err(TickError::Evaluate(format!(
                "\"{name}\" is both a field and a tag of the point"
            ))),
            (Some(field), None) => Ok(field_value(field)),
            (None, Some(tag)) => Ok(Value::String(tag)),
            (None, None) => Ok(self.computed(name)),
        }
    }

    fn time(&self) -> i64 {
        self.point.time()
    }
}

/// Returns a field's value as expressions have it.
pub fn field_value(field: FieldValue<'_>) -> Value<'_> {
    match field {
        FieldValue::String(v) => Value::String(v),
        FieldValue::Int(v) => Value::Int(v),
        FieldValue::Double(v) => Value::Float(v),
        FieldValue::Bool(v) => Value::Bool(v),
    }
}

/// Sets a field to the value of an expression.
///
/// # Errors
/// A value that no field can hold.
pub fn set_field(point: &mut Point, name: &str, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Bool(v) => point.set_field(name, *v),
        Value::Int(v) => point.set_field(name, *v),
        Value::Float(v) => point.set_field(name, *v),
        Value::String(v) => point.set_field(name, &**v),
        Value::Duration(v) => point.set_field(name, *v),
        other => {
            let kind = other.kind();
            return Err(TickError::Evaluate(format!("field \"{name}\" cannot hold a {kind}")));
        }
    }
    Ok(())
}
