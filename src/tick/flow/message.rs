//! What flows along an edge: points and batches, which are shared if several nodes receive them.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use crate::protocol::group::Dimensions;
use crate::protocol::message::EdgeType;
use crate::protocol::{Batch, Point};

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
#[derive(Debug, Clone, Serialize, Deserialize)]
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

impl From<Rc<Point>> for Message {
    fn from(point: Rc<Point>) -> Self {
        Self::Point(point)
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

    /// Returns the bytes of the group's id.
    pub fn group_bytes(&self) -> &[u8] {
        match self {
            Self::Point(point) => point.group_bytes(),
            Self::Batch(batch) => batch.group.as_bytes(),
        }
    }

    /// Returns what the group is made of.
    pub fn dimensions(&self) -> Dimensions {
        match self {
            Self::Point(point) => Dimensions::of(point),
            Self::Batch(batch) => Dimensions::of_batch(batch),
        }
    }

    /// Tells whether the measurement is part of the group.
    pub fn by_name(&self) -> bool {
        match self {
            Self::Point(point) => point.by_name(),
            Self::Batch(batch) => batch.by_name,
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

/// The most points that a [`Pool`] keeps.
const POOLED: usize = 4096;

/// Points that are used again, so that an edge costs no allocation for each point.
#[derive(Debug, Default)]
pub struct Pool {
    points: Vec<Rc<Point>>,
}

impl Pool {
    /// Returns a point that nothing else refers to. Its content has no meaning.
    pub fn take(&mut self) -> Rc<Point> {
        self.points.pop().unwrap_or_default()
    }

    /// Takes a point back, unless something else refers to it.
    pub fn give(&mut self, mut point: Rc<Point>) {
        if self.points.len() < POOLED && Rc::get_mut(&mut point).is_some() {
            self.points.push(point);
        }
    }

    /// Returns a point that can be changed: the point itself if nothing else refers to it, otherwise a copy in its
    /// place.
    pub fn edit<'p>(&mut self, point: &'p mut Rc<Point>) -> &'p mut Point {
        if Rc::get_mut(point).is_none() {
            let mut copy = self.take();
            Rc::get_mut(&mut copy).expect("a point of the pool has one owner").clone_from(point);
            *point = copy;
        }
        Rc::get_mut(point).expect("the point has one owner")
    }
}
