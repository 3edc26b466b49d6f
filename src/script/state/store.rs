//! The state folder: the last snapshots of each task and node, the state at the end of the input,
//! and the last good declaration of each script.

use crate::agent::Info;
use crate::protocol::message::{EdgeType, ValueType};
use crate::script::declaration::type_name;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Bytes of a name that is not shortened.
const LONG: usize = 80;

/// A name as a part of a file's name: different for different names. Special characters are written as in URLs, and a
/// long name ends with its hash.
pub(crate) fn safe(name: &str) -> String {
    let mut safe = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    if safe.is_empty() {
        // No other name gives this.
        safe.push('%');
    }
    if safe.len() > LONG {
        let hash = Sha256::digest(name.as_bytes());
        safe.truncate(LONG - 17);
        safe.push('~');
        for byte in hash.iter().take(8) {
            let _ = write!(safe, "{byte:02x}");
        }
    }
    safe
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

/// The end of the names of files that are being written.
const TEMPORARY: &str = ".tmp";

/// A file that is being written is not older than this.
const WRITING: Duration = Duration::from_secs(600);

/// Removes the files that a process left when it was killed while it wrote.
fn remove_leftovers(dir: &Path) {
    static FIRST_LOOK: OnceLock<SystemTime> = OnceLock::new();
    let first_look = *FIRST_LOOK.get_or_init(SystemTime::now);
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if is_leftover(&path, first_look).unwrap_or(false) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// True for a temporary file whose writer is gone; `None` for any other file.
fn is_leftover(path: &Path, first_look: SystemTime) -> Option<bool> {
    let name = path.file_name()?.to_str()?.strip_suffix(TEMPORARY)?;
    let (_, writer) = name.rsplit_once('.')?;
    let process: u32 = writer.split('-').next()?.parse().ok()?;
    let written = path.metadata().ok()?.modified().ok()?;
    if process == std::process::id() {
        // Of an earlier process with the same number, as in a container.
        return Some(written < first_look);
    }
    let alive =
        !Path::new("/proc/self").exists() || Path::new(&format!("/proc/{process}")).exists();
    Some(!alive || written.elapsed().is_ok_and(|age| age > WRITING))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut temporary = path.as_os_str().to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{count}{TEMPORARY}", std::process::id()));
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
        remove_leftovers(dir);
        Self { dir: dir.into(), keep }
    }

    /// Saves a snapshot; only the last ones before it are kept.
    pub(crate) fn snapshot(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = oldest_slot(&self.dir, self.keep, |i| format!("{name}.snapshot-{i}.rudf"))?;
        replace(&path, bytes)?;
        Ok(path)
    }

    /// Saves the state at the end of the input.
    pub(crate) fn end(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("{name}.end.rudf"));
        replace(&path, bytes)?;
        Ok(path)
    }

    /// Saves the declaration of a script that could be loaded.
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
    use std::collections::BTreeSet;

    #[test]
    fn the_last_snapshots_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), 3);
        let name = file_name("my task", "udf/4");
        assert_eq!(name, "my%20task.udf%2F4");
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
    fn tasks_with_alike_names_do_not_write_over_each_other() {
        let long = "x".repeat(100);
        let names =
            ["a.b", "a_b", "a b", "a%20b", "A_b", "ä", "", "%", "_", &long, &format!("{long}y")];
        let files: BTreeSet<_> =
            names.iter().flat_map(|task| names.iter().map(|node| file_name(task, node))).collect();
        assert_eq!(files.len(), names.len() * names.len());
        assert!(files.iter().all(|name| name.len() < 170 && !name.contains('/')), "{files:?}");
    }

    #[test]
    fn what_a_killed_process_was_writing_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: String| std::fs::write(dir.path().join(name), "").unwrap();
        // No process has this number.
        write(format!("task.udf.end.rudf.{}-0.tmp", u32::MAX));
        write(format!("task.udf.end.rudf.{}.tmp", u32::MAX));
        write("mine.tmp".into());
        write("task.udf.end.rudf".into());
        write("task.udf.end.rudf.1-0.tmp".into());
        Store::new(dir.path(), 1);
        write(format!("task.udf.end.rudf.{}-9.tmp", std::process::id()));
        Store::new(dir.path(), 1);
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mine = format!("task.udf.end.rudf.{}-9.tmp", std::process::id());
        let mut expected = [
            "mine.tmp".to_owned(),
            "task.udf.end.rudf".into(),
            "task.udf.end.rudf.1-0.tmp".into(),
            mine,
        ];
        expected.sort();
        assert_eq!(left, expected);
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
