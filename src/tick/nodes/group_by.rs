//! `|groupBy()`: points by tags and measurement.
//!
//! A batch may be split into several; they are sent when a batch of another time arrives, as in the daemon, so those
//! of the last time are not sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::protocol::group::Grouping;
use crate::protocol::{Batch, Point};
use crate::tick::definition::Definition;
use crate::tick::definition::object::Object;
use crate::tick::error::{Result, TickText};
use crate::tick::flow::{Memory, NameKind, News, Node, Outbox, Signal, Unseen, Wanted};

/// Reads the arguments of a `groupBy`.
pub(crate) fn grouping(
    arguments: &[Object],
    excluded: &[Rc<str>],
    at: usize,
    source: &TickText<'_>,
) -> Result<Grouping> {
    let named: Vec<_> = arguments.iter().filter_map(Object::as_string).collect();
    let all = arguments.iter().any(|argument| matches!(argument, Object::Star));
    if named.iter().any(|name| name.is_empty()) {
        return Err(source.error(at, "a tag to group by has an empty name"));
    }
    if all && !named.is_empty() {
        return Err(source.error(at, "groupBy cannot take both * and named tags"));
    }
    if !all && !excluded.is_empty() {
        return Err(source.error(at, ".exclude() needs groupBy(*)"));
    }
    let mut grouping = Grouping::by(&named);
    grouping.all = all;
    grouping.excluded = excluded.iter().map(ToString::to_string).collect();
    Ok(grouping)
}

/// Groups points by other tags.
pub(crate) struct GroupBy {
    grouping: Grouping,
    wanted: Wanted,
    by_measurement: bool,
    pending: BTreeMap<String, Vec<Point>>,
    batches: BTreeMap<String, Batch>,
    time: Option<i64>,
}

impl GroupBy {
    pub(crate) fn new(definition: &Definition, source: &TickText<'_>) -> Result<Self> {
        let excluded = definition.strings("exclude");
        let grouping = grouping(&definition.arguments, &excluded, definition.at, source)?;
        Ok(Self {
            wanted: Wanted::new(grouping.names.iter().map(String::as_str)),
            grouping,
            by_measurement: definition.flag("byMeasurement"),
            pending: BTreeMap::new(),
            batches: BTreeMap::new(),
            time: None,
        })
    }

    fn flush(&mut self, out: &mut Outbox<'_>) {
        for (id, mut batch) in std::mem::take(&mut self.batches) {
            let mut points = self.pending.remove(&id).unwrap_or_default();
            points.sort_by_key(Point::time);
            points.iter().for_each(|point| batch.push(point));
            batch.size = batch.len() as i64;
            out.send(batch);
        }
    }
}

impl Node for GroupBy {
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Outbox<'_>) -> Result<()> {
        self.wanted.look(|| point.tags().map(|(name, _)| name));
        self.grouping.by_name = self.by_measurement || point.by_name();
        self.grouping.apply(out.pool.edit(&mut point));
        out.send(crate::tick::flow::Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Outbox<'_>) -> Result<()> {
        if self.time != Some(batch.tmax) {
            self.time = Some(batch.tmax);
            self.flush(out);
        }
        let by_name = batch.by_name || self.by_measurement;
        self.grouping.by_name = by_name;
        for mut point in batch.points() {
            self.wanted.look(|| point.tags().map(|(name, _)| name));
            let dimensions = self.grouping.dimensions(&point);
            let id = dimensions
                .id(&batch.name, |tag| point.tag(tag).map(|v| Cow::Owned(v.into_owned())));
            point.set_group(&id);
            self.batches.entry(id.clone()).or_insert_with(|| {
                let mut group = batch.metadata();
                let value = |tag: &String| point.tag(tag).unwrap_or_default().into_owned();
                group.tags = dimensions.tags.iter().map(|tag| (tag.clone(), value(tag))).collect();
                group.by_name = by_name;
                group.group.clone_from(&id);
                group
            });
            self.pending.entry(id).or_default().push(point);
        }
        Ok(())
    }

    /// A barrier completes the batches before it.
    fn signal(&mut self, _port: usize, signal: Signal, out: &mut Outbox<'_>) -> Result<()> {
        if let News::Barrier(time) = signal.news
            && self.time != Some(time)
        {
            self.time = Some(time);
            self.flush(out);
        }
        out.send(signal);
        Ok(())
    }

    fn unseen(&self) -> Vec<Unseen> {
        self.wanted.unseen(NameKind::Tag)
    }

    fn remember(&mut self, memory: &mut Memory<'_>) -> Result<()> {
        memory.value("tags to group by", &mut self.wanted)?;
        memory.value("points that wait", &mut self.pending)?;
        memory.value("batches that wait", &mut self.batches)?;
        memory.value("time", &mut self.time)
    }
}
