//! A directory for what a TICKscript writes: alert logs (`/tmp/x.log` becomes `DIR/x.log`), points
//! (`DIR/DATABASE.RETENTION_POLICY.lp`; those for other tasks `DIR/loopback.DATABASE.RETENTION_POLICY.lp`),
//! endpoints (`DIR/ENDPOINT.json`), and what would be sent to other programs, an object a line
//! (`DIR/httpPost.jsonl`, `DIR/autoscale.jsonl`). Earlier files are replaced.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::output_file::refuse_input;
use crate::tick::error::{Result, TickError};

/// The open files of a directory.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    /// The files that the replay reads, which are not written.
    reads: Vec<PathBuf>,
    open: BTreeMap<PathBuf, BufWriter<File>>,
    /// Whether existing files are appended to, and not replaced.
    pub(super) appends: bool,
}

impl Files {
    /// Makes a directory that is created when something is written; `reads` are the files that the
    /// replay reads.
    pub fn new(directory: PathBuf, reads: Vec<PathBuf>) -> Self {
        Self { directory, reads, open: BTreeMap::new(), appends: false }
    }

    /// Appends a line to an alert log.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn alert_log(&mut self, path: &Path, line: &str) -> Result<()> {
        match path.file_name() {
            Some(name) => self.append(self.directory.join(name), line),
            None => Ok(()),
        }
    }

    /// Appends points of a database.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn points(&mut self, database: &str, policy: &str, lines: &str) -> Result<()> {
        let name = match (database, policy) {
            ("", _) => "points.lp".to_owned(),
            (database, "") => format!("{database}.lp"),
            (database, policy) => format!("{database}.{policy}.lp"),
        };
        self.append(self.directory.join(file_name(&name)), lines)
    }

    /// Appends points for other tasks.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn loopback(&mut self, database: &str, policy: &str, lines: &str) -> Result<()> {
        let name = file_name(&format!("loopback.{database}.{policy}.lp"));
        self.append(self.directory.join(name), lines)
    }

    /// Appends a request to another program.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn http_post(&mut self, json: &str) -> Result<()> {
        self.append(self.directory.join("httpPost.jsonl"), &format!("{json}\n"))
    }

    /// Appends a change of replicas.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn scaling(&mut self, json: &str) -> Result<()> {
        self.append(self.directory.join("autoscale.jsonl"), &format!("{json}\n"))
    }

    /// Writes what an endpoint would serve.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn endpoint(&mut self, endpoint: &str, json: &str) -> Result<()> {
        let path = self.directory.join(format!("{}.json", file_name(endpoint)));
        self.append(path, &format!("{json}\n"))
    }

    /// Writes the buffered output.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        for (path, file) in &mut self.open {
            file.flush().map_err(|error| TickError::io(path, error))?;
        }
        Ok(())
    }

    fn append(&mut self, path: PathBuf, text: &str) -> Result<()> {
        if !self.open.contains_key(&path) {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|error| TickError::io(parent, error))?;
            }
            refuse_input(&path, self.reads.iter().map(PathBuf::as_path))
                .map_err(|error| TickError::Outside(Box::new(error)))?;
            let opened = match self.appends {
                true => OpenOptions::new().append(true).create(true).open(&path),
                false => File::create(&path),
            };
            let file = opened.map_err(|error| TickError::io(&path, error))?;
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
