//! A version of the task: the script with all files that it needs, and its settings, as one value that every worker
//! gets from the servers. The hash of the value is its name.

use crate::error::{FleetError, Result};
use rhai_udf::agent::Pulse;
use rhai_udf::script::config::{Config as ScriptConfig, FILE_NAME, Limits};
use rhai_udf::script::{Program, ScriptText};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is said of a script.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TaskConfig {
    /// The tags that points are grouped by, `*` for all.
    pub(crate) group_by: Option<Vec<String>>,
    /// The measurement whose points are played.
    pub(crate) measurement: Option<String>,
    /// The length of windows.
    pub(crate) period: Option<String>,
    /// The time between two windows.
    pub(crate) every: Option<String>,
    /// Whether windows end at multiples of `every`.
    pub(crate) align: bool,
    /// The condition of a critical alert.
    pub(crate) crit: Option<String>,
    /// The condition of a warning.
    pub(crate) warn: Option<String>,
    /// The condition of an alert of level INFO.
    pub(crate) info: Option<String>,
    /// Whether every alert is an event, and not only changes of level.
    pub(crate) every_alert: bool,
    /// The options.
    #[serde(with = "options")]
    pub(crate) set: BTreeMap<String, Vec<String>>,
    /// Files that the script opens.
    pub(crate) files: Vec<PathBuf>,
    /// Variables of a TICKscript.
    pub(crate) vars: BTreeMap<String, String>,
    /// Its database and retention policy.
    pub(crate) dbrp: Option<String>,
    /// Its functions.
    pub(crate) udf: BTreeMap<String, PathBuf>,
}

impl TaskConfig {
    /// Refuses settings that contradict each other.
    ///
    /// # Errors
    /// See above.
    pub(crate) fn check(&self) -> Result<()> {
        if self.period.is_some() != self.every.is_some() {
            return Err(FleetError::Usage("write period and every together".into()));
        }
        Ok(())
    }
}

/// Options as users write them: a value or a list of values, of any plain type.
mod options {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use std::collections::BTreeMap;

    type Options = BTreeMap<String, Vec<String>>;

    pub(super) fn serialize<S: Serializer>(options: &Options, s: S) -> Result<S::Ok, S::Error> {
        options.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Options, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Many(Vec<toml::Value>),
            One(toml::Value),
        }
        // Bundles hold lists of texts, which this reads too.
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => Ok(text),
            toml::Value::Integer(n) => Ok(n.to_string()),
            toml::Value::Float(x) => Ok(x.to_string()),
            toml::Value::Boolean(b) => Ok(b.to_string()),
            other => Err(de::Error::custom(format!("an option cannot be {other}"))),
        };
        let written = BTreeMap::<String, Written>::deserialize(d)?;
        let values = |one| match one {
            Written::One(value) => Ok(vec![text(value)?]),
            Written::Many(values) => values.into_iter().map(text).collect(),
        };
        written.into_iter().map(|(name, one)| Ok((name, values(one)?))).collect()
    }
}

/// A version of the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bundle {
    /// The file of the script among the files.
    pub(crate) script: String,
    /// Files by the paths that they have beside the script.
    pub(crate) files: BTreeMap<String, String>,
    /// What is said of the script.
    pub(crate) task: TaskConfig,
}

impl Bundle {
    /// Reads a script with all that it needs.
    ///
    /// # Errors
    /// A file that cannot be read or lies outside of the script's folder, a script that does not load.
    pub(crate) fn read(script: &Path, task: &TaskConfig) -> Result<Self> {
        let folder = script.parent().unwrap_or(Path::new(""));
        std::fs::metadata(script)
            .map_err(|source| FleetError::Read { path: script.to_owned(), source })?;
        let mut paths = vec![script.to_owned()];
        let beside = folder.join(FILE_NAME);
        let limits = ScriptConfig::beside(script)?.limits;
        if beside.is_file() {
            paths.push(beside);
        }
        if is_tick(script) {
            for path in task.udf.values() {
                paths.extend(with_modules(&folder.join(path), &limits)?);
            }
        } else {
            paths.extend(with_modules(script, &limits)?);
        }
        paths.extend(task.files.iter().map(|path| folder.join(path)));
        let mut files = BTreeMap::new();
        for path in paths {
            let name = inside(&path, folder)?;
            let bytes = std::fs::read(&path)
                .map_err(|source| FleetError::Read { path: path.clone(), source })?;
            files.insert(name, hex(&bytes));
        }
        Ok(Self { script: inside(script, folder)?, files, task: task.clone() })
    }

    /// The name of the version: the first half of the SHA-256 of its bytes.
    pub(crate) fn hash(&self) -> String {
        let digest = Sha256::digest(self.bytes());
        hex(&digest[..8])
    }

    /// The bytes that are stored.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a map of strings can be written as JSON")
    }

    /// Reads a stored version.
    ///
    /// # Errors
    /// Bytes of something else, or of another version than `hash` names.
    pub(crate) fn parse(bytes: &[u8], hash: &str) -> Result<Self> {
        let foreign =
            |why: String| FleetError::Foreign { what: format!("the stored version {hash}"), why };
        let bundle: Self = serde_json::from_slice(bytes).map_err(|e| foreign(e.to_string()))?;
        if bundle.hash() != hash {
            return Err(foreign("its content does not match its hash".into()));
        }
        Ok(bundle)
    }

    /// Writes the files into a folder; returns the path of the script.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(crate) fn unpack(&self, folder: &Path) -> Result<PathBuf> {
        for (name, content) in &self.files {
            let foreign = |why: &str| FleetError::Foreign { what: name.clone(), why: why.into() };
            let relative = Path::new(name);
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            if !relative.components().all(plain) {
                return Err(foreign("its path leads out of the folder of the script"));
            }
            let path = folder.join(relative);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, unhex(content).ok_or_else(|| foreign("it is damaged"))?)?;
        }
        Ok(folder.join(&self.script))
    }
}

/// Whether a file is a TICKscript.
pub(crate) fn is_tick(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tick")
}

/// A script and the modules that it imports.
fn with_modules(script: &Path, limits: &Limits) -> Result<Vec<PathBuf>> {
    let load = || Program::load(ScriptText::read(script)?, limits, &Pulse::default());
    let program = load().map_err(rhai_udf::replay::ReplayError::from)?;
    Ok(program.files())
}

/// The path of a file seen from a folder.
fn inside(path: &Path, folder: &Path) -> Result<String> {
    let seen = path.canonicalize().and_then(|path| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Ok((path, folder.canonicalize()?))
    });
    let (path, folder) =
        seen.map_err(|source| FleetError::Read { path: path.to_owned(), source })?;
    let name = path.strip_prefix(&folder).ok().and_then(Path::to_str);
    name.map(str::to_owned).ok_or_else(|| {
        FleetError::Usage(format!(
            "{}: this file is outside the folder of the script, {}; a fleet runs files of that folder only",
            path.display(),
            folder.display()
        ))
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |i: usize| u8::from_str_radix(text.get(i..i + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}
