//! InfluxQL's transformations: `difference`, `cumulativeSum`, `elapsed`, `movingAverage`.
//!
//! Each point becomes one with the result and the tags of the group; each batch is computed by itself.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::rc::Rc;

use super::aggregate::owned;
use crate::protocol::group::Dimensions;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{ByGroup, Memory, Message, Node, Outbox, Signal};

/// Transforms points one by one.
pub(crate) struct Transform {
    rule: Rule,
    groups: ByGroup<History>,
}

struct Rule {
    method: Method,
    field: Rc<str>,
    name: Rc<str>,
}

#[derive(Clone, Copy)]
enum Method {
    Difference,
    CumulativeSum,
    Elapsed(i64),
    MovingAverage(usize),
}

#[derive(Default, Serialize, Deserialize)]
struct History {
    last: Option<(i64, FieldValue<'static>)>,
    window: VecDeque<f64>,
    int_sum: i64,
    float_sum: f64,
}

impl Transform {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let method = match (definition.name.as_str(), definition.arguments.get(1)) {
            ("difference", _) => Method::Difference,
            ("cumulativeSum", _) => Method::CumulativeSum,
            ("elapsed", Some(Object::Duration(unit @ 1..))) => Method::Elapsed(*unit),
            ("movingAverage", Some(Object::Int(n @ 1..=10_000_000))) => {
                Method::MovingAverage(*n as usize)
            }
            (name, _) => {
                let message = format!("the second argument of |{name}() is out of range");
                return Err(source.error(definition.at, message));
            }
        };
        let rule = Rule {
            method,
            field: definition.argument().and_then(Object::as_string).unwrap_or_default(),
            name: definition.string("as").unwrap_or_else(|| definition.name.as_str().into()),
        };
        Ok(Self { rule, groups: ByGroup::default() })
    }
}

impl Rule {
    /// Reads the field, which must be of the type that it was of before: its value, and its number.
    fn read(&self, point: &Point, history: &History) -> Result<(FieldValue<'static>, f64)> {
        let Some(value) = point.field(&self.field) else {
            return Err(TickError::Evaluate(format!("field \"{}\" is missing", self.field)));
        };
        let value = owned(value);
        if let Some((_, last)) = &history.last
            && last.field_type() != value.field_type()
        {
            let (now, before) = (value.field_type(), last.field_type());
            let message = format!("field \"{}\" is a {now} here, it was a {before}", self.field);
            return Err(TickError::Evaluate(message));
        }
        let Some(number) =
            value.as_double().or(matches!(self.method, Method::Elapsed(_)).then_some(0.0))
        else {
            let message =
                format!("field \"{}\" is a {}, not a number", self.field, value.field_type());
            return Err(TickError::Evaluate(message));
        };
        Ok((value, number))
    }

    fn value(&self, point: &Point, history: &mut History) -> Result<Option<FieldValue<'static>>> {
        let (value, number) = self.read(point, history)?;
        let time = point.time();
        Ok(match self.method {
            Method::Elapsed(unit) => {
                let last = history.last.replace((time, value));
                last.map(|(before, _)| (time.saturating_sub(before) / unit).into())
            }
            Method::Difference => {
                if matches!(&history.last, Some((before, _)) if *before == time) {
                    return Ok(None);
                }
                match (history.last.replace((time, value.clone())), value) {
                    (Some((_, FieldValue::Int(last))), FieldValue::Int(v)) => {
                        Some(v.wrapping_sub(last).into())
                    }
                    (Some((_, FieldValue::Double(last))), FieldValue::Double(v)) => {
                        Some((v - last).into())
                    }
                    _ => None,
                }
            }
            Method::CumulativeSum => {
                let sum = history.add(&value);
                history.last = Some((time, value));
                Some(sum)
            }
            Method::MovingAverage(n) => {
                // The oldest value is subtracted before the new one is added: the daemon rounds so.
                let full = history.window.len() == n;
                if let Some(old) = if full { history.window.pop_front() } else { None } {
                    history.float_sum -= old;
                    history.int_sum = history.int_sum.wrapping_sub(old as i64);
                }
                history.add(&value);
                history.window.push_back(number);
                let sum = match value {
                    FieldValue::Int(_) => history.int_sum as f64,
                    _ => history.float_sum,
                };
                history.last = Some((time, value));
                (history.window.len() == n).then(|| (sum / n as f64).into())
            }
        })
    }

    fn apply(&self, point: &Point, history: &mut History, out: &mut Outbox<'_>) -> Option<Point> {
        match self.value(point, history) {
            Ok(value) => {
                let mut result = Point::new(point.time());
                result.set_field(&self.name, value?);
                Some(result)
            }
            Err(error) => {
                out.diagnose(&error);
                None
            }
        }
    }
}

impl History {
    fn add(&mut self, value: &FieldValue<'_>) -> FieldValue<'static> {
        match value {
            FieldValue::Int(v) => {
                self.int_sum = self.int_sum.wrapping_add(*v);
                self.int_sum.into()
            }
            other => {
                self.float_sum += other.as_double().unwrap_or(0.0);
                self.float_sum.into()
            }
        }
    }
}

impl Node for Transform {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let history = self.groups.of(point.group_bytes());
        if let Some(mut result) = self.rule.apply(&point, history, out) {
            result.set_name(&point.name());
            let message = Message::Point(Rc::clone(&point));
            message.group_tags().iter().for_each(|(name, value)| result.set_tag(name, value));
            Dimensions::of(&point).apply(&mut result);
            out.send(result);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut history = History::default();
        let mut changed = batch.metadata();
        for point in batch.points() {
            if let Some(mut result) = self.rule.apply(&point, &mut history, out) {
                batch.tags.iter().for_each(|(name, value)| result.set_tag(name, value));
                result.set_group(&batch.group);
                changed.push(&result);
            }
        }
        changed.size = changed.len() as i64;
        out.send(changed);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups("history", &mut self.groups)
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}
