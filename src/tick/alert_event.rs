//! An event of an alert, and the line that the daemon's log handler writes for it.

use std::rc::Rc;

use crate::tick::text;

/// The level of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Ok,
    /// To be known.
    Info,
    /// To be watched.
    Warning,
    /// To be acted on.
    Critical,
}

impl Level {
    /// Returns the name as the daemon writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

/// An event of an alert.
#[derive(Debug, Clone)]
pub struct AlertEvent {
    /// The id, from its template.
    pub id: String,
    /// The message, from its template.
    pub message: String,
    /// The details, from their template.
    pub details: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// How long the alert has not been OK, in nanoseconds.
    pub duration: i64,
    /// The level.
    pub level: Level,
    /// The level of the event before with the same id.
    pub previous_level: Level,
    /// The data as the daemon's JSON (`{"series":…}`).
    pub data: String,
    /// Whether a recovery follows.
    pub recoverable: bool,
    /// The handlers, as the script writes them: `slack().channel('#alerts')`.
    pub handlers: Rc<[String]>,
}

impl AlertEvent {
    /// Returns the event as the JSON line that the daemon logs, newline included.
    pub fn json_line(&self) -> String {
        let string = text::json_string;
        format!(
            "{{\"id\":{},\"message\":{},\"details\":{},\"time\":\"{}\",\"duration\":{},\"level\":\"{}\",\
             \"data\":{},\"previousLevel\":\"{}\",\"recoverable\":{}}}\n",
            string(&self.id),
            string(&self.message),
            string(&self.details),
            text::rfc3339(self.time),
            self.duration,
            self.level.name(),
            self.data,
            self.previous_level.name(),
            self.recoverable,
        )
    }
}
