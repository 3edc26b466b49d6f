//! What flows along an edge besides data: barriers, and groups that are deleted.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::protocol::group::Dimensions;
use crate::protocol::{Batch, Point};

/// A group as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The measurement of the message that made the group known.
    pub name: String,
    /// The id.
    pub id: String,
    /// The tags of the group.
    pub tags: Vec<(String, String)>,
    /// What the group is made of.
    pub dimensions: Dimensions,
}

impl Group {
    /// Returns the group of a message.
    pub fn of(message: &Message) -> Self {
        Self {
            name: message.name().into_owned(),
            id: message.group().into_owned(),
            tags: message.group_tags(),
            dimensions: message.dimensions(),
        }
    }
}

/// The content of a signal about its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// No more messages from before this time, in nanoseconds since the epoch, will follow.
    Barrier(i64),
    /// The group is deleted: nodes remove its state.
    Deleted,
}

/// A message without data. Each node that does not use it passes it on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Signal {
    /// The group that it is about.
    pub group: Rc<Group>,
    /// What it says.
    pub news: News,
}

/// What a node sends to its children.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Flowing {
    /// Data.
    Message(Message),
    /// A signal.
    Signal(Signal),
}

impl Flowing {
    /// Returns the time of data or of a barrier.
    pub fn time(&self) -> Option<i64> {
        match self {
            Self::Message(message) => Some(message.time()),
            Self::Signal(Signal { news: News::Barrier(time), .. }) => Some(*time),
            Self::Signal(_) => None,
        }
    }
}

impl From<Message> for Flowing {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Signal> for Flowing {
    fn from(signal: Signal) -> Self {
        Self::Signal(signal)
    }
}

impl From<Point> for Flowing {
    fn from(point: Point) -> Self {
        Self::Message(point.into())
    }
}

impl From<Rc<Point>> for Flowing {
    fn from(point: Rc<Point>) -> Self {
        Self::Message(point.into())
    }
}

impl From<Batch> for Flowing {
    fn from(batch: Batch) -> Self {
        Self::Message(batch.into())
    }
}
