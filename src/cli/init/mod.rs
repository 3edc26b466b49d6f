//! `init`: creates a project. Its files are in `project`, with `__NAME__` in the place of the name.

use super::{stdout, usage};
use anyhow::{Context, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Start a project: script, tests, TICKscript, configuration, README and CI
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name of the function, which tasks call as @NAME()
    name: String,
    /// The folder to write; it is created, and nothing in it is overwritten; default: NAME
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// The placeholder of the name.
const PLACE: &str = "__NAME__";

/// The files of a project by their paths.
const FILES: [(&str, &str); 11] = [
    ("README.md", include_str!("project/README.md")),
    ("__NAME__.rhai", include_str!("project/script.rhai")),
    ("__NAME__.test.toml", include_str!("project/script.test.toml")),
    ("__NAME__.tick", include_str!("project/task.tick")),
    ("task.test.toml", include_str!("project/task.test.toml")),
    ("data.toml", include_str!("project/data.toml")),
    ("rhai-udf.toml", include_str!("project/rhai-udf.toml")),
    ("kapacitor.conf.part", include_str!("project/kapacitor.conf.part")),
    ("ci.sh", include_str!("project/ci.sh")),
    (".github/workflows/scripts.yml", include_str!("project/workflow.yml")),
    (".gitignore", include_str!("project/gitignore")),
];

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let name = args.name.as_str();
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !letters || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return usage(&format!(
            "a task cannot call '{name}' as @NAME(): use letters, digits and _, beginning with a letter"
        ));
    }
    // Checked before anything is written: with the name `task`, the test cases of the script and of the task would be
    // the same file.
    if name == "task" {
        return usage("'task' is the name of the task's own test cases; choose another one");
    }
    let to = args.to.clone().unwrap_or_else(|| name.into());
    let files: Vec<(PathBuf, String)> = FILES
        .iter()
        .map(|(path, text)| (to.join(path.replace(PLACE, name)), text.replace(PLACE, name)))
        .collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        bail!(
            "{}: it exists already, and nothing is overwritten; choose another name, or remove it",
            path.display()
        );
    }
    let mut said = String::new();
    for (path, text) in &files {
        write(path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
        let _ = writeln!(said, "{}", path.display());
    }
    let _ = write!(said, "\nnext: cd {} && rhai-udf test\n", to.display());
    stdout::print(&said)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    if text.starts_with("#!") {
        file.set_permissions(PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}
