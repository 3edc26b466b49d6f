//! Every command of the book runs, and prints what the book shows.
//!
//! A block `sh` is run by bash in a copy of what the book uses; the block `text` below it holds lines of its
//! output, where `…` stands for anything. A block whose label ends with a file's name (`rhai jump.rhai`) is
//! written to that file. What cannot be run here has a comment with the reason above it:
//! `<!-- not run: it needs a daemon -->`. Blocks of a page run in their order, in one folder.

use crate::util::*;
use std::path::Path;
use std::process::Command;

/// How the comment begins that keeps a block from being run.
const NOT_RUN: &str = "<!-- not run: ";

/// What no command of the book does while it is tested.
const CHANGES: [&str; 11] = [
    "sudo ",
    "apt",
    "dpkg",
    "systemctl",
    "podman",
    "docker",
    "cargo ",
    "npm ",
    "/etc/",
    "/usr/",
    "/var/",
];

/// A block of code of a page.
#[derive(Debug)]
struct Block {
    line: usize,
    label: String,
    text: String,
    /// Why it is not run.
    reason: Option<String>,
}

/// The blocks of a page, and what is wrong with how it shows code.
fn blocks(page: &str, text: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut faults) = (Vec::new(), Vec::new());
    let mut open: Option<(String, Block)> = None;
    let (mut before, mut list) = ("", false);
    for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line)) {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        if let Some((fence, block)) = &mut open {
            if line.trim_end() == fence {
                blocks.extend(open.take().map(|(_, block)| block));
            } else {
                block.text += &format!("{line}\n");
            }
        } else if ticks.len() >= 3 {
            let label = line[ticks.len()..].trim().to_owned();
            let reason = before.strip_prefix(NOT_RUN).and_then(|rest| rest.strip_suffix(" -->"));
            if label.is_empty() {
                faults.push(format!("{page}:{number}: a block says what it is: sh, text, rhai …"));
            }
            let reason = reason.map(str::to_owned);
            open = Some((ticks, Block { line: number, label, text: String::new(), reason }));
        } else if line.starts_with("    ") && !list {
            faults.push(format!("{page}:{number}: code stands in a block, not indented"));
        } else if !line.trim().is_empty() {
            list = line.starts_with("- ")
                || line.starts_with("  ")
                || line.starts_with(|c: char| c.is_ascii_digit());
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    (blocks, faults)
}

/// Whether a line of the book is a line of the output; `…` stands for anything.
fn is_shown(line: &str, output: &str) -> bool {
    let parts: Vec<&str> = line.split('…').collect();
    output.lines().any(|shown| {
        let mut rest = shown;
        let whole = parts.len() == 1;
        whole && rest.contains(line)
            || !whole
                && parts.iter().all(|part| match rest.find(part.trim()) {
                    Some(at) => {
                        rest = &rest[at + part.trim().len()..];
                        true
                    }
                    None => false,
                })
    })
}

/// A folder with what the commands of the book name, and the program on the path.
struct Place {
    folder: Folder,
    path: String,
}

impl Place {
    fn new() -> Self {
        let folder = Folder::new("commands");
        for name in ["scripts", "examples"] {
            std::os::unix::fs::symlink(repo(name), folder.path(name)).unwrap();
        }
        let program = binary().get_program().to_owned();
        let bin = Path::new(&program).parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Self { folder, path }
    }

    fn run(&self, text: &str) -> Run {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", text]).current_dir(self.folder.path(""));
        feed(bash.env("PATH", &self.path).env_remove("KAPACITOR_LOGGING_LEVEL"), b"")
    }
}

/// Runs a page; returns how many commands ran, and what is wrong.
fn page(name: &str) -> (usize, Vec<String>) {
    let (blocks, mut faults) = blocks(name, &std::fs::read_to_string(repo(name)).unwrap());
    let place = Place::new();
    let mut shown: Option<String> = None;
    let mut count = 0;
    for Block { line, label, text, reason } in blocks {
        let at = format!("{name}:{line}");
        if let Some((_, file)) = label.split_once(' ').filter(|(_, file)| is_file(file)) {
            place.folder.write(file, &text);
        }
        match (&*label, reason) {
            (_, Some(reason)) if reason.trim().len() < 10 => faults.push(format!("{at}: why not?")),
            ("sh", Some(_)) => shown = None,
            ("sh", None) if CHANGES.iter().any(|word| text.contains(word)) => {
                faults
                    .push(format!("{at}: it would change the machine, so it is marked as not run"));
                shown = None;
            }
            ("sh", None) => {
                let run = place.run(&text);
                if run.code != Some(0) {
                    faults.push(format!("{at}: {:?}\n{}{}", run.code, run.text(), run.stderr));
                }
                count += 1;
                shown = Some(run.text() + run.stderr.as_str());
            }
            ("text", None) => match &shown {
                None => faults.push(format!("{at}: no command that is run stands before it")),
                Some(output) => {
                    let lines = text.lines().filter(|line| line.trim() != "…");
                    let missing = lines.filter(|line| !is_shown(line, output));
                    faults.extend(
                        missing.map(|line| format!("{at}: not shown: {line}\nbut:\n{output}")),
                    );
                }
            },
            _ => {}
        }
    }
    (count, faults)
}

/// Whether the word after a block's language is a file's name.
fn is_file(word: &str) -> bool {
    word.contains('.') && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[test]
fn every_command_of_the_book_prints_what_the_book_shows() {
    let mut names: Vec<String> = std::fs::read_dir(repo("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        // functions.md is generated; reference::tests runs its examples.
        .filter(|name| name.ends_with(".md") && name != "docs/functions.md")
        .collect();
    names.sort();
    let (one, two) = names.split_at(names.len() / 2);
    let half = |names: &[String]| names.iter().map(|name| page(name)).collect::<Vec<_>>();
    let results = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(two));
        let mut results = half(one);
        results.extend(other.join().unwrap());
        results
    });
    let faults: Vec<String> = results.iter().flat_map(|(_, faults)| faults.clone()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let count: usize = results.iter().map(|(count, _)| count).sum();
    assert!(count >= 25, "{count}");
}

/// What the test would let pass, it finds.
#[test]
fn what_the_book_shows_wrongly_is_found() {
    let faults = |text: &str| blocks("p", text).1.len();
    assert_eq!(faults("a\n\n    rhai-udf check x.rhai\n"), 1);
    assert_eq!(faults("- a\n\n    b\n"), 0);
    assert_eq!(faults("```\na\n```\n"), 1);
    assert_eq!(faults("```sh\na\n```\n"), 0);
    let (found, _) = blocks("p", "<!-- not run: it needs a daemon -->\n```sh\na\n```\n");
    assert_eq!(found[0].reason.as_deref(), Some("it needs a daemon"));
    assert!(is_shown("a … c", "x a b c") && !is_shown("c … a", "a b c") && !is_shown("b", "a\nc"));
}

/// The commands of the examples run as they stand, in a shell at the top of the repository.
#[test]
fn the_examples_of_the_scripts_run_as_they_stand() {
    let place = Place::new();
    for entry in std::fs::read_dir(repo("scripts/examples")).unwrap() {
        let file = entry.unwrap().path().join("command");
        let command = std::fs::read_to_string(&file).unwrap();
        let run = place.run(&command);
        assert_eq!(run.code, Some(0), "{}: {}", file.display(), run.stderr);
        assert!(!run.stdout.is_empty(), "{}: {}", file.display(), run.stderr);
    }
}
