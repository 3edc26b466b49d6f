//! Where the effects of a graph go: whoever plays data implements [`Outside`].

use std::path::Path;

use super::message::Message;
use super::remote::{HttpPost, Scaling};
use crate::protocol::Point;
use crate::tick::alert::{AlertEvent, Level};
use crate::tick::error::{Result, TickError};

/// Where the effects of a graph go.
pub trait Outside {
    /// Learns which item of the data (counted by whoever plays it) the effects after this belong to.
    fn item(&mut self, _item: u64) {}

    /// Learns that the node which is watched was given data of these times, from the first to the last.
    fn row(&mut self, _from: i64, _to: i64) {}

    /// Learns of the level of a group, which is not OK or was not OK before, whether that is an event
    /// or not.
    fn level(&mut self, _change: &LevelChange<'_>) {}

    /// Learns of a point of captured requests, which functions are given as they are.
    fn given(&mut self, _point: &Point) {}

    /// Takes what reaches an output node, whose number is `node`.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn output(&mut self, _node: usize, _message: &Message) -> Result<()> {
        Ok(())
    }

    /// Takes an event of an alert, once, with the handlers that would be called.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn alert(&mut self, event: &AlertEvent<'_>) -> Result<()>;

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

    /// Takes points that a `kapacitorLoopback` node would hand to other tasks.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn loopback(&mut self, write: &Write<'_>) -> Result<()>;

    /// Takes a request that an `httpPost` node would make.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn http_post(&mut self, request: &HttpPost<'_>) -> Result<()>;

    /// Takes a change that an autoscale node would ask for.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn scale(&mut self, scaling: &Scaling<'_>) -> Result<()>;

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

/// The level of an alert of a group.
#[derive(Debug, Clone, Copy)]
pub struct LevelChange<'m> {
    /// The number of the alert's node.
    pub node: usize,
    /// The data that decided.
    pub message: &'m Message,
    /// The time of the point that decided, or the end of its batch.
    pub time: i64,
    /// The level before.
    pub previous: Level,
    /// The level.
    pub level: Level,
}

/// Points that are to be written into a database.
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
