//! The effects of a replay as files and lines.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::protocol::time::rfc3339;
use crate::replay::influxdb::Writer;
use crate::tick::alert_event::AlertEvent;
use crate::tick::error::{Result, TickError};
use crate::tick::flow::{Outside, Write};

/// Writes the effects of a replay.
///
/// With a directory, alert logs and endpoints are files in it (`/tmp/x.log` becomes `DIR/x.log`)
/// and points are `DIR/DATABASE.RETENTION_POLICY.lp`; files are written anew. Without one, points and
/// endpoints go to standard output and alert logs are not written: the files that a script names
/// are those of the live task.
pub struct Files {
    directory: Option<PathBuf>,
    out: Box<dyn std::io::Write>,
    open: BTreeMap<PathBuf, BufWriter<File>>,
    /// Where points are written instead of files.
    pub database: Option<Writer>,
    /// Whether the events of alerts are shown as lines.
    pub show_alerts: bool,
    /// How many events there were.
    pub alerts: u64,
    /// How many lines of alert logs were left out for want of a directory.
    pub lines_unlogged: u64,
    /// How many points were written to databases.
    pub points_written: u64,
    /// What nodes could not do: the node and the error, with how often it occurred.
    pub diagnosed: BTreeMap<(String, String), u64>,
}

impl Files {
    /// Makes an outside that shows lines on `out`.
    pub fn new(directory: Option<PathBuf>, out: Box<dyn std::io::Write>) -> Self {
        Self {
            directory,
            out,
            open: BTreeMap::new(),
            database: None,
            show_alerts: true,
            alerts: 0,
            lines_unlogged: 0,
            points_written: 0,
            diagnosed: BTreeMap::new(),
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        if let Some(database) = &mut self.database {
            database.flush();
        }
        for (path, file) in &mut self.open {
            file.flush().map_err(|error| TickError::io(path, error))?;
        }
        self.out.flush().map_err(|error| TickError::io(Path::new("standard output"), error))
    }

    fn show(&mut self, line: &str) -> Result<()> {
        writeln!(self.out, "{line}")
            .map_err(|error| TickError::io(Path::new("standard output"), error))
    }

    fn file(&mut self, path: PathBuf, text: &str) -> Result<()> {
        if !self.open.contains_key(&path) {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|error| TickError::io(parent, error))?;
            }
            let file = File::create(&path).map_err(|error| TickError::io(&path, error))?;
            self.open.insert(path.clone(), BufWriter::new(file));
        }
        match self.open.get_mut(&path) {
            Some(file) => {
                file.write_all(text.as_bytes()).map_err(|error| TickError::io(&path, error))
            }
            None => Ok(()),
        }
    }
}

/// Makes a name from a script safe as the name of a file.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if matches!(c, '/' | '\\' | '\0') { '_' } else { c }).collect()
}

impl Outside for Files {
    fn alert(&mut self, event: &AlertEvent) -> Result<()> {
        self.alerts += 1;
        if !self.show_alerts {
            return Ok(());
        }
        let level = event.level.name();
        let handlers = match event.handlers.join(", ") {
            none if none.is_empty() => none,
            handlers => format!("  -> {handlers}"),
        };
        self.show(&format!("{}  {level:<8}  {}{handlers}", rfc3339(event.time), event.message))
    }

    fn alert_log(&mut self, path: &Path, line: &str) -> Result<()> {
        let (Some(directory), Some(name)) = (&self.directory, path.file_name()) else {
            self.lines_unlogged += 1;
            return Ok(());
        };
        let path = directory.join(name);
        self.file(path, line)
    }

    fn write(&mut self, write: &Write<'_>) -> Result<()> {
        if let Some(database) = &mut self.database {
            if write.create {
                database.create(write.database, write.retention_policy);
            }
            database.add(write.database, write.retention_policy, write.lines, write.points);
            return Ok(());
        }
        self.points_written += write.points as u64;
        match &self.directory {
            Some(directory) => {
                let name = match (write.database, write.retention_policy) {
                    ("", _) => "points.lp".to_owned(),
                    (database, "") => format!("{database}.lp"),
                    (database, policy) => format!("{database}.{policy}.lp"),
                };
                self.file(directory.join(file_name(&name)), write.lines)
            }
            None => self.show(write.lines.trim_end()),
        }
    }

    fn http_out(&mut self, endpoint: &str, json: &str) -> Result<()> {
        match &self.directory {
            Some(directory) => self.file(
                directory.join(format!("{}.json", file_name(endpoint))),
                &format!("{json}\n"),
            ),
            None => self.show(&format!("{endpoint}: {json}")),
        }
    }

    fn log(&mut self, level: &str, prefix: &str, text: &str) -> Result<()> {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix} ") };
        self.show(&format!("{level} {prefix}{text}"))
    }

    fn diagnose(&mut self, node: &str, error: &TickError) {
        *self.diagnosed.entry((node.to_owned(), error.to_string())).or_default() += 1;
    }
}
