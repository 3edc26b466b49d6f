//! The state folder: the last snapshots of each task and node, the state at the end of the input,
//! and the last good declaration of each script.

use crate::agent::Info;
use crate::protocol::message::{EdgeType, ValueType};
use crate::script::declaration::type_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A name that is safe as a part of a file's name.
pub(crate) fn safe(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    match name.chars().take(80).map(safe).collect::<String>() {
        name if name.is_empty() => "_".into(),
        name => name,
    }
}

/// The name of the files of one use of a script.
pub(crate) fn file_name(task: &str, node: &str) -> String {
    format!("{}.{}", safe(task), safe(node))
}

/// The first file of a ring that is not there, else the oldest.
pub(crate) fn oldest_slot(
    dir: &Path,
    count: usize,
    name: impl Fn(usize) -> String,
) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let mut oldest = None;
    for i in 0..count.max(1) {
        let path = dir.join(name(i));
        let Ok(modified) = path.metadata().and_then(|m| m.modified()) else { return Ok(path) };
        if oldest.as_ref().is_none_or(|(time, _)| modified < *time) {
            oldest = Some((modified, path));
        }
    }
    Ok(oldest.map_or_else(|| dir.join(name(0)), |(_, path)| path))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let written =
        std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// The folder of `--state-dir`.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    keep: usize,
}

impl Store {
    pub(crate) fn new(dir: &Path, keep: usize) -> Self {
        Self { dir: dir.into(), keep }
    }

    /// Keeps a snapshot; of those before it, the last ones stay.
    pub(crate) fn snapshot(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = oldest_slot(&self.dir, self.keep, |i| format!("{name}.snapshot-{i}.rudf"))?;
        replace(&path, bytes)?;
        Ok(path)
    }

    /// Keeps the state at the end of the input.
    pub(crate) fn end(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("{name}.end.rudf"));
        replace(&path, bytes)?;
        Ok(path)
    }

    /// Keeps the declaration of a script that could be loaded.
    pub(crate) fn declared(&self, script: &Path, info: &Info) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let json = serde_json::to_vec_pretty(&Declared::from(info))?;
        let path = self.declaration_path(script);
        if std::fs::read(&path).is_ok_and(|old| old == json) {
            return Ok(());
        }
        replace(&path, &json)
    }

    /// The last declaration of a script that could be loaded.
    pub(crate) fn last_declaration(&self, script: &Path) -> Option<Info> {
        let json = std::fs::read(self.declaration_path(script)).ok()?;
        Some(serde_json::from_slice::<Declared>(&json).ok()?.into())
    }

    fn declaration_path(&self, script: &Path) -> PathBuf {
        let absolute = std::path::absolute(script).unwrap_or_else(|_| script.into());
        let hash = crc32fast::hash(absolute.as_os_str().as_encoded_bytes());
        let stem = script.file_stem().unwrap_or_default().to_string_lossy();
        self.dir.join(format!("{}.{hash:08x}.declaration.json", safe(&stem)))
    }
}

/// A declaration as it is kept.
#[derive(Serialize, Deserialize)]
struct Declared {
    wants: String,
    provides: String,
    options: BTreeMap<String, Vec<String>>,
}

fn edge_name(edge: EdgeType) -> String {
    if edge == EdgeType::Batch { "batch".into() } else { "stream".into() }
}

fn edge(name: &str) -> EdgeType {
    if name == "batch" { EdgeType::Batch } else { EdgeType::Stream }
}

impl From<&Info> for Declared {
    fn from(info: &Info) -> Self {
        let types = |types: &Vec<ValueType>| types.iter().map(|t| type_name(*t).into()).collect();
        Self {
            wants: edge_name(info.wants),
            provides: edge_name(info.provides),
            options: info.options.iter().map(|(name, t)| (name.clone(), types(t))).collect(),
        }
    }
}

impl From<Declared> for Info {
    fn from(declared: Declared) -> Self {
        let types = |names: Vec<String>| {
            names.iter().filter_map(|name| crate::script::declaration::type_of_name(name)).collect()
        };
        Self {
            wants: edge(&declared.wants),
            provides: edge(&declared.provides),
            options: declared.options.into_iter().map(|(name, t)| (name, types(t))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_snapshots_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), 3);
        let name = file_name("my task", "udf/4");
        assert_eq!(name, "my_task.udf_4");
        for i in 0..5u8 {
            let path = store.snapshot(&name, &[i]).unwrap();
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(i.into());
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        let mut kept: Vec<u8> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap()[0])
            .collect();
        kept.sort_unstable();
        assert_eq!(kept, [2, 3, 4]);
    }

    #[test]
    fn a_declaration_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), 1);
        let mut info = Info::new(EdgeType::Batch, EdgeType::Stream);
        info.options.insert("f".into(), vec![ValueType::String, ValueType::Duration]);
        assert_eq!(store.last_declaration(Path::new("a.rhai")), None);
        store.declared(Path::new("a.rhai"), &info).unwrap();
        assert_eq!(store.last_declaration(Path::new("a.rhai")), Some(info));
        assert_eq!(store.last_declaration(Path::new("b.rhai")), None);
    }
}
