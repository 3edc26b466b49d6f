//! `rhai-udf.toml`: limits, logging, errors, state, reload.
//!
//! The file is in the folder of the script or is named by `--config`; every key has a default, and an
//! unknown one is an error.

use crate::protocol::duration;
use serde::{Deserialize, Deserializer, de};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the file that is read beside a script.
pub const FILE_NAME: &str = "rhai-udf.toml";

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config {path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not valid.
    #[error("config {path}:{line}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and the keys that are known.
        message: String,
    },
}

/// What to do when a callback fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Tell the daemon, which stops the task.
    #[default]
    Stop,
    /// Drop the point or the batch.
    Skip,
    /// Pass the point or the batch on unchanged where the edges allow it, else drop it.
    Pass,
}

/// What to do with a snapshot that is of another program, damaged, or of another version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSnapshot {
    /// Use what can be used, otherwise start fresh, and log it.
    #[default]
    Fresh,
    /// Refuse it: the task does not start.
    Refuse,
}

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do when a callback fails.
    pub on_error: OnError,
    /// Logging.
    pub log: LogConfig,
    /// The limits of scripts.
    pub limits: Limits,
    /// Keeping state.
    pub state: StateConfig,
    /// Following changes of the script.
    pub reload: ReloadConfig,
    /// The flight recorder.
    pub record: RecordConfig,
}

/// Logging, to standard error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(deserialize_with = "level")]
    pub level: Option<log::LevelFilter>,
}

/// The limits of one call of a script; 0 is no limit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Steps of the interpreter in one call.
    pub operations: u64,
    /// Time of one call.
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Duration,
    /// How deep calls may be nested.
    pub depth: usize,
    /// Bytes of a string.
    pub string: usize,
    /// Elements of an array.
    pub array: usize,
    /// Entries of a map.
    pub map: usize,
    /// Bytes by which the process may grow in one call.
    pub memory: u64,
    /// Bytes of a trained model's file, as a number or as text such as `64MB`.
    #[serde(deserialize_with = "bytes")]
    pub model: u64,
    /// Groups with state.
    pub groups: usize,
    /// Bytes of a snapshot.
    pub state: usize,
    /// How long the host may be busy without a keepalive to the daemon.
    #[serde(deserialize_with = "duration")]
    pub keepalive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 1_000_000_000,
            call_timeout: Duration::from_secs(60),
            depth: 64,
            string: 16 << 20,
            array: 10_000_000,
            map: 1_000_000,
            memory: 1 << 30,
            model: crate::model::DEFAULT_LIMIT,
            groups: 0,
            state: 1 << 30,
            keepalive: Duration::from_secs(1),
        }
    }
}

/// What to do with a state that was made with other options, by a script without `migrate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOtherOptions {
    /// Start fresh: a window of another size is not what the task asks for.
    #[default]
    Fresh,
    /// Use it unchanged.
    Use,
    /// Refuse it: the task does not start.
    Refuse,
}

/// Keeping state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateConfig {
    /// What to do with a snapshot that cannot be read, or whose `migrate` fails.
    pub on_snapshot: OnSnapshot,
    /// What to do with a snapshot of other options, where the script has no `migrate`.
    pub on_other_options: OnOtherOptions,
    /// The state of a group that was not seen for this long, by the data's time, is removed; 0 is never.
    #[serde(deserialize_with = "duration")]
    pub group_ttl: Duration,
    /// The folder in which snapshots are saved, in addition to those of the daemon.
    pub dir: Option<PathBuf>,
    /// Snapshots that are kept there for each task and node.
    pub keep: usize,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            on_snapshot: OnSnapshot::default(),
            on_other_options: OnOtherOptions::default(),
            group_ttl: Duration::ZERO,
            dir: None,
            keep: 5,
        }
    }
}

/// Following changes of the script.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReloadConfig {
    /// Watch the script and the modules that it imports.
    pub watch: bool,
    /// How long a new version can be rolled back; 0 is never.
    #[serde(deserialize_with = "duration")]
    pub probation: Duration,
}

impl Default for ReloadConfig {
    fn default() -> Self {
        Self { watch: false, probation: Duration::from_secs(60) }
    }
}

/// The flight recorder.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordConfig {
    /// Where the recordings go; none is made without it.
    pub dir: Option<PathBuf>,
    /// Files that are kept for each task and node; the oldest is written over.
    pub files: usize,
    /// Bytes of requests in one file, before they are compressed.
    pub size: u64,
    /// Files of errors that are kept for each task and node.
    pub errors: usize,
    /// The number of the worker whose groups are recorded, from 0, where groups are spread over
    /// several.
    #[serde(skip)]
    pub worker: Option<usize>,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { dir: None, files: 4, size: 64 << 20, errors: 8, worker: None }
    }
}

fn level<'de, D: Deserializer<'de>>(d: D) -> Result<Option<log::LevelFilter>, D::Error> {
    let text = String::deserialize(d)?;
    parse_level(&text).map(Some).ok_or_else(|| {
        de::Error::custom(format!(
            "unknown level '{text}'; write off, error, warn, info, debug or trace"
        ))
    })
}

/// Reads a log level, also by the names that Python's logging has.
pub fn parse_level(text: &str) -> Option<log::LevelFilter> {
    match text.to_ascii_lowercase().as_str() {
        "warning" => Some(log::LevelFilter::Warn),
        "critical" | "fatal" => Some(log::LevelFilter::Error),
        "notset" => Some(log::LevelFilter::Trace),
        other => other.parse().ok(),
    }
}

/// A number of bytes: an integer, or text with a unit of 1,024 of the one before.
fn bytes<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    let text = match Written::deserialize(d)? {
        Written::Number(number) => return Ok(number),
        Written::Text(text) => text,
    };
    let digits = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.trim()[digits.len()..].trim().to_ascii_uppercase();
    let shift = match unit.as_str() {
        "" | "B" => Some(0),
        "KB" | "KIB" | "K" => Some(10),
        "MB" | "MIB" | "M" => Some(20),
        "GB" | "GIB" | "G" => Some(30),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().zip(shift);
    let bytes = number.and_then(|(number, shift)| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| {
        de::Error::custom(format!(
            "'{text}' is not a size; write a number of bytes, or a number with KB, MB or GB"
        ))
    })
}

fn duration<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(d)?;
    let ns = duration::parse(&text).map_err(de::Error::custom)?;
    let ns = u64::try_from(ns).map_err(|_| de::Error::custom("a duration below 0"))?;
    Ok(Duration::from_nanos(ns))
}

/// Makes the error of a file in TOML, with its line; for an unknown key, with the nearest known key.
pub fn toml_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
    let message = error.message().replace('\n', "; ");
    let mut names = message.split('`').skip(1).step_by(2);
    let hint = match names.next().filter(|_| message.starts_with("unknown field")) {
        Some(unknown) => crate::nearest::did_you_mean(unknown, names),
        None => String::new(),
    };
    ConfigError::Parse { path: path.into(), line, message: format!("{message}{hint}") }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, or that has unknown keys or values.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        toml::from_str(&text).map_err(|error| toml_error(path, &text, &error))
    }

    /// Reads the file beside a script if there is one.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn beside(script: &Path) -> Result<Self, ConfigError> {
        let path = crate::piped::folder(script).join(FILE_NAME);
        if path.is_file() { Self::read(&path) } else { Ok(Self::default()) }
    }
}

impl Config {
    /// Tells whether the file that is named, or else the one beside the script, has the key `on_error`.
    pub fn says_on_error(named: Option<&Path>, script: &Path) -> bool {
        let beside = || crate::piped::folder(script).join(FILE_NAME);
        let text = std::fs::read_to_string(named.map_or_else(beside, Path::to_path_buf));
        let table = text.ok().and_then(|text| text.parse::<toml::Table>().ok());
        table.is_some_and(|table| table.contains_key("on_error"))
    }
}

impl Limits {
    /// The budget of one call.
    pub fn call_budget(&self) -> Option<Duration> {
        (!self.call_timeout.is_zero()).then_some(self.call_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn values_are_read() {
        let config: Config = toml::from_str(
            "on_error = 'skip'\n[log]\nlevel = 'WARNING'\n[limits]\ncall_timeout = '2s'\n\
             [state]\ngroup_ttl = '1d'\n[reload]\nwatch = true",
        )
        .unwrap();
        assert_eq!(config.on_error, OnError::Skip);
        assert_eq!(config.log.level, Some(log::LevelFilter::Warn));
        assert_eq!(config.limits.call_budget(), Some(Duration::from_secs(2)));
        assert_eq!(config.state.group_ttl, Duration::from_secs(86_400));
        assert!(config.reload.watch);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("on_eror = 'skip'", "on_eror"),
            ("[limits]\noperation = 1", "operation"),
            ("[limits]\ncall_timeout = '2x'", "'2x' is not a duration"),
            ("[log]\nlevel = 'loud'", "unknown level 'loud'"),
            ("on_error = 'retry'", "retry"),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
