//! InfluxQL's aggregates and selectors: a batch, or the points of one time, become one point.
//!
//! A selector (`min`, `max`, `first`, `last`, `percentile`) hands on the whole point it selects, an
//! aggregate only its result and the tags of the group. `distinct`, `top` and `bottom` make batches.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::holt_winters::Forecast;
use super::reduce::{Function, Reduced, Series};
use crate::protocol::group::Dimensions;
use crate::protocol::message::BeginBatch;
use crate::protocol::point::FieldType;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickError, TickText};
use crate::tick::flow::{ByGroup, Edge, Memory, Message, Node, Outbox, Signal};

/// Reduces batches, or the points of one time.
pub(crate) struct Aggregate {
    rule: Rule,
    groups: ByGroup<Group>,
}

struct Rule {
    method: String,
    function: Function,
    field: Rc<str>,
    /// Fields and tags of whose values `top` and `bottom` take the best point each.
    each: Vec<Rc<str>>,
    name: Rc<str>,
    point_times: bool,
    provides: Edge,
}

/// The points of one time of a group of a stream.
#[derive(Serialize, Deserialize)]
struct Group {
    time: i64,
    series: Series,
    points: Vec<Rc<Point>>,
}

/// The labels of a result.
struct Label {
    name: String,
    tags: Vec<(String, String)>,
    dimensions: Dimensions,
    time: i64,
}

impl Aggregate {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let arguments = &definition.arguments;
        let count = |object: Option<&Object>| match object {
            Some(Object::Int(n)) => usize::try_from(*n).ok().filter(|n| *n > 0),
            _ => None,
        };
        let (field, function) = match (definition.name.as_str(), arguments.as_slice()) {
            ("percentile", [_, Object::Float(percentile)]) => {
                (0, Function::Percentile(*percentile))
            }
            ("top" | "bottom", _) => {
                let Some(n) = count(arguments.first()) else {
                    let message =
                        format!("|{}() needs a number of points above 0", definition.name);
                    return Err(source.error(definition.at, message));
                };
                (1, if definition.name == "top" { Function::Top(n) } else { Function::Bottom(n) })
            }
            ("holtWinters" | "holtWintersWithFit", _) => {
                (0, Function::HoltWinters(Forecast::read(definition, source)?))
            }
            (name, _) => (0, simple(name)),
        };
        let rule = Rule {
            method: definition.name.clone(),
            function,
            field: arguments.get(field).and_then(Object::as_string).unwrap_or_default(),
            each: arguments.iter().skip(field + 1).filter_map(Object::as_string).collect(),
            name: definition.string("as").unwrap_or_else(|| usual_name(&definition.name).into()),
            point_times: definition.flag("usePointTimes")
                || matches!(function, Function::HoltWinters(_)),
            provides: definition.provides,
        };
        Ok(Self { rule, groups: ByGroup::default() })
    }
}

/// Returns the name of a result for which the script gives none.
fn usual_name(method: &str) -> &str {
    if method == "holtWintersWithFit" { "holtWinters" } else { method }
}

fn simple(name: &str) -> Function {
    match name {
        "sum" => Function::Sum,
        "mean" => Function::Mean,
        "median" => Function::Median,
        "mode" => Function::Mode,
        "min" => Function::Min,
        "max" => Function::Max,
        "first" => Function::First,
        "last" => Function::Last,
        "spread" => Function::Spread,
        "stddev" => Function::Stddev,
        "distinct" => Function::Distinct,
        _ => Function::Count,
    }
}

impl Rule {
    /// Adds a point's value to a series; reports a value that cannot be added.
    fn collect(&self, series: &mut Series, point: &Point, out: &mut Outbox<'_>) -> bool {
        let error = match point.field(&self.field) {
            None => format!("field \"{}\" is missing", self.field),
            Some(value) if !self.function.takes(value.field_type()) => {
                format!(
                    "{} does not take \"{}\", a {}",
                    self.method,
                    self.field,
                    value.field_type()
                )
            }
            Some(value) => {
                let kind: FieldType = value.field_type();
                match series.push(point.time(), value) {
                    Ok(()) => return true,
                    Err(first) => {
                        format!("field \"{}\" is a {kind} here, it was a {first}", self.field)
                    }
                }
            }
        };
        out.diagnose(&TickError::Evaluate(error));
        false
    }

    fn emit(
        &self,
        series: &Series,
        label: &Label,
        point: &dyn Fn(usize) -> Point,
        out: &mut Outbox<'_>,
    ) {
        let best = self.best_of_each(series, point);
        let reduced = match &best {
            None => self.function.reduce(series),
            Some((series, places)) => self.function.reduce(series).map(|reduced| match reduced {
                Reduced::Many(indices) => {
                    Reduced::Many(indices.into_iter().map(|i| places[i]).collect())
                }
                reduced => reduced,
            }),
        };
        let Some(reduced) = reduced else { return };
        match self.provides {
            Edge::Stream => {
                if let Some(point) = self.point(reduced, series, label, point) {
                    out.send(point);
                }
            }
            Edge::Batch => out.send(self.batch(reduced, series, label, point)),
        }
    }

    /// Returns the best point of each combination of values, with their places; `None` if the script
    /// names no fields or tags to tell combinations apart.
    fn best_of_each(
        &self,
        series: &Series,
        point: &dyn Fn(usize) -> Point,
    ) -> Option<(Series, Vec<usize>)> {
        let top = match self.function {
            Function::Top(_) => true,
            Function::Bottom(_) => false,
            _ => return None,
        };
        if self.each.is_empty() {
            return None;
        }
        let number = |i: usize| series.value(i).and_then(|value| value.as_double());
        let better = |new: usize, old: usize| match number(new).partial_cmp(&number(old)) {
            Some(Ordering::Equal) => series.times[new] < series.times[old],
            Some(order) => (order == Ordering::Greater) == top,
            None => false,
        };
        let mut places: Vec<usize> = Vec::new();
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        for i in 0..series.times.len() {
            let point = point(i);
            let text = |name: &Rc<str>| match (point.field(name), point.tag(name)) {
                (Some(field), _) => format!("{field:?}"),
                (None, tag) => tag.unwrap_or_default().into_owned(),
            };
            match known.entry(self.each.iter().map(text).collect()) {
                Entry::Vacant(entry) => {
                    entry.insert(places.len());
                    places.push(i);
                }
                Entry::Occupied(entry) if better(i, places[*entry.get()]) => {
                    places[*entry.get()] = i
                }
                Entry::Occupied(_) => {}
            }
        }
        let mut best = Series::default();
        for i in &places {
            if let Some(value) = series.value(*i) {
                best.push(series.times[*i], value).ok()?;
            }
        }
        Some((best, places))
    }

    fn time(&self, point: Option<i64>, label: &Label) -> i64 {
        point.filter(|_| self.point_times).unwrap_or(label.time)
    }

    fn point(
        &self,
        reduced: Reduced,
        series: &Series,
        label: &Label,
        point: &dyn Fn(usize) -> Point,
    ) -> Option<Point> {
        let mut result = Point::new(label.time);
        match reduced {
            Reduced::Value(value, time) => {
                result.set_time(self.time(time, label));
                label.tags.iter().for_each(|(name, value)| result.set_tag(name, value));
                result.set_field(&self.name, value);
            }
            Reduced::Selected(i) => {
                let selected = point(i);
                result.set_time(self.time(series.times.get(i).copied(), label));
                selected.tags().for_each(|(name, value)| result.set_tag(&name, &value));
                for (name, value) in selected.fields().filter(|(name, _)| **name != *self.field) {
                    result.set_field(&name, value);
                }
                result.set_field(&self.name, series.value(i)?);
            }
            Reduced::Many(_) | Reduced::Made(_) => return None,
        }
        result.set_name(&label.name);
        label.dimensions.apply(&mut result);
        Some(result)
    }

    fn batch(
        &self,
        reduced: Reduced,
        series: &Series,
        label: &Label,
        point: &dyn Fn(usize) -> Point,
    ) -> Batch {
        let mut batch = Batch::default();
        batch.begin(BeginBatch {
            name: label.name.clone(),
            tags: label.tags.iter().cloned().collect(),
            by_name: label.dimensions.by_name,
            ..BeginBatch::default()
        });
        batch.tmax = label.time;
        crate::protocol::group::regroup(&mut batch);
        if let Reduced::Made(values) = &reduced {
            for (time, value) in values {
                let mut result = Point::new(*time);
                batch.tmax = batch.tmax.max(*time);
                label.tags.iter().for_each(|(name, value)| result.set_tag(name, value));
                result.set_field(&self.name, *value);
                result.set_group(&batch.group);
                batch.push(&result);
            }
        }
        let Reduced::Many(indices) = reduced else {
            batch.size = batch.len() as i64;
            return batch;
        };
        for i in indices {
            let time = self.time(series.times.get(i).copied(), label);
            let mut result = Point::new(time);
            batch.tmax = batch.tmax.max(time);
            label.tags.iter().for_each(|(name, value)| result.set_tag(name, value));
            if self.function != Function::Distinct {
                point(i).tags().for_each(|(name, value)| result.set_tag(&name, &value));
            }
            if let Some(value) = series.value(i) {
                result.set_field(&self.name, value);
            }
            result.set_group(&batch.group);
            batch.push(&result);
        }
        batch.size = batch.len() as i64;
        batch
    }
}

impl Node for Aggregate {
    fn point(&mut self, _port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        let time = point.time();
        let group = self.groups.get_or(point.group_bytes(), || Group {
            time,
            series: Series::default(),
            points: Vec::new(),
        });
        if group.time != time {
            if let Some(last) = group.points.last() {
                let message = Message::Point(Rc::clone(last));
                let label = Label {
                    name: last.name().into_owned(),
                    tags: message.group_tags(),
                    dimensions: Dimensions::of(last),
                    time: group.time,
                };
                self.rule.emit(&group.series, &label, &|i| (*group.points[i]).clone(), out);
            }
            *group = Group { time, series: Series::default(), points: Vec::new() };
        }
        if self.rule.collect(&mut group.series, &point, out) {
            group.points.push(point);
        }
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        let mut series = Series::default();
        let mut indices = Vec::with_capacity(batch.len());
        let mut point = Point::default();
        for i in 0..batch.len() {
            if batch.read(i, &mut point).unwrap_or(false)
                && self.rule.collect(&mut series, &point, out)
            {
                indices.push(i);
            }
        }
        if indices.is_empty() && !self.rule.function.takes_empty() {
            return Ok(());
        }
        let message = Message::Batch(Rc::clone(&batch));
        let label = Label {
            name: batch.name.clone(),
            tags: message.group_tags(),
            dimensions: message.dimensions(),
            time: batch.tmax,
        };
        let read = |i: usize| {
            let mut point = Point::default();
            match indices.get(i).map(|i| batch.read(*i, &mut point)) {
                Some(Ok(true)) => point,
                _ => Point::default(),
            }
        };
        self.rule.emit(&series, &label, &read, out);
        Ok(())
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.groups_if("points of one time", &mut self.groups, |group| {
            group.series.is_whole() && group.series.times.len() == group.points.len()
        })
    }

    fn forget(&mut self, signal: &Signal) -> bool {
        self.groups.remove(signal.group.id.as_bytes()).is_some()
    }
}

/// Turns a field's value into one that does not borrow.
pub(crate) fn owned(value: FieldValue<'_>) -> FieldValue<'static> {
    match value {
        FieldValue::String(v) => FieldValue::String(v.into_owned().into()),
        FieldValue::Int(v) => FieldValue::Int(v),
        FieldValue::Double(v) => FieldValue::Double(v),
        FieldValue::Bool(v) => FieldValue::Bool(v),
    }
}
