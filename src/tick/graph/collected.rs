//! Effects collected in memory, for tests and for programs that show them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tick::alert::{AlertEvent, Level};
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{HttpPost, Outside, Scaling, Write};

/// An event of an alert with all its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedEvent {
    /// The id.
    pub id: String,
    /// The message.
    pub message: String,
    /// The details.
    pub details: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// How long the alert has not been OK, in nanoseconds.
    pub duration: i64,
    /// The level.
    pub level: Level,
    /// The level of the event before with the same id.
    pub previous_level: Level,
    /// The data as the daemon's JSON.
    pub data: String,
    /// The handlers, as the script writes them.
    pub handlers: Vec<String>,
}

/// Effects collected in memory, for tests and for programs that show them.
#[derive(Debug, Default, PartialEq)]
pub struct Collected {
    /// The events of alerts.
    pub alerts: Vec<CollectedEvent>,
    /// The text of each alert log file.
    pub alert_logs: BTreeMap<String, String>,
    /// The line protocol for each database and retention policy.
    pub written: BTreeMap<(String, String), String>,
    /// The line protocol for other tasks, by database and retention policy.
    pub looped: BTreeMap<(String, String), String>,
    /// The requests of `httpPost` nodes, as JSON.
    pub posted: Vec<String>,
    /// The changes that autoscale nodes would ask for, as JSON.
    pub scaled: Vec<String>,
    /// The JSON of each endpoint.
    pub endpoints: BTreeMap<String, String>,
    /// The lines of `log` nodes: level, prefix, text.
    pub logged: Vec<(String, String, String)>,
    /// Errors of nodes: node and error.
    pub diagnosed: Vec<(String, String)>,
}

impl Outside for Collected {
    fn alert(&mut self, event: &AlertEvent<'_>) -> Result<()> {
        self.alerts.push(CollectedEvent {
            id: event.id.to_owned(),
            message: event.message()?.to_owned(),
            details: event.details()?.to_owned(),
            time: event.time,
            duration: event.duration,
            level: event.level,
            previous_level: event.previous_level,
            data: event.data_json(),
            handlers: event.handlers.to_vec(),
        });
        Ok(())
    }

    fn alert_log(&mut self, path: &Path, line: &str) -> Result<()> {
        self.alert_logs.entry(path.display().to_string()).or_default().push_str(line);
        Ok(())
    }

    fn write(&mut self, write: &Write<'_>) -> Result<()> {
        let key = (write.database.to_owned(), write.retention_policy.to_owned());
        self.written.entry(key).or_default().push_str(write.lines);
        Ok(())
    }

    fn loopback(&mut self, write: &Write<'_>) -> Result<()> {
        let key = (write.database.to_owned(), write.retention_policy.to_owned());
        self.looped.entry(key).or_default().push_str(write.lines);
        Ok(())
    }

    fn http_post(&mut self, request: &HttpPost<'_>) -> Result<()> {
        self.posted.push(request.json());
        Ok(())
    }

    fn scale(&mut self, scaling: &Scaling<'_>) -> Result<()> {
        self.scaled.push(scaling.json());
        Ok(())
    }

    fn http_out(&mut self, endpoint: &str, json: &str) -> Result<()> {
        self.endpoints.insert(endpoint.to_owned(), json.to_owned());
        Ok(())
    }

    fn log(&mut self, level: &str, prefix: &str, text: &str) -> Result<()> {
        self.logged.push((level.to_owned(), prefix.to_owned(), text.to_owned()));
        Ok(())
    }

    fn diagnose(&mut self, node: &str, error: &TickError) {
        self.diagnosed.push((node.to_owned(), error.to_string()));
    }
}
