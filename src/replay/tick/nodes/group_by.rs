//! `|groupBy()`: points by tags and measurement.
//!
//! A batch may fall apart into several; they go on when a batch of another time arrives, as in the
//! daemon, so those of the last time do not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::protocol::{Batch, Point};
use crate::replay::tick::error::{Result, Source};
use crate::replay::tick::flow::{Dimensions, Node, Output};
use crate::replay::tick::object::Object;
use crate::replay::tick::program::Definition;

/// The tags to group by.
pub(super) struct Tags {
    /// All but the excluded ones; else those named.
    all: bool,
    /// The names, sorted.
    names: Vec<String>,
    excluded: Vec<Rc<str>>,
}

impl Tags {
    /// Reads the arguments of a `groupBy`.
    pub(super) fn new(
        arguments: &[Object],
        excluded: Vec<Rc<str>>,
        at: usize,
        source: &Source<'_>,
    ) -> Result<Self> {
        let all = arguments.iter().any(|argument| matches!(argument, Object::Star));
        let mut names: Vec<_> =
            arguments.iter().filter_map(Object::as_string).map(|name| name.to_string()).collect();
        names.sort();
        if names.iter().any(String::is_empty) {
            return Err(source.error(at, "a tag to group by has an empty name"));
        }
        if all && !names.is_empty() {
            return Err(source.error(at, "groupBy cannot take both * and named tags"));
        }
        if !all && !excluded.is_empty() {
            return Err(source.error(at, ".exclude() needs groupBy(*)"));
        }
        Ok(Self { all, names, excluded })
    }

    /// Returns the names of the tags by which a point is grouped.
    pub(super) fn of(&self, point: &Point) -> Vec<String> {
        if !self.all {
            return self.names.clone();
        }
        let mut names: Vec<_> = point
            .tags()
            .map(|(name, _)| name.into_owned())
            .filter(|name| !self.excluded.iter().any(|excluded| **excluded == **name))
            .collect();
        names.sort();
        names
    }
}

/// Groups points anew.
pub(super) struct GroupBy {
    tags: Tags,
    by_name: bool,
    pending: BTreeMap<String, Vec<Point>>,
    batches: BTreeMap<String, Batch>,
    time: Option<i64>,
}

impl GroupBy {
    pub(super) fn new(definition: &Definition, source: &Source<'_>) -> Result<Self> {
        let excluded = definition.strings("exclude");
        Ok(Self {
            tags: Tags::new(&definition.arguments, excluded, definition.at, source)?,
            by_name: definition.flag("byMeasurement"),
            pending: BTreeMap::new(),
            batches: BTreeMap::new(),
            time: None,
        })
    }

    fn flush(&mut self, out: &mut Output<'_>) {
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
    fn point(&mut self, _port: usize, mut point: Rc<Point>, out: &mut Output<'_>) -> Result<()> {
        let by_name = self.by_name || point.by_name();
        let dimensions = Dimensions { by_name, tags: self.tags.of(&point) };
        dimensions.apply(Rc::make_mut(&mut point));
        out.send(crate::replay::tick::flow::Message::Point(point));
        Ok(())
    }

    fn batch(&mut self, _port: usize, batch: Rc<Batch>, out: &mut Output<'_>) -> Result<()> {
        if self.time != Some(batch.tmax) {
            self.time = Some(batch.tmax);
            self.flush(out);
        }
        let by_name = batch.by_name || self.by_name;
        for mut point in batch.points() {
            let dimensions = Dimensions { by_name, tags: self.tags.of(&point) };
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
}
