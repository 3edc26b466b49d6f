//! An event of an alert, and the line that the daemon's log handler writes for it. Its texts are made when they are
//! needed.

use std::cell::OnceCell;

use super::level::Level;
use super::row::{result, row};
use super::texts::{Subject, Texts};
use crate::protocol::Point;
use crate::tick::error::Result;
use crate::tick::flow::Message;
use crate::tick::text;

/// An event of an alert.
pub struct AlertEvent<'e> {
    /// The number of the alert's node.
    pub node: usize,
    /// The id, from its template.
    pub id: &'e str,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// How long the alert has not been OK, in nanoseconds.
    pub duration: i64,
    /// The level.
    pub level: Level,
    /// The level of the event before with the same id.
    pub previous_level: Level,
    /// Whether a recovery follows.
    pub recoverable: bool,
    /// The handlers, as the script writes them: `slack().channel('#alerts')`.
    pub handlers: &'e [String],
    /// The point that decided.
    pub point: &'e Point,
    /// The data.
    pub data: &'e Message,
    pub(crate) texts: &'e Texts,
    pub(crate) message: OnceCell<String>,
    pub(crate) details: OnceCell<String>,
}

impl AlertEvent<'_> {
    /// Returns the message, from its template.
    ///
    /// # Errors
    /// A template that cannot be executed on this data.
    pub fn message(&self) -> Result<&str> {
        if self.message.get().is_none() {
            let _ = self.message.set(self.texts.message(&self.subject())?);
        }
        Ok(self.message.get().map_or("", String::as_str))
    }

    /// Returns the details, from their template.
    ///
    /// # Errors
    /// A template that cannot be executed on this data.
    pub fn details(&self) -> Result<&str> {
        if self.details.get().is_none() {
            let _ = self.details.set(self.texts.details(&self.subject(), self.message()?)?);
        }
        Ok(self.details.get().map_or("", String::as_str))
    }

    /// Returns the data as the daemon's JSON (`{"series":…}`).
    pub fn data_json(&self) -> String {
        result(&[row(self.data)])
    }

    /// Returns the event as the JSON line that the daemon logs, newline included.
    ///
    /// # Errors
    /// A template that cannot be executed on this data.
    pub fn json_line(&self) -> Result<String> {
        let string = text::json_string;
        Ok(format!(
            "{{\"id\":{},\"message\":{},\"details\":{},\"time\":\"{}\",\"duration\":{},\"level\":\"{}\",\
             \"data\":{},\"previousLevel\":\"{}\",\"recoverable\":{}}}\n",
            string(self.id),
            string(self.message()?),
            string(self.details()?),
            text::rfc3339(self.time),
            self.duration,
            self.level.name(),
            self.data_json(),
            self.previous_level.name(),
            self.recoverable,
        ))
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            id: self.id,
            data: self.data,
            point: self.point,
            level: self.level,
            time: self.time,
            duration: self.duration,
        }
    }
}
