//! `|eval()`: fields and tags computed by expressions.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::rc::Rc;

use super::map_points;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{
    ByGroup, Memory, Message, Node, Outbox, PointScope, Signal, field_value, set_field,
};
use crate::tick::lambda::State;
use crate::tick::lambda::{Lambda, Scope, Value};

type Computed = Vec<(Rc<str>, Value<'static>)>;

/// Computes fields and tags.
pub(crate) struct Eval {
    rules: Rules,
    groups: ByGroup<States>,
}

#[derive(Default, Serialize, Deserialize)]
struct States(Vec<State>);

struct Rules {
    expressions: Vec<(Rc<Lambda>, Rc<str>)>,
    tags: Vec<Rc<str>>,
    /// The fields kept; all of them if there are none.
    keep: Option<Vec<Rc<str>>>,
}

impl Eval {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let lambdas: Vec<_> = definition.arguments.iter().filter_map(Object::as_lambda).collect();
        let (names, tags) = (definition.strings("as"), definition.strings("tags"));
        if lambdas.len() != names.len() {
            let (lambdas, names) = (lambdas.len(), names.len());
            let message =
                format!("|eval() has {lambdas} expressions and .as() has {names} names for them");
            return Err(source.error(definition.at, message));
        }
        if let Some(tag) = tags.iter().find(|tag| !names.contains(tag)) {
            let message = format!(".tags('{tag}') names no result; the results are those of .as()");
            return Err(source.error(definition.at, message));
        }
        let rules = Rules {
            expressions: lambdas.into_iter().zip(names).collect(),
            tags,
            keep: definition.flag("keep").then(|| definition.strings("keep")),
        };
        Ok(Self { rules, groups: ByGroup::default() })
    }
}

impl Rules {
    /// Changes a point; reports and returns false if that cannot be done.
    fn apply(&self, point: &mut Point, states: &mut States, out: &mut Outbox<'_>) -> bool {
        states.0.resize_with(self.expressions.len(), State::default);
        match self.eval(point, &mut states.0).and_then(|computed| self.set(point, &computed)) {
            Ok(()) => true,
            Err(error) => {
                out.diagnose(&error);
                false
            }
        }
    }

    fn eval(&self, point: &Point, states: &mut [State]) -> Result<Computed> {
        let mut computed: Computed = Vec::with_capacity(self.expressions.len());
        for ((lambda, name), state) in self.expressions.iter().zip(states) {
            let raw = PointScope::new(point);
            // A field or tag of the point takes the place of a result of that name, once it is read.
            for (known, value) in &mut computed {
                if lambda.references().contains(known) && !matches!(raw.get(known)?, Value::Missing)
                {
                    *value = raw.get(known)?.into_owned();
                }
            }
            let scope = PointScope { point, computed: &computed };
            let value = lambda.eval(&scope, state)?.into_owned();
            computed.retain(|(known, _)| known != name);
            computed.push((Rc::clone(name), value));
        }
        Ok(computed)
    }

    fn set(&self, point: &mut Point, computed: &Computed) -> Result<()> {
        let result =
            |name: &str| computed.iter().find(|(known, _)| &**known == name).map(|(_, v)| v);
        let mut kept: Computed = Vec::new();
        match self.keep.as_deref() {
            None => {}
            Some([]) => {
                for (name, value) in computed {
                    set_field(point, name, value)?;
                }
            }
            Some(names) => {
                for name in names {
                    let value = match result(name) {
                        Some(value) => value.clone(),
                        None => self.raw(point, name)?,
                    };
                    kept.push((Rc::clone(name), value));
                }
            }
        }
        for tag in &self.tags {
            match result(tag) {
                Some(Value::String(value)) => point.set_tag(tag, value),
                Some(other) => {
                    let message = format!("tag \"{tag}\" is a {}, tags are strings", other.kind());
                    return Err(TickError::Evaluate(message));
                }
                None => {}
            }
        }
        match self.keep.as_deref() {
            Some([]) => {}
            Some(_) => replace(point, kept.iter())?,
            None => replace(point, computed.iter().filter(|(name, _)| !self.tags.contains(name)))?,
        }
        if !self.tags.is_empty() {
            crate::protocol::group::Dimensions::of(point).apply(point);
        }
        Ok(())
    }

    /// Returns a field of the point, or a tag that an expression reads.
    fn raw(&self, point: &Point, name: &Rc<str>) -> Result<Value<'static>> {
        if let Some(field) = point.field(name) {
            return Ok(field_value(field).into_owned());
        }
        let read = self.expressions.iter().any(|(lambda, _)| lambda.references().contains(name));
        match point.tag(name) {
            Some(tag) if read => Ok(Value::String(Cow::Owned(tag.into_owned()))),
            _ => Err(TickError::Evaluate(format!(
                "cannot keep \"{name}\": the point has no such field"
            ))),
        }
    }
}

fn replace<'c>(
    point: &mut Point,
    fields: impl Iterator<Item = &'c (Rc<str>, Value<'static>)>,
) -> Result<()> {
    point.clear_fields();
    for (name, value) in fields {
        set_field(point, name, value)?;
    }
    Ok(())
}

impl Node for Eval {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let states = self.groups.of(point.group_bytes());
        if self.rules.apply(out.pool.edit(&mut point), states, out) {
            out.send(Message::Point(point));
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let states = self.groups.of(batch.group.as_bytes());
        let changed = map_points(&batch, |point| self.rules.apply(point, states, out));
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        for (lambda, name) in &self.rules.expressions {
            memory.lambda(name, lambda)?;
        }
        if self.rules.expressions.iter().any(|(lambda, _)| lambda.remembers()) {
            memory.groups("expressions", &mut self.groups)?;
        }
        Ok(())
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}
