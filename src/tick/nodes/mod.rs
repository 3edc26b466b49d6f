//! The nodes, one a file, each with the daemon's semantics.

mod aggregate;
mod alert;
mod alert_state;
mod alert_text;
mod change_detect;
mod default;
mod delete;
mod derivative;
mod eval;
mod filter;
mod from;
mod group_by;
mod http_out;
mod influxdb_out;
mod join;
mod join_set;
mod log;
pub(crate) mod query;
mod reduce;
mod row;
mod sample;
mod shift;
mod source;
mod state;
mod transform;
mod udf;
mod union;
mod window;

use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::tick::definition::object::Object;
use crate::tick::definition::{Definition, Kind, Property};
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Edge, Node};
use crate::tick::graph::Task;
use crate::tick::lambda::Lambda;
use crate::tick::udf::Udfs;

/// Makes the node that a definition stands for.
pub(crate) fn build(
    definitions: &[Definition],
    id: usize,
    name: &str,
    source: &TickText<'_>,
    task: &Task,
    udfs: &mut dyn Udfs,
) -> Result<Box<dyn Node>> {
    let definition = &definitions[id];
    let spec = match &definition.kind {
        Kind::Source => return Ok(Box::new(source::Pass)),
        Kind::Udf(_) => return udf::build(definition, name, source, task, udfs),
        Kind::Node(spec) => spec,
    };
    Ok(match spec.name {
        "from" => Box::new(from::From::new(definition, source)?),
        "query" => {
            query::check(definition, source)?;
            Box::new(source::Pass)
        }
        "where" => Box::new(filter::Where::new(definition)),
        "groupBy" => Box::new(group_by::GroupBy::new(definition, source)?),
        "window" => Box::new(window::Window::new(definition, source)?),
        "eval" => Box::new(eval::Eval::new(definition, source)?),
        "default" => Box::new(default::Default::new(definition, source)?),
        "delete" => Box::new(delete::Delete::new(definition)),
        "shift" => Box::new(shift::Shift::new(definition, source)?),
        "sample" => Box::new(sample::Sample::new(definition, source)?),
        "stateCount" | "stateDuration" => Box::new(state::State::new(definition)),
        "changeDetect" => Box::new(change_detect::ChangeDetect::new(definition)),
        "derivative" => Box::new(derivative::Derivative::new(definition)),
        "union" => Box::new(union::Union::new(definition)),
        "join" => Box::new(join::Join::new(definition, source)?),
        "log" => Box::new(log::Log::new(definition)),
        "httpOut" => Box::new(http_out::HttpOut::new(definition)),
        "influxDBOut" => Box::new(influxdb_out::InfluxDbOut::new(definition, source)?),
        "alert" => Box::new(alert::Alert::new(definitions, id, source, task)?),
        "difference" | "cumulativeSum" | "elapsed" | "movingAverage" => {
            Box::new(transform::Transform::new(definition, source)?)
        }
        _ => Box::new(aggregate::Aggregate::new(definition, source)?),
    })
}

/// How a node reads its arguments and properties, whose types are already checked.
impl Definition {
    /// Returns the last call of a property that belongs to no handler.
    fn last(&self, name: &str) -> Option<&Property> {
        self.properties.iter().rev().find(|p| p.handler.is_none() && p.name == name)
    }

    /// Returns all calls of a property.
    fn all<'d>(&'d self, name: &'d str) -> impl Iterator<Item = &'d Property> {
        self.properties.iter().filter(move |p| p.handler.is_none() && p.name == name)
    }

    /// Tells whether a property was called.
    fn flag(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// Returns the first argument of the last call of a property.
    fn value(&self, name: &str) -> Option<&Object> {
        self.last(name)?.arguments.first()
    }

    fn string(&self, name: &str) -> Option<Rc<str>> {
        self.value(name).and_then(Object::as_string)
    }

    /// Returns all arguments of the last call of a property.
    fn strings(&self, name: &str) -> Vec<Rc<str>> {
        strings(self.last(name).map_or(&[], |property| &property.arguments))
    }

    fn duration(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Object::as_duration)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Object::as_int)
    }

    fn lambda(&self, name: &str) -> Option<Rc<Lambda>> {
        self.value(name).and_then(Object::as_lambda)
    }

    /// Returns the first argument of the node.
    fn argument(&self) -> Option<&Object> {
        self.arguments.first()
    }
}

impl Object {
    fn as_string(&self) -> Option<Rc<str>> {
        match self {
            Self::String(v) => Some(Rc::clone(v)),
            _ => None,
        }
    }

    fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(*v),
            _ => None,
        }
    }

    fn as_duration(&self) -> Option<i64> {
        match self {
            Self::Duration(v) => Some(*v),
            _ => None,
        }
    }

    fn as_lambda(&self) -> Option<Rc<Lambda>> {
        match self {
            Self::Lambda(_, lambda) => Some(Rc::clone(lambda)),
            _ => None,
        }
    }
}

fn strings(arguments: &[Object]) -> Vec<Rc<str>> {
    arguments.iter().filter_map(Object::as_string).collect()
}

/// Makes a batch of those points that `change` keeps, after it changed them.
fn map_points(batch: &Batch, mut change: impl FnMut(&mut Point) -> bool) -> Batch {
    let mut changed = batch.metadata();
    for mut point in batch.points() {
        if change(&mut point) {
            changed.push(&point);
        }
    }
    changed.size = changed.len() as i64;
    changed
}

/// Makes the error of a node that an edge cannot reach.
fn unreachable_edge(node: &str, edge: Edge) -> crate::tick::TickError {
    crate::tick::TickError::Node {
        node: node.to_owned(),
        message: format!("it does not take a {edge}"),
    }
}
