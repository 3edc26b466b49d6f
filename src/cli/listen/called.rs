//! The scripts that the tasks of a folder may call, with the modules that these import.

use crate::cli::watch::with_modules;
use rhai_udf::script::config::Config;
use std::path::{Path, PathBuf};

/// The scripts that tasks may call.
pub(super) struct Called {
    scripts: Vec<Script>,
    config: Config,
}

/// A script that tasks may call.
struct Script {
    /// The name of the function.
    name: String,
    path: PathBuf,
    /// The script and its modules, with their checksums at the last look.
    files: Vec<(PathBuf, Option<u32>)>,
}

impl Called {
    /// The functions of `--udf`, as far as they are scripts.
    pub(super) fn new(udfs: &[(String, String)], config: &Config) -> Self {
        let script = |(name, program): &(String, String)| {
            let path = PathBuf::from(program);
            path.is_file().then(|| Script { name: name.clone(), path, files: Vec::new() })
        };
        let scripts = udfs.iter().filter_map(script).collect();
        Self { scripts, config: config.clone() }
    }

    /// Looks at all files.
    pub(super) fn look(&mut self) {
        for script in &mut self.scripts {
            let is_same = |(path, sum): &(PathBuf, Option<u32>)| checksum(path) == *sum;
            if script.files.is_empty() || !script.files.iter().all(is_same) {
                // The imports may have changed too. A script that cannot be loaded now may lack a module that existed
                // before, so the earlier modules are still checked.
                let mut paths: Vec<PathBuf> = with_modules(&script.path, &self.config)
                    .into_iter()
                    .map(|(path, _)| path)
                    .collect();
                if paths.len() == 1 {
                    let before = script.files.iter().map(|(path, _)| path.clone());
                    paths.extend(before.filter(|path| *path != script.path));
                }
                script.files = paths
                    .into_iter()
                    .map(|path| {
                        let sum = checksum(&path);
                        (path, sum)
                    })
                    .collect();
            }
        }
    }

    /// Returns the checksums of the scripts, with their modules, whose functions the text of a task names.
    pub(super) fn by(&self, text: &[u8]) -> Vec<u32> {
        let text = String::from_utf8_lossy(text);
        let named = self.scripts.iter().filter(|script| calls(&text, &script.name));
        named.flat_map(|script| script.files.iter().map(|(_, sum)| sum.unwrap_or(0))).collect()
    }
}

/// Tells whether a text has `@name` in it, with no letter after it.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let rest = text[at + 1..].trim_start().strip_prefix(name);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

fn checksum(path: &Path) -> Option<u32> {
    Some(crc32fast::hash(&std::fs::read(path).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_its_whole_name() {
        assert!(calls("stream|from()@total().x(1)", "total"));
        assert!(calls("stream|from()@ total ()", "total"));
        assert!(!calls("stream|from()@totals()", "total"));
        assert!(!calls("stream|from()|total()", "total"));
    }
}
