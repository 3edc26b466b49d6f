//! What flows between nodes, and what a node is.
//!
//! The flow is pushed: a source hands a message to a node, which hands what it makes of it to its
//! children. Groups are kept apart by each node. Only windows and joins hold messages back, so the
//! memory does not depend on the length of the data.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use crate::protocol::group::Dimensions;
use crate::protocol::message::EdgeType;
use crate::protocol::{Batch, FieldValue, Point};
use crate::tick::alert_event::AlertEvent;
use crate::tick::error::{Result, TickError};
use crate::tick::lambda::{Scope, Value};

/// What an edge carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Points, one by one.
    Stream,
    /// Batches of points.
    Batch,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::Batch => "batch",
        })
    }
}

impl From<EdgeType> for Edge {
    fn from(edge: EdgeType) -> Self {
        match edge {
            EdgeType::Stream => Self::Stream,
            EdgeType::Batch => Self::Batch,
        }
    }
}

/// A point of a stream, or a whole batch; shared, and copied when changed.
#[derive(Debug, Clone)]
pub enum Message {
    /// A point.
    Point(Rc<Point>),
    /// A batch.
    Batch(Rc<Batch>),
}

impl From<Point> for Message {
    fn from(point: Point) -> Self {
        Self::Point(Rc::new(point))
    }
}

impl From<Batch> for Message {
    fn from(batch: Batch) -> Self {
        Self::Batch(Rc::new(batch))
    }
}

impl Message {
    /// Returns the time: a point's, or the end of a batch.
    pub fn time(&self) -> i64 {
        match self {
            Self::Point(point) => point.time(),
            Self::Batch(batch) => batch.tmax,
        }
    }

    /// Returns the measurement.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Point(point) => point.name(),
            Self::Batch(batch) => Cow::Borrowed(&batch.name),
        }
    }

    /// Returns the group's id.
    pub fn group(&self) -> Cow<'_, str> {
        match self {
            Self::Point(point) => point.group(),
            Self::Batch(batch) => Cow::Borrowed(&batch.group),
        }
    }

    /// Returns what the group is made of.
    pub fn dimensions(&self) -> Dimensions {
        match self {
            Self::Point(point) => Dimensions::of(point),
            Self::Batch(batch) => Dimensions::of_batch(batch),
        }
    }

    /// Returns the tags of the group.
    pub fn group_tags(&self) -> Vec<(String, String)> {
        match self {
            Self::Point(point) => point
                .dimensions()
                .map(|name| {
                    let value = point.tag(&name).unwrap_or_default().into_owned();
                    (name.into_owned(), value)
                })
                .collect(),
            Self::Batch(batch) => batch.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        }
    }
}

/// Where the effects of a replay go.
pub trait Outside {
    /// Takes an event of an alert, once, with the handlers that would be called.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn alert(&mut self, event: &AlertEvent) -> Result<()>;

    /// Takes a line for an alert's log file, newline included.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn alert_log(&mut self, path: &Path, line: &str) -> Result<()>;

    /// Takes points for a database, as lines of line protocol.
    ///
    /// # Errors
    /// Whatever keeps them from being written.
    fn write(&mut self, write: &Write<'_>) -> Result<()>;

    /// Takes what an `httpOut` endpoint would serve at the end.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn http_out(&mut self, endpoint: &str, json: &str) -> Result<()>;

    /// Takes a line of a `log` node.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn log(&mut self, level: &str, prefix: &str, text: &str) -> Result<()>;

    /// Takes what the daemon would write into its own log: a point that could not be evaluated.
    fn diagnose(&mut self, node: &str, error: &TickError);
}

/// Points on their way into a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write<'a> {
    /// The database, possibly empty.
    pub database: &'a str,
    /// The retention policy, possibly empty.
    pub retention_policy: &'a str,
    /// The line protocol, with times in nanoseconds.
    pub lines: &'a str,
    /// How many points the lines hold.
    pub points: usize,
    /// Whether the database is to be created if it is not there.
    pub create: bool,
}

/// What a node writes to.
pub struct Outbox<'o> {
    /// What goes to the children, in order.
    pub messages: Vec<Message>,
    /// Where effects go.
    pub outside: &'o mut dyn Outside,
    /// The node's name (`alert2`).
    pub node: &'o str,
}

impl Outbox<'_> {
    /// Sends a message to the children.
    pub fn send(&mut self, message: impl Into<Message>) {
        self.messages.push(message.into());
    }

    /// Reports an error that costs a point but not the replay.
    pub fn diagnose(&mut self, error: &TickError) {
        self.outside.diagnose(self.node, error);
    }
}

/// A node of the pipeline.
pub trait Node {
    /// Takes a point of a stream; `port` tells which parent it comes from.
    ///
    /// # Errors
    /// What ends the replay.
    fn point(&mut self, port: usize, point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()>;

    /// Takes a batch.
    ///
    /// # Errors
    /// What ends the replay.
    fn batch(&mut self, port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()>;

    /// Learns that nothing more comes.
    ///
    /// # Errors
    /// What ends the replay.
    fn finish(&mut self, _out: &mut Outbox<'_>) -> Result<()> {
        Ok(())
    }
}

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
