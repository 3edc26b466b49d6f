//! What flows between nodes, and what a node is.
//!
//! The flow is pushed: a source hands a message to a node, which hands what it makes of it to its
//! children. Groups are kept apart by each node. Only windows and joins hold messages back, so the
//! memory does not depend on the length of the data.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use super::alert_event::AlertEvent;
use super::error::{Result, TickError};
use super::lambda::{Scope, Value};
use crate::protocol::message::EdgeType;
use crate::protocol::{Batch, FieldValue, Point};

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
            Self::Batch(batch) => {
                Dimensions { by_name: batch.by_name, tags: batch.tags.keys().cloned().collect() }
            }
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

/// What data is grouped by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// Whether by the measurement too.
    pub by_name: bool,
    /// The names of the tags, sorted.
    pub tags: Vec<String>,
}

impl Dimensions {
    /// Returns the dimensions of a point.
    pub fn of(point: &Point) -> Self {
        Self { by_name: point.by_name(), tags: point.dimensions().map(Cow::into_owned).collect() }
    }

    /// Returns the id of the group of a measurement and its tags.
    pub fn id<'t>(&self, name: &str, tag: impl Fn(&str) -> Option<Cow<'t, str>>) -> String {
        let mut id = if self.by_name { name.to_owned() } else { String::new() };
        for (i, dimension) in self.tags.iter().enumerate() {
            match i {
                0 if self.by_name => id.push('\n'),
                0 => {}
                _ => id.push(','),
            }
            id.push_str(dimension);
            id.push('=');
            id.push_str(&tag(dimension).unwrap_or_default());
        }
        id
    }

    /// Groups a point.
    pub fn apply(&self, point: &mut Point) {
        let group =
            self.id(&point.name(), |tag| point.tag(tag).map(|v| Cow::Owned(v.into_owned())));
        if point.group() != group {
            point.set_group(&group);
        }
        if !point.dimensions().eq(self.tags.iter().map(String::as_str)) {
            point.set_dimensions(&self.tags);
        }
        point.set_by_name(self.by_name);
    }
}

/// Computes a batch's group anew after its name or tags changed.
pub fn regroup(batch: &mut Batch) {
    let dimensions =
        Dimensions { by_name: batch.by_name, tags: batch.tags.keys().cloned().collect() };
    batch.group =
        dimensions.id(&batch.name, |tag| batch.tags.get(tag).map(|v| Cow::Borrowed(v.as_str())));
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
pub struct Output<'o> {
    /// What goes to the children, in order.
    pub messages: Vec<Message>,
    /// Where effects go.
    pub outside: &'o mut dyn Outside,
    /// The node's name (`alert2`).
    pub node: &'o str,
}

impl Output<'_> {
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
    fn point(&mut self, port: usize, point: Rc<Point>, out: &mut Output<'_>) -> Result<()>;

    /// Takes a batch.
    ///
    /// # Errors
    /// What ends the replay.
    fn batch(&mut self, port: usize, batch: Rc<Batch>, out: &mut Output<'_>) -> Result<()>;

    /// Learns that nothing more comes.
    ///
    /// # Errors
    /// What ends the replay.
    fn finish(&mut self, _out: &mut Output<'_>) -> Result<()> {
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

/// Nanoseconds from Go's zero time, to which it aligns, to 1970.
const ZERO_TIME: i128 = 62_135_596_800 * 1_000_000_000;

/// Rounds a time down to a multiple of a duration since the year 1.
pub fn truncate(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    let remainder = (i128::from(time) + ZERO_TIME).rem_euclid(unit.into());
    time.saturating_sub(i64::try_from(remainder).unwrap_or(0))
}

/// Rounds a time to the nearest multiple of a duration since the year 1, halves up.
pub fn round(time: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return time;
    }
    let down = truncate(time, unit);
    let remainder = time - down;
    if remainder < unit - remainder { down } else { down.saturating_add(unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_the_daemons_ids() {
        let mut point = Point::new(0);
        point.set_name("cpu");
        point.set_tag("host", "a");
        point.set_tag("cpu", "cpu0");
        for (by_name, tags, expected) in [
            (false, &[][..], ""),
            (true, &[], "cpu"),
            (false, &["cpu", "host"], "cpu=cpu0,host=a"),
            (true, &["host", "none"], "cpu\nhost=a,none="),
        ] {
            let dimensions =
                Dimensions { by_name, tags: tags.iter().map(ToString::to_string).collect() };
            dimensions.apply(&mut point);
            assert_eq!(point.group(), expected);
            assert_eq!(Dimensions::of(&point), dimensions);
        }
    }

    #[test]
    fn times_align_to_the_year_one() {
        const WEEK: i64 = 7 * 86_400 * 1_000_000_000;
        assert_eq!(truncate(1_500, 1_000), 1_000);
        assert_eq!(truncate(-1, 1_000), -1_000);
        assert_eq!((round(1_499, 1_000), round(1_500, 1_000)), (1_000, 2_000));
        // Weeks begin on Mondays: 1970-01-05 was one.
        assert_eq!(truncate(WEEK, WEEK), 4 * 86_400 * 1_000_000_000);
        assert_eq!(truncate(i64::MIN, WEEK), i64::MIN);
    }
}
