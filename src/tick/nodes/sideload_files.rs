//! The files of a `|sideload()`: a folder of YAML and JSON files, each a list of keys and values.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// Folders inside each other that are read.
const DEPTH: usize = 32;

/// The values of a file by their keys.
pub(super) type Values = Map<String, Value>;

/// Why the files of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SideloadError {
    #[error("{path}: cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {message}")]
    Unfit { path: PathBuf, message: String },
}

/// Reads all files of a folder; each by its path in it.
pub(super) fn read_all(folder: &Path) -> Result<HashMap<String, Values>, SideloadError> {
    let mut files = HashMap::new();
    read_folder(folder, "", DEPTH, &mut files)?;
    Ok(files)
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut HashMap<String, Values>,
) -> Result<(), SideloadError> {
    let failed = |source| SideloadError::Read { path: folder.into(), source };
    let unfit =
        |message: &str| SideloadError::Unfit { path: folder.into(), message: message.into() };
    if depth == 0 {
        return Err(unfit("there are too many folders inside each other"));
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if prefix.is_empty() && name.starts_with('.') {
            return Err(SideloadError::Unfit {
                path,
                message: "the daemon refuses files and folders whose names begin with a dot".into(),
            });
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            read_folder(&path, &format!("{name}/"), depth - 1, files)?;
        } else {
            files.insert(name, read(&path)?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Values, SideloadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SideloadError::Read { path: path.into(), source })?;
    let unfit = |message: String| SideloadError::Unfit { path: path.into(), message };
    let value = match path.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => {
            let documents = Yaml::load_from_str(&text).map_err(|e| unfit(e.to_string()))?;
            documents.first().map_or(Value::Null, yaml)
        }
        Some("json") => serde_json::from_str(&text).map_err(|e| unfit(e.to_string()))?,
        _ => Value::Null,
    };
    match value {
        Value::Object(values) => Ok(values),
        Value::Null => Ok(Values::new()),
        _ => Err(unfit("this is no list of keys and values".into())),
    }
}

/// Turns YAML into the JSON that the daemon makes of it.
fn yaml(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Boolean(v)) => (*v).into(),
        Yaml::Value(Scalar::Integer(v)) => (*v).into(),
        Yaml::Value(Scalar::FloatingPoint(v)) => v.into_inner().into(),
        Yaml::Value(Scalar::String(v)) => v.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(yaml).collect(),
        Yaml::Mapping(entries) => {
            let key = |key: &Yaml<'_>| match yaml(key) {
                Value::String(key) => key,
                other => other.to_string(),
            };
            Value::Object(entries.iter().map(|(k, v)| (key(k), yaml(v))).collect())
        }
        _ => Value::Null,
    }
}
