//! The configuration file of a fleet: the servers, the credentials for them, and the task.

use crate::bundle::TaskConfig;
use crate::error::{FleetError, Result, did_you_mean};
use crate::names::Names;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What `rhai-udf-nats example` prints.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The fleet's name.
    pub(crate) name: String,
    /// The servers.
    pub(crate) servers: Vec<String>,
    /// The number of partitions over which the groups are spread when the fleet is created.
    #[serde(default = "partitions")]
    pub(crate) partitions: u32,
    /// How many servers keep each stream.
    #[serde(default = "replicas")]
    pub(crate) replicas: usize,
    /// The script or TICKscript.
    pub(crate) script: PathBuf,
    /// What is said of it.
    #[serde(skip)]
    pub(crate) task: TaskConfig,
    /// The credentials for the servers.
    #[serde(default)]
    pub(crate) security: Security,
    /// Bounds of streams.
    #[serde(default)]
    pub(crate) streams: Streams,
    /// Checkpoints.
    #[serde(default)]
    pub(crate) checkpoint: Checkpoints,
}

/// The keys of [`Config`] itself; all others are the task's.
const OWN: [&str; 8] =
    ["name", "servers", "partitions", "replicas", "script", "security", "streams", "checkpoint"];

/// The credentials for the servers, and the certificates that are trusted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Security {
    /// The certificates of the authorities that sign the servers' certificates.
    pub(crate) ca: Option<PathBuf>,
    /// Our certificate.
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
    /// Only encrypted connections.
    pub(crate) tls: bool,
    /// The file of an nkey's seed.
    pub(crate) nkey: Option<PathBuf>,
    /// The file of a JWT and its seed.
    pub(crate) credentials: Option<PathBuf>,
    /// A user.
    pub(crate) user: Option<String>,
    /// The user's password.
    pub(crate) password: Option<String>,
    /// The file that holds it.
    pub(crate) password_file: Option<PathBuf>,
}

/// Bounds of streams in bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Streams {
    /// Of each partition's input; when it is full, senders get 503.
    pub(crate) input_bytes: u64,
    /// Of all output; when it is full, the oldest output is removed.
    pub(crate) output_bytes: u64,
    /// Whether input is kept after a checkpoint, so that it can be examined or played again; senders get 503 when it
    /// is full.
    pub(crate) keep_input: bool,
}

impl Default for Streams {
    fn default() -> Self {
        Self { input_bytes: 256 << 20, output_bytes: 1 << 30, keep_input: false }
    }
}

/// When a partition writes a checkpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Checkpoints {
    /// Seconds after the last one.
    pub(crate) seconds: u64,
    /// Bytes of input after the last one.
    pub(crate) bytes: u64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { seconds: 10, bytes: 64 << 20 }
    }
}

fn partitions() -> u32 {
    16
}

fn replicas() -> usize {
    1
}

/// The most partitions of a fleet: each is two streams and a thread.
pub(crate) const MOST_PARTITIONS: u32 = 1024;

/// What is wrong with a key, with its line and, where it is unknown, the key that was meant; `more` are other keys that
/// are known.
fn explain(file: &str, error: &toml::de::Error, more: &[&str]) -> String {
    let said = error.to_string();
    let mut lines = said.lines().filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let place = lines.find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let quoted: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
    let unknown = first.contains("unknown field").then(|| quoted.first().copied()).flatten();
    let key = unknown
        .map(str::to_owned)
        .or_else(|| place.and_then(|place| place.rsplit('.').next()).map(str::to_owned));
    let near = unknown.map_or_else(String::new, |key| {
        did_you_mean(key, quoted.iter().skip(1).chain(more).copied())
    });
    let mut text = first.to_owned();
    for other in more.iter().filter(|_| unknown.is_some()) {
        text.push_str(&format!(", `{other}`"));
    }
    if let Some(place) = place {
        text.push_str(&format!(" in `{place}`"));
    }
    let is_key = |line: &str| {
        key.as_ref().is_some_and(|key| {
            line.trim_start()
                .strip_prefix(key.as_str())
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        })
    };
    match file.lines().position(is_key) {
        Some(at) => format!("line {}: {text}{near}", at + 1),
        None => format!("{text}{near}"),
    }
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// A file that cannot be read, or a key that is wrong.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FleetError::Read { path: path.into(), source })?;
        let text = text.replace("\r\n", "\n");
        let wrong = |why: String| FleetError::Usage(format!("{}: {why}", path.display()));
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
        let (own, task): (toml::Table, toml::Table) =
            table.into_iter().partition(|(key, _)| OWN.contains(&key.as_str()));
        // A key that is written wrong is told before the one that is missing.
        let explained = |error: toml::de::Error, more: &[&str]| wrong(explain(&text, &error, more));
        let task = task.try_into().map_err(|error| explained(error, &OWN))?;
        let mut config: Self = own.try_into().map_err(|error| explained(error, &[]))?;
        config.task = task;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.resolve(folder);
        config.check().map_err(|error| wrong(error.to_string()))?;
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let Security { ca, cert, key, nkey, credentials, password_file, .. } = &mut self.security;
        let paths = [ca, cert, key, nkey, credentials, password_file];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        self.script = folder.join(&self.script);
    }

    fn check(&self) -> Result<()> {
        Names::new(&self.name)?;
        let usage = |text: &str| Err(FleetError::Usage(text.into()));
        if self.servers.is_empty() {
            return usage("servers = []: name at least one, as in [\"nats://127.0.0.1:4222\"]");
        }
        for server in &self.servers {
            if let Err(why) = server.parse::<async_nats::ServerAddr>() {
                return usage(&format!("servers: \"{server}\": {why}; write nats://HOST:4222"));
            }
        }
        if !(1..=MOST_PARTITIONS).contains(&self.partitions) {
            return usage("partitions: write a number from 1 to 1024");
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return usage("replicas: write 1, 3 or 5");
        }
        let Security { user, password, password_file, cert, key, nkey, credentials, .. } =
            &self.security;
        let ways = [nkey.is_some(), credentials.is_some(), user.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return usage("[security] nkey, credentials and user: one of them");
        }
        if password.is_some() && password_file.is_some() {
            return usage("[security] has both password and password_file: write one of them");
        }
        if user.is_some() != (password.is_some() || password_file.is_some()) {
            return usage("[security] write user together with password or password_file");
        }
        if cert.is_some() != key.is_some() {
            return usage("[security] write cert and key together");
        }
        self.task.check()
    }

    /// The names of its streams.
    ///
    /// # Errors
    /// A name that NATS could not use.
    pub(crate) fn names(&self) -> Result<Names> {
        Names::new(&self.name)
    }
}
