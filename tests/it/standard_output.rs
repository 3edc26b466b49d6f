//! Standard output that is full, or that nobody reads any more.

use crate::util::*;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// Each command that prints, as a user types it.
fn commands(folder: &Folder) -> Vec<(&'static str, Command)> {
    let script = repo("scripts/moving_avg.rhai");
    let mirror = repo("scripts/mirror.rhai");
    let lines: String = (0..20_000).map(|i| format!("m,host=a x={i} {i}\n")).collect();
    let data = folder.write("data.lp", &lines);
    let tick = folder.write(
        "x.tick",
        "stream|from().measurement('m')|alert().crit(lambda: \"x\" >= 0.0).log('a.log')",
    );
    let snapshot = snapshot_of(&mirror, vec![point(1, "a", &[("x", 1.0)])]);
    let state = folder.path("state");
    std::fs::write(&state, snapshot).unwrap();
    let mut all = Vec::new();
    let mut add = |name, arguments: &[&std::ffi::OsStr]| {
        let mut command = binary();
        command.args(arguments);
        all.push((name, command));
    };
    let os = std::ffi::OsStr::new;
    add("check", &[os("check"), script.as_ref(), mirror.as_ref()]);
    add("conf", &[os("conf"), script.as_ref()]);
    add("state", &[os("state"), state.as_ref()]);
    add("help", &[os("replay"), os("--help")]);
    add("version", &[os("--version")]);
    add("replay", &[os("replay"), mirror.as_ref(), os("--data"), data.as_ref()]);
    add("replay x.tick", &[os("replay"), tick.as_ref(), os("--data"), data.as_ref()]);
    all
}

#[test]
fn a_full_disk_behind_standard_output_is_told_by_every_command() {
    let folder = Folder::new("stdout-full");
    for (name, mut command) in commands(&folder) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains("No space left on device"), "{name}: {stderr}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_every_command_quietly() {
    let folder = Folder::new("stdout-closed");
    for (name, mut command) in commands(&folder) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // As head does: some bytes at most, and then no reader any more.
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
        if name.starts_with("replay") {
            stdout.read_line(&mut String::new()).unwrap();
        }
        drop(stdout);
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{name}: {stderr}");
        assert!(!stderr.contains("Broken pipe"), "{name}: {stderr}");
    }
}
