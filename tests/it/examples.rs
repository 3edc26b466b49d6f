//! Each shipped script has an example that shows what it does, and the example is true:
//! `scripts/examples/NAME/` holds `command`, the data that it names, and `output`.
//!
//! `RHAI_UDF_BLESS=1 cargo test --test it examples` writes `output` anew.

use crate::util::*;
use std::path::{Path, PathBuf};

/// The words of a command line; single quotes keep words together, and a backslash at its end continues a
/// line.
fn words(command: &str) -> Vec<String> {
    let command = command.replace("\\\n", " ");
    let mut words = Vec::new();
    for (i, part) in command.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Equal text, with numbers equal to 1e-9 of their size.
fn same(a: &str, b: &str) -> bool {
    let tokens = |text: &str| -> Vec<String> {
        let split = |c: char| !(c.is_alphanumeric() || "+-._".contains(c));
        text.split(split).map(str::to_owned).collect()
    };
    let (a, b) = (tokens(a), tokens(b));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            _ if a == b => true,
            (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => false,
        })
}

fn check(name: &str, script: &str, folder: &Path) {
    let command = std::fs::read_to_string(folder.join("command")).unwrap_or_else(|e| {
        panic!("scripts/{name}.rhai has no example: {}/command: {e}", folder.display())
    });
    let words = words(&command);
    assert_eq!(words[0], "rhai-udf", "{name}: the command is written as a user would");
    assert!(words.contains(&script.to_owned()), "{name}: the command does not run {script}");
    let run = feed(binary().args(&words[1..]).current_dir(repo("")), &[]);
    assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
    let output = folder.join("output");
    if std::env::var_os("RHAI_UDF_BLESS").is_some() {
        std::fs::write(&output, run.text()).unwrap();
    }
    let expected = std::fs::read_to_string(&output).unwrap_or_default();
    assert!(!expected.is_empty(), "{name}: {} is empty or absent", output.display());
    assert!(same(&run.text(), &expected), "{name}:\n{}\nis not\n{expected}", run.text());
}

/// The shipped scripts.
fn scripts() -> Vec<PathBuf> {
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(repo("scripts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rhai"))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 6, "{scripts:?}");
    scripts
}

#[test]
fn every_shipped_script_has_an_example_that_is_true() {
    for script in scripts() {
        let name = script.file_stem().unwrap().to_string_lossy();
        check(&name, &format!("scripts/{name}.rhai"), &repo("scripts/examples").join(&*name));
    }
}

#[test]
fn the_small_scripts_do_what_their_examples_show() {
    for name in ["busiest", "dedupe", "heartbeat", "hold"] {
        let script = format!("examples/pieces/{name}.rhai");
        check(name, &script, &repo("examples/pieces").join(name));
        let run = feed(binary().args(["check", "--deny-warnings"]).arg(repo(&script)), &[]);
        assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
    }
}

/// The first comment of a script shows its use in a TICKscript.
#[test]
fn every_shipped_script_begins_with_its_use() {
    for script in scripts() {
        let text = std::fs::read_to_string(&script).unwrap();
        let head: String = text.lines().take_while(|l| l.starts_with("//")).collect();
        assert!(head.contains('@') && head.contains("()"), "{}: {head}", script.display());
    }
}

#[test]
fn every_shipped_script_passes_check() {
    let run = feed(binary().arg("check").args(scripts()), &[]);
    assert_eq!(run.code, Some(0), "{} {}", run.text(), run.stderr);
}
