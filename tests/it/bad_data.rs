//! Data and options of a replay that are broken are named with their place.

use crate::bad_input::STREAM;
use crate::util::*;
use std::path::PathBuf;

pub(crate) fn replay(arguments: &[&str]) -> Run {
    feed(binary().arg("replay").args(arguments), &[])
}

pub(crate) fn failed_replay(code: i32, arguments: &[&str], parts: &[&str]) {
    let run = replay(arguments);
    assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
    for part in parts {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let lines = run.stderr.lines().count();
    assert!(lines < 12, "{lines} lines: {}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

pub(crate) fn mirror() -> String {
    repo("scripts/mirror.rhai").to_string_lossy().into_owned()
}

pub(crate) fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_bad_line_is_named_and_may_be_skipped() {
    let folder = Folder::new("lines");
    let data = text(folder.write("data.lp", "m x=1 1\n\n# note\nm x= 2\nm x=3 3\nm x=4\n"));
    let arguments = [&mirror(), "--data", &data];
    failed_replay(1, &arguments, &["data.lp:4: not line protocol: ", "--skip-bad-lines"]);
    let run = replay(&[&arguments[..], &["--skip-bad-lines", "--format", "lp"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text(), "m x=1 1\nm x=3 3\n");
    assert!(run.stderr.contains("data.lp:4: skipped: not line protocol"), "{}", run.stderr);
    assert!(run.stderr.contains("data.lp:6: skipped: the line has no time"), "{}", run.stderr);
    assert!(run.stderr.contains("; 2 bad lines skipped;"), "{}", run.stderr);
    assert!(run.stderr.contains("2 points in, 0 batches; "), "{}", run.stderr);
}

#[test]
fn lines_that_cannot_be_points_say_why() {
    for (name, line, part) in [
        ("time", "m x=1 9223372036854775807", "time 9223372036854775807 is out of range; is --pre"),
        (
            "unsigned",
            "m x=9223372036854775808u 1",
            "field 'x' does not fit into a signed 64-bit integer",
        ),
        ("quote", "m x=\"open 1", "not line protocol"),
    ] {
        let folder = Folder::new(name);
        let data = text(folder.write("data.lp", line));
        failed_replay(1, &[&mirror(), "--data", &data, "--precision", "s"], &["data.lp:1: ", part]);
    }
    let folder = Folder::new("latin1");
    std::fs::write(folder.path("data.lp"), b"m x=\"\xe9\" 1\n").unwrap();
    let data = text(folder.path("data.lp"));
    failed_replay(1, &[&mirror(), "--data", &data], &["data.lp:1: the line is not UTF-8"]);
}

#[test]
fn files_that_are_no_recordings_are_named() {
    let folder = Folder::new("recordings");
    let zip = repo("tests/data/cpu_outliers.brpl");
    std::fs::copy(&zip, folder.path("zip.lp")).unwrap();
    let whole = std::fs::read(&zip).unwrap();
    std::fs::write(folder.path("cut.brpl"), &whole[..whole.len() / 2]).unwrap();
    let packed = std::fs::read(repo("examples/printer/printer.lp.gz")).unwrap();
    std::fs::write(folder.path("cut.lp.gz"), &packed[..5000]).unwrap();
    for (name, content, parts) in [
        (
            "data.dat",
            "x",
            &[
                "data.dat: its name does not end as that of a file of data does: .lp (line protocol)",
            ][..],
        ),
        ("text.brpl", "hello", &["text.brpl: not a batch recording (a zip with"]),
        ("cut.srpl", "db\nrp\n", &["cut.srpl:2: the recording ends inside a point"]),
        ("wrong.srpl", "m x=1 1\nm x=2 2\nm x=3\n", &["wrong.srpl:3: not a stream recording: "]),
        ("text.bin", "hello, this is text\n", &["text.bin: "]),
    ] {
        let data = text(folder.write(name, content));
        failed_replay(1, &[&mirror(), "--data", &data], parts);
    }
    for (name, part) in [
        ("zip.lp", "zip.lp:1: "),
        ("cut.brpl", "cut.brpl: not a batch recording"),
        ("cut.lp.gz", "cut.lp.gz: cannot be read: "),
        ("nothing.lp", "nothing.lp: cannot be read: No such file"),
        (".", "there is no data in this folder: files of data are recognized by their names"),
    ] {
        let data = match name {
            "." => {
                std::fs::create_dir(folder.path("folder.lp")).unwrap();
                text(folder.path("folder.lp"))
            }
            name => text(folder.path(name)),
        };
        failed_replay(1, &[&mirror(), "--data", &data], &[part]);
    }
}

#[test]
fn a_replay_that_cannot_work_is_wrong_usage() {
    let ttest = text(repo("scripts/ttest.rhai"));
    let folder = Folder::new("usage");
    let data = text(folder.write("data.lp", "m hotend=1 1\n"));
    for (arguments, part) in [
        (&[&*ttest][..], "--data"),
        (&[&*ttest, "--data", &data, "--sett", "a=1"], "--sett"),
        (&[&*ttest, "--data", &data, "--set", "size"], "write NAME=VALUE"),
        (&[&*ttest, "--data", &data, "--period", "5x", "--every", "5m"], "'5x' is not a duration"),
        (&[&*ttest, "--data", &data, "--period", "5m"], "--every"),
        (&[&*ttest, "--data", &data, "--precision", "d"], "write ns, u, ms, s, m or h"),
        (&[&*ttest, "--data", &data, "--set", "sise=1"], "option 'sise' is unknown; the script de"),
        (&[&*ttest, "--data", &data, "--set", "size=ten"], "option 'size': 'ten' is not an int"),
        (&[&*mirror(), "--data", &data, "--period", "5m", "--every", "5m"], "leave out --period"),
    ] {
        failed_replay(2, arguments, &[part]);
    }
    let options = ["--set", "field=hotend", "--set", "size=3"];
    failed_replay(
        1,
        &[&[&*ttest, "--data", &data], &options[..]].concat(),
        &[
            "the script wants batches, and the data is a stream of points: make windows with --period",
        ],
    );
    failed_replay(
        2,
        &[&*ttest, "--data", &data, "--set", "field=hotend"],
        &["option 'size' is missing; it takes int"],
    );
}

#[test]
fn an_expression_that_is_none_is_named() {
    let folder = Folder::new("expression");
    let data = text(folder.write("data.lp", "m x=1 1\n"));
    for (expression, part) in [
        ("x <", "--crit: "),
        ("\"x\" < 1", "write fields without quotes, as in pvalue < 0.001"),
        ("x + 1", "it must be true or false, not 2"),
    ] {
        let arguments = [&*mirror(), "--data", &data, "--crit", expression];
        let run = replay(&arguments);
        assert!(matches!(run.code, Some(1 | 2)), "{}", run.stderr);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

/// The summary and the output up to the failure are there.
#[test]
fn a_script_that_fails_in_a_replay_says_where() {
    let folder = Folder::new("fails");
    let script = format!("{STREAM}\nfn point(p) {{ emit(p); if p.x > 1 {{ throw \"no\"; }} }}");
    let script = text(folder.write("script.rhai", &script));
    let data = text(folder.write("data.lp", "m x=1 1\nm x=2 2\n"));
    let run = replay(&[&script, "--data", &data, "--format", "lp"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.text(), "m x=1 1\n");
    let message = run.stderr.lines().last().unwrap();
    assert_eq!(message.matches("script.rhai:2:").count(), 1, "{message}");
    assert!(message.ends_with("script.rhai:2:37: no (in point)"), "{message}");
    let broken = text(folder.write("broken.rhai", "fn info() {"));
    let run = replay(&[&broken, "--data", &data]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.stderr.matches("broken.rhai:1:12: ").count(), 1, "{}", run.stderr);
}
